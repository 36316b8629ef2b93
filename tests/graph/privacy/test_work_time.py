"""Totals of working time consist of the employees whose work time the viewer may see, in queries and live.

Every seller works a number of minutes that is a power of two, so a total tells whose time is in it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Hashable, Sequence
from contextlib import AsyncExitStack
from decimal import Decimal
from typing import Any, Final

import pytest
from graphql import OperationDefinitionNode, parse

from domain.permissions import Action
from graph.execution.share_key import permission_fingerprint, permissions_used
from graph.schema import create_schema
from tests.graph.privacy.company import (
    ACTORS,
    SELLERS,
    TEAMS,
    can_reach,
    members_of,
    open_privacy_company,
    work,
)
from tests.subscription_recorder import SubscriptionRecorder, subscribe
from tests.world import World, cache_company

MINUTES: Final = {seller: 2**power for power, seller in enumerate(SELLERS)}
NOT_FOUND: Final = "NOT_FOUND"
BOARD: Final = """leaderboard(metric: "hours_worked", scope: $scope, period: {kind: DAY}) {
  total totalCount version standings { rank previousRank employee { name } value gapToNext } }"""
GOAL: Final = """goalProgress(scope: $scope) { name metric { key } target allocated
  progress { value version projected projectedPercent attainmentProbability } }"""
LIVE_SCOPES: Final = ("Pat", "Pair", "North", "company")


@cache_company
async def open_worked_company(url: str) -> AsyncIterator[World]:
    """Open the company after a working day of every seller."""
    async with open_privacy_company(url) as world:
        for seller, minutes in MINUTES.items():
            await work(world, seller, minutes)
        yield world


@pytest.fixture
async def world(usual_database_url: str) -> AsyncIterator[World]:
    async with open_worked_company(usual_database_url) as world:
        yield world


def names_in(scope: str) -> set[str]:
    """Return the ranked employees of a scope: those who carry a quota."""
    return set(members_of(scope))


def visible_names(actor: str, scope: str) -> set[str]:
    """Return whose part of the scope's work time the permission table lets the actor see."""
    if can_reach(actor, Action.VIEW_WORK_TIME, scope):
        return names_in(scope)
    return {name for name in names_in(scope) if can_reach(actor, Action.VIEW_WORK_TIME, name)}


def expected_board(actor: str, scope: str) -> Any:
    """Return total, count and rows (rank, name, minutes, gap) of a board, computed from the table and MINUTES."""
    names = visible_names(actor, scope)
    if not names or not can_reach(actor, Action.VIEW_LEADERBOARD, scope):
        return NOT_FOUND
    minutes_by_name = {{"admin": "Ada Admin"}.get(name, name): MINUTES.get(name, 0) for name in names}
    rows = []
    for name, minutes in sorted(minutes_by_name.items(), key=lambda item: (-item[1], item[0])):
        better = [other for other in minutes_by_name.values() if other > minutes]
        rows.append((1 + len(better), name, minutes, min(better) - minutes if better else None))
    return sum(minutes_by_name.values()), len(rows), rows


def to_minutes(hours: str | None) -> int | None:
    return None if hours is None else round(Decimal(hours) * 60)


async def read_board(world: World, actor: str, scope: str) -> Any:
    """Return the same from the API."""
    result = await world.execute(f"query($scope: ID) {{ {BOARD} }}", actor, scope=world.global_ids[scope])
    if result.errors:
        return result.errors[0].original_error.code
    board = result.data["leaderboard"]
    rows = [
        (row["rank"], row["employee"]["name"], to_minutes(row["value"]), to_minutes(row["gapToNext"]))
        for row in board["standings"]
    ]
    return to_minutes(board["total"]), board["totalCount"], rows


async def test_boards_rank_and_sum_the_employees_whose_work_time_is_visible(world: World) -> None:
    scopes = (*SELLERS, *TEAMS, "company")

    answers = {(actor, scope): await read_board(world, actor, scope) for actor in ACTORS for scope in scopes}

    assert answers == {(actor, scope): expected_board(actor, scope) for actor in ACTORS for scope in scopes}
    assert answers["Eve", "Pair"] == (64, 1, [(1, "Eve", 64, None)])  # a team of two less one's own is nobody's


async def test_standings_on_cards_are_rows_of_the_visible_board(world: World) -> None:
    document = """query($id: ID!) { employee(id: $id) { standing(metric: "hours_worked", period: {kind: DAY}) { rank value } } }"""

    def expected_standing(actor: str, seller: str) -> Any:
        board = expected_board(actor, "North" if actor == "NorthWall" else "company")
        rows = {name: (rank, minutes) for rank, name, minutes, _ in board[2]} if board != NOT_FOUND else {}
        return rows.get(seller)

    for actor in ACTORS:
        for seller in SELLERS:
            card = (await world.query(document, actor, id=world.global_ids[seller]))["employee"]
            row = card["standing"] if card else None  # a device does not see people out of its scope

            rank_and_minutes = (row["rank"], to_minutes(row["value"])) if row else None
            assert rank_and_minutes == expected_standing(actor, seller), (actor, seller)


async def test_statistics_and_goals_tell_a_total_only_as_a_whole(world: World) -> None:
    document = """query($scope: ID) {
      goals(scope: $scope, metric: "hours_worked") { owner { name } progress { value } } }"""
    series = """query($scope: ID) { statistics(scope: $scope, metrics: ["hours_worked"]) { series { total previousTotal } } }"""
    for actor in ACTORS:
        for scope in (*SELLERS, *TEAMS):
            may_see = can_reach(actor, Action.VIEW_WORK_TIME, scope)
            minutes = sum(MINUTES[name] for name in members_of(scope))
            goals = (await world.query(document, actor, scope=world.global_ids[scope]))["goals"]
            result = await world.execute(series, actor, scope=world.global_ids[scope])
            statistics = result.data and result.data["statistics"]["series"]

            minutes_shown = [to_minutes(goal["progress"]["value"]) for goal in goals if goal["owner"]["name"] == scope]
            assert minutes_shown == ([minutes] if may_see else []), (actor, scope)
            totals = [(to_minutes(row["total"]), row["previousTotal"]) for row in statistics or []]
            assert totals == ([(minutes, "0")] if may_see else []), (actor, scope)


async def test_activities_about_goals_of_working_time_reach_only_those_who_see_the_goal(world: World) -> None:
    document = """query($scope: ID) { activities(scope: $scope, kinds: [GOAL_SET], first: 100) {
      totalCount edges { node { subject { ... on Goal { name } } } } } }"""

    async def read_subjects(actor: str) -> list[Any]:
        activities = (await world.query(document, actor, scope=world.global_ids["company"]))["activities"]
        assert activities["totalCount"] == len(activities["edges"])
        return [edge["node"]["subject"] for edge in activities["edges"]]

    # three goals each, of which one is of working time: their own, and those of the team and of the teams above
    assert len(await read_subjects("Eve")) == 3 + 2 * len(("Pair", "Sales", "company"))
    assert len(await read_subjects("admin")) == 3 * len((*SELLERS, *TEAMS, "company"))
    assert None not in [*await read_subjects("Eve"), *await read_subjects("Max")]


# Live


async def subscribe_all(
    world: World, stack: AsyncExitStack, field: str, actors: Sequence[str]
) -> dict[tuple[str, str], SubscriptionRecorder]:
    """Subscribe the actors to a field of each of LIVE_SCOPES; return the recorders when all have begun."""
    recorders = {}
    for actor in actors:
        for scope in LIVE_SCOPES:
            text = f"subscription($scope: ID) {{ {field} }}"
            recorder = await stack.enter_async_context(subscribe(world, text, actor, scope=world.global_ids[scope]))
            recorders[actor, scope] = recorder
    await settle(world, recorders.values())
    return recorders


async def settle(world: World, recorders: Collection[SubscriptionRecorder]) -> None:
    """Wait until no subscription has received anything for a while."""
    quiet_rounds, count = 0, -1
    while quiet_rounds < 5:
        await world.let_tasks_run()
        previous, count = count, sum(len(recorder.events) + len(recorder.errors) for recorder in recorders)
        quiet_rounds = quiet_rounds + 1 if count == previous else 0


async def test_live_boards_send_nothing_when_hidden_hours_change(world: World) -> None:
    actors = [actor for actor in ACTORS if actor != "admin"]
    async with AsyncExitStack() as stack:
        boards = await subscribe_all(world, stack, BOARD, actors)
        absent = {key for key, board in boards.items() if board.errors}
        counts = {key: len(board.events) for key, board in boards.items()}
        world.advance(minutes=20)
        await work(world, "Pat", 8)
        await boards["Dora", "Pair"].wait_until(lambda: is_total(boards["Dora", "Pair"], 64 + 128 + 8))
        await settle(world, boards.values())

    noticed = {key for key, board in boards.items() if len(board.events) > counts[key]}
    assert absent == {
        (actor, scope) for actor in actors for scope in LIVE_SCOPES if expected_board(actor, scope) == NOT_FOUND
    }
    assert noticed == {(actor, scope) for actor, scope in boards if "Pat" in visible_names(actor, scope)} - absent
    assert boards["Eve", "Pair"].events[0]["leaderboard"]["total"] == f"{Decimal(64) / 60:.4f}"


def is_total(board: SubscriptionRecorder, minutes: int) -> bool:
    return bool(board.events) and to_minutes(board.events[-1]["leaderboard"]["total"]) == minutes


async def test_live_goals_send_nothing_when_hidden_hours_or_deals_change(world: World) -> None:
    actors = ["Eve", "Ann", "Max", "Wall", "Dora"]
    world.advance(hours=9)  # after the working hours, in which time alone moves the pace of goals
    await world.query(
        "{ goals { progress { projected } } }", "Dora"
    )  # fits the models, for which `settle` does not wait
    async with AsyncExitStack() as stack:
        goals = await subscribe_all(world, stack, GOAL, actors)
        counts = {key: len(recorder.events) for key, recorder in goals.items()}
        world.advance(minutes=20)
        await work(world, "Pat", 8)
        deal = world.global_ids["open deal of Pat"]
        await world.mutate("updateDeal", id=deal, amount={"amount": "70000"})
        await settle(world, goals.values())

    sent = {key: {metric_of(event) for event in recorder.events[counts[key] :]} for key, recorder in goals.items()}
    sees_metrics = {"hours_worked", "deals_won_amount"}  # the director; a wallboard sees forecasts of teams, not hours
    assert {metric_of(event) for event in goals["Eve", "Pair"].events} >= {"deals_won_amount", "calls_made"}
    assert {key: metrics for key, metrics in sent.items() if metrics} == {
        ("Dora", "Pat"): sees_metrics,
        ("Dora", "Pair"): sees_metrics,
        ("Dora", "company"): sees_metrics,
        ("Wall", "Pair"): {"deals_won_amount"},
        ("Wall", "company"): {"deals_won_amount"},
    }


def metric_of(event: Any) -> str:
    return str(event["goalProgress"]["metric"]["key"])


SCHEMA: Final = create_schema()._schema


@pytest.mark.parametrize("field", [BOARD, GOAL, BOARD.replace("hours_worked", "deals_won_amount")])
async def test_viewers_share_a_subscription_only_if_they_get_the_same(world: World, field: str) -> None:
    text = f"subscription($scope: ID) {{ {field} }}"
    document = parse(text)
    [definition] = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    answers: dict[Hashable, list[Any]] = {}
    for scope in ("Pair", "North", "company"):
        variables = {"scope": world.global_ids[scope]}
        permissions = permissions_used(SCHEMA, document, definition, variables)
        first_states = await read_first_states(world, text, variables)
        for actor in ACTORS:
            viewer = (await world.authenticated_context(actor)).viewer
            key = scope, permission_fingerprint(viewer, permissions)
            answers.setdefault(key, []).append(first_states[actor])

    assert [group for group in answers.values() if any(answer != group[0] for answer in group)] == []
    assert any(len(group) > 1 for group in answers.values())


async def read_first_states(world: World, text: str, variables: dict[str, Any]) -> dict[str, Any]:
    """Return what each new subscriber is sent at once: the states, or the code of an error."""
    async with AsyncExitStack() as stack:
        recorders = {
            actor: await stack.enter_async_context(subscribe(world, text, actor, **variables)) for actor in ACTORS
        }
        await settle(world, recorders.values())
        return {
            actor: recorder.events or [error.original_error.code for error in recorder.errors]
            for actor, recorder in recorders.items()
        }
