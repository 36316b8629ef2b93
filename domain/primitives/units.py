"""What metrics are counted in: inside as whole numbers of the smallest unit, outside as decimals."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Final

from domain.primitives.money import InvalidAmount, exact, from_minor, to_minor, with_places

_SECONDS: Final = 3600  # of an hour
_PLACES: Final = 4


class Unit(StrEnum):
    """The smallest unit is a piece of COUNT, a minor unit of MONEY, a second of HOURS."""

    COUNT = "COUNT"
    MONEY = "MONEY"
    HOURS = "HOURS"


def to_smallest(value: Decimal, unit: Unit, currency: str) -> int:
    """Return the value in the smallest unit; hours to the nearest second.

    Raises InvalidAmount for a part of a piece or of the currency's smallest unit, and for what is beyond counting.
    """
    match unit:
        case Unit.MONEY:
            return to_minor(value, currency)
        case Unit.HOURS:
            return round(exact(value) * _SECONDS)
        case Unit.COUNT:
            pieces = exact(value)
            if pieces.denominator != 1:
                raise InvalidAmount("Give a whole number.")
            return pieces.numerator


def shown(value: int | Fraction, unit: Unit, currency: str) -> Decimal:
    """Return what is shown of a value in the smallest unit.

    Money has the currency's own digits; pieces are whole, what is derived of them (an even pace, a
    projection) and hours have up to four places. Rounding happens here and only here, a half to the even.
    """
    match unit:
        case Unit.MONEY:
            return from_minor(round(value), currency)
        case Unit.HOURS:
            return _rounded(Fraction(value) / _SECONDS)
        case Unit.COUNT:
            return _rounded(Fraction(value))


def _rounded(value: Fraction) -> Decimal:
    scaled, places = round(value * 10**_PLACES), _PLACES
    while places and scaled % 10 == 0:
        scaled, places = scaled // 10, places - 1
    return with_places(scaled, places)


def canonical(value: Decimal) -> str:
    """Return the one way a decimal is written: all digits it has, no exponent, zero without a sign.

    Raises InvalidAmount for NaN and infinities.
    """
    if not value.is_finite():
        raise InvalidAmount("Only a number can be written.")
    return format(value if value else value.copy_abs(), "f")
