"""Validation and normalization of input values; each error names the field and says how to correct it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TypeVar, Unpack

from domain.errors.operation_errors import BadInput
from domain.errors.user_errors import Invalid, OutOfRange, Required, UserError
from domain.forecasting.categories import ForecastCategory
from domain.primitives import text
from domain.primitives.money import InvalidAmount, is_known_currency, to_minor
from domain.primitives.units import Unit, to_smallest
from domain.primitives.unset import UNSET, Unset
from resolvers.request.inputs import Money

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_DAY = date(2200, 12, 31)
_CLOCK_SKEW_TOLERANCE = timedelta(seconds=60)


Value = TypeVar("Value")
Cleaned = TypeVar("Cleaned")


@contextmanager
def raise_bad_input() -> Iterator[None]:
    """Raise the user errors of the block as BadInput: a query has no `userErrors` to return them in."""
    try:
        yield
    except UserError as error:
        raise BadInput(error.message, field=".".join(error.path)) from error


def clean_update(
    value: Value | Unset, current: Cleaned, clean: Callable[[Value, Unpack[tuple[str, ...]]], Cleaned], *path: str
) -> Cleaned:
    """Return the cleaned value of a field, or the current one if the input leaves the field out."""
    return current if value is UNSET else clean(value, *path)


def _clean_text(check: Callable[..., str], value: str | None, path: tuple[str, ...], **limits: int) -> str:
    try:
        return check(value or "", **limits)
    except text.InvalidText as error:
        if error.constraint == "REQUIRED":
            raise Required(error.message, *path) from error
        error_type = OutOfRange if error.constraint == "TOO_LONG" else Invalid
        raise error_type(error.message, *path) from error


def clean_name(value: str | None, *path: str, limit: int = 200) -> str:
    """Return a line of text. Raises a user error if it is missing, empty, too long or unprintable."""
    return _clean_text(text.clean_name, value, path, limit=limit)


def clean_optional_line(value: str | None, *path: str, limit: int = 200) -> str | None:
    """Return an optional line of text; an empty one becomes null."""
    return None if value is None or not value.strip() else clean_name(value, *path, limit=limit)


def clean_note(value: str | None, *path: str, limit: int = 2000) -> str | None:
    """Return an optional text of several lines; an empty one becomes null."""
    return None if value is None or not value.strip() else _clean_text(text.clean_note, value, path, limit=limit)


def clean_optional_email(value: str | None, *path: str) -> str | None:
    return None if value is None or not value.strip() else clean_email(value, *path)


def clean_email(value: str | None, *path: str) -> str:
    """Return an e-mail address. Raises Required if it is missing or empty, too."""
    return _clean_text(text.clean_email, value, path)


def clean_external_id(value: str | None, *path: str) -> str | None:
    """Return the id from another system, unchanged except for surrounding spaces."""
    return None if value is None else clean_name(value, *path, limit=100)


def clean_past_time(value: datetime, now: datetime, *path: str) -> datetime:
    """Return the time in UTC. Raises OutOfRange for a future time, with a minute of tolerance for clock skew."""
    moment = _to_plausible_utc(value, *path)
    if moment > now + _CLOCK_SKEW_TOLERANCE:
        raise OutOfRange("This lies in the future: give a moment that has passed.", *path)
    return min(moment, now)


def clean_time(value: datetime, *path: str) -> datetime:
    """Return a time between 1970 and 2200, in UTC."""
    return _to_plausible_utc(value, *path)


def _to_plausible_utc(value: datetime, *path: str) -> datetime:
    if value.tzinfo is None:
        raise Invalid('Give the time with an offset, e.g. "2026-11-23T09:30:00+03:00".', *path)
    try:
        in_utc = value.astimezone(UTC)
    except OverflowError as error:
        raise OutOfRange("Give a moment between 1970 and 2200.", *path) from error
    if not in_utc >= _EARLIEST or in_utc.year > _LATEST_DAY.year:
        raise OutOfRange("Give a moment between 1970 and 2200.", *path)
    return in_utc


def clean_day(value: date, *path: str) -> date:
    if not _EARLIEST.date() <= value <= _LATEST_DAY:
        raise OutOfRange("Give a day between 1970 and 2200.", *path)
    return value


def clean_currency(value: str, *path: str) -> str:
    code = value.strip().upper()
    if not is_known_currency(code):
        raise Invalid('Give the currency by its ISO 4217 code, e.g. "EUR".', *path)
    return code


def clean_money(input: Money, company_currency: str, *path: str) -> tuple[int, str]:
    """Return an amount in the smallest unit and its currency, which defaults to the company's."""
    code = company_currency if input.currency is None else clean_currency(input.currency, *path, "currency")
    try:
        minor = to_minor(input.amount, code)
    except InvalidAmount as error:
        raise OutOfRange(error.message, *path, "amount") from error
    if minor < 0:
        raise OutOfRange("The amount must not be negative.", *path, "amount")
    return minor, code


def check_page_size(first: int, most: int) -> int:
    """Return the number of rows to list. Raises BadInput for one that is not accepted."""
    if not 1 <= first <= most:
        raise BadInput("{argument} must be 1 to {most}.", field="first", argument="first", most=most)
    return first


def clean_category(value: ForecastCategory | None, *path: str) -> ForecastCategory | None:
    """Return the forecast category of a stage or an open deal. Raises Invalid for the one that follows from a win."""
    if value is ForecastCategory.CLOSED:
        raise Invalid("A deal becomes CLOSED by its win: choose another category.", *path)
    return value


def clean_metric_value(value: Decimal, unit: Unit, company_currency: str, *path: str) -> int:
    """Return a metric value in the smallest unit of the metric."""
    try:
        return to_smallest(value, unit, company_currency)
    except InvalidAmount as error:
        raise OutOfRange(error.message, *path) from error
