"""Leaderboard cache: cached leaderboards equal uncached ones after any change by any process."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from models.db import connection
from models.ledger import scores
from resolvers.leaderboards import leaderboard_cache as kept_boards
from tests.resolvers.two_sellers import goal, two_sellers, won
from tests.statement_counter import counted
from tests.world import START, World

DAY = START.date().isoformat()
BOARD = """query($metric: String!, $scope: ID, $rankBy: RankBy!, $around: ID, $first: Int!, $asOf: DateTime,
  $period: PeriodInput) { leaderboard(metric: $metric, scope: $scope, rankBy: $rankBy, around: $around, first: $first,
    asOf: $asOf, period: $period) { total totalCount standings {
    rank previousRank value target attainmentPercent gapToNext employee { name } } } }"""


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with two_sellers(database_url) as world:
        yield world


def other_process(world: World) -> World:
    """Return another server process of the same company."""
    return replace(world, services=replace(world.services, boards=None, office=None))


async def board(world: World, **asked: Any) -> dict[str, Any]:
    given = {"metric": "deals_won_amount", "rankBy": "VALUE", "first": 100} | asked
    return (await world.ask(BOARD, **given))["leaderboard"]


async def anew(world: World, **asked: Any) -> dict[str, Any]:
    """Read the leaderboard from the tables: `asOf` bypasses the cache, and a future instant means now."""
    world.later(seconds=1)  # `asOf` excludes what is recorded at that instant
    return await board(world, **asked, asOf="2099-01-01T00:00:00Z")


def questions(world: World) -> list[dict[str, Any]]:
    return [
        {},
        {"rankBy": "ATTAINMENT"},
        {"scope": world.ids["North"]},
        {"scope": world.ids["Sales"], "metric": "deals_won", "rankBy": "ATTAINMENT"},
        {"scope": world.ids["Ann"]},
        {"around": world.ids["Bob"], "first": 2},
        {"period": {"kind": "DAY"}},
        {"metric": "hours_worked"},
    ]


@pytest.mark.parametrize("seed", range(3))
async def test_after_any_change_a_kept_board_is_what_one_made_anew_is(world: World, seed: int) -> None:
    dice = random.Random(seed)
    servers = [world, other_process(world)]
    goals = {("Ann", "deals_won"): await goal(world, "Ann", "deals_won")}
    deals, names, shown = [await won(world)], ["Ann", "Bob"], 0

    async def change(server: World) -> None:
        what = dice.choice(["win", "win", "win", "reopen", "hire", "move", "rename", "leave", "goal", "team", "day"])
        who = dice.choice(names)
        match what:
            case "win":
                day = dice.choice([DAY, "2026-11-02", "2026-10-30"])
                deals.append(await won(server, who, str(dice.randrange(1, 400)), closedAt=f"{day}T08:00:00Z"))
            case "reopen":
                await server.tried("reopenDeal", id=deals.pop(dice.randrange(len(deals)))) if deals else None
            case "hire":
                name = f"New{len(names)}"
                names.append(name)
                await server.hire(name, dice.choice(["North", "South"]))
            case "move":
                await server.act("updateEmployee", id=server.ids[who], team=server.ids[dice.choice(["North", "South"])])
            case "rename":
                await server.act("updateEmployee", id=server.ids[who], name=dice.choice(["Zoe", "Abe"]))
            case "leave":
                if len(names) > 3:
                    await server.act("updateEmployee", id=server.ids[who], active=False)
                    names.remove(who)
            case "goal":
                which, target = (who, dice.choice(["deals_won", "deals_won_amount"])), str(dice.randrange(1, 900))
                if which in goals:
                    await server.act("updateGoal", id=goals[which], target=target)
                else:
                    goals[which] = await goal(server, *which, target)
            case "team":
                await server.act("updateTeam", id=server.ids["South"], parent=dice.choice([None, server.ids["North"]]))
            case "day":
                for each in servers:
                    each.later(hours=20)

    for _ in range(30):
        world.now = servers[1].now = max(each.now for each in servers)
        await change(dice.choice(servers))
        asked = dice.sample(questions(world), 3)
        for server in servers:
            for question in asked:
                found = await board(server, **question)
                shown += len(found["standings"])
                assert found == await anew(server, **question)
    assert shown


async def test_who_has_just_written_finds_it_on_the_board_of_every_process(world: World) -> None:
    other = other_process(world)
    for server in (world, other):
        assert (await board(server))["total"] == "0.00"
    await won(other)

    for server in (world, other):
        assert (await board(server))["total"] == "100.00"


async def test_a_server_whose_clock_is_behind_shows_who_has_come_and_what_is_planned(world: World) -> None:
    behind = other_process(world)
    await board(behind)
    world.later(seconds=2)
    await world.hire("Cid", "North")
    await goal(world, "Cid", "deals_won_amount", "500")
    await won(world, "Cid")

    for asked in ({}, {"rankBy": "ATTAINMENT"}, {"scope": world.ids["North"]}):
        first = (await board(behind, **asked))["standings"][0]
        assert (first["employee"]["name"], first["value"], first["target"]) == ("Cid", "100.00", "500.00")


async def test_a_board_that_is_asked_again_reads_what_has_moved_and_nothing_of_the_others(world: World) -> None:
    await goal(world, "Ann", "deals_won_amount", "500")
    await board(world)
    await won(world)

    with counted() as statements:
        await board(world)
    assert len([each for each in statements if "daily_total" in each]) == 1
    assert not [each for each in statements if "membership" in each or "FROM goal" in each]

    with counted() as statements:
        await board(world)
    assert not [each for each in statements if "daily_total" in each]


async def test_news_of_another_metric_or_another_time_asks_for_nothing(world: World) -> None:
    await board(world)
    await won(world, closedAt="2026-10-01T08:00:00Z")
    await world.act("recordCall", "Ann", startedAt=f"{DAY}T08:00:00Z", durationSeconds=60, direction="OUTBOUND")

    with counted() as statements:
        await board(world)
    assert not [each for each in statements if "daily_total" in each]


async def test_a_board_of_a_company_in_which_nothing_has_ever_moved_is_asked_again(world: World) -> None:
    await connection.execute("DELETE FROM change")
    world.services.boards = None

    for _ in range(3):
        assert (await board(world))["total"] == "0.00"
    await won(world)
    assert (await board(world))["total"] == "100.00"


async def test_a_read_that_fails_loses_no_news(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    await board(world)
    await won(world)

    async def away(*given: Any) -> Any:
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(scores, "sums_of", away)
        result = await world.execute("{ leaderboard { total } }")
        assert result.errors
    assert (await board(world))["total"] == "100.00"


async def test_what_moves_while_scores_are_read_is_not_mixed_with_what_was_before(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    deal = await won(world)
    await board(world)
    await won(world, amount="1")
    read = scores.sums_of

    async def later(*given: Any) -> Any:
        monkeypatch.setattr(scores, "sums_of", read)
        await world.act("updateDeal", id=deal, owner=world.ids["Bob"], moveCredit=True)  # after the change log was read
        return await read(*given)

    monkeypatch.setattr(scores, "sums_of", later)
    found = await board(world)

    assert found["total"] == "101.00"
    assert {row["employee"]["name"]: row["value"] for row in found["standings"][:2]} == {"Bob": "100.00", "Ann": "1.00"}


async def test_boards_that_nobody_asks_for_make_room(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_boards, "_ROWS", 8)
    for number in range(1, 20):
        await board(
            world, period={"start": f"2026-11-{number:02}", "end": f"2026-11-{number + 1:02}", "kind": "CUSTOM"}
        )

    kept = world.services.boards._kept.values()
    assert sum(len(each.standings.ladder) for each in kept) <= 8


async def test_scores_that_moved_by_the_hundred_are_read_as_a_whole(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_boards, "_MANY", 1)
    await board(world)
    await won(world, "Ann", "1")
    await won(world, "Bob", "2")

    assert (await board(world))["total"] == "3.00"
    assert await board(world) == await anew(world)


async def test_the_place_of_each_is_that_on_the_whole_board(world: World) -> None:
    await won(world, "Bob")
    found = await world.ask("{ employees { edges { node { name standing { rank value gapToNext } } } } }")
    places = {edge["node"]["name"]: edge["node"]["standing"] for edge in found["employees"]["edges"]}

    for row in (await anew(world))["standings"]:
        assert places[row["employee"]["name"]] == {key: row[key] for key in ("rank", "value", "gapToNext")}
