"""Pro-rated goals: the target in proportion to the employee's own working time, beside the full one (rule 3)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.world import World, cache_company, open_world

GOAL = """query($id: ID!) { goal(id: $id) { target fullTarget proRated progress { target attainmentPercent pace }
  changes { field before after by { name } } } }"""
ABSENCE = """mutation($employee: ID!, $from: Date!, $to: Date!) { setAbsence(
  input: {employee: $employee, from: $from, to: $to, kind: VACATION}) { absence { id } userErrors { code } } }"""


@cache_company
async def open_company(url: str) -> AsyncIterator[World]:
    async with open_world(url) as world:
        await world.create_team("Sales")
        await world.create_employee("Ann", "Sales")
        yield world


@pytest.fixture
async def world(usual_database_url: str) -> AsyncIterator[World]:
    async with open_company(usual_database_url) as world:
        yield world


async def set_goal(world: World, owner: str = "Ann", target: str = "42", **fields: Any) -> str:
    input = {"owner": world.global_ids[owner], "metric": "calls_made", "target": target, "period": {"kind": "MONTH"}}
    return (await world.mutate("setGoal", **(input | {"proRated": True} | fields)))["goal"]["id"]


async def read_goal(world: World, goal: str) -> dict[str, Any]:
    return (await world.query(GOAL, id=goal))["goal"]


async def set_absence(world: World, first: str, last: str) -> str:
    data = await world.query(ABSENCE, **{"employee": world.global_ids["Ann"], "from": first, "to": last})
    assert data["setAbsence"]["userErrors"] == []
    return data["setAbsence"]["absence"]["id"]


async def test_pro_rated_target_is_the_part_of_the_own_working_time(world: World) -> None:
    await set_absence(world, "2026-11-02", "2026-11-06")  # 5 of 21 working days
    pro_rated, full = await set_goal(world), await set_goal(world, metric="deals_won", proRated=False)

    goal = await read_goal(world, pro_rated)
    assert (goal["target"], goal["fullTarget"], goal["proRated"]) == ("32", "42", True)
    assert goal["progress"]["target"] == "32"
    goal = await read_goal(world, full)
    assert (goal["target"], goal["fullTarget"], goal["proRated"]) == ("42", None, False)


async def test_target_follows_absences_joining_and_calendar_and_keeps_each_change(world: World) -> None:
    goal_id = await set_goal(world)
    absence = await set_absence(world, "2026-11-23", "2026-11-27")
    after_absence = (await read_goal(world, goal_id))["target"]
    await world.query("mutation($id: ID!) { removeAbsence(id: $id) { userErrors { code } } }", id=absence)
    after_removal = (await read_goal(world, goal_id))["target"]
    await world.mutate("updateEmployee", id=world.global_ids["Ann"], joinedOn="2026-11-16")
    after_joining = (await read_goal(world, goal_id))["target"]
    await world.query(
        'mutation { setCompanyDays(days: [{date: "2026-11-30", kind: OFF, name: "Inventory"}]) { userErrors { code } } }'
    )
    goal = await read_goal(world, goal_id)

    assert (after_absence, after_removal, after_joining, goal["target"]) == ("32", "42", "22", "21")
    assert goal["fullTarget"] == "42"
    assert [(change["field"], change["before"], change["after"]) for change in goal["changes"]] == [
        ("target", "22", "21"), ("target", "42", "22"), ("target", "32", "42"), ("target", "42", "32"),
    ]  # fmt: skip
    assert {change["by"]["name"] for change in goal["changes"]} == {"Ada Admin"}


async def test_new_target_of_a_pro_rated_goal_is_the_full_one(world: World) -> None:
    await set_absence(world, "2026-11-02", "2026-11-06")
    goal_id = await set_goal(world)

    await world.mutate("updateGoal", id=goal_id, target="84", reason="corrected")
    doubled = await read_goal(world, goal_id)
    await world.mutate("updateGoal", id=goal_id, proRated=False, reason="corrected")
    plain = await read_goal(world, goal_id)
    await world.mutate("updateGoal", id=goal_id, proRated=True, target="21", reason="corrected")
    last_goal = await read_goal(world, goal_id)

    assert [(goal["target"], goal["fullTarget"]) for goal in (doubled, plain, last_goal)] == [
        ("64", "84"), ("84", None), ("16", "21"),
    ]  # fmt: skip
    assert {change["field"] for change in last_goal["changes"]} == {"target", "fullTarget"}


async def test_target_of_a_period_that_is_over_stays(world: World) -> None:
    goal_id = await set_goal(world)
    world.now = datetime(2026, 12, 1, 9, tzinfo=UTC)

    await set_absence(world, "2026-11-02", "2026-11-06")

    assert (await read_goal(world, goal_id))["target"] == "42"


async def test_lower_target_that_is_reached_is_achieved(world: World) -> None:
    goal_id = await set_goal(world, target="21")
    for _ in range(16):
        await world.mutate("recordCall", "Ann", direction="OUTBOUND")

    await set_absence(world, "2026-11-23", "2026-11-27")

    assert (await read_goal(world, goal_id))["progress"] == {
        "target": "16", "attainmentPercent": 100.0, "pace": "ACHIEVED",
    }  # fmt: skip
    assert (await world.query("{ activities(kinds: [GOAL_ACHIEVED]) { totalCount } }"))["activities"]["totalCount"] == 1


async def test_leaderboard_by_attainment_ranks_by_the_pro_rated_target(world: World) -> None:
    await set_absence(world, "2026-11-02", "2026-11-06")
    await set_goal(world)
    for _ in range(8):
        await world.mutate("recordCall", "Ann", direction="OUTBOUND")

    board = await world.query(
        '{ leaderboard(metric: "calls_made", rankBy: ATTAINMENT) { standings { target attainmentPercent } } }'
    )

    assert board["leaderboard"]["standings"][0] == {"target": "32", "attainmentPercent": 25.0}


async def test_recurring_goal_is_pro_rated_anew(world: World) -> None:
    await set_absence(world, "2026-12-28", "2026-12-31")  # 4 of 23 working days
    await set_goal(world, recurring=True)
    world.now = datetime(2026, 12, 1, 9, tzinfo=UTC)
    await world.advance_and_run_jobs(seconds=1)

    goals = (await world.query("{ goals { target fullTarget } }"))["goals"]
    assert goals == [{"target": "35", "fullTarget": "42"}]


async def test_pro_rated_target_is_at_least_one(world: World) -> None:
    await set_absence(world, "2026-11-01", "2026-11-30")

    assert (await read_goal(world, await set_goal(world)))["target"] == "1"


@pytest.mark.parametrize("owner", ["Sales", "company"])
async def test_goal_of_a_team_or_the_company_cannot_be_pro_rated(world: World, owner: str) -> None:
    input = {"owner": world.global_ids[owner], "metric": "calls_made", "target": "42", "period": {"kind": "MONTH"}}
    payload = await world.try_mutation("setGoal", **input, proRated=True)
    plain = await world.mutate("setGoal", **input)
    update = await world.try_mutation("updateGoal", id=plain["goal"]["id"], proRated=True, reason="corrected")

    assert [(error["code"], error["path"]) for error in payload["userErrors"]] == [("INVALID", ["input", "proRated"])]
    assert [(error["code"], error["path"]) for error in update["userErrors"]] == [("INVALID", ["input", "proRated"])]
