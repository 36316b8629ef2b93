"""Money as integers in the minor unit of its currency, so that sums are exact.

Decimals exist only in the API. Nothing here uses the decimal context: its precision would round silently.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Final

from domain.messages import MessageError, MessageValue

MAX_MAJOR_UNITS: Final = 10**12  # the sum of some thousands of them still fits into a 64-bit integer

_CURRENCIES_BY_DIGITS: Final[dict[int, str]] = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW"
        " CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF"
        " IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK"
        " MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP"
        " SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG"
        " YER ZAR ZMW ZWG"
        " ANG BGN HRK SLL ZWL"  # replaced since 2023, but older records still use them
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_MINOR_DIGITS: Final[dict[str, int]] = {
    code: digits for digits, codes in _CURRENCIES_BY_DIGITS.items() for code in codes.split()
}


class InvalidAmount(MessageError, ValueError):
    """An amount that cannot be represented exactly; the message says what to give instead."""

    def __init__(self, message: str, **values: MessageValue) -> None:
        super().__init__(message, values)


def is_known_currency(code: str) -> bool:
    """Return whether a code, in capital letters, is a currency of ISO 4217."""
    return code in _MINOR_DIGITS


def minor_digits(currency: str) -> int:
    """Return the number of decimal digits of a currency. Raises KeyError for an unknown one."""
    return _MINOR_DIGITS[currency]


def to_minor(amount: Decimal, currency: str) -> int:
    """Return the amount in the minor unit of the currency.

    Raises InvalidAmount for NaN, infinities, amounts beyond MAX_MAJOR_UNITS, and more digits than the currency has.
    """
    digits = minor_digits(currency)
    _check_range(amount)
    numerator, denominator = amount.as_integer_ratio() if amount else (0, 1)
    scaled: int = numerator * 10**digits
    minor, rest = divmod(scaled, denominator)
    if rest:
        if not digits:
            raise InvalidAmount("An amount in {currency} has no digits after the point.", currency=currency)
        raise InvalidAmount(
            "An amount in {currency} has at most {digits} digits after the point.", currency=currency, digits=digits
        )
    return minor


def to_fraction(number: Decimal) -> Fraction:
    """Return the number as a fraction.

    Raises InvalidAmount for NaN, infinities, numbers beyond MAX_MAJOR_UNITS, and numbers closer to zero than 1e-40.
    """
    _check_range(number)
    return Fraction(number) if number else Fraction(0)


def _check_range(number: Decimal) -> None:
    if not number.is_finite():
        raise InvalidAmount("Give a number.")
    if abs(number) > MAX_MAJOR_UNITS:
        raise InvalidAmount("Give a number from {least} to {most}.", least=-MAX_MAJOR_UNITS, most=MAX_MAJOR_UNITS)
    if number and number.adjusted() < -40:  # as a fraction it would fill the memory
        raise InvalidAmount("This is too close to zero: give a number with fewer digits after the point.")


def from_minor(minor: int, currency: str) -> Decimal:
    """Return the amount with the digits of the currency: 30000 kopecks are 300.00."""
    return from_scaled(minor, minor_digits(currency))


def from_scaled(scaled: int, places: int) -> Decimal:
    """Return `scaled / 10**places` as a decimal with exactly that many places, whatever its size."""
    return Decimal(f"{scaled}E-{places}")


def convert(minor: int, source: str, target: str, rate: Decimal) -> int:
    """Convert an amount in minor units of `source` to minor units of `target`.

    rate  value of one major unit of `source` in major units of `target`

    Computed exactly, then rounded once, half to even.
    """
    numerator, denominator = rate.as_integer_ratio()
    numerator *= minor * 10 ** minor_digits(target)
    denominator *= 10 ** minor_digits(source)
    amount, rest = divmod(numerator, denominator)
    return round(Fraction(numerator, denominator)) if rest else amount
