"""How the numbers and dates of a column are written, found by reading the whole column.

A number or date that can be read in two ways takes the reading that other cells of its column prove. Nothing is
assumed: where no cell proves it, the file is refused with the cells that are in doubt, and the map has to say it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from typing import Final, Literal

from imports.vocabulary import MONTH_NAMES, PATTERNS

DateOrder = Literal["dmy", "mdy", "ymd"]

_DATE_PATTERN: Final = re.compile(
    rf"""(?P<first>[0-9]{{1,4}}) (?P<sign>[./\-]|\ ) (?P<second>[0-9]{{1,2}}) (?P=sign) (?P<third>[0-9]{{1,4}})
    (?:\ ?(?:{PATTERNS["year_suffix"]}))? (?P<time>[T,\ ].*)?""",
    re.VERBOSE,
)
_NAMED_MONTH_PATTERN: Final = re.compile(
    rf"""(?: (?P<day>[0-9]{{1,2}})(?:st|nd|rd|th|\.)? [\s\-]+ (?P<month>[^\W\d_]{{3,}})\.?
      | (?P<month_first>[^\W\d_]{{3,}})\.? \s+ (?P<second_day>[0-9]{{1,2}})(?:st|nd|rd|th)? ) [,\s\-]+
    (?P<year>[0-9]{{4}}) (?:\ ?(?:{PATTERNS["year_suffix"]}))? (?P<time>[T,\s].*)?""",
    re.VERBOSE | re.IGNORECASE,
)
_TIME_PATTERN: Final = re.compile(
    r"""[T,\s]*(?:(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?)?
    \s*(?P<half>[AP]\.?M\.?)?\s*(?P<zone>Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2})?)?\s*""",
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True)
class NumberFormat:
    """The signs of numbers: with several decimal signs (".,") a number may use either unless it is ambiguous."""

    decimal: str = "."
    thousands: str = ""


@dataclass(frozen=True)
class ColumnFormats:
    """The formats of a file's columns, as far as they were found from its cells.

    dates  by column: the order of year, month and day for each separator (`.`, `/`, `-` or a space)
    """

    numbers: Mapping[str, NumberFormat] = field(default_factory=dict)
    dates: Mapping[str, Mapping[str, DateOrder]] = field(default_factory=dict)


NO_FORMATS: Final = ColumnFormats()


@dataclass(frozen=True)
class NumericDate:
    """A date written in numbers, before it is known which of them is the day.

    readings  the day for each order of year, month and day in which there is such a day
    """

    separator: str
    readings: Mapping[DateOrder, date]
    time_of_day: time | None

    @property
    def is_ambiguous(self) -> bool:
        return len({*self.readings.values()}) > 1


def parse_numeric_date(text: str) -> NumericDate | None:
    """Return the readings of a date like 03.04.2026, 3/4/26 14:05 or 2026-04-03; None if it is none."""
    match = _DATE_PATTERN.fullmatch(text)
    if match is None:
        return None
    time_of_day = parse_time_of_day(match["time"] or "")
    if time_of_day is False:
        return None
    first, second, third = match["first"], match["second"], match["third"]
    orders: dict[DateOrder, tuple[str, str, str]] = {}
    if len(first) == 4 or (len(first) == 2 and len(third) == 2):
        orders["ymd"] = (first, second, third)
    if len(third) in (2, 4) and len(first) <= 2:
        orders |= {"dmy": (third, second, first), "mdy": (third, first, second)}
    readings = {order: day for order, parts in orders.items() if (day := _build_day(*parts))}
    return NumericDate(match["sign"], readings, time_of_day) if readings else None


def parse_named_month(text: str) -> tuple[date, time | None] | None:
    """Return the day and time of a date like `3 Apr 2026`, `April 3, 2026 14:05` or its Russian form, or None."""
    match = _NAMED_MONTH_PATTERN.fullmatch(text)
    month = MONTH_NAMES.get((match["month"] or match["month_first"]).casefold()) if match else None
    if match is None or month is None:
        return None
    day = _build_day(match["year"], str(month), match["day"] or match["second_day"])
    time_of_day = parse_time_of_day(match["time"] or "")
    return None if day is None or time_of_day is False else (day, time_of_day)


def parse_time_of_day(text: str) -> time | Literal[False] | None:
    """Return the time that follows a day, None if there is none, and False if the text is something else."""
    match = _TIME_PATTERN.fullmatch(text)
    if match is None:
        return False
    if match["hour"] is None:
        return None
    hour, half = int(match["hour"]), (match["half"] or "").replace(".", "").upper()
    if half and not 1 <= hour <= 12:
        return False
    if half:
        hour = hour % 12 + (12 if half == "PM" else 0)
    zone = match["zone"]
    try:
        return time(
            hour, int(match["minute"]), int(match["second"] or 0), int(f"{match['fraction'] or '':0<6}"[:6]),
            tzinfo=_parse_offset(zone) if zone else None,
        )  # fmt: skip
    except ValueError:
        return False


def combine(day: date, time_of_day: time | None) -> date | datetime:
    """Return the moment, or the day alone if it has no time."""
    return day if time_of_day is None else datetime.combine(day, time_of_day)


def _parse_offset(zone: str) -> timezone:
    if zone.upper() in ("Z", "UTC", "GMT"):
        return timezone.utc  # noqa: UP017 (the name beside a constructed one)
    minutes = int(zone[1:3]) * 60 + int(zone[-2:])
    return timezone(timedelta(minutes=-minutes if zone[0] == "-" else minutes))


def _build_day(year: str, month: str, day: str) -> date | None:
    if len(year) not in (2, 4) or len(month) > 2 or len(day) > 2:
        return None
    number = int(year)
    if len(year) == 2:
        number += 1900 if number >= 69 else 2000  # as POSIX reads two digits
    try:
        return date(number, int(month), int(day))
    except ValueError:
        return None
