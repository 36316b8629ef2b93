"""Goals that only time moves: pushed when they change, once, at no cost in between (rule 3)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.statement_counter import count_statements
from tests.subscription_recorder import SubscriptionRecorder, subscribe
from tests.world import World, cache_company, open_world

PACE = "subscription($goals: [ID!]) { goalProgress(goals: $goals) { id progress { value pace } } }"
EXPECTED = "subscription($goals: [ID!]) { goalProgress(goals: $goals) { id progress { pace expectedByNow } } }"
PROJECTED = "subscription($goals: [ID!]) { goalProgress(goals: $goals) { id progress { pace projected } } }"
QUARTER = timedelta(minutes=15)


@cache_company
async def open_company(url: str = "sqlite://:memory:") -> AsyncIterator[World]:
    async with open_world(url) as world:
        await world.create_team("Sales")
        await world.create_employee("Ann", "Sales")
        await world.create_employee("Bob", "Sales")
        world.now = berlin("09:00")
        yield world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with open_company() as world:
        yield world


def berlin(clock: str, day: int = 18) -> datetime:
    return datetime.fromisoformat(f"2026-11-{day}T{clock}+01:00").astimezone(UTC)


async def set_goal(world: World, owner: str, target: str, kind: str = "DAY", **fields: Any) -> str:
    input = {"owner": world.global_ids[owner], "metric": "calls_made", "target": target, "period": {"kind": kind}}
    return (await world.mutate("setGoal", **input, **fields))["goal"]["id"]


async def record_calls(world: World, employee: str, count: int) -> None:
    for _ in range(count):
        await world.mutate("recordCall", employee, direction="OUTBOUND")


async def pass_time(world: World, until: datetime, step: timedelta = timedelta(minutes=5)) -> None:
    """Let the clock run until the instant, and the streams follow it."""
    while world.now < until:
        world.now = min(until, world.now + step)
        await world.let_tasks_run()


def paces(recorder: SubscriptionRecorder) -> list[str]:
    return [event["goalProgress"]["progress"]["pace"] for event in recorder.events]


async def test_goal_that_turns_behind_at_a_quarter_past_two_is_pushed_then_and_once(world: World) -> None:
    goal = await set_goal(world, "Ann", "36")  # one call a quarter; behind from 1.8 calls under that
    await record_calls(world, "Ann", 19)
    world.now = berlin("14:00")  # 20 are expected
    async with subscribe(world, PACE, "Ann", goals=[goal]) as recorder:
        await recorder.wait_until(lambda: len(recorder.events) == 1)
        await world.let_tasks_run()  # news of the calls may cause another read

        with count_statements() as statements:
            await pass_time(world, berlin("14:15") - timedelta(microseconds=1), timedelta(minutes=2))
        assert (paces(recorder), statements) == (["ON_TRACK"], [])
        await pass_time(world, berlin("14:15"))
        await recorder.wait_until(lambda: len(recorder.events) == 2)
        with count_statements() as statements:
            await pass_time(world, berlin("23:59"), timedelta(minutes=30))

    assert paces(recorder) == ["ON_TRACK", "BEHIND"]
    assert statements == []


async def test_tier_that_turns_behind_is_pushed_then_although_the_target_stays_on_pace(world: World) -> None:
    goal = await set_goal(world, "Ann", "36", stretch="72")  # one call a quarter, two for the stretch
    await record_calls(world, "Ann", 19)
    world.now = berlin("11:00")  # 8 are expected, 16 for the stretch
    document = "subscription($goals: [ID!]) { goalProgress(goals: $goals) { progress { pace } tiers { pace } } }"
    async with subscribe(world, document, "Ann", goals=[goal]) as recorder:
        await recorder.wait_until(lambda: len(recorder.events) == 1)
        await pass_time(world, berlin("12:00"), QUARTER)
        await recorder.wait_until(lambda: len(recorder.events) == 2)

    assert paces(recorder) == ["AHEAD", "AHEAD"]
    assert [event["goalProgress"]["tiers"][1]["pace"] for event in recorder.events] == ["ON_TRACK", "BEHIND"]


async def test_expected_value_is_pushed_at_each_quarter_of_the_working_hours_only(world: World) -> None:
    goal = await set_goal(world, "Ann", "36")
    world.now = berlin("17:00")
    async with subscribe(world, EXPECTED, "Ann", goals=[goal]) as recorder:
        await recorder.wait_until(lambda: len(recorder.events) == 1)
        await pass_time(world, berlin("18:00"))
        await recorder.wait_until(lambda: len(recorder.events) == 5)
        with count_statements() as statements:
            await pass_time(world, berlin("23:59"), timedelta(minutes=30))

    expected = [event["goalProgress"]["progress"]["expectedByNow"] for event in recorder.events]
    assert expected == ["32", "33", "34", "35", "36"]
    assert statements == []


async def test_projection_by_pace_is_pushed_at_each_quarter_from_half_a_day_on(world: World) -> None:
    goal = await set_goal(world, "Ann", "360")
    await record_calls(world, "Ann", 9)
    world.now = berlin("13:00")
    async with subscribe(world, PROJECTED, "Ann", goals=[goal]) as recorder:
        await recorder.wait_until(lambda: len(recorder.events) == 1)
        await pass_time(world, berlin("14:00"))
        await recorder.wait_until(lambda: len(recorder.events) == 4)

    projected = [event["goalProgress"]["progress"]["projected"] for event in recorder.events]
    assert projected == ["9", "18", "17.0526", "16.2"]  # nothing new at 13:15


async def test_change_of_one_goal_does_not_send_the_others_again_because_time_has_passed(world: World) -> None:
    goals = [await set_goal(world, owner, "360") for owner in ("Ann", "Bob")]
    async with subscribe(world, PACE, "admin", goals=goals) as recorder:
        await recorder.wait_until(lambda: len(recorder.events) == 2)
        world.now = berlin("09:20")
        await record_calls(world, "Ann", 1)
        await recorder.wait_until(lambda: len(recorder.events) == 3)
        await world.let_tasks_run()

    assert [event["goalProgress"]["id"] for event in recorder.events] == [*goals, goals[0]]


async def test_absence_and_a_day_off_of_the_company_move_goals_at_once(world: World) -> None:
    goal = await set_goal(world, "Ann", "36")
    world.now = berlin("15:00")
    async with subscribe(world, PACE, "Ann", goals=[goal]) as recorder:
        await recorder.wait_until(lambda: paces(recorder) == ["BEHIND"])
        absence = """mutation($employee: ID!) { setAbsence(input: {
          employee: $employee, from: "2026-11-18", to: "2026-11-18", kind: SICK}) { absence { id } } }"""
        data = await world.query(absence, employee=world.global_ids["Ann"])
        await recorder.wait_until(lambda: paces(recorder)[-1] == "ON_TRACK")
        removal = "mutation($id: ID!) { removeAbsence(id: $id) { userErrors { code } } }"
        await world.query(removal, id=data["setAbsence"]["absence"]["id"])
        await recorder.wait_until(lambda: paces(recorder)[-1] == "BEHIND")
        await world.query(
            """mutation { setCompanyDays(days: [{date: "2026-11-18", kind: OFF, name: "Party"}]) {
              userErrors { code } } }"""
        )
        await recorder.wait_until(lambda: paces(recorder)[-1] == "ON_TRACK")


async def test_colleague_who_joins_or_leaves_moves_the_goal_of_the_team_at_once(world: World) -> None:
    await world.create_employee("Cid")
    world.now = berlin("13:30", 20)  # the last working day of the week
    goal = await set_goal(world, "Sales", "90", kind="WEEK")
    cid = world.global_ids["Cid"]
    async with subscribe(world, EXPECTED, "admin", goals=[goal]) as recorder:
        await recorder.wait_until(lambda: len(recorder.events) == 1)
        await world.mutate("updateEmployee", id=cid, team=world.global_ids["Sales"])
        await recorder.wait_until(lambda: len(recorder.events) == 2)
        await world.mutate("updateEmployee", id=cid, team=None)
        await recorder.wait_until(lambda: len(recorder.events) == 3)

    expected = [event["goalProgress"]["progress"]["expectedByNow"] for event in recorder.events]
    assert expected == ["81", "77.7273", "81"]  # nine of ten days, then 9.5 of 11


async def test_many_streams_share_the_read_at_the_instant_that_moves_them(world: World) -> None:
    goals = [await set_goal(world, owner, "36") for owner in ("Ann", "Bob")]
    async with (
        subscribe(world, PACE, "Ann", goals=goals[:1]) as ann,
        subscribe(world, PACE, "Bob", goals=goals[1:]) as bob,
    ):
        for recorder in (ann, bob):
            await recorder.wait_until(lambda: len(recorder.events) == 1)  # noqa: B023 - awaited within the loop
        await pass_time(world, berlin("09:30"))
        for recorder in (ann, bob):
            await recorder.wait_until(lambda: paces(recorder)[-1] == "BEHIND")  # noqa: B023

        assert len(world.hub.timers) == 2  # both wait for midnight now


async def test_next_day_moves_a_stream_to_the_goals_of_that_day(world: World) -> None:
    await set_goal(world, "Ann", "36", recurring=True)
    async with subscribe(world, "subscription { goalProgress { name progress { pace } } }", "Ann") as recorder:
        await recorder.wait_until(lambda: len(recorder.events) == 1)
        await pass_time(world, berlin("23:59"), timedelta(hours=1))
        event_count = len(recorder.events)
        world.now = berlin("00:00", 19)
        await world.advance_and_run_jobs(seconds=1)
        await recorder.wait_until(lambda: "19" in recorder.events[-1]["goalProgress"]["name"])
        await world.let_tasks_run()

    [event] = recorder.events[event_count:]  # nothing more of the day that is over
    assert event["goalProgress"]["progress"]["pace"] == "ON_TRACK"
