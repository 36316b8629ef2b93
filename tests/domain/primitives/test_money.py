"""Money: exact conversion to and from minor units, and conversion between currencies."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.primitives.money import InvalidAmount, convert, from_minor, known_currency, minor_digits, to_minor

CURRENCIES = ["RUB", "EUR", "JPY", "KWD", "CLF"]
currencies = st.sampled_from(CURRENCIES)
minors = st.integers(-(10**12), 10**12)
rates = st.decimals(Decimal("0.000000000001"), Decimal(10**9), places=12)


@given(minors, currencies)
def test_an_amount_comes_back_as_it_was(minor, currency):
    assert to_minor(from_minor(minor, currency), currency) == minor


@given(st.integers(), currencies)
def test_an_amount_of_any_size_keeps_all_its_digits(minor, currency):
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
def test_money_is_shown_with_the_currencys_own_digits(minor, currency, text):
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
def test_what_is_written_differently_is_the_same_amount(amount, currency, minor):
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
def test_what_cannot_be_counted_exactly_is_refused(amount, currency):
    with pytest.raises(InvalidAmount):
        to_minor(Decimal(amount), currency)


@given(minors, currencies)
def test_a_conversion_into_the_same_currency_at_one_changes_nothing(minor, currency):
    assert convert(minor, currency, currency, Decimal(1)) == minor


@given(minors, currencies, currencies, rates)
def test_a_conversion_is_off_by_half_of_the_smallest_unit_at_most(minor, source, target, rate):
    exact = Fraction(minor, 10 ** minor_digits(source)) * Fraction(rate) * 10 ** minor_digits(target)

    assert abs(convert(minor, source, target, rate) - exact) <= Fraction(1, 2)


@given(minors, currencies, currencies, rates)
def test_the_precision_of_decimals_has_no_part_in_it(minor, source, target, rate):
    expected = convert(minor, source, target, rate), from_minor(minor, source)

    with localcontext(prec=2):
        assert (convert(minor, source, target, rate), from_minor(minor, source)) == expected


@pytest.mark.parametrize(("minor", "converted"), [(1, 0), (3, 2), (5, 2), (-1, 0), (-3, -2)])
def test_a_half_goes_to_the_even_neighbour(minor, converted):
    assert convert(minor, "EUR", "RUB", Decimal("0.5")) == converted


def test_a_conversion_minds_the_digits_of_both_currencies():
    assert convert(100_00, "USD", "JPY", Decimal("155.25")) == 15525
    assert convert(15525, "JPY", "KWD", Decimal("0.002")) == 31_050


def test_the_currencies_of_the_world_are_known_by_their_codes():
    assert all(map(known_currency, ["RUB", "EUR", "USD", "KZT", "BYN", "AED", "XOF", "ZWG"]))
    assert not any(map(known_currency, ["", "eur", "XXX", "XAU", "XTS", "EURO", "RUR"]))
