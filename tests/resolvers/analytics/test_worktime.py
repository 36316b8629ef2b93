"""Heartbeats, the work time and hours recorded from them, and their visibility."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from models.analytics.worktime import WorkDay
from models.db import connection
from resolvers.analytics import worktime
from resolvers.ledger.reconciliation import reconcile
from tests.databases import on_both_databases
from tests.resolvers.two_sellers import open_world_with_two_sellers, read_goal_value, read_leaderboard, set_goal
from tests.world import World

HEARTBEAT_MUTATION = "mutation { heartbeat { online todayHours userErrors { code message } } }"
WORK_TIME_QUERY = """query($id: ID!, $period: PeriodInput) { employee(id: $id) { online workTime(period: $period) {
  employee { name } period { start end } totalHours days { date hours firstSeenAt lastSeenAt } } } }"""


@pytest.fixture
async def world(usual_database_url: str) -> AsyncIterator[World]:
    async with open_world_with_two_sellers(usual_database_url) as world:
        yield world


async def send_heartbeats(world: World, user: str = "Ann", *pauses: float) -> dict[str, Any]:
    """Send a heartbeat, then another one after each pause in seconds; return the last payload."""
    payload = (await world.query(HEARTBEAT_MUTATION, user))["heartbeat"]
    for pause in pauses:
        world.advance(seconds=pause)
        payload = (await world.query(HEARTBEAT_MUTATION, user))["heartbeat"]
    return payload


async def read_work_time(world: World, user: str = "Ann", employee: str = "Ann", **variables: Any) -> Any:
    work_time = (await world.query(WORK_TIME_QUERY, user, id=world.global_ids[employee], **variables))["employee"][
        "workTime"
    ]
    if work_time:
        work_time["days"] = {day["date"]: day for day in work_time["days"]}
    return work_time


async def read_posted_seconds(world: World) -> int:
    rows = await connection.fetch_rows(
        "SELECT COALESCE(SUM(amount), 0) AS s FROM daily_total WHERE metric = 'hours_worked'"
    )
    return int(rows[0]["s"])


async def test_heartbeats_add_up_to_hours_with_first_and_last_seen(world: World) -> None:
    payload = await send_heartbeats(world, "Ann", *[60] * 90)
    world.advance(minutes=30)
    payload = await send_heartbeats(world, "Ann", *[240] * 15)
    work_time = await read_work_time(world)
    day = work_time["days"]["2026-11-18"]

    assert payload == {"online": True, "todayHours": 2.5, "userErrors": []}
    assert (work_time["totalHours"], day["hours"], work_time["employee"]["name"]) == (2.5, 2.5, "Ann")
    assert (day["firstSeenAt"], day["lastSeenAt"]) == ("2026-11-18T09:00:00+00:00", "2026-11-18T12:00:00+00:00")
    assert work_time["period"] == {"start": "2026-11-01", "end": "2026-11-30"}
    assert len(work_time["days"]) == 30
    assert work_time["days"]["2026-11-17"] == {
        "date": "2026-11-17",
        "hours": 0,
        "firstSeenAt": None,
        "lastSeenAt": None,
    }


async def test_work_over_midnight_counts_for_both_days(world: World) -> None:
    world.now = datetime(2026, 11, 30, 22, 58, tzinfo=UTC)
    payload = await send_heartbeats(world, "Ann", 240)
    november, december = [
        await read_work_time(world, period={"kind": "MONTH", "on": f"2026-{month}-01"}) for month in (11, 12)
    ]

    assert payload["todayHours"] == 0.0333
    assert (november["totalHours"], december["totalHours"]) == (0.0333, 0.0333)
    assert november["days"]["2026-11-30"]["lastSeenAt"] == december["days"]["2026-12-01"]["firstSeenAt"]


async def test_ledger_follows_once_a_minute_and_is_complete_in_the_end(world: World) -> None:
    await send_heartbeats(world, "Ann", 20)
    assert await read_posted_seconds(world) == 20
    entries = "SELECT COUNT(*) AS n FROM score_entry WHERE metric = 'hours_worked' AND amount > 0"
    await send_heartbeats(world, "Ann", *[10] * 30)
    assert (await connection.fetch_rows(entries))[0]["n"] <= 6
    assert await read_posted_seconds(world) > 250
    await send_heartbeats(world, "Bob", 20, 25)
    assert (await reconcile()).differences == []

    world.advance(minutes=3)
    context = await world.authenticated_context("admin")
    while await worktime.post_remaining(context):
        pass
    total_seconds = sum([row.seconds for row in await WorkDay.all()])
    assert await read_posted_seconds(world) == total_seconds == 320 + 45
    assert (await reconcile()).differences == []


@on_both_databases
async def test_unposted_time_of_idle_employee_is_posted_with_next_heartbeat(world: World) -> None:
    world.now = datetime(2026, 11, 18, 22, 58, 50, tzinfo=UTC)
    await send_heartbeats(world, "Ann", 40, 25, 20)  # across midnight, with nothing posted after the first 40 seconds
    world.advance(hours=9)
    await send_heartbeats(world, "Ann")

    assert await read_posted_seconds(world) == 85
    rows = await connection.fetch_rows("SELECT day, amount FROM daily_total WHERE metric = 'hours_worked' ORDER BY day")
    assert [int(row["amount"]) for row in rows] == [70, 15]
    assert (await reconcile()).differences == []


@on_both_databases
async def test_hours_count_for_goals_and_leaderboards(world: World) -> None:
    goal_id = await set_goal(world, "North", "hours_worked", "1")
    await send_heartbeats(world, "Ann", *[60] * 45)
    document = "query($id: ID!) { goal(id: $id) { entries { edges { node { amount source { __typename } } } } } }"
    entries = (await world.query(document, id=goal_id))["goal"]["entries"]["edges"]

    assert entries[0]["node"] == {"amount": "0.0167", "source": None}
    assert await read_goal_value(world, goal_id) == "0.75"
    assert await read_leaderboard(world, "hours_worked") == {
        "Ann": "0.75",
        "Bob": "0",
        "total": "0.75",
    }


async def test_work_time_counts_for_the_team_of_that_day(world: World) -> None:
    await send_heartbeats(world, "Ann", 60)
    await world.mutate("updateEmployee", id=world.global_ids["Ann"], team=world.global_ids["South"])
    await send_heartbeats(world, "Ann", 60)
    world.advance(days=1)
    await send_heartbeats(world, "Ann", 60)
    totals = [
        (await read_leaderboard(world, "hours_worked", scope=world.global_ids[team]))["total"]
        for team in ("North", "South")
    ]

    assert totals == ["0.0333", "0.0167"]


async def test_parts_of_a_second_are_not_lost(world: World) -> None:
    await send_heartbeats(world, "Ann", *[0.5] * 240)

    assert (await read_work_time(world))["totalHours"] == round(120 / 3600, 4)


async def test_work_time_is_what_statistics_and_leaderboards_say(world: World) -> None:
    for _ in range(3):
        world.now = (world.now + timedelta(days=1)).replace(microsecond=0)
        await send_heartbeats(world, "Ann", 60.9)
    await world.advance_and_run_jobs(minutes=10)
    data = await world.query(
        """query($id: ID!) { employee(id: $id) { workTime { totalHours days { hours } }
        statistics(metrics: ["hours_worked"]) { series { total points { value } } } } }""",
        "Ann",
        id=world.global_ids["Ann"],
    )
    work_time, [series] = data["employee"]["workTime"], data["employee"]["statistics"]["series"]

    assert work_time["totalHours"] == float(series["total"]) == 0.05
    assert [day["hours"] for day in work_time["days"]] == [float(point["value"]) for point in series["points"]]


async def test_clock_set_back_adds_no_work_time(world: World) -> None:
    await send_heartbeats(world, "Ann", 60)
    world.now -= timedelta(minutes=2)
    await send_heartbeats(world, "Ann")
    world.advance(minutes=3)
    await send_heartbeats(world, "Ann")

    assert (await read_work_time(world))["totalHours"] == round(120 / 3600, 4)


async def test_idle_limit_is_configurable(world: World) -> None:
    world.services.idle_timeout = timedelta(minutes=2)
    await send_heartbeats(world, "Ann", 121, 120)

    assert (await read_work_time(world))["totalHours"] == round(120 / 3600, 4)


async def test_work_time_is_visible_to_employee_and_managers_only(world: World) -> None:
    await world.create_employee("Meg", role="MANAGER")
    await world.create_employee("Dora", role="DIRECTOR")
    await world.mutate("updateTeam", id=world.global_ids["North"], manager=world.global_ids["Meg"])
    await world.create_device("Telephony", "INTEGRATION")
    await world.create_device("Screen", "WALLBOARD")
    await send_heartbeats(world, "Ann", 60)
    visible_to = {
        user: bool(await read_work_time(world, user))
        for user in ("Ann", "Meg", "Dora", "admin", "Bob", "Telephony", "Screen")
    }

    assert visible_to == {
        "Ann": True, "Meg": True, "Dora": True, "admin": True, "Bob": False, "Telephony": False, "Screen": False
    }  # fmt: skip


async def test_leaderboard_ranks_only_employees_whose_hours_are_visible(world: World) -> None:
    await world.create_employee("Meg", "Sales", role="MANAGER")
    await world.mutate("updateTeam", id=world.global_ids["North"], manager=world.global_ids["Meg"])
    await world.create_device("Screen", "WALLBOARD")
    for _ in range(2):
        await send_heartbeats(world, "Bob", *[60] * 30)
    await send_heartbeats(world, "Ann", *[60] * 45)
    rows_by_user = {}
    document = """{ leaderboard(metric: "hours_worked") { total totalCount standings { rank employee { name } gapToNext } } }"""
    for user in ("admin", "Meg", "Ann"):
        leaderboard = (await world.query(document, user))["leaderboard"]
        rows_by_user[user] = [
            (row["rank"], row["employee"]["name"], row["gapToNext"]) for row in leaderboard["standings"]
        ]
        assert leaderboard["totalCount"] == len(leaderboard["standings"])
        assert leaderboard["total"] == {"admin": "1.75", "Meg": "0.75", "Ann": "0.75"}[user]
    wallboard_result = await world.execute(document, "Screen")
    standing_query = """query($id: ID!) { employee(id: $id) { standing(metric: "hours_worked") { value } } }"""

    assert rows_by_user["admin"][:2] == [(1, "Bob", None), (2, "Ann", "0.25")]
    assert rows_by_user["Meg"] == [(1, "Ann", None)]  # she leads and does not sell
    assert rows_by_user["Ann"] == [(1, "Ann", None)]
    assert wallboard_result.errors[0].original_error.code == "NOT_FOUND"
    assert (await world.query(standing_query, "Ann", id=world.global_ids["Bob"]))["employee"] == {"standing": None}


async def test_ten_years_of_all_employees_are_too_many_days(world: World) -> None:
    document = "query($period: PeriodInput) { employees(first: 50) { edges { node { workTime(period: $period) { totalHours } } } } }"
    period = {"kind": "CUSTOM", "start": "2017-01-01", "end": "2026-11-18"}
    assert (await read_work_time(world, "admin", period=period))["totalHours"] == 0
    result = await world.execute(document, period=period)

    assert {error.original_error.extensions["field"] for error in result.errors} == {"period"}


async def test_device_cannot_send_heartbeats(world: World) -> None:
    await world.create_device("Screen", "WALLBOARD")
    payload = (await world.query(HEARTBEAT_MUTATION, "Screen"))["heartbeat"]

    assert payload == {
        "online": False,
        "todayHours": 0,
        "userErrors": [{"code": "FORBIDDEN", "message": "A device has no working hours."}],
    }


async def test_employee_is_online_until_heartbeat_expires(world: World) -> None:
    online_query = "query($id: ID!) { employee(id: $id) { online } }"
    states = []
    for step in (0, 60, 20):
        world.advance(seconds=step)
        if not step:
            await send_heartbeats(world, "Ann")
        states.append((await world.query(online_query, "Bob", id=world.global_ids["Ann"]))["employee"]["online"])

    assert states == [True, True, False]


async def test_work_time_of_all_members_is_read_in_one_batch(world: World) -> None:
    await world.create_employee("Cid", "North")
    await send_heartbeats(world, "Cid", 60)
    document = "query($id: ID!) { team(id: $id) { members { name workTime { totalHours } } } }"
    members = (await world.query(document, id=world.global_ids["North"]))["team"]["members"]

    assert members == [
        {"name": "Ann", "workTime": {"totalHours": 0}}, {"name": "Cid", "workTime": {"totalHours": 0.0167}}
    ]  # fmt: skip
