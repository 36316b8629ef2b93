"""What a goal may be set and changed to, and by whom (rules 4 and 10), through the public schema."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from domain.primitives.periods import PeriodKind
from resolvers.goals import imported_goals
from resolvers.goals.inputs import GoalInput
from resolvers.request.periods import PeriodKey
from tests.resolvers.two_sellers import CURRENT_MONTH, open_world_with_two_sellers, record_won_deal, set_goal
from tests.world import World

GOAL_DOCUMENT = """query($id: ID!) { goal(id: $id) { id name target fullTarget recurring archivedAt
  changes { field before after } } }"""
ARCHIVE = "mutation($id: ID!) { archiveGoal(id: $id) { goal { archivedAt } userErrors { code path } } }"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with open_world_with_two_sellers() as world:
        yield world


async def read_goal(world: World, goal_id: str) -> dict[str, Any]:
    return (await world.query(GOAL_DOCUMENT, id=goal_id))["goal"]


async def count_activities(world: World, kind: str) -> int:
    document = "query($kind: ActivityKind!) { activities(kinds: [$kind]) { totalCount } }"
    return (await world.query(document, kind=kind))["activities"]["totalCount"]


async def list_errors(world: World, mutation: str, actor: str = "admin", **input: Any) -> list[tuple[str, str]]:
    payload = await world.try_mutation(mutation, actor, **input)
    return [(error["code"], error["path"][-1]) for error in payload["userErrors"]]


async def list_set_errors(
    world: World, actor: str = "admin", owner: str = "Ann", **input: Any
) -> list[tuple[str, str]]:
    goal = {
        "owner": world.global_ids.get(owner, "RW1wbG95ZWU6OTk="),
        "metric": "deals_won",
        "target": "3",
        "period": CURRENT_MONTH,
    } | input
    return await list_errors(world, "setGoal", actor, **goal)


async def test_goal_needs_a_target_above_zero_and_a_period_that_can_recur(world: World) -> None:
    custom = {"kind": "CUSTOM", "start": "2026-11-02", "end": "2026-11-06"}

    assert await list_set_errors(world, target="0") == [("OUT_OF_RANGE", "target")]
    assert await list_set_errors(world, recurring=True, period=custom) == [("INVALID", "recurring")]
    assert await list_set_errors(world, owner="North", proRated=True) == [("INVALID", "proRated")]
    assert await list_set_errors(world, target="1", period=custom) == []
    assert await list_set_errors(world, target="1", recurring=True) == []


async def test_goal_is_set_by_who_stands_above_its_owner_and_not_for_who_has_left(world: World) -> None:
    await world.create_employee("Mia", "North", role="MANAGER")
    await world.mutate("updateTeam", id=world.global_ids["North"], manager=world.global_ids["Mia"])
    assert await list_set_errors(world, "Mia") == []
    assert await list_set_errors(world, "Ann", metric="calls_made") == [("FORBIDDEN", "owner")]
    assert await list_set_errors(world, "Mia", owner="Bob") == [("FORBIDDEN", "owner")]
    assert await list_set_errors(world, owner="Nobody") == [("NOT_FOUND", "owner")]
    goal = await set_goal(world, "Ann", "calls_made", "9")
    assert await list_errors(world, "updateGoal", "Ann", id=goal, target="5") == [("FORBIDDEN", "id")]
    assert await list_errors(world, "updateGoal", "Bob", id=goal, target="5") == [("NOT_FOUND", "id")]

    await world.mutate("updateEmployee", id=world.global_ids["Bob"], active=False)

    assert await list_set_errors(world, owner="Bob") == [("CONFLICT", "owner")]
    assert await list_set_errors(world, owner="North") == []


async def test_name_and_recurrence_can_change_and_an_equal_input_changes_nothing(world: World) -> None:
    goal_id = await set_goal(world, "Ann", "deals_won", "3")
    await world.mutate("updateGoal", id=goal_id, name="Be brave")
    version = (await world.mutate("updateGoal", id=goal_id, recurring=True))["goal"]["progress"]["version"]
    changes = [
        {"field": "recurring", "before": "False", "after": "True"},
        {"field": "name", "before": "Deals won, November 2026", "after": "Be brave"},
    ]

    same = await world.mutate("updateGoal", id=goal_id, name="Be brave", target="3", recurring=True)

    goal = await read_goal(world, goal_id)
    assert (goal["name"], goal["recurring"], goal["target"], goal["changes"]) == ("Be brave", True, "3", changes)
    assert same["goal"]["progress"]["version"] == version
    assert await count_activities(world, "GOAL_CHANGED") == 2


async def test_repetition_of_a_goal_returns_it_and_another_name_or_target_is_a_conflict(world: World) -> None:
    goal_id = await set_goal(world, "Ann", "deals_won", "3", name="Be brave")

    assert await set_goal(world, "Ann", "deals_won", "3", name="Be brave") == goal_id
    assert await set_goal(world, "Ann", "deals_won", "3") == goal_id
    assert await list_set_errors(world, name="Be brave", target="4") == [("CONFLICT", "period")]
    assert await list_set_errors(world, name="Be bold") == [("CONFLICT", "period")]
    assert await list_set_errors(world, name="Be brave", recurring=True) == [("CONFLICT", "period")]


async def test_goal_already_reached_when_it_is_set_is_not_announced(world: World) -> None:
    for _ in range(2):
        await record_won_deal(world)
    await set_goal(world, "Ann", "deals_won", "2")
    await set_goal(world, "North", "deals_won", "3")
    await record_won_deal(world)

    assert await count_activities(world, "GOAL_ACHIEVED") == 1  # that of North


async def test_archived_goal_is_kept_and_cannot_change(world: World) -> None:
    goal_id = await set_goal(world, "Ann", "deals_won", "3")
    first = (await world.query(ARCHIVE, id=goal_id))["archiveGoal"]["goal"]["archivedAt"]
    world.advance(hours=1)

    second = (await world.query(ARCHIVE, id=goal_id))["archiveGoal"]["goal"]["archivedAt"]

    assert first == second == (await read_goal(world, goal_id))["archivedAt"] == "2026-11-18T09:00:00+00:00"
    assert await list_errors(world, "updateGoal", id=goal_id, target="5") == [("CONFLICT", "id")]
    assert await count_activities(world, "GOAL_ARCHIVED") == 1


async def test_imported_goal_is_set_once_then_changed_or_left_also_for_who_has_left(world: World) -> None:
    await world.mutate("updateEmployee", id=world.global_ids["Ann"], active=False)
    context = await world.authenticated_context("admin")

    async def save(first_day: date, last_day: date, target: int, **fields: Any) -> tuple[str, int, str]:
        input = GoalInput(
            owner=world.global_ids["Ann"],
            metric="deals_won",
            period=PeriodKey(PeriodKind.CUSTOM, start=first_day, end=last_day),
            target=Decimal(target),
            **fields,
        )
        async with context.unit_of_work():
            goal, outcome = await imported_goals.save_goal(context, input)
        return outcome, goal.target, goal.name

    october = date(2026, 10, 1), date(2026, 10, 31)
    outcomes = [
        await save(*october, 3, name="Plan"),
        await save(*october, 3, name="Plan"),
        await save(*october, 4),
        await save(date(2026, 11, 1), date(2026, 11, 15), 5, name="Next"),
    ]

    assert outcomes == [("new", 3, "Plan"), ("unchanged", 3, "Plan"), ("changed", 4, "Plan"), ("new", 5, "Next")]
