"""RULES 5: ranked are those who carry a quota, by day; administrators and those who only lead are not, unless they sell."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.resolvers.two_sellers import open_world_with_two_sellers, record_won_deal, set_goal
from tests.world import World, cache_company

BOARD = """query($metric: String!, $rankBy: RankBy!, $period: PeriodInput, $asOf: DateTime) {
  leaderboard(metric: $metric, rankBy: $rankBy, period: $period, asOf: $asOf) {
  total totalCount standings { rank previousRank value gapToNext employee { name } } } }"""


@cache_company
async def open_company(url: str) -> AsyncIterator[World]:
    async with open_world_with_two_sellers(url) as world:
        await world.create_employee("Mia", "Sales", role="MANAGER")
        await world.create_employee("Dora", role="DIRECTOR")
        yield world


@pytest.fixture
async def world(usual_database_url: str) -> AsyncIterator[World]:
    async with open_company(usual_database_url) as world:
        yield world


async def read_board(world: World, metric: str = "deals_won", **variables: Any) -> Any:
    data = await world.query(BOARD, **{"metric": metric, "rankBy": "VALUE"} | variables)
    return data["leaderboard"]


async def read_names(world: World, **variables: Any) -> list[str]:
    return [row["employee"]["name"] for row in (await read_board(world, **variables))["standings"]]


async def set_quota(world: World, name: str, carries: bool | None, since: str | None = None) -> None:
    await world.mutate("updateEmployee", id=world.global_ids[name], carriesQuota=carries, carriesQuotaFrom=since)


async def carries_quota(world: World, name: str, actor: str = "admin", on: str | None = None) -> bool | None:
    document = "query($id: ID!, $on: Date) { employee(id: $id) { carriesQuota(on: $on) } }"
    return (await world.query(document, actor, id=world.global_ids[name], on=on))["employee"]["carriesQuota"]


async def test_those_who_only_lead_are_not_ranked_and_count_in_the_total(world: World) -> None:
    for caller in ("Mia", "Ann"):
        started_at = world.now.isoformat()
        await world.mutate("recordCall", caller, startedAt=started_at, durationSeconds=60, direction="OUTBOUND")
    board = await read_board(world, "calls_made")
    card = 'query($id: ID!) { employee(id: $id) { standing(metric: "calls_made") { rank } } }'

    assert (board["total"], board["totalCount"]) == ("2", 2)
    assert [row["employee"]["name"] for row in board["standings"]] == ["Ann", "Bob"]
    assert (await world.query(card, id=world.global_ids["Mia"]))["employee"] == {"standing": None}
    assert [await carries_quota(world, name) for name in ("Ann", "Mia", "Dora", "admin")] == [True, False, False, False]


@pytest.mark.parametrize("leader", ["Mia", "Dora", "admin"])
async def test_leader_is_ranked_on_every_board_while_they_have_a_win(world: World, leader: str) -> None:
    calls = await read_names(world, metric="calls_made")
    deal = await record_won_deal(world, leader)
    name = "Ada Admin" if leader == "admin" else leader
    board = await read_board(world)

    assert calls == ["Ann", "Bob"]
    top = board["standings"][0]
    assert (top["rank"], top["employee"]["name"], top["previousRank"]) == (1, name, None)
    assert board["standings"][1]["gapToNext"] == "1"
    assert sorted(await read_names(world, metric="calls_made")) == sorted(["Ann", "Bob", name])
    await world.mutate("reopenDeal", leader, id=deal)
    assert await read_names(world, metric="calls_made") == ["Ann", "Bob"]


async def test_leader_is_ranked_with_a_goal_of_their_own(world: World) -> None:
    assert await read_names(world, rankBy="ATTAINMENT") == ["Ann", "Bob"]
    await set_goal(world, "Mia", "deals_won", "5")

    assert await read_names(world, rankBy="ATTAINMENT") == ["Mia", "Ann", "Bob"]


async def test_quota_is_dated_and_a_past_board_ranks_who_carried_one_then(world: World) -> None:
    await record_won_deal(world, "Ann")
    await set_quota(world, "Bob", False, "2026-11-20")
    assert await read_names(world) == ["Ann", "Bob"]
    as_of = world.now.isoformat()
    world.advance(days=2)  # the 20th
    assert await read_names(world) == ["Ann"]
    assert await read_names(world, asOf=as_of) == ["Ann", "Bob"]
    await set_quota(world, "Mia", True)
    assert await read_names(world) == ["Ann", "Mia"]
    world.advance(days=20)
    for name, carries in (("Bob", None), ("Mia", False), ("Ann", False)):
        await set_quota(world, name, carries)

    november = {"kind": "MONTH", "on": "2026-11-01"}
    assert await read_names(world, period=november) == ["Ann", "Mia"]
    assert await read_names(world) == ["Bob"]
    assert [await carries_quota(world, "Bob", on=day) for day in ("2026-11-19", "2026-11-20", "2026-12-10")] == [
        True,
        False,
        True,
    ]


async def test_promotion_changes_no_board_of_a_period_that_is_over(world: World) -> None:
    world.advance(days=20)
    await world.mutate("updateEmployee", id=world.global_ids["Bob"], role="MANAGER")
    await world.mutate("updateEmployee", id=world.global_ids["Mia"], role="EMPLOYEE")

    assert await read_names(world, period={"kind": "MONTH", "on": "2026-11-01"}) == ["Ann", "Bob"]
    assert await read_names(world) == ["Ann", "Mia"]


async def test_quota_of_days_that_are_over_cannot_be_set_once_anything_is_counted(world: World) -> None:
    await set_quota(world, "Bob", False, "2026-10-01")  # nothing is counted yet
    await record_won_deal(world, "Ann")
    input = {"id": world.global_ids["Bob"], "carriesQuota": True, "carriesQuotaFrom": "2026-11-17"}

    [error] = (await world.try_mutation("updateEmployee", **input))["userErrors"]
    assert (error["code"], error["path"]) == ("CONFLICT", ["input", "carriesQuotaFrom"])
    assert await read_names(world) == ["Ann"]


async def test_day_of_a_quota_without_the_quota_is_refused(world: World) -> None:
    payload = await world.try_mutation("updateEmployee", id=world.global_ids["Bob"], carriesQuotaFrom="2026-11-30")

    assert payload["userErrors"][0]["path"] == ["input", "carriesQuota"]


async def test_only_administrators_set_quotas_and_colleagues_do_not_see_them(world: World) -> None:
    payload = await world.try_mutation("updateEmployee", "Dora", id=world.global_ids["Bob"], carriesQuota=False)

    assert payload["userErrors"][0]["code"] == "FORBIDDEN"
    assert [await carries_quota(world, "Bob", actor) for actor in ("Ann", "Bob", "Dora")] == [None, True, True]
