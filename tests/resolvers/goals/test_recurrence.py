"""Recurring goals across leap years, clock changes and server downtime."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from domain.primitives.periods import Period, PeriodKind
from models.goals.goals import is_renewal_due
from resolvers.goals import recurrence
from resolvers.goals.recurrence import replace_period_in_name
from tests.resolvers.two_sellers import open_world_with_two_sellers, record_won_deal, set_goal
from tests.world import World

GOALS_QUERY = """{ goals(period: {kind: CUSTOM, start: "2026-01-01", end: "2029-12-31"}, includeArchived: true) {
  name recurring target owner { name } period { start end } progress { value } } }"""


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with open_world_with_two_sellers() as world:
        yield world


async def read_goals(world: World) -> list[dict[str, Any]]:
    goals = (await world.query(GOALS_QUERY))["goals"]
    return sorted(goals, key=lambda goal: goal["period"]["start"])


async def read_periods(world: World) -> list[tuple[str, str]]:
    return [(goal["period"]["start"], goal["period"]["end"]) for goal in await read_goals(world)]


async def count_achievements(world: World) -> int:
    data = await world.query("{ activities(kinds: [GOAL_ACHIEVED]) { totalCount } }")
    return data["activities"]["totalCount"]


async def pass_time_until(world: World, moment: datetime) -> None:
    """Let time pass until the moment, then sign in again, since a token expires after 400 days."""
    await world.advance_and_run_jobs(seconds=(moment - world.now).total_seconds())
    await world.sign_in("admin", "admin@example.com")


async def test_monthly_goal_renews_across_leap_years_and_clock_changes(world: World) -> None:
    await pass_time_until(world, datetime(2027, 1, 31, 12, tzinfo=UTC))
    await set_goal(world, "Ann", "deals_won", "3", recurring=True)
    midnights = [
        datetime(2027, 1, 31, 23, tzinfo=UTC),  # midnight of 1 February in Berlin
        datetime(2027, 2, 28, 23, tzinfo=UTC),
        datetime(2027, 3, 31, 22, tzinfo=UTC),  # summer time since the 28th
    ]
    for number, midnight in enumerate(midnights, 1):
        await pass_time_until(world, midnight - timedelta(microseconds=1))
        assert len(await read_goals(world)) == number
        await pass_time_until(world, midnight)
        assert len(await read_goals(world)) == number + 1
    assert await read_periods(world) == [
        ("2027-01-01", "2027-01-31"),
        ("2027-02-01", "2027-02-28"),
        ("2027-03-01", "2027-03-31"),
        ("2027-04-01", "2027-04-30"),
    ]
    await pass_time_until(world, datetime(2028, 2, 29, 22, 59, 59, tzinfo=UTC))
    assert (await read_periods(world))[-1] == ("2028-02-01", "2028-02-29")
    await pass_time_until(world, datetime(2028, 2, 29, 23, tzinfo=UTC))
    assert (await read_periods(world))[-1] == ("2028-03-01", "2028-03-31")
    assert len(await read_goals(world)) == 15


async def test_server_down_for_three_months_creates_each_period_once(world: World) -> None:
    await set_goal(world, "Ann", "deals_won", "3", recurring=True)
    await set_goal(world, "North", "deals_won", "3", recurring=True, period={"kind": "WEEK"})
    await pass_time_until(world, datetime(2027, 2, 18, 9, tzinfo=UTC))
    await pass_time_until(world, datetime(2027, 2, 18, 10, tzinfo=UTC))

    goals = await read_goals(world)
    months = [goal for goal in goals if goal["owner"]["name"] == "Ann"]
    weeks = [goal for goal in goals if goal["owner"]["name"] == "North"]
    assert [goal["period"]["start"] for goal in months] == ["2026-11-01", "2026-12-01", "2027-01-01", "2027-02-01"]
    starts = [date.fromisoformat(goal["period"]["start"]) for goal in weeks]
    assert starts == [date(2026, 11, 16) + timedelta(weeks=number) for number in range(14)]
    assert months[-1]["name"] == "Deals won, February 2027"
    assert {(goal["target"], goal["recurring"]) for goal in goals} == {("3", True)}


async def test_concurrent_schedulers_create_no_duplicate_goal(world: World) -> None:
    import asyncio

    await set_goal(world, "Ann", "deals_won", "3", recurring=True)
    world.advance(days=20)
    await asyncio.gather(world.advance_and_run_jobs(), world.advance_and_run_jobs(), world.advance_and_run_jobs())

    assert len(await read_goals(world)) == 2


async def test_win_before_renewal_counts_and_is_announced(world: World) -> None:
    await set_goal(world, "Ann", "deals_won", "1", recurring=True, period={"kind": "DAY"})
    world.advance(days=2, hours=3)  # the scheduler has not run yet
    await record_won_deal(world)
    await record_won_deal(world, closedAt=(world.now - timedelta(days=1)).isoformat())
    await world.advance_and_run_jobs(minutes=1)

    assert [goal["progress"]["value"] for goal in await read_goals(world)] == ["0", "1", "1"]
    assert await count_achievements(world) == 1  # no announcement for yesterday's goal, which is over


async def test_recurrence_continues_after_a_manually_set_goal(world: World) -> None:
    await set_goal(world, "Ann", "deals_won", "3", recurring=True)
    await set_goal(world, "Ann", "deals_won", "9", period={"kind": "MONTH", "offset": 1})
    await pass_time_until(world, datetime(2026, 12, 10, 9, tzinfo=UTC))
    await pass_time_until(world, datetime(2027, 1, 10, 9, tzinfo=UTC))

    assert [goal["target"] for goal in await read_goals(world)] == ["3", "9", "3"]


async def test_manually_set_recurring_goal_continues_the_recurrence(world: World) -> None:
    await set_goal(world, "Ann", "deals_won", "3", recurring=True)
    await set_goal(world, "Ann", "deals_won", "9", recurring=True, period={"kind": "MONTH", "offset": 1})
    await pass_time_until(world, datetime(2027, 2, 10, 9, tzinfo=UTC))

    assert [goal["target"] for goal in await read_goals(world)] == ["3", "9", "9", "9"]


async def test_goal_that_another_recurring_one_continues_is_not_due_for_renewal_again(world: World) -> None:
    await set_goal(world, "Ann", "deals_won", "3", recurring=True)
    await set_goal(world, "Ann", "deals_won", "9", recurring=True, period={"kind": "MONTH", "offset": 1})
    await pass_time_until(world, datetime(2026, 12, 10, 9, tzinfo=UTC))

    assert not await is_renewal_due(date(2026, 12, 10))


async def test_archived_goal_is_not_renewed_and_goal_of_former_employee_waits_for_their_return(world: World) -> None:
    archived = await set_goal(world, "Ann", "deals_won", "3", recurring=True)
    await set_goal(world, "Bob", "deals_won", "3", recurring=True)
    await world.query("mutation($id: ID!) { archiveGoal(id: $id) { userErrors { code } } }", id=archived)
    await world.mutate("updateEmployee", id=world.global_ids["Bob"], active=False)
    await pass_time_until(world, datetime(2027, 1, 10, 9, tzinfo=UTC))
    assert len(await read_goals(world)) == 2
    await world.mutate("updateEmployee", id=world.global_ids["Bob"], active=True)
    await pass_time_until(world, datetime(2027, 2, 10, 9, tzinfo=UTC))

    assert [goal["period"]["start"] for goal in await read_goals(world) if goal["owner"]["name"] == "Bob"] == [
        "2026-11-01",
        "2027-01-01",  # none for December, when he was gone
        "2027-02-01",
    ]


async def test_target_changed_after_a_renewal_is_that_of_the_next_period(world: World) -> None:
    """The goal that was renewed first has ended, too, but does not continue its recurrence any more."""
    await set_goal(world, "Ann", "deals_won", "3", recurring=True)
    await pass_time_until(world, datetime(2026, 12, 10, 9, tzinfo=UTC))
    [goal] = (await world.query("{ goals { id } }"))["goals"]
    await world.mutate("updateGoal", id=goal["id"], target="5", reason="corrected")
    await pass_time_until(world, datetime(2027, 1, 10, 9, tzinfo=UTC))

    assert [goal["target"] for goal in await read_goals(world)] == ["3", "5", "5"]


async def test_recurrence_reaches_up_to_a_goal_that_begins_within_its_next_period(world: World) -> None:
    """Weeks now begin on Wednesdays, and the week that leads over to them meets a goal set for a former week."""
    await set_goal(world, "Ann", "deals_won", "3", recurring=True, period={"kind": "WEEK"})
    await set_goal(world, "Ann", "deals_won", "9", period={"kind": "WEEK", "on": "2026-11-30"})
    await world.mutate("updateCompany", weekStart="WEDNESDAY")
    await pass_time_until(world, datetime(2026, 11, 24, 9, tzinfo=UTC))
    await pass_time_until(world, datetime(2026, 12, 8, 9, tzinfo=UTC))

    goals = [(goal["period"]["start"], goal["period"]["end"], goal["target"]) for goal in await read_goals(world)]
    assert goals == [
        ("2026-11-16", "2026-11-22", "3"),
        ("2026-11-23", "2026-11-29", "3"),
        ("2026-11-30", "2026-12-06", "9"),
        ("2026-12-07", "2026-12-15", "3"),
    ]


async def test_more_goals_than_a_batch_are_renewed_in_one_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recurrence, "_BATCH_SIZE", 2)
    for owner in ("Ann", "Bob", "North"):
        await set_goal(world, owner, "deals_won", "3", recurring=True)
    await pass_time_until(world, datetime(2026, 12, 10, 9, tzinfo=UTC))

    assert [start for start, _ in await read_periods(world)] == ["2026-11-01"] * 3 + ["2026-12-01"] * 3


async def test_changed_target_is_renewed(world: World) -> None:
    goal_id = await set_goal(world, "Ann", "deals_won", "3", recurring=True, name="Be brave")
    await world.mutate("updateGoal", id=goal_id, target="5", reason="corrected")
    await pass_time_until(world, datetime(2026, 12, 10, 9, tzinfo=UTC))

    assert [(goal["name"], goal["target"]) for goal in await read_goals(world)] == [("Be brave", "5")] * 2


def test_period_in_goal_name_is_replaced_in_both_languages():
    november = Period(date(2026, 11, 1), date(2026, 11, 30), PeriodKind.MONTH)
    december = Period(date(2026, 12, 1), date(2026, 12, 31), PeriodKind.MONTH)

    assert replace_period_in_name("Won, November 2026", november, december) == "Won, December 2026"
    assert replace_period_in_name("План: Ноябрь 2026", november, december) == "План: Декабрь 2026"
