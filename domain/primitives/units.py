"""Units of metrics: stored as integers in the smallest unit, shown as decimals."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Final

from domain.primitives.money import InvalidAmount, from_minor, from_scaled, to_fraction, to_minor

_SECONDS_PER_HOUR: Final = 3600
_MAX_PLACES: Final = 4


class Unit(StrEnum):
    """Unit of a metric. The smallest unit is one piece for COUNT, a minor unit for MONEY, a second for HOURS."""

    COUNT = "COUNT"
    MONEY = "MONEY"
    HOURS = "HOURS"


def to_smallest(value: Decimal, unit: Unit, currency: str) -> int:
    """Return the value in the smallest unit; hours are rounded to the nearest second.

    Raises InvalidAmount for fractions of a piece or of a minor unit, and for numbers that `to_fraction` refuses.
    """
    match unit:
        case Unit.MONEY:
            return to_minor(value, currency)
        case Unit.HOURS:
            return round(to_fraction(value) * _SECONDS_PER_HOUR)
        case Unit.COUNT:
            pieces = to_fraction(value)
            if pieces.denominator != 1:
                raise InvalidAmount("Give a whole number.")
            return pieces.numerator


def from_smallest(value: int | Fraction, unit: Unit, currency: str) -> Decimal:
    """Return the decimal to show for a value in the smallest unit.

    Money has the digits of the currency. Counts are whole; values derived from them (an even pace, a projection) and
    hours have up to four decimal places. Rounding happens only here, half to even.
    """
    match unit:
        case Unit.MONEY:
            return from_minor(round(value), currency)
        case Unit.HOURS:
            return _round_to_places(Fraction(value) / _SECONDS_PER_HOUR)
        case Unit.COUNT:
            return Decimal(value) if isinstance(value, int) else _round_to_places(value)


def _round_to_places(value: Fraction) -> Decimal:
    scaled, places = round(value * 10**_MAX_PLACES), _MAX_PLACES
    while places and scaled % 10 == 0:
        scaled, places = scaled // 10, places - 1
    return from_scaled(scaled, places)


def format_decimal(value: Decimal) -> str:
    """Return the canonical notation of a decimal: all its digits, no exponent, zero without a sign.

    Raises InvalidAmount for NaN and infinities.
    """
    if not value.is_finite():
        raise InvalidAmount("Only a number can be written.")
    return format(value if value else value.copy_abs(), "f")
