"""Units of metrics: conversion to and from the smallest unit, and the notation of decimals."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.primitives.money import InvalidAmount
from domain.primitives.units import Unit, format_decimal, from_smallest, to_smallest


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
def test_to_smallest_converts_to_the_smallest_unit(value, unit, smallest):
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
def test_to_smallest_rejects_uncountable_values(value, unit):
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
def test_from_smallest_converts_to_the_unit_of_the_metric(value, unit, text):
    assert format_decimal(from_smallest(value, unit, "EUR")) == text


@for_all(st.integers(-(10**12), 10**12), st.sampled_from([Unit.COUNT, Unit.MONEY, Unit.HOURS]))
def test_smallest_unit_round_trips(value, unit):
    if unit is Unit.HOURS:
        value *= 9  # 9 seconds are 0.0025 hours, which four decimal places can represent

    assert to_smallest(from_smallest(value, unit, "EUR"), unit, "EUR") == value


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
def test_format_decimal_has_one_notation_per_value(value, text):
    assert format_decimal(Decimal(value)) == text


@for_all(st.decimals(allow_nan=False, allow_infinity=False, places=6))
def test_format_decimal_has_no_exponent(value):
    text = format_decimal(value)

    assert Decimal(text) == value
    assert "E" not in text


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_format_decimal_rejects_nan_and_infinity(value):
    with pytest.raises(InvalidAmount):
        format_decimal(Decimal(value))
