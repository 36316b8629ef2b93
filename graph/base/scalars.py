"""Custom scalars `Decimal`, `DateTime`, `Date`, `LocalTime` and `Upload`: ambiguous input is refused, output has one canonical form."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Final, NewType, TypeVar

import strawberry
from graphql import GraphQLError, IntValueNode, StringValueNode, ValueNode
from strawberry.types.scalar import ScalarDefinition

from domain.messages import Message
from domain.primitives.units import format_decimal
from resolvers.request.import_files import UploadedFile

_DECIMAL_PATTERN: Final = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d{1,3})?")
_DATETIME_PATTERN: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}(?::\d{2})?)(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})"
)
_DATE_PATTERN: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_LOCAL_TIME_PATTERN: Final = re.compile(r"(\d{1,2}):(\d{2})(?::00)?")
_MINUTES_PER_DAY: Final = 24 * 60
_MAX_LENGTH: Final = 60

LocalTime = NewType("LocalTime", int)  # minutes after midnight
Value = TypeVar("Value")


class InvalidScalar(GraphQLError):
    """A value that the scalar does not accept; `reason` is the sentence, to be translated."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = Message(reason)


def _parse_decimal(value: object) -> Decimal:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < 10**40 else "?"
    if (
        not isinstance(value, str)
        or len(value) > _MAX_LENGTH
        or not value.isascii()
        or not _DECIMAL_PATTERN.fullmatch(value)
    ):
        raise InvalidScalar('A Decimal is a text like "1250.50" or an integer.')
    try:
        number = Decimal(value)
    except InvalidOperation as error:
        raise InvalidScalar('A Decimal is a text like "1250.50" or an integer.') from error
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or number.adjusted() > 30 or exponent < -30:
        raise InvalidScalar("This Decimal is beyond what can be stored: at most 30 digits on either side of the point.")
    return number


def _parse_datetime(value: object) -> datetime:
    parts = _DATETIME_PATTERN.fullmatch(value) if isinstance(value, str) and value.isascii() else None
    if parts is None:
        raise InvalidScalar('A DateTime has an offset, like "2026-11-23T09:30:00+03:00".')
    day, time, fraction, offset = parts.groups()
    try:
        return datetime.fromisoformat(f"{day}T{time}{(fraction or '')[:7]}{offset.upper()}")
    except ValueError as error:
        raise InvalidScalar(
            'There is no such moment: a DateTime is like "2026-11-23T09:30:00+03:00", seconds 0 to 59.'
        ) from error


def _parse_date(value: object) -> date:
    if not isinstance(value, str) or not value.isascii() or not _DATE_PATTERN.fullmatch(value):
        raise InvalidScalar('A Date is like "2026-11-23".')
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise InvalidScalar('There is no such day: a Date is like "2026-11-23".') from error


def _parse_local_time(value: object) -> LocalTime:
    parts = _LOCAL_TIME_PATTERN.fullmatch(value) if isinstance(value, str) and value.isascii() else None
    if parts is None or int(parts[2]) > 59 or int(parts[1]) * 60 + int(parts[2]) > _MINUTES_PER_DAY:
        raise InvalidScalar('A LocalTime is like "09:30", from "00:00" to "24:00".')
    return LocalTime(int(parts[1]) * 60 + int(parts[2]))


def _parse_upload(value: object) -> UploadedFile:
    if not isinstance(value, UploadedFile):
        raise InvalidScalar("An Upload is a file of a multipart request: null in `operations`, and named in `map`.")
    return value


def _format_local_time(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _format_datetime(value: datetime) -> str:
    return (value if value.tzinfo is UTC else value.astimezone(UTC)).isoformat()


def _define_scalar(
    name: str, parse: Callable[[object], Value], serialize: Callable[[Value], str], description: str
) -> ScalarDefinition:
    def parse_literal(node: ValueNode, variables: object = None) -> Value:
        if isinstance(node, IntValueNode):
            return parse(int(node.value) if len(node.value) < _MAX_LENGTH else None)
        return parse(node.value if isinstance(node, StringValueNode) else None)

    return strawberry.scalar(
        name=name, serialize=serialize, parse_value=parse, parse_literal=parse_literal, description=description
    )


SCALARS: Final[dict[object, ScalarDefinition]] = {
    Decimal: _define_scalar(
        "Decimal",
        _parse_decimal,
        format_decimal,
        'Exact decimal number as a JSON string, never a float: "1250000.50". Input is a string or an integer.',
    ),
    datetime: _define_scalar(
        "DateTime",
        _parse_datetime,
        _format_datetime,
        'ISO 8601 with an offset: "2026-11-23T09:30:00+03:00"; a time without an offset is refused.',
    ),
    date: _define_scalar(
        "Date", _parse_date, date.isoformat, 'ISO 8601 calendar date in the company\'s time zone: "2026-11-23".'
    ),
    LocalTime: _define_scalar(
        "LocalTime",
        _parse_local_time,
        _format_local_time,
        'Time of day in the company\'s time zone: "09:30"; the end of the day is "24:00".',
    ),
    UploadedFile: _define_scalar(
        "Upload",
        _parse_upload,
        str,
        "A file, sent by the GraphQL multipart request specification; input only.",
    ),
}
