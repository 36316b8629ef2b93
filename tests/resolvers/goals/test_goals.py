"""Rules of goals and leaderboards, through the public schema."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.resolvers.two_sellers import MONTH, board, goal, two_sellers, value, won
from tests.world import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with two_sellers() as world:
        yield world


async def test_a_goal_counts_its_team_and_all_below_each_entry_once(world: World) -> None:
    sales, company = await goal(world, "Sales", "deals_won"), await goal(world, "company", "deals_won")
    await won(world, "Ann")
    await won(world, "Bob")

    assert (await value(world, sales), await value(world, company)) == ("2", "2")


async def test_a_team_that_moves_counts_for_those_it_stands_below_and_no_more_for_those_it_left(world: World) -> None:
    goals = [await goal(world, owner, "deals_won") for owner in ("North", "South", "Sales", "company")]
    await won(world, "Ann")
    await won(world, "Ann")
    await won(world, "Bob")

    async def values() -> list[str]:
        return [await value(world, goal) for goal in goals]

    assert await values() == ["2", "1", "3", "3"]
    await world.act("updateTeam", id=world.ids["North"], parent=world.ids["South"])
    assert await values() == ["2", "3", "3", "3"]
    await won(world, "Ann")
    assert await values() == ["3", "4", "4", "4"]
    await world.act("updateTeam", id=world.ids["South"], parent=None)
    assert await values() == ["3", "4", "0", "4"]
    await world.act("updateTeam", id=world.ids["North"], parent=world.ids["Sales"])
    assert await values() == ["3", "1", "3", "4"]
    await world.act("updateTeam", id=world.ids["South"], name="Far south")
    assert await values() == ["3", "1", "3", "4"]


async def test_a_second_goal_for_the_same_metric_owner_and_period_is_a_conflict(world: World) -> None:
    first = await goal(world, "Ann", "deals_won")
    again = {"owner": world.ids["Ann"], "metric": "deals_won", "target": "5", "period": MONTH}
    assert (await world.tried("setGoal", **again))["userErrors"][0]["code"] == "CONFLICT"

    await world.ask("mutation($id: ID!) { archiveGoal(id: $id) { userErrors { code } } }", id=first)
    assert (await world.tried("setGoal", **again))["userErrors"] == []


async def test_reaching_a_goal_is_announced_once_for_its_target(world: World) -> None:
    target = await goal(world, "Ann", "deals_won", "1")
    deal = await won(world)
    await world.act("reopenDeal", "Ann", id=deal)
    await world.act("winDeal", "Ann", id=deal)

    async def announced() -> int:
        data = await world.ask("{ activities(kinds: [GOAL_ACHIEVED]) { totalCount } }")
        return data["activities"]["totalCount"]

    assert await announced() == 1
    await world.act("updateGoal", id=target, target="2")
    await won(world)
    assert await announced() == 2


async def test_a_change_of_target_is_kept_with_who_when_before_and_after(world: World) -> None:
    target = await goal(world, "Ann", "deals_won_amount", "1000")
    await world.act("updateGoal", id=target, target="1200.50")
    data = await world.ask(
        "query($id: ID!) { goal(id: $id) { changes { at by { name } field before after } } }", id=target
    )

    assert data["goal"]["changes"] == [
        {
            "at": "2026-11-18T09:00:00+00:00",
            "by": {"name": "Ada Admin"},
            "field": "target",
            "before": "1000.00",
            "after": "1200.50",
        }
    ]


async def test_changing_a_goal_that_changed_meanwhile_is_a_conflict(world: World) -> None:
    made = await world.act("setGoal", owner=world.ids["Ann"], metric="deals_won", target="3", period=MONTH)
    seen = made["goal"]["progress"]["version"]
    await world.act("updateGoal", id=made["goal"]["id"], ifVersion=seen, target="4")
    late = await world.tried("updateGoal", id=made["goal"]["id"], ifVersion=seen, target="5")

    assert [(error["code"], error["path"]) for error in late["userErrors"]] == [("CONFLICT", ["input", "ifVersion"])]


async def test_equal_values_share_a_rank_and_the_next_is_skipped(world: World) -> None:
    for name in ("Cid", "Dan"):
        await world.hire(name, "North")
    for who, amount in (("Ann", "9"), ("Bob", "5"), ("Cid", "5"), ("Dan", "1")):
        await won(world, who, amount)
    data = await world.ask("{ leaderboard(first: 4) { standings { rank employee { name } gapToNext } } }", "Dan")

    rows = [(row["rank"], row["employee"]["name"], row["gapToNext"]) for row in data["leaderboard"]["standings"]]
    assert rows == [(1, "Ann", None), (2, "Bob", "4.00"), (2, "Cid", "4.00"), (4, "Dan", "4.00")]


async def test_by_attainment_those_without_a_goal_share_the_rank_after_those_with_one(world: World) -> None:
    await goal(world, "Bob", "deals_won_amount", "10")
    await won(world, "Ann", "1000")
    await won(world, "Bob", "5")
    data = await world.ask(
        "{ leaderboard(rankBy: ATTAINMENT) { standings { rank employee { name } attainmentPercent } } }"
    )

    rows = [
        (row["rank"], row["employee"]["name"], row["attainmentPercent"]) for row in data["leaderboard"]["standings"]
    ]
    assert rows == [(1, "Bob", 50.0), (2, "Ada Admin", None), (2, "Ann", None)]


async def test_a_board_as_of_a_moment_is_the_board_as_it_stood(world: World) -> None:
    await won(world, "Ann", "10")
    stood, moment = await board(world), world.now.isoformat()
    world.later(hours=1)
    await won(world, "Bob", "50", closedAt="2026-11-17T10:00:00Z")
    await world.act("updateEmployee", id=world.ids["Ann"], active=False)

    assert await board(world, asOf=moment) != stood  # `asOf` excludes what was recorded at that instant
    world_after = (world.now.replace(minute=30, hour=9)).isoformat()
    assert await board(world, asOf=world_after) == stood


async def test_the_previous_rank_is_that_at_the_start_of_the_day(world: World) -> None:
    await won(world, "Bob", "50")
    world.later(days=1)
    await won(world, "Ann", "80")
    data = await world.ask("{ leaderboard { standings { rank previousRank employee { name } } } }")

    rows = [(row["employee"]["name"], row["rank"], row["previousRank"]) for row in data["leaderboard"]["standings"]]
    assert rows == [("Ann", 1, 2), ("Bob", 2, 1), ("Ada Admin", 3, 2)]


async def test_around_shows_the_rows_nearest_an_employee_with_the_ranks_of_the_whole(world: World) -> None:
    for number in range(6):
        await world.hire(f"Seller{number}", "North")
        await won(world, f"Seller{number}", str(100 - number))
    data = await world.ask(
        "query($id: ID!) { leaderboard(first: 3, around: $id) { totalCount standings { rank employee { name } } } }",
        id=world.ids["Seller4"],
    )

    assert [row["rank"] for row in data["leaderboard"]["standings"]] == [4, 5, 6]
    assert data["leaderboard"]["totalCount"] == 9
