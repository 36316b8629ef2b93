"""Parses the periods of goals as exports write them, in the languages of the product.

Months (2026-03, 03.2026, March 2026), quarters (2026-Q1, Q1 2026, III quarter 2026), halves (H1 2026), years (2026), ISO
weeks (2026-W12), days, and ranges of two days. A text that may mean several periods is an error: “03.26” and “Mar-26” are
a month or a day.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Final

from domain.primitives.calendar import Calendar
from domain.primitives.periods import Period, PeriodKind, period_containing
from imports.cell_parsing import CellError
from imports.vocabulary import FOLDED_LETTERS, MONTH_NAMES, PATTERNS

_DAY: Final = timedelta(days=1)
_YEAR: Final = r"(?P<year>(?:19|2[01])[0-9]{2})"
_YEAR_WORD: Final = rf"(?:\s*(?:{PATTERNS['year']}))?"
_NUMBER: Final = r"(?P<number>[1-4]|iv|i{1,3})"
_QUARTER_WORD: Final = PATTERNS["quarter"]
_HALF_WORD: Final = PATTERNS["half"]
_MONTH_NUMBER: Final = r"(?P<month>0?[1-9]|1[0-2])"
_MONTH_NAME: Final = r"(?P<name>[^\W\d_]{3,})\.?"
_ROMAN_NUMBERS: Final = {"i": 1, "ii": 2, "iii": 3, "iv": 4}
_RANGE: Final = re.compile(PATTERNS["range"])
_RANGE_START: Final = re.compile(PATTERNS["range_start"])
_MIN_PREFIX_LETTERS: Final = 3


def _compile(*patterns: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern) for pattern in patterns)


_MONTHS: Final = _compile(
    rf"{_YEAR}[-/.]{_MONTH_NUMBER}", rf"{_MONTH_NUMBER}[-/.]{_YEAR}{_YEAR_WORD}",
    rf"{_MONTH_NAME}[\s,.-]*{_YEAR}{_YEAR_WORD}", rf"{_YEAR}[\s,.-]*{_MONTH_NAME}",
)  # fmt: skip
_QUARTERS: Final = _compile(
    rf"{_YEAR}{_YEAR_WORD}[\s,-]*(?:{PATTERNS['quarter_sign']}){_NUMBER}", rf"(?:{PATTERNS['quarter_sign']}){_NUMBER}[\s,/-]*{_YEAR}{_YEAR_WORD}",
    rf"{_NUMBER}{_QUARTER_WORD}[\s,/-]*{_YEAR}{_YEAR_WORD}", rf"{_YEAR}{_YEAR_WORD}[\s,/-]*{_NUMBER}{_QUARTER_WORD}",
)  # fmt: skip
_HALVES: Final = _compile(
    rf"{_YEAR}[\s,-]*h(?P<number>[12])", rf"h(?P<number>[12])[\s,/-]*{_YEAR}",
    rf"(?P<number>[12]|i{{1,2}}){_HALF_WORD}[\s,/-]*{_YEAR}{_YEAR_WORD}",
    rf"{_YEAR}{_YEAR_WORD}[\s,/-]*(?P<number>[12]|i{{1,2}}){_HALF_WORD}",
)  # fmt: skip
_YEARS: Final = _compile(rf"{_YEAR}{_YEAR_WORD}")
_WEEKS: Final = _compile(rf"{_YEAR}-?w(?P<week>0[1-9]|[1-4][0-9]|5[0-3])")


def parse_period(
    text: str, calendar: Calendar, parse_day: Callable[[str], date], kind: PeriodKind | None = None
) -> Period:
    """Return the period that a text names. Raises CellError for one that names none, or may name several.

    parse_day  parses a day in the formats of the map; raises CellError
    kind       what a day stands for: the period of this kind that begins on it; None for nothing else than itself
    """
    plain = " ".join(text.casefold().translate(FOLDED_LETTERS).split())
    period = _parse_named(plain, calendar)
    if period is None and len(days := _RANGE.split(_RANGE_START.sub("", plain, count=1))) == 2:
        period = period_of_days(parse_day(days[0]), parse_day(days[1]), calendar)
    if period is not None:
        if kind not in (None, period.kind):
            raise CellError("“{text}” is no period of the kind {kind}.", "period", text=text[:60], kind=str(kind))
        return period
    try:
        day = parse_day(plain)
    except CellError:
        raise CellError(
            "“{text}” is no period: write e.g. 2026-03, March 2026, Q1 2026, 2026, or two days.",
            "period",
            text=text[:60],
        ) from None
    if kind is None:
        raise CellError(
            "“{text}” is a day: set `period_kind` under file.constants in the map to month, quarter, year, week or day, "
            "which begins on it.",
            "period",
            text=text[:60],
        )
    return period_starting(day, kind, calendar)


def period_starting(day: date, kind: PeriodKind, calendar: Calendar) -> Period:
    """Return the period of the kind that begins on the day. Raises CellError if none does."""
    if kind is PeriodKind.CUSTOM:
        raise CellError("A custom period needs its first and its last day: give `from` and `to`.", "period")
    period = period_containing(kind, day, calendar)
    if period.start != day:
        raise CellError(
            "No period of the kind {kind} begins on {day}: the one that contains it does on {start}.",
            "period",
            kind=str(kind),
            day=day,
            start=period.start,
        )
    return period


def period_of_days(first: date, last: date, calendar: Calendar) -> Period:
    """Return the period of these days: a month, quarter, year, week or day if they are one, else a custom one."""
    if last < first:
        raise CellError("The period ends on {end}, before it begins on {start}.", "period", end=last, start=first)
    for kind in (PeriodKind.MONTH, PeriodKind.QUARTER, PeriodKind.YEAR, PeriodKind.WEEK, PeriodKind.DAY):
        period = period_containing(kind, first, calendar)
        if (period.start, period.end) == (first, last):
            return period
    return Period(first, last, PeriodKind.CUSTOM)


def names_period(text: str) -> bool:
    """Return whether a text names a month, quarter, half, year or week, such as “March 2026”; days are none."""
    plain = " ".join(text.casefold().translate(FOLDED_LETTERS).split())
    if any(_match(patterns, plain) for patterns in (_YEARS, _QUARTERS, _HALVES, _WEEKS)):
        return True
    groups = [match.groupdict() for pattern in _MONTHS if (match := pattern.fullmatch(plain))]
    return any(group.get("month") or _find_month(group.get("name") or "") for group in groups)


def _parse_named(text: str, calendar: Calendar) -> Period | None:
    """Return the period that a text in lower case names by its name or number; None if it does not."""
    if match := _match(_YEARS, text):
        return period_containing(PeriodKind.YEAR, date(int(match["year"]), 1, 1), calendar)
    if match := _match(_QUARTERS, text):
        return period_containing(PeriodKind.QUARTER, date(int(match["year"]), 3 * _number(match) - 2, 1), calendar)
    if match := _match(_HALVES, text):
        start = date(int(match["year"]), 6 * _number(match) - 5, 1)
        end = period_containing(PeriodKind.QUARTER, start.replace(month=start.month + 3), calendar).end
        return Period(start, end, PeriodKind.CUSTOM)
    if match := _match(_WEEKS, text):
        return _parse_week(text, int(match["year"]), int(match["week"]), calendar)
    for pattern in _MONTHS:
        match = pattern.fullmatch(text)
        groups = match.groupdict() if match else {}
        month = int(groups.get("month") or 0) or _find_month(groups.get("name") or "")
        if month:
            return period_containing(PeriodKind.MONTH, date(int(groups["year"]), month, 1), calendar)
    return None


def _parse_week(text: str, year: int, week: int, calendar: Calendar) -> Period:
    try:
        monday = date.fromisocalendar(year, week, 1)
    except ValueError as error:
        raise CellError("“{text}” is no week: {year} has fewer.", "period", text=text, year=str(year)) from error
    period = period_containing(PeriodKind.WEEK, monday, calendar)
    if period.start != monday:
        raise CellError(
            "“{text}” begins on a Monday, and the weeks of the company do not: give its days.", "period", text=text
        )
    return period


def _match(patterns: tuple[re.Pattern[str], ...], text: str) -> re.Match[str] | None:
    return next((match for pattern in patterns if (match := pattern.fullmatch(text))), None)


def _number(match: re.Match[str]) -> int:
    return _ROMAN_NUMBERS.get(match["number"]) or int(match["number"])


def _find_month(name: str) -> int | None:
    """Return the number of the month of which this is the name, or an unambiguous beginning of it."""
    if len(name) < _MIN_PREFIX_LETTERS:
        return None
    months = {month for month_name, month in MONTH_NAMES.items() if month_name.startswith(name)}
    return months.pop() if len(months) == 1 else None
