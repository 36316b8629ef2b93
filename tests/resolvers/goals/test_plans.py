"""Plans: applied as previewed, all or nothing, by those who may set the goals, and taken back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from domain.primitives.global_ids import decode_global_id
from models.goals.goals import Goal
from models.goals.plans import PlanRow
from resolvers.goals import plans
from tests.databases import on_both_databases
from tests.graph.inputs.request_client import read_all_rows
from tests.resolvers.goals.planned_company import (
    METRICS,
    NEXT_MONTH,
    apply,
    plan_input,
    preview,
    preview_and_apply,
    read_goals,
    targets_of,
    undo,
)
from tests.resolvers.two_sellers import record_won_deal, set_goal
from tests.statement_counter import count_statements
from tests.subscription_recorder import subscribe
from tests.world import World

EVEN = {"metric": "deals_won", "base": "TOTAL", "total": 120, "weights": "EQUAL"}
THIS_MONTH = {"kind": "MONTH"}


def by_owner(goals: list[dict[str, Any]], metric: str = "deals_won") -> dict[str, dict[str, Any]]:
    return {goal["owner"]["name"]: goal for goal in goals if goal["metric"]["key"] == metric}


@on_both_databases
async def test_months_plan_for_twelve_sellers_and_five_metrics_takes_two_calls(either_company: World) -> None:
    world = either_company
    input = plan_input(world, [{"metric": metric, "upliftPercent": 5} for metric in METRICS])
    planned = await preview(world, input)

    payload = await apply(world, input, planned["hash"])

    assert payload["userErrors"] == []
    assert payload["plan"]["goalCount"] == 5 * 17 - sum(row["target"] in ("0", "0.00") for row in planned["targets"])
    goals = await read_goals(world)
    for metric in METRICS:
        planned_targets = {name: target for name, target in targets_of(planned, metric).items() if target}
        assert {name: Decimal(goal["target"]) for name, goal in by_owner(goals, metric).items()} == planned_targets
        for name in ("Acme", "Sales", "North", "South", "East"):
            goal = by_owner(goals, metric)[name]
            assert Decimal(goal["allocated"]) == Decimal(goal["target"])


async def test_probability_of_the_preview_is_that_of_the_applied_goals(either_company: World) -> None:
    world = either_company
    for period in (NEXT_MONTH, THIS_MONTH):
        metrics = [{"metric": metric, "base": "MEAN", "upliftPercent": 3} for metric in METRICS]
        input = plan_input(world, metrics) | {"period": period}
        planned = await preview(world, input)
        await apply(world, input, planned["hash"])
        goals = await read_goals(world, period)

        probabilities = {
            (goal["owner"]["name"], goal["metric"]["key"]): goal["progress"]["attainmentProbability"] for goal in goals
        }
        assert len(probabilities) > 60
        assert probabilities == {
            (row["owner"]["name"], row["metric"]["key"]): row["probability"]
            for row in planned["targets"]
            if Decimal(row["target"])
        }
        assert len({probability for probability in probabilities.values() if probability not in (0, 1)}) > 5


async def test_won_deal_in_the_base_is_a_conflict_that_names_whose(either_company: World) -> None:
    world = either_company
    input = plan_input(world, [{"metric": "deals_won_amount", "upliftPercent": 5}])
    preview_hash = (await preview(world, input))["hash"]
    await record_won_deal(world, "admin", owner=world.global_ids["E2"], closedAt="2026-10-20T10:00:00Z")
    rows = await read_all_rows()

    [error] = (await apply(world, input, preview_hash))["userErrors"]

    assert (error["code"], error["path"]) == ("CONFLICT", ["input", "hash"])
    assert error["message"] == (
        "The figures behind this plan have moved for Acme, Sales, South, East, E2: preview it again."
    )
    assert await read_all_rows() == rows
    assert (await apply(world, input, (await preview(world, input))["hash"]))["userErrors"] == []


async def test_won_deal_outside_of_the_base_is_no_conflict(company: World) -> None:
    input = plan_input(company, [{"metric": "deals_won_amount"}])
    preview_hash = (await preview(company, input))["hash"]
    await record_won_deal(company, "admin", owner=company.global_ids["E2"])

    assert (await apply(company, input, preview_hash))["userErrors"] == []


async def test_newcomer_and_goal_set_meanwhile_are_conflicts(company: World) -> None:
    input = plan_input(company, [EVEN])
    preview_hash = (await preview(company, input))["hash"]
    await set_goal(company, "N1", "deals_won", "5", period=NEXT_MONTH)

    [error] = (await apply(company, input, preview_hash))["userErrors"]
    assert error["message"] == "The figures behind this plan have moved for N1: preview it again."

    preview_hash = (await preview(company, input))["hash"]
    await company.mutate("createEmployee", name="Zed", email="zed@example.com", team=company.global_ids["East"])
    [error] = (await apply(company, input, preview_hash))["userErrors"]
    assert error["message"] == "The figures behind this plan have moved for Zed: preview it again."


def write_in_the_gap(monkeypatch: pytest.MonkeyPatch, write: Callable[[], Awaitable[Any]]) -> None:
    """Have something written once, after a plan is computed and before it takes the lock."""
    prepare, writes = plans.prepare_plan, [write]

    async def prepare_and_write(context: Any, input: Any) -> plans.PreparedPlan:
        prepared = await prepare(context, input)
        if writes:
            await writes.pop()()
        return prepared

    monkeypatch.setattr(plans, "prepare_plan", prepare_and_write)


async def test_change_of_the_base_in_the_gap_before_the_lock_is_a_conflict(
    either_company: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = either_company
    input = plan_input(world, [{"metric": "deals_won_amount"}])
    preview_hash = (await preview(world, input))["hash"]
    write_in_the_gap(
        monkeypatch,
        lambda: record_won_deal(world, "admin", owner=world.global_ids["E2"], closedAt="2026-10-20T10:00:00Z"),
    )

    [error] = (await apply(world, input, preview_hash))["userErrors"]

    assert error["code"] == "CONFLICT"
    assert await read_goals(world) == []


async def test_member_moved_in_the_gap_before_the_lock_is_a_conflict(
    company: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    input = plan_input(company, [EVEN])
    preview_hash = (await preview(company, input))["hash"]
    ids = company.global_ids
    write_in_the_gap(monkeypatch, lambda: company.mutate("updateEmployee", id=ids["N4"], team=ids["East"]))

    [error] = (await apply(company, input, preview_hash))["userErrors"]

    assert error["message"] == "The figures behind this plan have moved for N4: preview it again."


async def test_goal_reached_in_the_gap_before_the_lock_is_not_announced(
    company: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    input = plan_input(company, [EVEN | {"total": 24}]) | {"period": THIS_MONTH}
    preview_hash = (await preview(company, input))["hash"]

    async def win() -> None:
        for _ in range(3):
            await record_won_deal(company, "admin", owner=company.global_ids["N3"])

    write_in_the_gap(monkeypatch, win)

    assert (await apply(company, input, preview_hash))["userErrors"] == []
    owner = decode_global_id(company.global_ids["N3"])
    assert owner is not None
    goal = await Goal.get(owner_kind="EMPLOYEE", owner_id=owner[1], metric="deals_won")
    assert goal.announced == [goal.target]


@pytest.mark.parametrize(
    ("text", "code"),
    [("", "INVALID"), ("x", "INVALID"), ("ключ", "INVALID"), ("A" * 33, "INVALID"), ("A" * 32, "CONFLICT")],
)
async def test_other_hash_is_refused(company: World, text: str, code: str) -> None:
    [error] = (await apply(company, plan_input(company, [EVEN]), text))["userErrors"]

    assert (error["code"], error["path"]) == (code, ["input", "hash"])


async def test_other_plan_than_that_of_the_preview_is_a_conflict(company: World) -> None:
    preview_hash = (await preview(company, plan_input(company, [EVEN])))["hash"]

    [error] = (await apply(company, plan_input(company, [EVEN | {"total": 130}]), preview_hash))["userErrors"]

    assert error["message"] == "This is another plan than that of the preview: preview it again."


async def test_errors_in_the_plan_have_their_path_below_it(company: World) -> None:
    [error] = (await apply(company, plan_input(company, [EVEN | {"floor": 99}]), "A" * 32))["userErrors"]

    assert error["path"] == ["input", "plan", "metrics", "0", "floor"]


async def test_undo_restores_what_was_before(either_company: World) -> None:
    world = either_company
    await set_goal(world, "N1", "deals_won", "3", period=NEXT_MONTH)
    await set_goal(world, "N2", "deals_won", "42", period=NEXT_MONTH, proRated=True)
    ids = world.global_ids
    weights = [{"employee": ids[name], "weight": 1} for name in ("N1", "N2")]
    await set_goal(world, "S1", "deals_won", "7", period=NEXT_MONTH)
    before = by_owner(await read_goals(world))
    plan = await preview_and_apply(world, plan_input(world, [EVEN | {"weights": "GIVEN", "givenWeights": weights}]))
    applied = by_owner(await read_goals(world))

    assert {name: goal["target"] for name, goal in applied.items()} == {
        "Acme": "120", "Sales": "120", "North": "120", "N1": "60", "N2": "60"
    }  # fmt: skip
    assert applied["N2"]["fullTarget"] is None
    assert {change["field"]: (change["before"], change["after"]) for change in applied["N2"]["changes"]} == {
        "target": ("42", "60"), "fullTarget": ("42", None)
    }  # fmt: skip
    payload = await undo(world, plan)

    assert payload["userErrors"] == []
    assert payload["plan"]["undoneBy"] == {"name": "Ada Admin"}
    restored = by_owner(await read_goals(world))
    columns = ("id", "name", "target", "fullTarget", "archivedAt")
    assert {name: [goal[column] for column in columns] for name, goal in restored.items()} == {
        name: [goal[column] for column in columns] for name, goal in before.items()
    }
    assert [change["after"] for change in restored["N1"]["changes"]] == ["3", "60"]
    assert (
        restored["N1"]["progress"]["version"]
        > applied["N1"]["progress"]["version"]
        > before["N1"]["progress"]["version"]
    )
    archived = [goal for goal in await read_goals(world, archived=True) if goal["archivedAt"]]
    assert {goal["owner"]["name"] for goal in archived} == {"Acme", "Sales", "North"}


async def test_undo_again_changes_nothing(company: World) -> None:
    plan = await preview_and_apply(company, plan_input(company, [EVEN]))
    first = await undo(company, plan)
    rows = await read_all_rows()

    assert await undo(company, plan) == first
    assert await read_all_rows() == rows


@on_both_databases
async def test_goal_changed_since_is_a_conflict_and_stays_if_wanted(either_company: World) -> None:
    world = either_company
    await set_goal(world, "N1", "deals_won", "3", period=NEXT_MONTH)
    plan = await preview_and_apply(world, plan_input(world, [EVEN]))
    goals = by_owner(await read_goals(world))
    for name in ("N1", "S1"):
        await world.mutate("updateGoal", id=goals[name]["id"], target=99)
    await world.query("mutation($id: ID!) { archiveGoal(id: $id) { goal { id } } }", id=goals["S2"]["id"])
    rows = await read_all_rows()

    [error] = (await undo(world, plan))["userErrors"]
    assert (error["code"], error["path"]) == ("CONFLICT", ["id"])
    assert error["message"] == (
        "Goals of this plan were changed since, of N1, S1. They can stay as they are (`keepChanged`)."
    )
    assert await read_all_rows() == rows

    assert (await undo(world, plan, keepChanged=True))["userErrors"] == []
    assert {name: goal["target"] for name, goal in by_owner(await read_goals(world)).items()} == {
        "N1": "99",
        "S1": "99",
    }


async def test_repetition_by_key_returns_the_first_response(either_company: World) -> None:
    world = either_company
    input = plan_input(world, [EVEN])
    preview_hash = (await preview(world, input))["hash"]
    first = await apply(world, input, preview_hash, idempotencyKey="k")
    rows = await read_all_rows()

    assert await apply(world, input, preview_hash, idempotencyKey="k") == first  # although the plan has goals now
    assert await read_all_rows() == rows
    undone = await undo(world, first["plan"], key="u")
    assert await undo(world, first["plan"], key="u") == undone


@on_both_databases
async def test_repetition_by_key_of_a_plan_that_changed_nothing_stores_no_other_plan(either_company: World) -> None:
    world = either_company
    input = plan_input(world, [EVEN])
    await preview_and_apply(world, input)
    preview_hash = (await preview(world, input))["hash"]
    first = await apply(world, input, preview_hash, idempotencyKey="k")
    assert first["plan"]["goalCount"] == 0
    rows = await read_all_rows()

    assert await apply(world, input, preview_hash, idempotencyKey="k") == first
    assert await read_all_rows() == rows


async def test_only_those_who_may_set_all_goals_within_the_scope_plan_for_it(company: World) -> None:
    north, whole = plan_input(company, [EVEN], "North"), plan_input(company, [EVEN])
    planned = await preview(company, north, "Nina")
    assert planned["targets"][0]["owner"]["name"] == "North"
    plan = (await apply(company, north, planned["hash"], "Nina"))["plan"]
    preview_hash = (await preview(company, whole))["hash"]

    [error] = (await apply(company, whole, preview_hash, "Nina"))["userErrors"]
    assert (error["code"], error["path"]) == ("FORBIDDEN", ["input", "plan", "scope"])
    result = await company.execute(
        "query($input: PlanInput!) { planPreview(input: $input) { hash } }", "Nina", input=whole
    )
    assert result.errors[0].original_error.code == "FORBIDDEN"

    await company.mutate("updateEmployee", id=company.global_ids["N4"], team=company.global_ids["East"])
    [error] = (await undo(company, plan, "Nina"))["userErrors"]
    assert error["message"] == "You cannot set the goals of N4 any more."
    assert (await undo(company, plan))["userErrors"] == []


async def test_plan_has_one_line_of_history_for_those_who_see_the_goals(company: World) -> None:
    feed = "{ activities(first: 2) { edges { node { kind summary subject { ... on GoalPlan { goalCount } } } } } }"
    plan = await preview_and_apply(company, plan_input(company, [EVEN]))
    await undo(company, plan)

    edges = (await company.query(feed))["activities"]["edges"]
    assert [edge["node"] for edge in edges] == [
        {"kind": "PLAN_UNDONE", "summary": "Plan “Acme, December 2026” taken back", "subject": {"goalCount": 17}},
        {"kind": "PLAN_APPLIED", "summary": "Plan “Acme, December 2026” applied", "subject": {"goalCount": 17}},
    ]


async def test_live_goals_and_leaderboard_follow_a_plan(company: World) -> None:
    goal_id = await set_goal(company, "S1", "deals_won", "3")
    progress = "subscription($scope: ID) { goalProgress(scope: $scope) { id owner { name } target } }"
    board = (
        """subscription { leaderboard(metric: "deals_won", first: 20) { standings { employee { name } target } } }"""
    )

    def standings_of(event: dict[str, Any]) -> list[str | None]:
        return [row["target"] for row in event["leaderboard"]["standings"]]

    async with (
        subscribe(company, progress, scope=company.global_ids["company"]) as goals,
        subscribe(company, board) as boards,
    ):
        await goals.wait_until(lambda: goals.events)
        await boards.wait_until(lambda: boards.events)
        assert standings_of(boards.events[0]).count(None) == 11

        await preview_and_apply(company, plan_input(company, [EVEN]) | {"period": THIS_MONTH})

        changed = {"id": goal_id, "owner": {"name": "S1"}, "target": "10"}
        await goals.wait_until(lambda: {"goalProgress": changed} in goals.events)
        await goals.wait_until(lambda: any(event["goalProgress"]["owner"]["name"] == "N1" for event in goals.events))
        await boards.wait_until(lambda: set(standings_of(boards.events[-1])) == {"10"})


async def test_goal_reached_when_it_is_set_is_not_announced_but_one_lowered_is(company: World) -> None:
    for _ in range(4):
        await record_won_deal(company, "admin", owner=company.global_ids["N1"])
        await record_won_deal(company, "admin", owner=company.global_ids["N2"])
    await set_goal(company, "N1", "deals_won", "50")

    await preview_and_apply(company, plan_input(company, [EVEN | {"total": 36}]) | {"period": THIS_MONTH})

    goals = {goal.owner_id: goal for goal in await Goal.filter(owner_kind="EMPLOYEE", metric="deals_won")}
    names = {company.global_ids[name]: name for name in ("N1", "N2")}
    announced = "{ activities(kinds: [GOAL_ACHIEVED]) { edges { node { employee { id } } } } }"
    edges = (await company.query(announced))["activities"]["edges"]
    assert [names[edge["node"]["employee"]["id"]] for edge in edges] == ["N1"]
    assert sum(goal.announced == [goal.target] for goal in goals.values()) >= 2


async def test_statements_of_apply_and_undo_do_not_depend_on_the_number_of_people(either_company: World) -> None:
    world = either_company
    input = plan_input(world, [{"metric": metric} for metric in METRICS])

    async def count() -> tuple[int, int]:
        preview_hash = (await preview(world, input))["hash"]
        with count_statements() as of_apply:
            plan = (await apply(world, input, preview_hash))["plan"]
        with count_statements() as of_undo:
            await undo(world, plan)
        return len(of_apply), len(of_undo)

    await count()
    few = await count()
    for number in range(40):
        await world.mutate(
            "createEmployee", name=f"New {number}", email=f"n{number}x@example.com", team=world.global_ids["North"]
        )
    await count()
    assert await count() == few
    assert max(few) <= 40
    assert await PlanRow.filter(is_new=True).count() > 100
