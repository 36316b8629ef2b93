"""The company's calendar in the API: working hours, regions, own days, and settings that leave the past alone (rule 3)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.world import World, open_world

COMPANY_QUERY = "{ company { workdayStart workdayEnd holidayCountry holidayRegion days { date kind name } } }"
PERIOD_QUERY = """query($period: PeriodInput) {
  leaderboard(period: $period) { period { workdays workdaysElapsed workdaysLeft workdaysList } } }"""
SET_DAYS = """mutation($days: [CompanyDayInput!]!) { setCompanyDays(days: $days) {
  company { days { date kind name } } userErrors { code path } } }"""
REMOVE_DAYS = """mutation($dates: [Date!]!) { removeCompanyDays(dates: $dates) {
  company { days { date } } userErrors { code path } } }"""


@pytest.fixture
async def world(usual_database_url: str) -> AsyncIterator[World]:
    async with open_world(usual_database_url) as world:
        yield world


async def read_period(world: World, kind: str, on: str) -> dict[str, Any]:
    data = await world.query(PERIOD_QUERY, period={"kind": kind, "on": on})
    return data["leaderboard"]["period"]


async def set_days(world: World, **kind_by_date: str) -> dict[str, Any]:
    days = [
        {"date": date.removeprefix("on_").replace("_", "-"), "kind": kind, "name": "Ours"}
        for date, kind in kind_by_date.items()
    ]
    return (await world.query(SET_DAYS, days=days))["setCompanyDays"]


async def count_something(world: World) -> None:
    await world.mutate("recordDeal", title="Chairs", status="WON", amount={"amount": "10"})


async def test_working_hours_are_nine_to_six_unless_set(world: World) -> None:
    before = (await world.query(COMPANY_QUERY))["company"]
    await world.mutate("updateCompany", workdayStart="08:30", workdayEnd="24:00")
    after = (await world.query(COMPANY_QUERY))["company"]

    assert (before["workdayStart"], before["workdayEnd"]) == ("09:00", "18:00")
    assert (after["workdayStart"], after["workdayEnd"]) == ("08:30", "24:00")


async def test_holidays_of_the_region_are_not_worked(world: World) -> None:
    await world.mutate("updateCompany", holidayCountry="DE", holidayRegion="DE-BY")
    company = (await world.query(COMPANY_QUERY))["company"]
    january = await read_period(world, "MONTH", "2027-01-10")

    assert (company["holidayCountry"], company["holidayRegion"]) == ("DE", "BY")
    assert "2027-01-06" not in january["workdaysList"]
    await world.mutate("updateCompany", holidayCountry="FR")
    assert (await world.query(COMPANY_QUERY))["company"]["holidayRegion"] is None


async def test_working_saturdays_moved_by_decree_are_worked(world: World) -> None:
    await world.mutate("updateCompany", holidayCountry="RU")

    assert [(await read_period(world, "MONTH", f"2024-{month}-01"))["workdays"] for month in ("04", "11", "12")] == [
        21
    ] * 3
    assert (await read_period(world, "MONTH", "2025-11-01"))["workdays"] == 19
    assert "2025-11-01" in (await read_period(world, "WEEK", "2025-11-01"))["workdaysList"]


async def test_own_days_count_before_weekdays_and_holidays(world: World) -> None:
    await world.mutate("updateCompany", holidayCountry="RU")
    payload = await set_days(world, on_2026_11_23="OFF", on_2026_11_28="ON", on_2027_01_04="ON")

    assert payload["userErrors"] == []
    week = await read_period(world, "WEEK", "2026-11-23")
    assert week["workdaysList"] == ["2026-11-24", "2026-11-25", "2026-11-26", "2026-11-27", "2026-11-28"]
    assert (week["workdays"], week["workdaysElapsed"], week["workdaysLeft"]) == (5, 0, 5)
    assert (await read_period(world, "DAY", "2027-01-04"))["workdays"] == 1


async def test_own_day_is_replaced_and_removed(world: World) -> None:
    await set_days(world, on_2026_11_23="OFF", on_2026_11_28="ON")
    replaced = await set_days(world, on_2026_11_23="ON")
    removed = (await world.query(REMOVE_DAYS, dates=["2026-11-23"]))["removeCompanyDays"]

    assert replaced["company"]["days"] == [
        {"date": "2026-11-23", "kind": "ON", "name": "Ours"},
        {"date": "2026-11-28", "kind": "ON", "name": "Ours"},
    ]
    assert removed == {"company": {"days": [{"date": "2026-11-28"}]}, "userErrors": []}
    assert (await world.query(REMOVE_DAYS, dates=["2026-11-23"]))["removeCompanyDays"]["userErrors"] == [
        {"code": "NOT_FOUND", "path": ["dates", "0"]}
    ]


async def test_day_that_is_over_can_be_set_only_while_nothing_has_been_counted(world: World) -> None:
    assert (await set_days(world, on_2026_11_17="OFF"))["userErrors"] == []
    await count_something(world)

    refusal = [{"code": "CONFLICT", "path": ["days", "0", "date"]}]
    assert (await set_days(world, on_2026_11_16="OFF"))["userErrors"] == refusal
    assert (await set_days(world, on_2026_11_18="OFF"))["userErrors"] == []
    removal = (await world.query(REMOVE_DAYS, dates=["2026-11-17"]))["removeCompanyDays"]
    assert removal["userErrors"] == [{"code": "CONFLICT", "path": ["dates", "0"]}]


async def test_changed_settings_leave_the_days_before_as_they_were(world: World) -> None:
    await world.mutate("updateCompany", holidayCountry="RU")
    await count_something(world)
    past = [await read_period(world, "MONTH", day) for day in ("2024-04-01", "2025-11-01", "2026-05-01")]

    await world.mutate("updateCompany", holidayCountry="DE", workingDays=["MONDAY"])
    await world.mutate("updateCompany", workingDays=["TUESDAY"])  # a second change on the same day
    world.advance(days=7)
    await world.mutate("updateCompany", workingDays=["SUNDAY"])
    world.advance(days=30)

    assert [await read_period(world, "MONTH", day) for day in ("2024-04-01", "2025-11-01", "2026-05-01")] == past
    november = await read_period(world, "MONTH", "2026-11-01")
    first_days = ["02", "03", "05", "06", "09", "10", "11", "12", "13", "16", "17"]  # the 4th is a holiday in Russia
    assert november["workdaysList"] == [f"2026-11-{day}" for day in (*first_days, "24", "29")]


async def test_settings_change_the_past_while_nothing_has_been_counted(world: World) -> None:
    await world.mutate("updateCompany", workingDays=["MONDAY"])

    assert (await read_period(world, "MONTH", "2026-10-01"))["workdays"] == 4
