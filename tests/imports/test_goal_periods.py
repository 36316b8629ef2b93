"""Periods of goals as exports write them."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from domain.primitives.calendar import Calendar, Weekday
from domain.primitives.periods import PeriodKind
from imports.cell_parsing import CellError
from imports.goal_periods import parse_period, period_of_days

WORKING_DAYS = frozenset(list(Weekday)[:5])
CALENDAR = Calendar("UTC", Weekday.MONDAY, WORKING_DAYS, None)
SUNDAY_CALENDAR = Calendar("UTC", Weekday.SUNDAY, WORKING_DAYS, None)


def parse_day(text: str) -> date:
    for date_format in ("%d.%m.%Y", "%Y-%m-%d"):
        try:
            return datetime.strptime(text, date_format).date()  # noqa: DTZ007
        except ValueError:
            continue
    raise CellError(f"“{text}” is no day.")


@pytest.mark.parametrize(
    "text",
    [
        "2026-03", "2026/3", "2026.03", "03.2026", "3/2026", "03-2026", "March 2026", "march, 2026", "Mar 2026", "Mar. 2026",
        "2026 March", "Март 2026", "март 2026 г.", "МАРТ 2026 года", "мар. 2026", "марта 2026", "2026, март",
        "01.03.2026 - 31.03.2026", "2026-03-01..2026-03-31", "2026-03-01/2026-03-31", "с 01.03.2026 по 31.03.2026",
        "01.03.2026–31.03.2026", "\u00a0март\u00a02026 ",
    ],
)  # fmt: skip
def test_month_is_read_in_every_form(text: str) -> None:
    period = parse_period(text, CALENDAR, parse_day)

    assert (period.kind, period.start, period.end) == (PeriodKind.MONTH, date(2026, 3, 1), date(2026, 3, 31))


@pytest.mark.parametrize(
    "text",
    [
        "2026-Q3", "Q3 2026", "q3/2026", "2026 Q3", "3Q2026", "3q 2026", "III квартал 2026", "3 квартал 2026 г.", "3 кв. 2026",
        "3-й квартал 2026", "2026 3 кв.", "2026 год, 3 квартал", "3rd quarter 2026", "01.07.2026 - 30.09.2026",
    ],
)  # fmt: skip
def test_quarter_is_read_in_every_form(text: str) -> None:
    period = parse_period(text, CALENDAR, parse_day)

    assert (period.kind, period.start, period.end) == (PeriodKind.QUARTER, date(2026, 7, 1), date(2026, 9, 30))


@pytest.mark.parametrize(
    ("text", "kind", "first", "last"),
    [
        ("2026", PeriodKind.YEAR, date(2026, 1, 1), date(2026, 12, 31)),
        ("2026 год", PeriodKind.YEAR, date(2026, 1, 1), date(2026, 12, 31)),
        ("H2 2026", PeriodKind.CUSTOM, date(2026, 7, 1), date(2026, 12, 31)),
        ("1 полугодие 2026", PeriodKind.CUSTOM, date(2026, 1, 1), date(2026, 6, 30)),
        ("II полугодие 2026 г.", PeriodKind.CUSTOM, date(2026, 7, 1), date(2026, 12, 31)),
        ("2026-W12", PeriodKind.WEEK, date(2026, 3, 16), date(2026, 3, 22)),
        ("мая 2026", PeriodKind.MONTH, date(2026, 5, 1), date(2026, 5, 31)),
        ("сен 2026", PeriodKind.MONTH, date(2026, 9, 1), date(2026, 9, 30)),
        ("10.03.2026 - 20.03.2026", PeriodKind.CUSTOM, date(2026, 3, 10), date(2026, 3, 20)),
    ],
)
def test_other_periods_are_read(text: str, kind: PeriodKind, first: date, last: date) -> None:
    period = parse_period(text, CALENDAR, parse_day)

    assert (period.kind, period.start, period.end) == (kind, first, last)


@pytest.mark.parametrize(
    "text",
    ["", "soon", "03.26", "Mar-26", "13.2026", "2026-13", "FY2026", "5 кв. 2026", "ма 2026", "ию 2026", "ноябрьь 2026", "2026-W54",
     "01.03.2026", "31.03.2026 - 01.03.2026", "2026-2027"],
)  # fmt: skip
def test_text_that_is_no_period_or_may_be_several_is_an_error(text: str) -> None:
    with pytest.raises(CellError):
        parse_period(text, CALENDAR, parse_day)


def test_day_is_the_period_of_the_given_kind_that_begins_on_it() -> None:
    assert parse_period("01.03.2026", CALENDAR, parse_day, PeriodKind.MONTH).end == date(2026, 3, 31)
    assert parse_period("2026-04-01", CALENDAR, parse_day, PeriodKind.QUARTER).end == date(2026, 6, 30)
    with pytest.raises(CellError, match="No period of the kind MONTH begins on 2026-03-02"):
        parse_period("02.03.2026", CALENDAR, parse_day, PeriodKind.MONTH)
    with pytest.raises(CellError, match="is no period of the kind QUARTER"):
        parse_period("2026-03", CALENDAR, parse_day, PeriodKind.QUARTER)


def test_iso_week_is_an_error_where_weeks_begin_on_another_day() -> None:
    with pytest.raises(CellError, match="begins on a Monday"):
        parse_period("2026-W12", SUNDAY_CALENDAR, parse_day)


def test_days_of_a_whole_period_are_that_period() -> None:
    assert period_of_days(date(2026, 1, 1), date(2026, 12, 31), CALENDAR).kind is PeriodKind.YEAR
    assert period_of_days(date(2026, 3, 16), date(2026, 3, 22), CALENDAR).kind is PeriodKind.WEEK
    assert period_of_days(date(2026, 3, 16), date(2026, 3, 16), CALENDAR).kind is PeriodKind.DAY
    assert period_of_days(date(2026, 3, 16), date(2026, 3, 21), CALENDAR).kind is PeriodKind.CUSTOM
