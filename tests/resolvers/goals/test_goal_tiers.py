"""Tiers of goals: threshold, target and stretch, how far each is, and what is announced when one is reached."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.resolvers.goals.planned_company import apply, list_sellers, plan_input, preview, undo
from tests.resolvers.two_sellers import open_world_with_two_sellers, record_won_deal, set_goal
from tests.statement_counter import count_statements
from tests.world import World

GOAL = """query($id: ID!) { goal(id: $id) { target threshold stretch tier
  tiers { name target percent reached remaining pace neededPerWorkday } changes { field before after } } }"""
TIERS_OF_ALL = "{ goals { tier threshold stretch tiers { name target percent pace } } }"
TIERS_OF_GOALS = "{ goals { target threshold stretch owner { name } } }"
THIS_MONTH = {"kind": "MONTH"}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with open_world_with_two_sellers() as world:
        yield world


async def read_goal(world: World, goal: str) -> dict[str, Any]:
    return (await world.query(GOAL, id=goal))["goal"]


def amounts(goal: dict[str, Any]) -> tuple[str | None, str, str | None]:
    return goal["threshold"], goal["target"], goal["stretch"]


async def set_tiered_goal(world: World, threshold: str | None = "2", stretch: str | None = "4", **fields: Any) -> str:
    return await set_goal(world, "Ann", "deals_won", "3", threshold=threshold, stretch=stretch, **fields)


async def list_summaries(world: World) -> list[str]:
    document = "{ activities(kinds: [GOAL_ACHIEVED, GOAL_TIER_REACHED]) { edges { node { summary } } } }"
    return [edge["node"]["summary"] for edge in (await world.query(document))["activities"]["edges"]]


async def list_alerts(world: World) -> list[tuple[str, bool]]:
    document = "{ alerts { edges { node { message resolvedAt } } } }"
    edges = (await world.query(document))["alerts"]["edges"]
    return [(edge["node"]["message"], edge["node"]["resolvedAt"] is None) for edge in edges]


async def test_each_tier_tells_how_far_it_is_as_if_it_were_the_target(world: World) -> None:
    goal = await set_goal(world, "Ann", "deals_won", "4", threshold="2", stretch="8")
    for _ in range(2):
        await record_won_deal(world)

    row = await read_goal(world, goal)

    assert row["tier"] == "THRESHOLD"
    assert row["tiers"] == [
        {"name": "THRESHOLD", "target": "2", "percent": 100.0, "reached": True, "remaining": "0", "pace": "ACHIEVED",
         "neededPerWorkday": "0"},
        {"name": "TARGET", "target": "4", "percent": 50.0, "reached": False, "remaining": "2", "pace": "BEHIND",
         "neededPerWorkday": "0.2222"},
        {"name": "STRETCH", "target": "8", "percent": 25.0, "reached": False, "remaining": "6", "pace": "BEHIND",
         "neededPerWorkday": "0.6667"},
    ]  # fmt: skip


async def test_goal_without_tiers_has_its_target_alone(world: World) -> None:
    row = await read_goal(world, await set_goal(world, "Ann", "deals_won", "3"))

    assert (amounts(row), row["tier"]) == ((None, "3", None), "BELOW_THRESHOLD")
    assert [tier["name"] for tier in row["tiers"]] == ["TARGET"]


@pytest.mark.parametrize(("threshold", "stretch", "path"), [("3", None, "threshold"), (None, "3", "stretch")])
async def test_threshold_lies_below_the_target_and_stretch_above(
    world: World, threshold: str | None, stretch: str | None, path: str
) -> None:
    input = {"owner": world.global_ids["Ann"], "metric": "deals_won", "target": "3", "period": THIS_MONTH}
    payload = await world.try_mutation("setGoal", **input, threshold=threshold, stretch=stretch)

    assert [(error["code"], error["path"]) for error in payload["userErrors"]] == [("OUT_OF_RANGE", ["input", path])]


async def test_tiers_follow_the_target_unless_new_ones_are_given_and_null_removes_one(world: World) -> None:
    goal = await set_tiered_goal(world)
    await world.mutate("updateGoal", id=goal, target="30", reason="Ten times")
    followed = amounts(await read_goal(world, goal))
    await world.mutate("updateGoal", id=goal, target="3", reason="Back")
    back = amounts(await read_goal(world, goal))
    await world.mutate("updateGoal", id=goal, stretch="9", threshold=None, target="6", reason="New")
    replaced = await read_goal(world, goal)

    assert (followed, back, amounts(replaced)) == (("20", "30", "40"), ("2", "3", "4"), (None, "6", "9"))
    assert replaced["changes"][:3] == [
        {"field": "stretch", "before": "4", "after": "9"},
        {"field": "threshold", "before": "2", "after": None},
        {"field": "target", "before": "3", "after": "6"},
    ]


async def test_tiers_of_a_pro_rated_goal_follow_its_target(world: World) -> None:
    goal = await set_goal(world, "Ann", "calls_made", "42", proRated=True, threshold="21", stretch="84")

    await world.mutate("updateEmployee", id=world.global_ids["Ann"], joinedOn="2026-11-16")

    assert amounts(await read_goal(world, goal)) == ("11", "22", "44")


async def test_recurring_goal_keeps_its_tiers(world: World) -> None:
    await set_tiered_goal(world, recurring=True)
    world.now = datetime(2026, 12, 1, 9, tzinfo=UTC)
    await world.advance_and_run_jobs(seconds=1)

    assert [amounts(goal) for goal in (await world.query("{ goals { target threshold stretch } }"))["goals"]] == [
        ("2", "3", "4")
    ]


async def test_repeated_setting_with_other_tiers_is_a_conflict(world: World) -> None:
    goal = await set_tiered_goal(world)
    input = {"owner": world.global_ids["Ann"], "metric": "deals_won", "target": "3", "period": THIS_MONTH}

    assert await set_tiered_goal(world) == goal
    payload = await world.try_mutation("setGoal", **input, threshold="1", stretch="4")
    assert [(error["code"], error["path"]) for error in payload["userErrors"]] == [("CONFLICT", ["input", "period"])]


async def test_each_tier_is_announced_once_and_the_alert_about_the_highest_stands(world: World) -> None:
    await set_tiered_goal(world, name="Win")
    await world.mutate("createAlertRule", kind="GOAL_ACHIEVED", recipients=["MANAGER"])
    deals = [await record_won_deal(world) for _ in range(4)]
    await world.mutate("reopenDeal", id=deals[3])
    await world.mutate("reopenDeal", id=deals[2])
    await world.mutate("winDeal", id=deals[2])

    assert await list_summaries(world) == [
        "Goal “Win”: stretch reached", "Goal “Win” achieved", "Goal “Win”: threshold reached",
    ]  # fmt: skip
    by_message = dict.fromkeys([message for message, _ in await list_alerts(world)])
    assert list(by_message) == [
        "Ann: goal “Win”: stretch reached", "Ann: goal achieved: “Win”", "Ann: goal “Win”: threshold reached",
    ]  # fmt: skip
    standing_messages = {message for message, stands in await list_alerts(world) if stands}
    assert standing_messages == {"Ann: goal achieved: “Win”"}


async def test_stretch_reached_at_once_is_announced_with_the_target_and_alerted_alone(world: World) -> None:
    await set_goal(world, "Ann", "deals_won_amount", "100", name="Win", threshold="50", stretch="200")
    await world.mutate("createAlertRule", kind="GOAL_ACHIEVED", recipients=["MANAGER"])
    await record_won_deal(world, amount="250")

    assert await list_summaries(world) == ["Goal “Win”: stretch reached", "Goal “Win” achieved"]
    assert {message for message, _ in await list_alerts(world)} == {"Ann: goal “Win”: stretch reached"}


async def test_tier_reached_when_the_goal_is_set_is_not_announced(world: World) -> None:
    for _ in range(2):
        await record_won_deal(world)
    await set_tiered_goal(world, name="Win")

    await record_won_deal(world)

    assert await list_summaries(world) == ["Goal “Win” achieved"]


async def test_tiers_of_many_goals_take_no_statement_each(world: World) -> None:
    async def count() -> int:
        with count_statements() as statements:
            await world.query(TIERS_OF_ALL)
        return len(statements)

    await set_tiered_goal(world)
    before = await count()
    for owner, metric in (("Bob", "deals_won"), ("Ann", "calls_made"), ("Sales", "deals_won")):
        await set_goal(world, owner, metric, "3", threshold="1", stretch="8")
    assert await count() == before


async def test_plan_sets_tiers_in_percent_of_its_targets_and_undo_restores_them(either_company: World) -> None:
    world = either_company
    seller = list_sellers()[0]
    goal = await set_goal(world, seller, "deals_won", "10", threshold="6", stretch="15")
    metric = {"metric": "deals_won", "base": "TOTAL", "total": 240, "weights": "EQUAL", "stretchPercent": 110}
    input = plan_input(world, [metric]) | {"period": THIS_MONTH}
    planned = await preview(world, input)
    payload = await apply(world, input, planned["hash"])
    goals = (await world.query(TIERS_OF_GOALS))["goals"]
    by_owner = {row["owner"]["name"]: amounts(row) for row in goals}
    changes = (await read_goal(world, goal))["changes"]
    repeated = await apply(world, input, (await preview(world, input))["hash"])
    await undo(world, repeated["plan"])
    undone = await undo(world, payload["plan"])

    assert payload["userErrors"] == []
    assert by_owner[seller] == ("12", "20", "22")  # the threshold of the goal follows the target
    assert by_owner["N2"] == (None, "20", "22")
    assert by_owner["Acme"] == (None, "240", "264")
    assert {change["field"]: (change["before"], change["after"]) for change in changes} == {
        "target": ("10", "20"), "stretch": ("15", "22"), "threshold": ("6", "12"),
    }  # fmt: skip
    assert repeated["plan"]["goalCount"] == 0
    assert undone["userErrors"] == []
    assert amounts(await read_goal(world, goal)) == ("6", "10", "15")


async def test_plan_without_tiers_leaves_those_of_goals_in_proportion(company: World) -> None:
    goal = await set_goal(company, "N1", "deals_won", "10", threshold="6", stretch="15")
    metric = {"metric": "deals_won", "base": "TOTAL", "total": 240, "weights": "EQUAL"}
    input = plan_input(company, [metric]) | {"period": THIS_MONTH}
    await apply(company, input, (await preview(company, input))["hash"])

    row = await read_goal(company, goal)

    assert amounts(row) == ("12", "20", "30")
    assert [change["field"] for change in row["changes"]] == ["target"]


async def test_goal_with_tiers_changed_since_the_plan_is_a_conflict_of_its_undo(company: World) -> None:
    metric = {"metric": "deals_won", "base": "TOTAL", "total": 240, "weights": "EQUAL", "thresholdPercent": 50}
    input = plan_input(company, [metric]) | {"period": THIS_MONTH}
    payload = await apply(company, input, (await preview(company, input))["hash"])
    goals = (await company.query("{ goals { id owner { name } } }"))["goals"]
    [goal] = [row["id"] for row in goals if row["owner"]["name"] == "N1"]
    await company.mutate("updateGoal", id=goal, threshold="11")

    [error] = (await undo(company, payload["plan"]))["userErrors"]

    assert error["code"] == "CONFLICT"
    assert "N1" in error["message"]
