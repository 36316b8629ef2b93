"""Movement, percent and past of leaderboards: like with like (rule 3), one percent of a goal (rules 4 and 5)."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from resolvers.ledger.reconciliation import reconcile
from tests.resolvers.two_sellers import open_world_with_two_sellers, record_won_deal, set_goal
from tests.seeds import each_seed
from tests.subscription_recorder import subscribe
from tests.world import World

BOARD = """query($scope: ID, $rankBy: RankBy! = VALUE, $period: PeriodInput, $asOf: DateTime) {
  leaderboard(scope: $scope, rankBy: $rankBy, period: $period, asOf: $asOf) { period { start } total standings {
    rank previousRank value target attainmentPercent gapToNext employee { name } } } }"""
NEXT_MONDAY = datetime(2026, 11, 23, 9, tzinfo=UTC)


@pytest.fixture
async def world(usual_database_url: str) -> AsyncIterator[World]:
    async with open_world_with_two_sellers(usual_database_url) as world:
        yield world
        assert (await reconcile()).differences == []


async def read_rows(world: World, scope: str = "company", **variables: Any) -> dict[str, dict[str, Any]]:
    """Return the rows of a leaderboard by the names of the employees."""
    variables = {"scope": world.global_ids[scope]} | variables
    rows = (await world.query(BOARD, **variables))["leaderboard"]["standings"]
    return {row["employee"]["name"]: row for row in rows}


async def read_previous_ranks(world: World, scope: str = "company", **variables: Any) -> dict[str, int | None]:
    return {name: row["previousRank"] for name, row in (await read_rows(world, scope, **variables)).items()}


async def move(world: World, seller: str, team: str) -> None:
    await world.mutate("updateEmployee", id=world.global_ids[seller], team=world.global_ids[team])


async def test_previous_rank_is_null_for_employee_without_value_then(world: World) -> None:
    await record_won_deal(world, "Bob", "50")
    world.advance(days=1)
    await record_won_deal(world, "Ann", "80")

    assert await read_previous_ranks(world) == {"Ann": None, "Bob": 1}


async def test_board_on_which_nobody_had_scored_has_no_previous_ranks(world: World) -> None:
    await record_won_deal(world, "Ann", "80")

    for rank_by in ("VALUE", "ATTAINMENT"):
        assert set((await read_previous_ranks(world, rankBy=rank_by)).values()) == {None}


async def test_value_that_was_withdrawn_by_the_start_of_the_day_is_none(world: World) -> None:
    deal = await record_won_deal(world, "Bob", "50")
    await world.mutate("reopenDeal", id=deal)
    await record_won_deal(world, "Ann", "5")
    world.advance(days=1)

    assert await read_previous_ranks(world) == {"Ann": 1, "Bob": None}


@each_seed(1, 2)
async def test_first_day_of_period_shows_no_movement_down_for_anybody(world: World, seed: int) -> None:
    dice = random.Random(seed)
    for name in ("Cid", "Dan"):
        await world.create_employee(name, "North")
    names = ["Ann", "Bob", "Cid", "Dan"]
    for _ in range(6):
        await record_won_deal(world, dice.choice(names), str(dice.randrange(1, 99)))
    await set_goal(world, "Ann", "deals_won_amount", "100", period={"kind": "WEEK", "on": "2026-11-23"})
    world.now = NEXT_MONDAY

    for _ in range(8):
        await record_won_deal(world, dice.choice(names), str(dice.randrange(1, 99)))
        for scope in ("company", "North"):
            for rank_by in ("VALUE", "ATTAINMENT"):
                for kind in ("WEEK", "DAY"):
                    rows = await read_rows(world, scope, period={"kind": kind}, rankBy=rank_by)
                    assert rows and all(row["previousRank"] is None for row in rows.values())
    world.advance(days=1)
    assert any((await read_previous_ranks(world, period={"kind": "WEEK"})).values())


async def test_goal_has_one_percent_on_every_board_and_card_after_transfer(world: World) -> None:
    goal = await set_goal(world, "Ann", "deals_won_amount", "200")
    await record_won_deal(world, "Ann", "100")
    world.advance(days=1)
    await move(world, "Ann", "South")
    await record_won_deal(world, "Ann", "50")

    values = {}
    for scope in ("company", "South", "Sales", "Ann"):
        for rank_by in ("VALUE", "ATTAINMENT"):
            row = (await read_rows(world, scope, rankBy=rank_by))["Ann"]
            assert row["attainmentPercent"] == 75
            values[scope] = row["value"]
    assert values == {"company": "150.00", "South": "50.00", "Sales": "150.00", "Ann": "150.00"}
    data = await world.query(
        """query($goal: ID!, $ann: ID!) { goal(id: $goal) { progress { attainmentPercent } } employee(id: $ann) {
        standing { attainmentPercent } goals { progress { attainmentPercent } } } }""",
        goal=goal,
        ann=world.global_ids["Ann"],
    )
    card = data["employee"]
    assert [data["goal"]["progress"], card["standing"], *(goal["progress"] for goal in card["goals"])] == [
        {"attainmentPercent": 75}
    ] * 3


async def test_board_of_a_team_ranks_by_the_percent_of_the_whole_goal(world: World) -> None:
    for name, target in (("Ann", "200"), ("Bob", "1000")):
        await set_goal(world, name, "deals_won_amount", target)
    await record_won_deal(world, "Ann", "100")
    await move(world, "Ann", "South")
    await record_won_deal(world, "Bob", "400")

    rows = await read_rows(world, "South", rankBy="ATTAINMENT")
    assert [(name, row["rank"], row["value"], row["attainmentPercent"], row["gapToNext"]) for name, row in rows.items()] == [
        ("Ann", 1, "0.00", 50, None), ("Bob", 2, "400.00", 40, "100.00")
    ]  # fmt: skip


async def test_live_board_of_a_team_follows_credit_to_another_team(world: World) -> None:
    await set_goal(world, "Ann", "deals_won_amount", "200")
    world.advance(days=1)
    await move(world, "Ann", "South")
    document = (
        "subscription($scope: ID) { leaderboard(scope: $scope) { standings { employee { name } attainmentPercent } } }"
    )
    async with subscribe(world, document, scope=world.global_ids["South"]) as recorder:
        await recorder.wait_until(lambda: recorder.events)
        assert percents(recorder.events[-1])["Ann"] == 0
        await record_won_deal(world, "Ann", "100", closedAt="2026-11-18T08:30:00Z")  # still in North on that day

        await recorder.wait_until(lambda: percents(recorder.events[-1])["Ann"] == 50)


def percents(event: dict[str, Any]) -> dict[str, float | None]:
    return {row["employee"]["name"]: row["attainmentPercent"] for row in event["leaderboard"]["standings"]}


@each_seed(1, 2)
async def test_percent_of_every_board_equals_that_of_the_goal_after_any_transfers(world: World, seed: int) -> None:
    dice = random.Random(seed)
    names = ["Ann", "Bob"]
    goals = {name: await set_goal(world, name, "deals_won_amount", str(dice.randrange(50, 900))) for name in names}
    deals: list[str] = []
    for _ in range(12):
        world.advance(hours=dice.randrange(1, 30))
        name = dice.choice(names)
        match dice.choice(["win", "win", "move", "take back"]):
            case "move":
                await move(world, name, dice.choice(["North", "South"]))
            case "take back" if deals:
                await world.mutate("reopenDeal", id=deals.pop(dice.randrange(len(deals))))
            case _:
                closed_at = dice.choice([world.now.isoformat(), "2026-11-18T08:30:00Z", "2026-11-19T08:30:00Z"])
                closed_at = min(closed_at, world.now.isoformat())
                deals.append(await record_won_deal(world, name, str(dice.randrange(1, 400)), closedAt=closed_at))
        for goal_owner, goal in goals.items():
            document = "query($id: ID!) { goal(id: $id) { progress { attainmentPercent } } }"
            expected = (await world.query(document, id=goal))["goal"]["progress"]["attainmentPercent"]
            for scope in ("company", "Sales", "North", "South"):
                for variables in ({}, {"rankBy": "ATTAINMENT"}, {"asOf": "2099-01-01T00:00:00Z"}):
                    world.advance(seconds=1)  # `asOf` excludes what is recorded at that instant
                    row = (
                        await read_rows(world, scope, period={"kind": "MONTH", "on": "2026-11-01"}, **variables)
                    ).get(goal_owner)
                    assert row is None or row["attainmentPercent"] == expected


async def test_as_of_without_period_shows_the_period_that_ran_then(world: World) -> None:
    world.now = datetime(2026, 10, 30, 12, tzinfo=UTC)
    await record_won_deal(world, "Ann", "70")
    world.now = datetime(2026, 11, 18, 12, tzinfo=UTC)
    await record_won_deal(world, "Bob", "30")
    end_of_october = "2026-10-31T10:00:00Z"

    for period in (None, {"kind": "MONTH"}):
        board = (await world.query(BOARD, asOf=end_of_october, period=period))["leaderboard"]
        assert (board["period"]["start"], board["total"]) == ("2026-10-01", "70.00")
    board = (await world.query(BOARD, asOf=end_of_october, period={"kind": "MONTH", "on": "2026-11-01"}))["leaderboard"]
    assert (board["period"]["start"], board["total"]) == ("2026-11-01", "0.00")


async def test_as_of_before_a_team_moved_shows_the_teams_of_that_moment(world: World) -> None:
    await world.create_team("East")
    await world.create_team("West")
    await world.create_team("Harbour", "East")
    await world.create_employee("Ida", "Harbour")
    await record_won_deal(world, "Ida", "50")
    world.advance(days=1)
    await record_won_deal(world, "Ida", "7")
    world.advance(hours=1)
    before = world.now.isoformat()
    boards = {name: await world.query(BOARD, scope=world.global_ids[name]) for name in ("East", "West")}
    world.advance(hours=1)
    await world.mutate("updateTeam", id=world.global_ids["Harbour"], parent=world.global_ids["West"])
    world.advance(hours=1)

    for name, board in boards.items():
        as_of = await world.query(BOARD, scope=world.global_ids[name], asOf=before)
        assert as_of["leaderboard"]["total"] == board["leaderboard"]["total"]
        rows = [
            [(row["employee"]["name"], row["value"]) for row in data["leaderboard"]["standings"]]
            for data in (as_of, board)
        ]
        assert rows[0] == rows[1]
    now = await world.query(BOARD, scope=world.global_ids["West"], asOf=world.now.isoformat())
    assert now["leaderboard"]["total"] == "7.00"  # the whole day of the move, and no day before
