"""Versions of targets: what a target was, since when, by whom and why; the reason is asked for once the period runs."""

from __future__ import annotations

from typing import Any

import pytest

from domain.errors.operation_errors import BadInput
from models.organization.company import Company
from tests.resolvers.goals.planned_company import NEXT_MONTH, plan_input, preview
from tests.resolvers.two_sellers import open_world_with_two_sellers, record_won_deal, set_goal
from tests.statement_counter import count_statements
from tests.world import World

VERSIONS = """query($id: ID!) { goal(id: $id) { targetVersions { target since by { name } reason }
  first: attainment(against: FIRST) { target percent } present: attainment { target percent }
  progress { attainmentPercent } } }"""
APPLY = "mutation($input: ApplyPlanInput!) { applyPlan(input: $input) { plan { id reason } userErrors { code path } } }"
UNDO = """mutation($id: ID!, $reason: String) { undoPlan(id: $id, reason: $reason) {
  plan { undoneAt } userErrors { code path } } }"""
THIS_MONTH = {"kind": "MONTH"}


@pytest.fixture
async def world() -> Any:
    async with open_world_with_two_sellers() as world:
        yield world


async def read_goal(world: World, goal: str) -> dict[str, Any]:
    return (await world.query(VERSIONS, id=goal))["goal"]


def list_versions(goal: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(version["target"], version["reason"]) for version in goal["targetVersions"]]


async def update_errors(world: World, goal: str, **input: Any) -> list[tuple[str, list[str]]]:
    payload = await world.try_mutation("updateGoal", id=goal, **input)
    return [(error["code"], error["path"]) for error in payload["userErrors"]]


async def test_each_change_of_a_target_is_a_version_with_time_author_and_reason(world: World) -> None:
    goal = await set_goal(world, "Ann", "deals_won", "4")
    world.advance(days=1)
    await world.mutate("updateGoal", id=goal, target="8", reason="  Two fairs  ")
    await world.mutate("updateGoal", id=goal, name="Wins")  # no version
    world.advance(days=1)
    await world.mutate("updateGoal", id=goal, target="5", reason="One fair")

    assert (await read_goal(world, goal))["targetVersions"] == [
        {"target": "4", "since": "2026-11-18T09:00:00+00:00", "by": {"name": "Ada Admin"}, "reason": None},
        {"target": "8", "since": "2026-11-19T09:00:00+00:00", "by": {"name": "Ada Admin"}, "reason": "Two fairs"},
        {"target": "5", "since": "2026-11-20T09:00:00+00:00", "by": {"name": "Ada Admin"}, "reason": "One fair"},
    ]


async def test_attainment_is_measured_against_the_first_the_present_and_the_target_of_a_day(world: World) -> None:
    goal = await set_goal(world, "Ann", "deals_won", "3")
    for day, target in ((19, "6"), (20, "9")):
        world.advance(days=1)
        await world.mutate("updateGoal", id=goal, target=target, reason=f"on {day}")
    await record_won_deal(world)
    await record_won_deal(world)

    row = await read_goal(world, goal)
    days = {
        day: (
            await world.query(
                f'query($id: ID!) {{ goal(id: $id) {{ attainment(asOf: "{day}") {{ target }} }} }}', id=goal
            )
        )
        for day in ("1970-01-01", "2026-11-18", "2026-11-19", "2026-11-20", "9999-12-31")
    }

    assert row["first"] == {"target": "3", "percent": 200 / 3}
    assert row["present"] == {"target": "9", "percent": row["progress"]["attainmentPercent"]}
    assert [data["goal"]["attainment"]["target"] for data in days.values()] == ["3", "3", "6", "9", "9"]


async def test_attainment_against_a_target_and_as_of_a_day_is_refused(world: World) -> None:
    goal = await set_goal(world, "Ann", "deals_won", "3")
    document = 'query($id: ID!) { goal(id: $id) { attainment(against: FIRST, asOf: "2026-11-18") { target } } }'

    [error] = (await world.execute(document, id=goal)).errors

    assert error.message == "Give `against` or `asOf`, not both."
    assert isinstance(error.original_error, BadInput)


async def test_reason_is_required_once_the_period_has_begun(world: World) -> None:
    running = await set_goal(world, "Ann", "deals_won", "3")
    ahead = await set_goal(world, "Ann", "deals_won", "3", period={"kind": "MONTH", "offset": 1})
    over = await set_goal(world, "Ann", "deals_won", "3", period={"kind": "MONTH", "offset": -1})

    missing = [("REQUIRED", ["input", "reason"])]
    for goal in (running, over):
        assert await update_errors(world, goal, target="4") == missing
        assert await update_errors(world, goal, target="4", reason="  ") == missing
        assert await update_errors(world, goal, target="3", name="The same", recurring=True) == []
        assert list_versions(await read_goal(world, goal)) == [("3", None)]
    assert await update_errors(world, ahead, target="4") == []
    assert await update_errors(world, running, proRated=True) == missing
    assert await update_errors(world, running, target="4", reason="Fair") == []


async def test_company_decides_whether_a_reason_is_required(world: World) -> None:
    goal = await set_goal(world, "Ann", "deals_won", "3")
    document = "{ company { requiresTargetReason } }"
    assert (await world.query(document))["company"]["requiresTargetReason"]  # of a new company
    assert Company(name="Old").requires_target_reason is False  # what the migration gives to those that exist

    await world.mutate("updateCompany", requiresTargetReason=False)

    assert not (await world.query(document))["company"]["requiresTargetReason"]
    assert await update_errors(world, goal, target="4") == []
    assert list_versions(await read_goal(world, goal)) == [("3", None), ("4", None)]


async def test_target_that_follows_working_time_is_a_version_and_needs_no_reason(world: World) -> None:
    goal = await set_goal(world, "Ann", "calls_made", "42", proRated=True)

    await world.mutate("updateEmployee", id=world.global_ids["Ann"], joinedOn="2026-11-16")

    assert list_versions(await read_goal(world, goal)) == [("42", None), ("22", None)]


async def test_versions_of_many_goals_are_read_in_one_statement(world: World) -> None:
    document = "{ goals { targetVersions { target } attainment(against: FIRST) { target percent } } }"

    async def count() -> int:
        with count_statements() as statements:
            await world.query(document)
        return len(statements)

    await set_goal(world, "Ann", "deals_won", "3")
    before = await count()
    for owner, metric in (("Bob", "deals_won"), ("Ann", "calls_made"), ("Sales", "deals_won")):
        await set_goal(world, owner, metric, "3")
    assert await count() == before


async def apply(world: World, period: dict[str, Any], total: int, **fields: Any) -> dict[str, Any]:
    metric = {"metric": "deals_won", "base": "TOTAL", "total": total, "weights": "EQUAL"}
    input = plan_input(world, [metric]) | {"period": period}
    planned = await preview(world, input)
    return (await world.query(APPLY, input={"plan": input, "hash": planned["hash"], **fields}))["applyPlan"]


async def test_plan_has_one_reason_for_all_targets_that_it_changes(either_company: World) -> None:
    world = either_company
    await apply(world, THIS_MONTH, 24)  # it changes no target
    goal = (await world.query("query($id: ID!) { employee(id: $id) { goals { id } } }", id=world.global_ids["N1"]))[
        "employee"
    ]["goals"][0]["id"]
    missing = await apply(world, THIS_MONTH, 48)
    payload = await apply(world, THIS_MONTH, 48, reason="New prices")
    plan = payload["plan"]["id"]
    unexplained = (await world.query(UNDO, id=plan))["undoPlan"]
    undone = (await world.query(UNDO, id=plan, reason="Old prices"))["undoPlan"]

    assert missing["userErrors"] == [{"code": "REQUIRED", "path": ["input", "reason"]}]
    assert (payload["plan"]["reason"], payload["userErrors"]) == ("New prices", [])
    assert unexplained["userErrors"] == [{"code": "REQUIRED", "path": ["reason"]}]
    assert undone["userErrors"] == []
    assert list_versions(await read_goal(world, goal)) == [("2", None), ("4", "New prices"), ("2", "Old prices")]


async def test_plan_of_a_period_ahead_needs_no_reason(company: World) -> None:
    await apply(company, NEXT_MONTH, 24)

    payload = await apply(company, NEXT_MONTH, 48)

    assert payload["userErrors"] == []
    assert (await company.query(UNDO, id=payload["plan"]["id"]))["undoPlan"]["userErrors"] == []
