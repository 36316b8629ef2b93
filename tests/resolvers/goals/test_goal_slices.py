"""Slices of goals: targets of the months, given or taken from earlier results, which pace follows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.resolvers.goals.planned_company import apply, plan_input, preview, undo
from tests.resolvers.two_sellers import open_world_with_two_sellers, record_won_deal, set_goal
from tests.statement_counter import count_statements
from tests.world import World

QUARTER = {"kind": "QUARTER"}
YEAR = {"kind": "YEAR"}
GOAL = """query($id: ID!) { goal(id: $id) { target shape slices { period { label start end } target actual percent }
  progress { value expectedByNow pace neededPerWorkday } changes { field before after } } }"""


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with open_world_with_two_sellers() as world:
        yield world


async def read_goal(world: World, goal: str) -> dict[str, Any]:
    return (await world.query(GOAL, id=goal))["goal"]


def targets(goal: dict[str, Any]) -> list[str]:
    return [part["target"] for part in goal["slices"]]


async def set_sliced_goal(world: World, slices: list[str] | None = None, **fields: Any) -> str:
    fields = {"target": "12", "period": QUARTER, "slices": slices or ["2", "4", "6"], **fields}
    return await set_goal(world, fields.pop("owner", "Ann"), fields.pop("metric", "deals_won"), **fields)


async def list_errors(world: World, mutation: str = "setGoal", **fields: Any) -> list[tuple[str, list[str]]]:
    if mutation == "setGoal":
        fields = {"owner": world.global_ids["Ann"], "metric": "deals_won", "target": "12", "period": QUARTER} | fields
    payload = await world.try_mutation(mutation, **fields)
    return [(error["code"], error["path"]) for error in payload["userErrors"]]


async def test_slices_show_target_and_results_of_each_month(world: World) -> None:
    for day in ("2026-10-05", "2026-10-06", "2026-11-03"):
        await record_won_deal(world, closedAt=f"{day}T10:00:00Z")

    row = await read_goal(world, await set_sliced_goal(world, ["2", "10", "0"]))

    assert row["shape"] == "CUSTOM"
    assert row["slices"] == [
        {"period": {"label": "October 2026", "start": "2026-10-01", "end": "2026-10-31"}, "target": "2", "actual": "2", "percent": 100.0},
        {"period": {"label": "November 2026", "start": "2026-11-01", "end": "2026-11-30"}, "target": "10", "actual": "1", "percent": 10.0},
        {"period": {"label": "December 2026", "start": "2026-12-01", "end": "2026-12-31"}, "target": "0", "actual": "0", "percent": None},
    ]  # fmt: skip


async def test_pace_follows_the_slices(world: World) -> None:
    for day in ("2026-10-05", "2026-10-06"):
        await record_won_deal(world, closedAt=f"{day}T10:00:00Z")
    even = await read_goal(world, await set_goal(world, "Ann", "deals_won", "12", period=QUARTER))
    sliced = await read_goal(world, await set_sliced_goal(world, ["2", "0", "10"], owner="North"))

    assert (even["shape"], even["slices"], even["progress"]["pace"]) == ("EVEN", [], "BEHIND")
    assert sliced["progress"] == {"value": "2", "expectedByNow": "2", "pace": "ON_TRACK", "neededPerWorkday": "0"}


async def test_slices_that_do_not_fit_are_refused(world: World) -> None:
    errors = await list_errors(world, slices=["2", "4"])
    assert errors == [("INVALID", ["input", "slices"])]
    assert await list_errors(world, slices=["2", "4", "5"]) == errors
    assert await list_errors(world, slices=["-1", "7", "6"]) == [("OUT_OF_RANGE", ["input", "slices", "0"])]
    assert await list_errors(world, slices=["12"], period={"kind": "MONTH"}) == errors
    assert await list_errors(world, slices=["2", "4", "6"], shape="HISTORY") == errors
    assert await list_errors(world, shape="CUSTOM") == [("REQUIRED", ["input", "slices"])]
    assert await list_errors(world, shape="HISTORY", period={"kind": "WEEK"}) == [("INVALID", ["input", "shape"])]
    custom = {"kind": "CUSTOM", "start": "2026-11-01", "end": "2026-12-31"}
    assert await list_errors(world, slices=["2", "10"], period=custom) == []


async def test_slices_follow_a_changed_target_unless_new_ones_are_given(world: World) -> None:
    goal = await set_sliced_goal(world)
    await world.mutate("updateGoal", id=goal, target="13", reason="One more")
    followed = targets(await read_goal(world, goal))
    await world.mutate("updateGoal", id=goal, target="12", reason="Back")
    back = targets(await read_goal(world, goal))
    await world.mutate("updateGoal", id=goal, target="10", slices=["5", "5", "0"], reason="New")
    replaced = await read_goal(world, goal)
    await world.mutate("updateGoal", id=goal, slices=None)
    even = await read_goal(world, goal)

    assert followed == ["2", "4", "7"]
    assert (back, targets(replaced)) == (["2", "4", "6"], ["5", "5", "0"])
    assert replaced["changes"][0] == {"field": "slices", "before": "2; 4; 6", "after": "5; 5; 0"}
    assert (even["shape"], even["slices"], even["target"]) == ("EVEN", [], "10")
    assert await list_errors(world, "updateGoal", id=goal, slices=["1", "1", "1"]) == [("INVALID", ["input", "slices"])]


async def test_shape_of_history_takes_the_shares_of_the_same_months_a_year_before(world: World) -> None:
    for month, wins in ((10, 1), (11, 2), (12, 4)):
        for _ in range(wins):
            await record_won_deal(world, closedAt=f"2025-{month}-10T10:00:00Z")
    await record_won_deal(world, closedAt="2026-10-10T10:00:00Z")  # the quarter that runs is none of history

    goals = [
        await read_goal(world, await set_goal(world, owner, "deals_won", "30", period=QUARTER, shape="HISTORY"))
        for owner in ("Ann", "North", "company")
    ]

    assert [targets(goal) for goal in goals] == [["4", "9", "17"]] * 3
    assert {goal["shape"] for goal in goals} == {"HISTORY"}
    next_quarter = {"kind": "QUARTER", "offset": 4}
    ahead = await set_goal(world, "Ann", "deals_won", "7", period=next_quarter, shape="HISTORY")
    assert targets(await read_goal(world, ahead)) == ["1", "2", "4"]  # of 2025: that of 2026 is not over


async def test_shape_of_history_without_results_from_the_first_month_on_is_by_working_days(world: World) -> None:
    await record_won_deal(world, closedAt="2025-12-10T10:00:00Z")  # results begin in the last month only
    await world.mutate("updateEmployee", id=world.global_ids["Bob"], joinedOn="2026-11-02")

    ann = await read_goal(world, await set_goal(world, "Ann", "deals_won", "660", period=QUARTER, shape="HISTORY"))
    bob = await read_goal(world, await set_goal(world, "Bob", "deals_won", "440", period=QUARTER, shape="HISTORY"))

    assert targets(ann) == ["220", "210", "230"]  # 22, 21 and 23 working days
    assert targets(bob) == ["0", "210", "230"]


async def test_slices_of_a_pro_rated_goal_add_up_to_its_target(world: World) -> None:
    goal = await set_sliced_goal(world, metric="calls_made", proRated=True, target="120", slices=["20", "40", "60"])

    await world.mutate("updateEmployee", id=world.global_ids["Ann"], joinedOn="2026-11-02")

    row = await read_goal(world, goal)
    assert row["target"] == "80"  # 44 of 66 working days
    assert targets(row) == ["13", "27", "40"]


async def test_recurring_goal_keeps_given_slices_and_takes_those_of_history_anew(world: World) -> None:
    for month, wins in ((1, 4), (2, 1), (3, 1)):
        for _ in range(wins):
            await record_won_deal(world, closedAt=f"2026-0{month}-10T10:00:00Z")
    await set_sliced_goal(world, recurring=True)
    await set_goal(world, "North", "deals_won", "12", period=QUARTER, shape="HISTORY", recurring=True)
    world.now = datetime(2027, 1, 1, 9, tzinfo=UTC)
    await world.advance_and_run_jobs(seconds=1)
    await world.sign_in("admin", "admin@example.com")

    goals = (await world.query("{ goals { shape slices { target } } }"))["goals"]

    assert {goal["shape"]: targets(goal) for goal in goals} == {"CUSTOM": ["2", "4", "6"], "HISTORY": ["8", "2", "2"]}


async def test_repeated_setting_with_other_slices_is_a_conflict(world: World) -> None:
    goal = await set_sliced_goal(world)

    assert await set_sliced_goal(world) == goal
    assert await list_errors(world, slices=["3", "3", "6"]) == [("CONFLICT", ["input", "period"])]
    assert await list_errors(world) == [("CONFLICT", ["input", "period"])]


async def test_slices_of_many_goals_take_one_statement(world: World) -> None:
    async def count(document: str) -> int:
        with count_statements() as statements:
            await world.query(document)
        return len(statements)

    with_slices, without = "{ goals { slices { target actual } progress { pace } } }", "{ goals { progress { pace } } }"
    await set_sliced_goal(world)
    before = await count(with_slices), await count(without)
    for owner, metric in (("Bob", "deals_won"), ("Ann", "calls_made"), ("Sales", "deals_won")):
        await set_sliced_goal(world, owner=owner, metric=metric)

    assert (await count(with_slices), await count(without)) == before
    assert before[0] == before[1] + 1


async def test_slices_follow_a_plan_and_its_undo(either_company: World) -> None:
    world = either_company
    goal = await set_goal(world, "N1", "deals_won", "12", period=QUARTER, slices=["2", "4", "6"], threshold="6")
    metric = {"metric": "deals_won", "base": "TOTAL", "total": 288, "weights": "EQUAL"}
    input = plan_input(world, [metric]) | {"period": QUARTER}
    payload = await apply(world, input, (await preview(world, input))["hash"])
    planned = await read_goal(world, goal)
    await undo(world, payload["plan"])

    assert (planned["target"], targets(planned)) == ("24", ["4", "8", "12"])
    assert targets(await read_goal(world, goal)) == ["2", "4", "6"]
