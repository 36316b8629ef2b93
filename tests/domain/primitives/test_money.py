"""Money: exact conversion to and from minor units, and conversion between currencies."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.primitives.money import InvalidAmount, convert, from_minor, is_known_currency, minor_digits, to_minor

CURRENCIES = ["RUB", "EUR", "JPY", "KWD", "CLF"]
currencies = st.sampled_from(CURRENCIES)
minors = st.integers(-(10**12), 10**12)
rates = st.decimals(Decimal("0.000000000001"), Decimal(10**9), places=12)


@for_all(minors, currencies)
def test_minor_units_round_trip(minor, currency):
    assert to_minor(from_minor(minor, currency), currency) == minor


@for_all(st.integers(), currencies)
def test_from_minor_keeps_all_digits_of_any_size(minor, currency):
    assert Fraction(from_minor(minor, currency)) == Fraction(minor, 10 ** minor_digits(currency))


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (30000, "RUB", "300.00"),
        (1, "EUR", "0.01"),
        (0, "EUR", "0.00"),
        (-5, "EUR", "-0.05"),
        (300, "JPY", "300"),
        (1, "KWD", "0.001"),
        (12345, "CLF", "1.2345"),
    ],
)
def test_from_minor_uses_the_digits_of_the_currency(minor, currency, text):
    assert str(from_minor(minor, currency)) == text


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("1250000.50", "RUB", 125000050),
        ("1250000.5", "RUB", 125000050),
        ("0.010", "EUR", 1),
        ("1E+3", "JPY", 1000),
        ("5.000", "JPY", 5),
        ("-0.00", "EUR", 0),
        ("0E-999999", "EUR", 0),
        ("0E+999999", "EUR", 0),
        ("1000000000000", "EUR", 10**14),
    ],
)
def test_to_minor_accepts_equivalent_notations(amount, currency, minor):
    assert to_minor(Decimal(amount), currency) == minor


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("0.001", "EUR"),
        ("0.5", "JPY"),
        ("1.23456", "CLF"),
        ("NaN", "EUR"),
        ("sNaN", "EUR"),
        ("Infinity", "EUR"),
        ("-Infinity", "EUR"),
        ("1000000000000.01", "EUR"),
        ("-1000000000001", "EUR"),
        ("1E+999999", "EUR"),
        ("1E-999999", "EUR"),
    ],
)
def test_to_minor_rejects_inexact_amounts(amount, currency):
    with pytest.raises(InvalidAmount):
        to_minor(Decimal(amount), currency)


@for_all(minors, currencies)
def test_convert_to_the_same_currency_at_rate_one_is_the_identity(minor, currency):
    assert convert(minor, currency, currency, Decimal(1)) == minor


@for_all(minors, currencies, currencies, rates)
def test_convert_rounds_by_at_most_half_a_minor_unit(minor, source, target, rate):
    exact_value = Fraction(minor, 10 ** minor_digits(source)) * Fraction(rate) * 10 ** minor_digits(target)

    assert abs(convert(minor, source, target, rate) - exact_value) <= Fraction(1, 2)


@for_all(minors, currencies, currencies, rates)
def test_conversions_ignore_the_decimal_context(minor, source, target, rate):
    expected = convert(minor, source, target, rate), from_minor(minor, source)

    with localcontext(prec=2):
        assert (convert(minor, source, target, rate), from_minor(minor, source)) == expected


@pytest.mark.parametrize(("minor", "converted"), [(1, 0), (3, 2), (5, 2), (-1, 0), (-3, -2)])
def test_convert_rounds_half_to_even(minor, converted):
    assert convert(minor, "EUR", "RUB", Decimal("0.5")) == converted


def test_convert_uses_the_digits_of_both_currencies():
    assert convert(100_00, "USD", "JPY", Decimal("155.25")) == 15525
    assert convert(15525, "JPY", "KWD", Decimal("0.002")) == 31_050


def test_iso_4217_codes_are_known_currencies():
    assert all(map(is_known_currency, ["RUB", "EUR", "USD", "KZT", "BYN", "AED", "XOF", "ZWG"]))
    assert not any(map(is_known_currency, ["", "eur", "XXX", "XAU", "XTS", "EURO", "RUR"]))
