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
from tests.resolvers.two_sellers import board, goal, two_sellers, value
from tests.world import World

BEAT = "mutation { heartbeat { online todayHours userErrors { code message } } }"
WORK = """query($id: ID!, $period: PeriodInput) { employee(id: $id) { online workTime(period: $period) {
  employee { name } period { start end } totalHours days { date hours firstSeenAt lastSeenAt } } } }"""


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with two_sellers(database_url) as world:
        yield world


async def beat(world: World, who: str = "Ann", *pauses: float) -> dict[str, Any]:
    """Send a heartbeat, then another one after each pause in seconds; return the last payload."""
    answer = (await world.ask(BEAT, who))["heartbeat"]
    for pause in pauses:
        world.later(seconds=pause)
        answer = (await world.ask(BEAT, who))["heartbeat"]
    return answer


async def work(world: World, who: str = "Ann", of: str = "Ann", **asked: Any) -> Any:
    shown = (await world.ask(WORK, who, id=world.ids[of], **asked))["employee"]["workTime"]
    if shown:
        shown["days"] = {day["date"]: day for day in shown["days"]}
    return shown


async def posted(world: World) -> int:
    rows = await connection.rows("SELECT COALESCE(SUM(amount), 0) AS s FROM daily_total WHERE metric = 'hours_worked'")
    return int(rows[0]["s"])


async def test_heartbeats_add_up_to_hours_with_first_and_last_seen(world: World) -> None:
    answer = await beat(world, "Ann", *[60] * 90)
    world.later(minutes=30)
    answer = await beat(world, "Ann", *[240] * 15)
    shown = await work(world)
    day = shown["days"]["2026-11-18"]

    assert answer == {"online": True, "todayHours": 2.5, "userErrors": []}
    assert (shown["totalHours"], day["hours"], shown["employee"]["name"]) == (2.5, 2.5, "Ann")
    assert (day["firstSeenAt"], day["lastSeenAt"]) == ("2026-11-18T09:00:00+00:00", "2026-11-18T12:00:00+00:00")
    assert shown["period"] == {"start": "2026-11-01", "end": "2026-11-30"}
    assert len(shown["days"]) == 30
    assert shown["days"]["2026-11-17"] == {"date": "2026-11-17", "hours": 0, "firstSeenAt": None, "lastSeenAt": None}


async def test_work_over_midnight_belongs_to_both_days(world: World) -> None:
    world.now = datetime(2026, 11, 30, 22, 58, tzinfo=UTC)
    answer = await beat(world, "Ann", 240)
    november, december = [await work(world, period={"kind": "MONTH", "on": f"2026-{month}-01"}) for month in (11, 12)]

    assert answer["todayHours"] == 0.0333
    assert (november["totalHours"], december["totalHours"]) == (0.0333, 0.0333)
    assert november["days"]["2026-11-30"]["lastSeenAt"] == december["days"]["2026-12-01"]["firstSeenAt"]


async def test_the_ledger_follows_once_a_minute_and_has_everything_in_the_end(world: World) -> None:
    await beat(world, "Ann", 20)
    assert await posted(world) == 20
    entries = "SELECT COUNT(*) AS n FROM score_entry WHERE metric = 'hours_worked' AND amount > 0"
    await beat(world, "Ann", *[10] * 30)
    assert (await connection.rows(entries))[0]["n"] <= 6
    assert await posted(world) > 250
    await beat(world, "Bob", 20, 25)
    assert (await reconcile()).differences == []

    world.later(minutes=3)
    context = await world.admitted("admin")
    while await worktime.catch_up(context):
        pass
    whole = sum([row.seconds for row in await WorkDay.all()])
    assert await posted(world) == whole == 320 + 45
    assert (await reconcile()).differences == []


async def test_what_was_left_when_somebody_fell_silent_is_posted_with_his_next_heartbeat(world: World) -> None:
    world.now = datetime(2026, 11, 18, 22, 58, 50, tzinfo=UTC)
    await beat(world, "Ann", 40, 25, 20)  # across midnight, with nothing posted after the first 40 seconds
    world.later(hours=9)
    await beat(world, "Ann")

    assert await posted(world) == 85
    rows = await connection.rows("SELECT day, amount FROM daily_total WHERE metric = 'hours_worked' ORDER BY day")
    assert [int(row["amount"]) for row in rows] == [70, 15]
    assert (await reconcile()).differences == []


async def test_hours_move_goals_and_boards(world: World) -> None:
    aim = await goal(world, "North", "hours_worked", "1")
    await beat(world, "Ann", *[60] * 45)
    document = "query($id: ID!) { goal(id: $id) { entries { edges { node { amount source { __typename } } } } } }"
    entries = (await world.ask(document, id=aim))["goal"]["entries"]["edges"]

    assert entries[0]["node"] == {"amount": "0.0167", "source": None}
    assert await value(world, aim) == "0.75"
    assert await board(world, "hours_worked") == {"Ann": "0.75", "Bob": "0", "Ada Admin": "0", "total": "0.75"}


async def test_time_at_work_counts_for_the_team_of_the_day(world: World) -> None:
    await beat(world, "Ann", 60)
    await world.act("updateEmployee", id=world.ids["Ann"], team=world.ids["South"])
    await beat(world, "Ann", 60)
    world.later(days=1)
    await beat(world, "Ann", 60)
    totals = [(await board(world, "hours_worked", scope=world.ids[team]))["total"] for team in ("North", "South")]

    assert totals == ["0.0333", "0.0167"]


async def test_parts_of_a_second_are_not_lost(world: World) -> None:
    await beat(world, "Ann", *[0.5] * 240)

    assert (await work(world))["totalHours"] == round(120 / 3600, 4)


async def test_a_clock_that_is_set_back_adds_nothing(world: World) -> None:
    await beat(world, "Ann", 60)
    world.now -= timedelta(minutes=2)
    await beat(world, "Ann")
    world.later(minutes=3)
    await beat(world, "Ann")

    assert (await work(world))["totalHours"] == round(120 / 3600, 4)


async def test_the_idle_limit_is_a_setting(world: World) -> None:
    world.services.idle = timedelta(minutes=2)
    await beat(world, "Ann", 121, 120)

    assert (await work(world))["totalHours"] == round(120 / 3600, 4)


async def test_only_the_employee_and_those_above_see_it(world: World) -> None:
    await world.hire("Meg", role="MANAGER")
    await world.hire("Dora", role="DIRECTOR")
    await world.act("updateTeam", id=world.ids["North"], manager=world.ids["Meg"])
    await world.device("Telephony", "INTEGRATION")
    await world.device("Screen", "WALLBOARD")
    await beat(world, "Ann", 60)
    seen = {who: bool(await work(world, who)) for who in ("Ann", "Meg", "Dora", "admin", "Bob", "Telephony", "Screen")}

    assert seen == {
        "Ann": True, "Meg": True, "Dora": True, "admin": True, "Bob": False, "Telephony": False, "Screen": False
    }  # fmt: skip


async def test_nobodys_hours_can_be_read_off_a_board_by_who_may_not_see_them(world: World) -> None:
    await world.hire("Meg", "Sales", role="MANAGER")
    await world.act("updateTeam", id=world.ids["North"], manager=world.ids["Meg"])
    await world.device("Screen", "WALLBOARD")
    for _ in range(2):
        await beat(world, "Bob", *[60] * 30)
    await beat(world, "Ann", *[60] * 45)
    shown = {}
    document = """{ leaderboard(metric: "hours_worked") { totalCount standings { rank previousRank employee { name } value gapToNext } } }"""
    for who in ("admin", "Meg", "Ann", "Screen"):
        found = (await world.ask(document, who))["leaderboard"]
        shown[who] = [(row["rank"], row["employee"]["name"], row["gapToNext"]) for row in found["standings"]]
        assert found["totalCount"] == 4
    standing = """query($id: ID!) { employee(id: $id) { standing(metric: "hours_worked") { value } } }"""

    assert shown["admin"][:2] == [(1, "Bob", None), (2, "Ann", "0.25")]
    assert shown["Meg"] == [(2, "Ann", None), (3, "Meg", "0.75")]
    assert shown["Ann"] == [(2, "Ann", None)]
    assert shown["Screen"] == []
    assert (await world.ask(standing, "Ann", id=world.ids["Bob"]))["employee"] == {"standing": None}


async def test_ten_years_of_everybody_are_too_many_days(world: World) -> None:
    document = "query($period: PeriodInput) { employees(first: 50) { edges { node { workTime(period: $period) { totalHours } } } } }"
    period = {"kind": "CUSTOM", "start": "2017-01-01", "end": "2026-11-18"}
    assert (await work(world, "admin", period=period))["totalHours"] == 0
    result = await world.execute(document, period=period)

    assert {error.original_error.extensions["field"] for error in result.errors} == {"period"}


async def test_a_device_has_no_heart(world: World) -> None:
    await world.device("Screen", "WALLBOARD")
    answer = (await world.ask(BEAT, "Screen"))["heartbeat"]

    assert answer == {
        "online": False,
        "todayHours": 0,
        "userErrors": [{"code": "FORBIDDEN", "message": "A device has no working hours."}],
    }


async def test_who_beats_is_online_for_a_while(world: World) -> None:
    online = "query($id: ID!) { employee(id: $id) { online } }"
    states = []
    for step in (0, 60, 20):
        world.later(seconds=step)
        if not step:
            await beat(world, "Ann")
        states.append((await world.ask(online, "Bob", id=world.ids["Ann"]))["employee"]["online"])

    assert states == [True, True, False]


async def test_the_work_of_all_members_is_read_at_once(world: World) -> None:
    await world.hire("Cid", "North")
    await beat(world, "Cid", 60)
    document = "query($id: ID!) { team(id: $id) { members { name workTime { totalHours } } } }"
    members = (await world.ask(document, id=world.ids["North"]))["team"]["members"]

    assert members == [
        {"name": "Ann", "workTime": {"totalHours": 0}}, {"name": "Cid", "workTime": {"totalHours": 0.0167}}
    ]  # fmt: skip
