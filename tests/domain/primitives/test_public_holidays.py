"""Working days per month equal the published production calendars, working Saturdays moved by decree included.

The figures are those of a five-day week.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date

import pytest

from domain.primitives.calendar import Calendar, Weekday
from domain.primitives.public_holidays import public_holidays

# fmt: off
PUBLISHED = {
    # Production calendars of Russia, by decrees 1314 of 10 August 2023, 1335 of 4 October 2024 and 1466 of
    # 24 September 2025 on moving days off: 248, 247 and 247 working days
    ("RU", None, 2024): (17, 20, 20, 21, 20, 19, 23, 22, 21, 23, 21, 21),
    ("RU", None, 2025): (17, 20, 21, 22, 18, 19, 23, 21, 22, 23, 19, 22),
    ("RU", None, 2026): (15, 19, 21, 22, 19, 21, 23, 21, 22, 22, 20, 22),
    # Bavaria without the Assumption of Mary, a holiday in its Catholic communities only: 250
    ("DE", "BY", 2025): (21, 20, 21, 20, 20, 19, 23, 21, 22, 22, 20, 21),
    # USA, the eleven federal holidays of the Office of Personnel Management: 250
    ("US", None, 2025): (21, 19, 21, 22, 21, 20, 22, 21, 21, 22, 18, 22),
    # Kazakhstan, with Sunday 5 January worked in exchange for Friday the 3rd: 246
    ("KZ", None, 2025): (20, 20, 17, 22, 19, 20, 22, 21, 21, 22, 20, 22),
    # France, "jours ouvrés": 251
    ("FR", None, 2025): (22, 20, 21, 21, 19, 20, 22, 20, 22, 23, 19, 22),
}
# fmt: on


@pytest.mark.parametrize(("country", "region", "year"), PUBLISHED)
def test_workdays_per_month_equal_the_published_figures(country, region, year):
    company_calendar = Calendar("UTC", Weekday.MONDAY, frozenset(Weekday(day) for day in range(5)), country, region)

    counts = tuple(
        company_calendar.count_workdays(date(year, month, 1), date(year, month, monthrange(year, month)[1]))
        for month in range(1, 13)
    )

    assert counts == PUBLISHED[country, region, year]


def test_saturday_moved_by_decree_is_worked_and_its_weekday_is_off():
    table = public_holidays("RU", None, 2024)

    assert table.working_weekends == {date(2024, 4, 27), date(2024, 11, 2), date(2024, 12, 28)}
    assert {date(2024, 4, 29), date(2024, 4, 30), date(2024, 12, 30)} <= table.days_off


def test_holidays_moved_across_the_turn_of_the_year_are_in_the_year_of_their_day():
    assert date(2021, 12, 31) in public_holidays("US", None, 2021).days_off  # 1 January 2022 is a Saturday
    assert all(day.year == 2021 for day in public_holidays("US", None, 2021).days_off)
