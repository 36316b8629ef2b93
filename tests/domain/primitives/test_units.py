"""Units of metrics: conversion to and from the smallest unit, and the notation of decimals."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.primitives.money import InvalidAmount
from domain.primitives.units import Unit, canonical, shown, to_smallest


@pytest.mark.parametrize(
    ("value", "unit", "smallest"),
    [
        ("12", Unit.COUNT, 12),
        ("12.00", Unit.COUNT, 12),
        ("-3", Unit.COUNT, -3),
        ("12.50", Unit.MONEY, 1250),
        ("1.5", Unit.HOURS, 5400),
        ("0.3333", Unit.HOURS, 1200),
    ],
)
def test_a_value_is_kept_in_the_smallest_unit(value, unit, smallest):
    assert to_smallest(Decimal(value), unit, "EUR") == smallest


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        ("0.5", Unit.COUNT),
        ("0.001", Unit.MONEY),
        ("NaN", Unit.COUNT),
        ("Infinity", Unit.HOURS),
        ("1E+13", Unit.COUNT),
        ("1E+13", Unit.HOURS),
        ("1E-999999", Unit.HOURS),
    ],
)
def test_what_cannot_be_counted_is_refused(value, unit):
    with pytest.raises(InvalidAmount):
        to_smallest(Decimal(value), unit, "EUR")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (20, Unit.COUNT, "20"),
        (0, Unit.COUNT, "0"),
        (-7, Unit.COUNT, "-7"),
        (Fraction(21, 2), Unit.COUNT, "10.5"),
        (Fraction(20, 3), Unit.COUNT, "6.6667"),
        (Fraction(-1, 10**9), Unit.COUNT, "0"),
        (30000, Unit.MONEY, "300.00"),
        (0, Unit.MONEY, "0.00"),
        (Fraction(10001, 2), Unit.MONEY, "50.00"),
        (5400, Unit.HOURS, "1.5"),
        (1, Unit.HOURS, "0.0003"),
        (36000, Unit.HOURS, "10"),
        (Fraction(3600, 7), Unit.HOURS, "0.1429"),
    ],
)
def test_a_value_is_shown_in_the_metrics_unit(value, unit, text):
    assert canonical(shown(value, unit, "EUR")) == text


@given(st.integers(-(10**12), 10**12), st.sampled_from([Unit.COUNT, Unit.MONEY, Unit.HOURS]))
def test_what_is_shown_can_be_sent_back(value, unit):
    if unit is Unit.HOURS:
        value *= 9  # 9 seconds are 0.0025 hours, which four decimal places can represent

    assert to_smallest(shown(value, unit, "EUR"), unit, "EUR") == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("0E+4", "0"),
        ("-0.00", "0.00"),
        ("300.00", "300.00"),
        ("1E+5", "100000"),
        ("1.2E-9", "0.0000000012"),
        ("-1250000.50", "-1250000.50"),
    ],
)
def test_a_decimal_is_written_in_one_way(value, text):
    assert canonical(Decimal(value)) == text


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6))
def test_what_is_written_is_the_number_without_an_exponent(value):
    written = canonical(value)

    assert Decimal(written) == value
    assert "E" not in written


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_not_written(value):
    with pytest.raises(InvalidAmount):
        canonical(Decimal(value))
