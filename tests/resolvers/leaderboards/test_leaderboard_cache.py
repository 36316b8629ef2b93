"""Leaderboard cache: cached leaderboards equal uncached ones after any change by any process."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from models.db import connection
from models.ledger import scores
from resolvers.leaderboards import leaderboard_cache
from resolvers.leaderboards.leaderboard_cache import LeaderboardCache
from tests.databases import on_both_databases
from tests.resolvers.two_sellers import open_world_with_two_sellers, record_won_deal, set_goal
from tests.seeds import each_seed
from tests.statement_counter import count_statements
from tests.world import START, World

DAY = START.date().isoformat()
BOARD = """query($metric: String!, $scope: ID, $rankBy: RankBy!, $around: ID, $first: Int!, $asOf: DateTime,
  $period: PeriodInput) { leaderboard(metric: $metric, scope: $scope, rankBy: $rankBy, around: $around, first: $first,
    asOf: $asOf, period: $period) { total totalCount standings {
    rank previousRank value target attainmentPercent gapToNext employee { name } } } }"""


@pytest.fixture
async def world(usual_database_url: str) -> AsyncIterator[World]:
    async with open_world_with_two_sellers(usual_database_url) as world:
        yield world


def other_process(world: World) -> World:
    """Return another server process of the same company."""
    return replace(world, services=replace(world.services))


async def read_leaderboard(world: World, **variables: Any) -> dict[str, Any]:
    merged = {"metric": "deals_won_amount", "rankBy": "VALUE", "first": 100} | variables
    return (await world.query(BOARD, **merged))["leaderboard"]


async def read_uncached(world: World, **variables: Any) -> dict[str, Any]:
    """Read the leaderboard from the tables: `asOf` bypasses the cache, and a future instant means now."""
    world.advance(seconds=1)  # `asOf` excludes what is recorded at that instant
    return await read_leaderboard(world, **variables, asOf="2099-01-01T00:00:00Z")


def query_variants(world: World) -> list[dict[str, Any]]:
    return [
        {},
        {"rankBy": "ATTAINMENT"},
        {"scope": world.global_ids["North"]},
        {"scope": world.global_ids["South"], "rankBy": "ATTAINMENT"},
        {"scope": world.global_ids["Sales"], "metric": "deals_won", "rankBy": "ATTAINMENT"},
        {"scope": world.global_ids["Ann"]},
        {"around": world.global_ids["Bob"], "first": 2},
        {"period": {"kind": "DAY"}},
        {"metric": "hours_worked"},
    ]


@on_both_databases
@each_seed(1, 3)
async def test_cached_leaderboard_equals_uncached_one_after_any_change(world: World, seed: int) -> None:
    dice = random.Random(seed)
    servers = [world, other_process(world)]
    goals = {("Ann", "deals_won"): await set_goal(world, "Ann", "deals_won")}
    deals, names, row_count = [await record_won_deal(world)], ["Ann", "Bob"], 0

    async def change(server: World) -> None:
        kind = dice.choice(
            ["win", "win", "win", "reopen", "hire", "move", "rename", "role", "quota", "leave", "goal", "team", "day"]
        )
        name = dice.choice(names)
        match kind:
            case "win":
                day = dice.choice([DAY, "2026-11-02", "2026-10-30"])
                deals.append(
                    await record_won_deal(
                        server, dice.choice([name, "admin"]), str(dice.randrange(1, 400)), closedAt=f"{day}T08:00:00Z"
                    )  # an administrator is ranked once they sell
                )
            case "reopen":
                await server.try_mutation("reopenDeal", id=deals.pop(dice.randrange(len(deals)))) if deals else None
            case "hire":
                new_name = f"New{len(names)}"
                names.append(new_name)
                await server.create_employee(new_name, dice.choice(["North", "South"]))
            case "move":
                await server.mutate(
                    "updateEmployee",
                    id=server.global_ids[name],
                    team=server.global_ids[dice.choice(["North", "South"])],
                )
            case "rename":
                await server.mutate("updateEmployee", id=server.global_ids[name], name=dice.choice(["Zoe", "Abe"]))
            case "role":
                await server.mutate(
                    "updateEmployee", id=server.global_ids[name], role=dice.choice(["EMPLOYEE", "MANAGER"])
                )
            case "quota":
                await server.mutate(
                    "updateEmployee", id=server.global_ids[name], carriesQuota=dice.choice([True, False, None])
                )
            case "leave":
                if len(names) > 3:
                    await server.mutate("updateEmployee", id=server.global_ids[name], active=False)
                    names.remove(name)
            case "goal":
                owner_and_metric, target = (
                    (name, dice.choice(["deals_won", "deals_won_amount"])),
                    str(dice.randrange(1, 900)),
                )
                if owner_and_metric in goals:
                    await server.mutate("updateGoal", id=goals[owner_and_metric], target=target, reason="corrected")
                else:
                    goals[owner_and_metric] = await set_goal(server, *owner_and_metric, target)
            case "team":
                await server.mutate(
                    "updateTeam", id=server.global_ids["South"], parent=dice.choice([None, server.global_ids["North"]])
                )
            case "day":
                for other in servers:
                    other.advance(hours=20)

    for _ in range(30):
        world.now = servers[1].now = max(server.now for server in servers)
        await change(dice.choice(servers))
        variants = dice.sample(query_variants(world), 3)
        for server in servers:
            for variables in variants:
                leaderboard = await read_leaderboard(server, **variables)
                row_count += len(leaderboard["standings"])
                assert leaderboard == await read_uncached(server, **variables)
    assert row_count


async def test_leaderboard_of_each_process_shows_committed_win_at_once(world: World) -> None:
    other = other_process(world)
    for server in (world, other):
        assert (await read_leaderboard(server))["total"] == "0.00"
    await record_won_deal(other)

    for server in (world, other):
        assert (await read_leaderboard(server))["total"] == "100.00"


async def test_server_with_slow_clock_shows_new_employee_and_goal(world: World) -> None:
    behind = other_process(world)
    await read_leaderboard(behind)
    world.advance(seconds=2)
    await world.create_employee("Cid", "North")
    await set_goal(world, "Cid", "deals_won_amount", "500")
    await record_won_deal(world, "Cid")

    for variables in ({}, {"rankBy": "ATTAINMENT"}, {"scope": world.global_ids["North"]}):
        first = (await read_leaderboard(behind, **variables))["standings"][0]
        assert (first["employee"]["name"], first["value"], first["target"]) == ("Cid", "100.00", "500.00")


async def test_repeated_read_of_cached_leaderboard_loads_only_moved_scores(world: World) -> None:
    await set_goal(world, "Ann", "deals_won_amount", "500")
    await read_leaderboard(world)
    await record_won_deal(other_process(world))

    with count_statements() as statements:
        await read_leaderboard(world)
    assert len([statement for statement in statements if "daily_total" in statement]) == 1
    assert not [statement for statement in statements if "membership" in statement or "FROM goal" in statement]

    with count_statements() as statements:
        await read_leaderboard(world)
    assert not [statement for statement in statements if "daily_total" in statement]


async def test_own_change_causes_no_read(world: World) -> None:
    first_deal = await record_won_deal(world)
    await read_leaderboard(world)
    await record_won_deal(world)
    await world.mutate("updateDeal", id=first_deal, owner=world.global_ids["Bob"], moveCredit=True)

    with count_statements() as statements:
        leaderboard = await read_leaderboard(world)
    assert leaderboard["total"] == "200.00"
    assert {row["employee"]["name"]: row["value"] for row in leaderboard["standings"][:2]} == {
        "Ann": "100.00",
        "Bob": "100.00",
    }
    assert not [statement for statement in statements if "daily_total" in statement]


async def test_own_change_after_one_of_another_process_loses_neither(world: World) -> None:
    await read_leaderboard(world)
    await record_won_deal(other_process(world), amount="1")
    await record_won_deal(world, "Bob", amount="2")
    await record_won_deal(world, amount="4")

    leaderboard = await read_leaderboard(world)
    assert {row["employee"]["name"]: row["value"] for row in leaderboard["standings"][:2]} == {
        "Ann": "5.00",
        "Bob": "2.00",
    }


async def test_boards_asked_together_after_a_win_of_a_leader_do_not_drop_each_other(world: World) -> None:
    scopes = [world.global_ids[name] for name in ("North", "South", "Sales", "company")]
    await world.create_employee("Mia", "North", "MANAGER")
    await world.mutate("updateTeam", id=world.global_ids["North"], manager=world.global_ids["Mia"])
    await read_leaderboard(world)
    await record_won_deal(other_process(world), "Mia")
    async with asyncio.timeout(30):
        await asyncio.gather(*(read_leaderboard(world, scope=scope) for scope in scopes))

    with count_statements() as statements:
        for scope in scopes:
            await read_leaderboard(world, scope=scope)
    assert not [statement for statement in statements if "daily_total" in statement or "membership" in statement]


async def test_change_of_other_metric_or_period_causes_no_read(world: World) -> None:
    await read_leaderboard(world)
    await record_won_deal(world, closedAt="2026-10-01T08:00:00Z")
    await world.mutate("recordCall", "Ann", startedAt=f"{DAY}T08:00:00Z", durationSeconds=60, direction="OUTBOUND")

    with count_statements() as statements:
        await read_leaderboard(world)
    assert not [statement for statement in statements if "daily_total" in statement]


async def test_leaderboard_can_be_read_again_with_empty_change_log(world: World) -> None:
    await connection.execute("DELETE FROM change")
    world.services.state.leaderboard_cache = LeaderboardCache()

    for _ in range(3):
        assert (await read_leaderboard(world))["total"] == "0.00"
    await record_won_deal(world)
    assert (await read_leaderboard(world))["total"] == "100.00"


async def test_failed_read_loses_no_change(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await read_leaderboard(world)
    await record_won_deal(other_process(world))

    async def fail(*arguments: Any) -> Any:
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(scores, "score_totals_for", fail)
        result = await world.execute("{ leaderboard { total } }")
        assert result.errors
    assert (await read_leaderboard(world))["total"] == "100.00"


@pytest.mark.parametrize("by_other_process", [True, False])
async def test_scores_moved_during_a_read_are_not_mixed_with_old_ones(
    world: World, monkeypatch: pytest.MonkeyPatch, by_other_process: bool
) -> None:
    deal, other = await record_won_deal(world), other_process(world)
    await read_leaderboard(world)
    await record_won_deal(other, amount="1")
    changing_server = other if by_other_process else world
    original = scores.score_totals_for

    async def change_then_read(*arguments: Any) -> Any:
        monkeypatch.setattr(scores, "score_totals_for", original)
        await changing_server.mutate(
            "updateDeal", id=deal, owner=world.global_ids["Bob"], moveCredit=True
        )  # after the change log was read
        return await original(*arguments)

    monkeypatch.setattr(scores, "score_totals_for", change_then_read)
    leaderboard = await read_leaderboard(world)

    assert leaderboard["total"] == "101.00"
    assert {row["employee"]["name"]: row["value"] for row in leaderboard["standings"][:2]} == {
        "Bob": "100.00",
        "Ann": "1.00",
    }


async def test_least_recently_used_leaderboards_are_evicted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaderboard_cache, "_MAX_CACHED_ROWS", 8)
    for number in range(1, 20):
        await read_leaderboard(
            world, period={"start": f"2026-11-{number:02}", "end": f"2026-11-{number + 1:02}", "kind": "CUSTOM"}
        )

    entries = world.services.state.leaderboard_cache._entries.values()
    assert sum(len(entry.ranked.ranking) for entry in entries) <= 8


async def test_leaderboard_is_rebuilt_when_many_scores_moved(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaderboard_cache, "_MAX_STALE_SCORES", 1)
    await read_leaderboard(world)
    await record_won_deal(world, "Ann", "1")
    await record_won_deal(world, "Bob", "2")

    assert (await read_leaderboard(world))["total"] == "3.00"
    assert await read_leaderboard(world) == await read_uncached(world)


async def test_employee_standing_equals_row_on_whole_leaderboard(world: World) -> None:
    await record_won_deal(world, "Bob")
    data = await world.query("{ employees { edges { node { name standing { rank value gapToNext } } } } }")
    standing_by_name = {edge["node"]["name"]: edge["node"]["standing"] for edge in data["employees"]["edges"]}

    for row in (await read_uncached(world))["standings"]:
        assert standing_by_name[row["employee"]["name"]] == {key: row[key] for key in ("rank", "value", "gapToNext")}
