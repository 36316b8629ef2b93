"""Kept answers: a leaderboard is given again only while nothing that it shows, nor the viewer's permissions, has changed."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from graph.execution.operations import Operations
from graph.execution.query_limits import QueryLimits
from graph.schema import create_schema
from resolvers.request import kept_answers
from resolvers.request.client_info import ClientInfo
from resolvers.request.kept_answers import AnswerBasis, KeptAnswers
from server.context_factory import ContextFactory
from server.operation_runner import KeptResult, OperationResult, OperationRunner
from server.requests.request_parsing import GraphQLRequest
from tests.resolvers.two_sellers import open_world_with_two_sellers, record_won_deal, set_goal
from tests.seeds import each_seed
from tests.statement_counter import count_statements
from tests.world import World

SCHEMA = create_schema()
BOARD = """query($metric: String! = "deals_won_amount", $scope: ID, $rankBy: RankBy! = VALUE, $period: PeriodInput) {
  leaderboard(metric: $metric, scope: $scope, rankBy: $rankBy, period: $period) {
    version total totalCount scope { name } period { label workdaysLeft } metric { name }
    standings { rank previousRank value target attainmentPercent gapToNext employee { ...E } } } }
  fragment E on Employee { id name role team { name } }"""


@pytest.fixture
async def world(usual_database_url: str) -> AsyncIterator[World]:
    async with open_world_with_two_sellers(usual_database_url) as world:
        yield world


def start_server(world: World) -> OperationRunner:
    """Return the operations of another server process, which has read nothing yet."""
    services = replace(world.services)
    return OperationRunner(Operations(SCHEMA, QueryLimits()), ContextFactory(services, lambda: world.now))


async def ask(
    server: OperationRunner,
    world: World,
    document: str = BOARD,
    actor: str = "admin",
    language: str = "",
    **variables: Any,
) -> OperationResult:
    operation = server.parse_operation(GraphQLRequest(document, None, variables))
    return await server.execute(operation, ClientInfo(world.tokens[actor], language))


async def ask_anew(world: World, **variables: Any) -> Any:
    return without_version(await ask(start_server(world), world, **variables))


def without_version(result: OperationResult) -> Any:
    """Return the leaderboard, or null and the errors; a version begins where a server has begun to count."""
    leaderboard = (result.payload.get("data") or {}).get("leaderboard")
    codes = result.error_codes
    return {name: value for name, value in leaderboard.items() if name != "version"} if leaderboard else codes


async def test_unchanged_leaderboard_is_given_again_without_reading_it(world: World) -> None:
    server = start_server(world)
    await record_won_deal(world)
    first = await ask(server, world)

    with count_statements() as statements:
        second = await ask(server, world)

    assert isinstance(second, KeptResult)
    assert (second.body, second.payload, second.error_codes) == (first.body, first.payload, [])
    assert len(statements) == 1  # the viewer, with the last position of the change log


@each_seed(1, 2)
async def test_kept_answer_equals_new_one_after_any_change(world: World, seed: int) -> None:
    dice = random.Random(seed)
    servers = [start_server(world), start_server(world)]
    deals, goals, kept_count = [await record_won_deal(world)], {}, 0
    variants: list[dict[str, Any]] = [
        {},
        {"rankBy": "ATTAINMENT"},
        {"scope": world.global_ids["North"]},
        {"metric": "deals_won", "actor": "Ann"},
        {"metric": "hours_worked", "actor": "Ann"},
        {"metric": "hours_worked", "actor": "Bob"},
        {"actor": "Bob", "language": "ru"},
        {"period": {"kind": "DAY"}},
    ]
    for _ in range(20):
        name = dice.choice(["Ann", "Bob"])
        match dice.choice(["win", "reopen", "rename", "role", "move", "goal", "team", "company", "day", "nothing"]):
            case "win":
                deals.append(await record_won_deal(world, name, str(dice.randrange(1, 400))))
            case "reopen" if deals:
                await world.try_mutation("reopenDeal", id=deals.pop())
            case "rename":
                await world.mutate("updateEmployee", id=world.global_ids[name], name=dice.choice(["Zoe", "Abe", "Ida"]))
            case "role":
                role = dice.choice(["EMPLOYEE", "MANAGER", "DIRECTOR"])
                await world.mutate("updateEmployee", id=world.global_ids[name], role=role)
            case "move":
                team = world.global_ids[dice.choice(["North", "South"])]
                await world.mutate("updateEmployee", id=world.global_ids[name], team=team)
            case "goal" if name in goals:
                await world.mutate("updateGoal", id=goals[name], target=str(dice.randrange(1, 900)), reason="corrected")
            case "goal":
                goals[name] = await set_goal(world, name, "deals_won_amount", "500")
            case "team":
                await world.mutate("updateTeam", id=world.global_ids["South"], name=dice.choice(["South", "West"]))
            case "company":
                await world.mutate("updateCompany", name=dice.choice(["Acme", "Emca"]))
            case "day":
                world.advance(hours=dice.choice([1, 20]))
        for variables in dice.sample(variants, 4):
            expected = await ask_anew(world, **variables)
            for server in servers:
                result = await ask(server, world, **variables)
                kept_count += isinstance(result, KeptResult)
                assert without_version(result) == expected
    assert kept_count


async def test_viewer_gets_no_answer_that_was_kept_for_others(world: World) -> None:
    server = start_server(world)
    for actor in ("admin", "Ann", "Bob", "admin", "Ann", "Bob"):
        result = await ask(server, world, actor=actor, metric="hours_worked")
        assert without_version(result) == await ask_anew(world, actor=actor, metric="hours_worked")


async def test_changed_permission_is_seen_at_once(world: World) -> None:
    server = start_server(world)
    await ask(server, world, actor="Ann", metric="hours_worked")
    await world.mutate("updateEmployee", id=world.global_ids["Ann"], role="DIRECTOR")

    result = await ask(server, world, actor="Ann", metric="hours_worked")

    assert without_version(result) == await ask_anew(world, actor="Ann", metric="hours_worked")
    assert not isinstance(result, KeptResult)


@pytest.mark.parametrize(
    "document",
    [
        "{ leaderboard { asOf } }",
        "{ leaderboard { standings { employee { online } } } }",
        "{ leaderboard { standings { employee { deals { totalCount } } } } }",
        "{ leaderboard { scope { ... on Company { funnel { weakest { openDeals } } } } } }",
        "{ leaderboard { standings { employee { goals { progress { asOf } } } } } }",
        '{ leaderboard(asOf: "2026-11-01T00:00:00Z") { total } }',
        "{ leaderboard { total } viewer { role } }",
    ],
)
async def test_answer_with_other_data_is_not_kept(world: World, document: str) -> None:
    server = start_server(world)
    for _ in range(2):
        result = await ask(server, world, document)
        assert result.error_codes == []
        assert not isinstance(result, KeptResult)


async def test_errors_are_not_kept(world: World) -> None:
    server = start_server(world)
    for _ in range(2):
        result = await ask(server, world, metric="nonsense")
        assert result.error_codes == ["BAD_USER_INPUT"]


async def test_least_recently_used_answers_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_answers, "MAX_KEPT_BYTES", 25)
    answers = KeptAnswers()
    for key in ("a", "b"):
        answers.keep(key, b"0123456789", AnswerBasis(1))
    assert await answers.find("a", 1) is not None
    answers.keep("b", b"9876543210", AnswerBasis(1))
    await answers.find("a", 1)
    answers.keep("c", b"0123456789", AnswerBasis(1))

    assert [await answers.find(key, 1) for key in ("a", "b", "c")] == [b"0123456789", None, b"0123456789"]
