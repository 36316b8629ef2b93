"""Names of periods by language."""

from __future__ import annotations

from datetime import date

import pytest

from domain.i18n.period_labels import format_period
from domain.primitives.periods import Period, PeriodKind


@pytest.mark.parametrize(
    ("kind", "start", "english", "russian"),
    [
        (PeriodKind.DAY, date(2026, 11, 23), "23 November 2026", "23 ноября 2026"),
        (PeriodKind.WEEK, date(2026, 11, 23), "Week of 23 November 2026", "Неделя с 23 ноября 2026"),
        (PeriodKind.MONTH, date(2026, 11, 1), "November 2026", "Ноябрь 2026"),
        (PeriodKind.QUARTER, date(2026, 10, 1), "Q4 2026", "4-й квартал 2026"),
        (PeriodKind.YEAR, date(2026, 1, 1), "2026", "2026 год"),
        (
            PeriodKind.CUSTOM,
            date(2026, 11, 1),
            "1 November 2026 – 15 December 2026",
            "1 ноября 2026 – 15 декабря 2026",
        ),
    ],
)
def test_period_is_named_in_each_language(kind, start, english, russian):
    period = Period(start, date(2026, 12, 15), kind)

    assert (format_period(period, "en"), format_period(period, "ru"), format_period(period, "xx")) == (
        english,
        russian,
        english,
    )
