"""Money as whole numbers of the currency's smallest unit, so that sums are exact.

Decimals are what people send and see; between, everything is integers. Nothing here uses
the decimal context, whose precision would round without saying so.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Final

LARGEST: Final = 10**12  # major units; some thousand of such still fit the database's integers

_DIGITS: Final[dict[int, str]] = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW"
        " CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF"
        " IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK"
        " MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP"
        " SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG"
        " YER ZAR ZMW ZWG"
        " ANG BGN HRK SLL ZWL"  # replaced since 2023: the records of those years are still in them
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_MINOR_DIGITS: Final[dict[str, int]] = {code: digits for digits, codes in _DIGITS.items() for code in codes.split()}


class InvalidAmount(ValueError):
    """An amount that cannot be counted exactly; the message says what to give instead."""


def known_currency(code: str) -> bool:
    """Return whether that is a currency of ISO 4217, by its code in capital letters."""
    return code in _MINOR_DIGITS


def minor_digits(currency: str) -> int:
    """Return how many digits after the point the currency has. Raises KeyError for an unknown one."""
    return _MINOR_DIGITS[currency]


def to_minor(amount: Decimal, currency: str) -> int:
    """Return the amount in the currency's smallest unit.

    Raises InvalidAmount for NaN, infinities, more than LARGEST, and digits that the currency does not have.
    """
    digits = minor_digits(currency)
    scaled: Fraction = exact(amount) * 10**digits
    if scaled.denominator != 1:
        has = f"at most {digits} digits after the point" if digits else "no digits after the point"
        raise InvalidAmount(f"An amount in {currency} has {has}.")
    return scaled.numerator


def exact(number: Decimal) -> Fraction:
    """Return the number as a fraction. Raises InvalidAmount for what is none, or beyond LARGEST or reason."""
    if not number.is_finite():
        raise InvalidAmount("Give a number.")
    if abs(number) > LARGEST:
        raise InvalidAmount(f"Give a number from -{LARGEST} to {LARGEST}.")
    if number and number.adjusted() < -40:  # as a fraction it would fill the memory
        raise InvalidAmount("This is too close to zero: give a number with fewer digits after the point.")
    return Fraction(number) if number else Fraction(0)


def from_minor(minor: int, currency: str) -> Decimal:
    """Return the amount with the currency's own digits: 30000 kopecks are 300.00."""
    return with_places(minor, minor_digits(currency))


def with_places(scaled: int, places: int) -> Decimal:
    """Return scaled / 10**places as a decimal of exactly so many places, whatever its size."""
    return Decimal(f"{scaled}E-{places}")


def convert(minor: int, source: str, target: str, rate: Decimal) -> int:
    """Return the worth in the smallest unit of `target`.

    rate  what one unit of `source` is worth in units of `target`
    Exact, then rounded once, a half to the even neighbour.
    """
    return round(minor * Fraction(rate) * Fraction(10) ** (minor_digits(target) - minor_digits(source)))
