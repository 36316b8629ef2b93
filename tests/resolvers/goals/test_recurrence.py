"""Recurring goals across leap years, clock changes and server downtime."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from domain.primitives.periods import Period, PeriodKind
from resolvers.goals.recurrence import renamed
from tests.resolvers.two_sellers import goal, two_sellers, won
from tests.world import World

GOALS = """{ goals(period: {kind: CUSTOM, start: "2026-01-01", end: "2029-12-31"}, includeArchived: true) {
  name recurring target owner { name } period { start end } progress { value } } }"""


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with two_sellers() as world:
        yield world


async def all_goals(world: World) -> list[dict[str, Any]]:
    found = (await world.ask(GOALS))["goals"]
    return sorted(found, key=lambda each: each["period"]["start"])


async def periods(world: World) -> list[tuple[str, str]]:
    return [(each["period"]["start"], each["period"]["end"]) for each in await all_goals(world)]


async def achieved(world: World) -> int:
    data = await world.ask("{ activities(kinds: [GOAL_ACHIEVED]) { totalCount } }")
    return data["activities"]["totalCount"]


async def to(world: World, moment: datetime) -> None:
    """Let time pass until the moment, then sign in again, since a token expires after 400 days."""
    await world.passes(seconds=(moment - world.now).total_seconds())
    await world.sign_in("admin", "admin@example.com")


async def test_a_monthly_goal_set_on_31_january_renews_through_leap_years_and_changing_clocks(world: World) -> None:
    await to(world, datetime(2027, 1, 31, 12, tzinfo=UTC))
    await goal(world, "Ann", "deals_won", "3", recurring=True)
    midnights = [
        datetime(2027, 1, 31, 23, tzinfo=UTC),  # midnight of 1 February in Berlin
        datetime(2027, 2, 28, 23, tzinfo=UTC),
        datetime(2027, 3, 31, 22, tzinfo=UTC),  # summer time since the 28th
    ]
    for number, midnight in enumerate(midnights, 1):
        await to(world, midnight - timedelta(microseconds=1))
        assert len(await all_goals(world)) == number
        await to(world, midnight)
        assert len(await all_goals(world)) == number + 1
    assert await periods(world) == [
        ("2027-01-01", "2027-01-31"),
        ("2027-02-01", "2027-02-28"),
        ("2027-03-01", "2027-03-31"),
        ("2027-04-01", "2027-04-30"),
    ]
    await to(world, datetime(2028, 2, 29, 22, 59, 59, tzinfo=UTC))
    assert (await periods(world))[-1] == ("2028-02-01", "2028-02-29")
    await to(world, datetime(2028, 2, 29, 23, tzinfo=UTC))
    assert (await periods(world))[-1] == ("2028-03-01", "2028-03-31")
    assert len(await all_goals(world)) == 15


async def test_a_server_that_slept_three_months_makes_each_period_once(world: World) -> None:
    await goal(world, "Ann", "deals_won", "3", recurring=True)
    await goal(world, "North", "deals_won", "3", recurring=True, period={"kind": "WEEK"})
    await to(world, datetime(2027, 2, 18, 9, tzinfo=UTC))
    await to(world, datetime(2027, 2, 18, 10, tzinfo=UTC))

    found = await all_goals(world)
    months = [each for each in found if each["owner"]["name"] == "Ann"]
    weeks = [each for each in found if each["owner"]["name"] == "North"]
    assert [each["period"]["start"] for each in months] == ["2026-11-01", "2026-12-01", "2027-01-01", "2027-02-01"]
    starts = [date.fromisoformat(each["period"]["start"]) for each in weeks]
    assert starts == [date(2026, 11, 16) + timedelta(weeks=number) for number in range(14)]
    assert months[-1]["name"] == "Deals won, February 2027"
    assert {(each["target"], each["recurring"]) for each in found} == {("3", True)}


async def test_two_clocks_at_once_make_no_second_goal(world: World) -> None:
    import asyncio

    await goal(world, "Ann", "deals_won", "3", recurring=True)
    world.later(days=20)
    await asyncio.gather(world.passes(), world.passes(), world.passes())

    assert len(await all_goals(world)) == 2


async def test_what_comes_in_before_the_goal_is_renewed_counts_and_is_announced(world: World) -> None:
    await goal(world, "Ann", "deals_won", "1", recurring=True, period={"kind": "DAY"})
    world.later(days=2, hours=3)  # the scheduler has not run yet
    await won(world)
    await won(world, closedAt=(world.now - timedelta(days=1)).isoformat())
    await world.passes(minutes=1)

    assert [each["progress"]["value"] for each in await all_goals(world)] == ["0", "1", "1"]
    assert await achieved(world) == 1  # no announcement for yesterday's goal, which is over


async def test_a_goal_set_by_hand_takes_its_periods_place_and_the_recurrence_goes_on_after_it(world: World) -> None:
    await goal(world, "Ann", "deals_won", "3", recurring=True)
    await goal(world, "Ann", "deals_won", "9", period={"kind": "MONTH", "offset": 1})
    await to(world, datetime(2026, 12, 10, 9, tzinfo=UTC))
    await to(world, datetime(2027, 1, 10, 9, tzinfo=UTC))

    assert [each["target"] for each in await all_goals(world)] == ["3", "9", "3"]


async def test_a_recurring_goal_set_by_hand_carries_the_recurrence_on(world: World) -> None:
    await goal(world, "Ann", "deals_won", "3", recurring=True)
    await goal(world, "Ann", "deals_won", "9", recurring=True, period={"kind": "MONTH", "offset": 1})
    await to(world, datetime(2027, 2, 10, 9, tzinfo=UTC))

    assert [each["target"] for each in await all_goals(world)] == ["3", "9", "9", "9"]


async def test_an_archived_goal_and_one_of_who_has_left_are_not_renewed(world: World) -> None:
    archived = await goal(world, "Ann", "deals_won", "3", recurring=True)
    await goal(world, "Bob", "deals_won", "3", recurring=True)
    await world.ask("mutation($id: ID!) { archiveGoal(id: $id) { userErrors { code } } }", id=archived)
    await world.act("updateEmployee", id=world.ids["Bob"], active=False)
    await to(world, datetime(2026, 12, 10, 9, tzinfo=UTC))
    await world.act("updateEmployee", id=world.ids["Bob"], active=True)
    await to(world, datetime(2027, 1, 10, 9, tzinfo=UTC))

    assert len(await all_goals(world)) == 2


async def test_a_changed_target_is_what_recurs(world: World) -> None:
    mark = await goal(world, "Ann", "deals_won", "3", recurring=True, name="Be brave")
    await world.act("updateGoal", id=mark, target="5")
    await to(world, datetime(2026, 12, 10, 9, tzinfo=UTC))

    assert [(each["name"], each["target"]) for each in await all_goals(world)] == [("Be brave", "5")] * 2


def test_the_old_period_in_a_name_becomes_the_new_one_in_both_languages():
    november = Period(date(2026, 11, 1), date(2026, 11, 30), PeriodKind.MONTH)
    december = Period(date(2026, 12, 1), date(2026, 12, 31), PeriodKind.MONTH)

    assert renamed("Won, November 2026", november, december) == "Won, December 2026"
    assert renamed("План: Ноябрь 2026", november, december) == "План: Декабрь 2026"
