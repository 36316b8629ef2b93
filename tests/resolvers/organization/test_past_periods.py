"""RULES 3 and 4: members, targets, ranks and goals of a period that is over stay, and every day has its goal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from models.db import connection
from models.organization import memberships
from resolvers.ledger.reconciliation import reconcile
from tests.resolvers.two_sellers import open_world_with_two_sellers, read_goal_value, record_won_deal, set_goal
from tests.world import START, World

NOVEMBER = {"kind": "MONTH", "on": "2026-11-01"}
BOARD = """query($scope: ID, $period: PeriodInput) { leaderboard(metric: "deals_won", scope: $scope, period: $period) {
  total standings { rank value employee { id } } } }"""


@pytest.fixture
async def world(usual_database_url: str) -> AsyncIterator[World]:
    async with open_world_with_two_sellers(usual_database_url) as world:
        yield world


async def read_board(world: World, scope: str, period: dict[str, Any] = NOVEMBER) -> list[tuple[int, str, str]]:
    """Return the rows of a board: rank, first name at creation, value."""
    names = {global_id: name for name, global_id in world.global_ids.items()}
    data = await world.query(BOARD, scope=world.global_ids[scope], period=period)
    return [(row["rank"], names[row["employee"]["id"]], row["value"]) for row in data["leaderboard"]["standings"]]


async def read_allocated(world: World, goal_id: str) -> str:
    return (await world.query("query($id: ID!) { goal(id: $id) { allocated } }", id=goal_id))["goal"]["allocated"]


async def list_goal_ids(world: World, scope: str) -> set[str]:
    document = "query($scope: ID, $period: PeriodInput) { goals(scope: $scope, period: $period) { id } }"
    data = await world.query(document, scope=world.global_ids[scope], period=NOVEMBER)
    return {goal["id"] for goal in data["goals"]}


async def update_employee(world: World, key: str, **input: Any) -> None:
    await world.mutate("updateEmployee", id=world.global_ids[key], **input)


async def test_parts_of_those_who_move_or_leave_stay_in_the_goal_of_their_team_of_then(world: World) -> None:
    await world.create_employee("Cid", "North")
    north = await set_goal(world, "North", "deals_won", "9")
    ann = await set_goal(world, "Ann", "deals_won", "5")
    cid = await set_goal(world, "Cid", "deals_won", "3")
    await update_employee(world, "Cid", active=False)
    assert await read_allocated(world, north) == "8"  # whoever leaves within the period keeps their part in the team
    world.advance(days=20)
    await update_employee(world, "Ann", team=world.global_ids["South"])
    await update_employee(world, "Cid", active=True, team=world.global_ids["South"])

    assert await read_allocated(world, north) == "8"
    assert await list_goal_ids(world, "North") == {north, ann, cid}
    assert await list_goal_ids(world, "South") == set()
    later = await set_goal(world, "North", "deals_won", "9")
    await set_goal(world, "Ann", "deals_won", "5")
    assert await read_allocated(world, later) == "0"


async def test_board_of_a_period_that_is_over_ranks_who_was_there_at_its_end(world: World) -> None:
    await world.create_employee("Cid", "North")
    await record_won_deal(world, "Ann")
    await record_won_deal(world, "Bob")
    expected = [(1, "Ann", "1"), (1, "Bob", "1"), (3, "Cid", "0")]
    assert await read_board(world, "company") == expected
    world.advance(days=20)
    await update_employee(world, "Ann", name="Zoe", team=world.global_ids["South"])
    await update_employee(world, "Cid", active=False)
    await world.create_employee("Dan", "North")

    assert await read_board(world, "company") == expected  # in the order of the names of then
    assert await read_board(world, "North") == [(1, "Ann", "1"), (2, "Cid", "0")]
    assert [row[1] for row in await read_board(world, "company", {"kind": "MONTH"})] == ["Bob", "Dan", "Ann"]


async def test_team_that_moves_takes_nothing_of_what_is_over_along(world: World) -> None:
    sales = await set_goal(world, "Sales", "deals_won", "9")
    await world.create_team("East")
    east = await set_goal(world, "East", "deals_won", "9")
    north = await set_goal(world, "North", "deals_won", "4")
    await record_won_deal(world, "Ann")
    world.advance(days=20)
    await world.mutate("updateTeam", id=world.global_ids["North"], parent=world.global_ids["East"])
    await record_won_deal(world, "Ann", closedAt="2026-11-19T10:00:00Z")  # recorded late, November is open

    assert [await read_goal_value(world, goal) for goal in (sales, east, north)] == ["2", "0", "2"]
    assert [await read_allocated(world, goal) for goal in (sales, east)] == ["4", "0"]
    assert await read_board(world, "Sales") == [(1, "Ann", "2"), (2, "Bob", "0")]
    assert await read_board(world, "East") == []
    assert await list_goal_ids(world, "Sales") == {sales, north}
    assert [row[1] for row in await read_board(world, "East", {"kind": "MONTH"})] == ["Ann"]
    assert (await reconcile()).differences == []


async def test_board_of_an_imported_period_ranks_employees_whose_account_is_newer(world: World) -> None:
    await record_won_deal(world, "Ann", closedAt="2026-08-05T10:00:00Z", createdAt="2026-08-01T10:00:00Z")

    rows = await read_board(world, "company", {"kind": "MONTH", "on": "2026-08-01"})
    assert rows == [(1, "Ann", "1"), (2, "Bob", "0")]


async def test_account_that_is_newer_than_a_period_is_ranked_in_it_only_with_credit(world: World) -> None:
    await record_won_deal(world, "Ann")
    world.advance(days=20)
    assert await read_board(world, "company") == [(1, "Ann", "1"), (2, "Bob", "0")]
    for name in ("Dan", "Eve"):
        input = {"name": name, "email": f"{name}@example.com", "team": world.global_ids["North"], "joinedOn": None}
        world.global_ids[name] = (await world.mutate("createEmployee", **input))["employee"]["id"]
    assert await read_board(world, "company") == [(1, "Ann", "1"), (2, "Bob", "0")]
    times = {"closedAt": "2026-11-19T10:00:00Z", "createdAt": "2026-11-02T10:00:00Z"}
    deal = await record_won_deal(world, "admin", owner=world.global_ids["Dan"], **times)

    assert await read_board(world, "company") == [(1, "Ann", "1"), (1, "Dan", "1"), (3, "Bob", "0")]
    await world.mutate("reopenDeal", id=deal)
    assert [row[2] for row in await read_board(world, "company")] == ["1", "0", "0"]


async def test_what_an_older_server_wrote_of_members_holds_until_it_changes(world: World) -> None:
    for name in ("Ann", "Bob"):
        await record_won_deal(world, name)
    await connection.execute("UPDATE membership SET name = NULL, role = NULL")
    world.advance(days=20)
    await update_employee(world, "Ann", name="Zoe", role="MANAGER")

    assert [row[1] for row in await read_board(world, "company")] == ["Ann", "Bob"]
    assert [row.name for row in await memberships.load_active() if row.employee.name == "Zoe"] == ["Ann", "Zoe"]


async def test_new_name_begins_no_new_time_in_a_team(world: World) -> None:
    world.advance(days=2)
    await update_employee(world, "Ann", name="Zoe")
    world.advance(days=2)
    await update_employee(world, "Ann", team=world.global_ids["South"])

    rows = [row for row in await memberships.load_active() if row.employee.name == "Zoe"]
    assert [(row.since, row.until) for row in rows] == [(START, world.now), (world.now, None)]


async def test_team_created_today_stands_in_its_place_from_the_beginning(world: World) -> None:
    await record_won_deal(world, "Bob")
    await world.create_team("East")
    await update_employee(world, "Ann", team=world.global_ids["East"])
    await record_won_deal(world, "Ann")
    await record_won_deal(world, "Ann", closedAt="2026-11-02T10:00:00Z", createdAt="2026-11-02T10:00:00Z")
    goal = await set_goal(world, "Sales", "deals_won", "9")
    assert await read_goal_value(world, goal) == "2"  # Ann was in North on the 2nd
    await world.mutate("updateTeam", id=world.global_ids["East"], parent=world.global_ids["Sales"])

    assert await read_goal_value(world, goal) == "3"
    assert (await reconcile()).differences == []


async def read_goal_days(world: World, owner: str) -> list[tuple[date, date]]:
    document = """query($period: PeriodInput) { goals(period: $period) { owner { id } period { start end } } }"""
    data = await world.query(document, period={"kind": "CUSTOM", "start": "2026-01-01", "end": "2029-12-31"})
    return sorted(
        (date.fromisoformat(goal["period"]["start"]), date.fromisoformat(goal["period"]["end"]))
        for goal in data["goals"]
        if goal["owner"]["id"] == world.global_ids[owner]
    )


@pytest.mark.parametrize("week_start", ["SUNDAY", "TUESDAY", "THURSDAY", "SATURDAY"])
async def test_every_day_has_one_weekly_goal_when_the_first_day_of_the_week_changes(
    world: World, week_start: str
) -> None:
    await set_goal(world, "North", "deals_won", "3", recurring=True, period={"kind": "WEEK"})
    await set_goal(world, "North", "deals_won", "9", period={"kind": "WEEK", "offset": 2})  # in the old weeks
    await world.mutate("updateCompany", weekStart=week_start)
    running = (await world.query("{ leaderboard(period: {kind: WEEK}) { period { start end } } }"))["leaderboard"]
    await world.advance_and_run_jobs(days=50)

    assert running["period"] == {"start": "2026-11-16", "end": "2026-11-22"}  # the running week is not cut
    days = await read_goal_days(world, "North")
    assert (date(2026, 11, 30), date(2026, 12, 6)) in days
    assert all(following[0] == before[1] + timedelta(days=1) for before, following in pairwise(days))
    current = (await world.query("{ leaderboard(period: {kind: WEEK}) { period { start end } } }"))["leaderboard"]
    assert days[-1] == tuple(date.fromisoformat(current["period"][end]) for end in ("start", "end"))


async def test_second_weekly_goal_that_shares_days_with_one_of_earlier_weeks_is_a_conflict(world: World) -> None:
    await set_goal(world, "North", "deals_won", "9", period={"kind": "WEEK", "offset": 2})
    await world.mutate("updateCompany", weekStart="SUNDAY")
    input = {"owner": world.global_ids["North"], "metric": "deals_won", "target": "5"}

    payload = await world.try_mutation("setGoal", **input, period={"kind": "WEEK", "on": "2026-12-01"})
    assert payload["userErrors"][0]["code"] == "CONFLICT"


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Vladivostok", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
async def test_change_of_time_zone_loses_no_credit_and_no_daily_goal(world: World, zone: str) -> None:
    await set_goal(world, "Ann", "deals_won", "1", recurring=True, period={"kind": "DAY"})
    world.now = datetime(2026, 11, 18, 22, 30, tzinfo=UTC)  # 23:30 in Berlin
    first = await record_won_deal(world, "Ann")
    await world.mutate("updateCompany", timeZone=zone)
    await record_won_deal(world, "Ann")
    await world.advance_and_run_jobs(days=3)
    document = "query($id: ID!) { node(id: $id) { ... on Deal { closedAt } } }"
    await world.mutate("updateDeal", id=first, closedAt=(await world.query(document, id=first))["node"]["closedAt"])

    days = await read_goal_days(world, "Ann")
    assert [start for start, _ in days] == [date(2026, 11, 18) + timedelta(days=n) for n in range(len(days))]
    assert all(start == end for start, end in days)
    values = (await world.query('{ goals(period: {kind: MONTH, on: "2026-11-18"}) { progress { value } } }'))["goals"]
    assert sum(int(goal["progress"]["value"]) for goal in values) == 2
    assert (await read_board(world, "company", {"kind": "DAY", "on": "2026-11-18"}))[0][1] == "Ann"
    assert (await reconcile()).differences == []
