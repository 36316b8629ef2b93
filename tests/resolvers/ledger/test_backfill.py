"""Backfill of a metric: older records are counted once, on their own days, and late where these are closed.

A metric that was added later is one of which nothing is posted: `forget` removes what has been posted.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from domain.ledger.metrics import METRICS
from models.db import connection
from models.live import change_log
from models.organization import people
from resolvers.crm import metric_backfill
from resolvers.crm.metric_backfill import BackfillResult, UnknownMetric, backfill_metric, find_metric
from resolvers.ledger.reconciliation import reconcile
from resolvers.request.context import RequestContext
from resolvers.request.viewer import Viewer
from tests.databases import on_both_databases
from tests.subscription_recorder import subscribe
from tests.world import World, cache_company, open_world

TODAY = "2026-11-18"
WINS = (  # seller, amount, day
    ("Ann", "100", "2026-09-10"),
    ("Bob", "30.05", "2026-10-02"),
    ("Ann", "7", "2026-11-12"),
    ("Bob", "19.99", "2026-11-17"),
    ("Ann", "13", "2026-11-17"),
)


@cache_company
async def open_company(url: str) -> AsyncIterator[World]:
    """Two sellers in two teams with wins in three months, whose ids are those of "win 1" to "win 5"."""
    async with open_world(url) as world:
        for seller, team in (("Ann", "North"), ("Bob", "South")):
            await world.create_team(team)
            await world.create_employee(seller, team)
        for number, (seller, amount, day) in enumerate(WINS, 1):
            world.global_ids[f"win {number}"] = await record_win(world, seller, amount, day)
        yield world


@pytest.fixture
async def world(usual_database_url: str) -> AsyncIterator[World]:
    async with open_company(usual_database_url) as world:
        yield world


@pytest.fixture
async def sqlite_world() -> AsyncIterator[World]:
    async with open_world("sqlite://:memory:") as world:
        await world.create_team("North")
        await world.create_employee("Ann", "North")
        yield world


async def record_win(world: World, seller: str, amount: str, day: str) -> str:
    payload = await world.mutate(
        "recordDeal",
        title="Chairs",
        status="WON",
        owner=world.global_ids[seller],
        amount={"amount": amount, "currency": "EUR"},
        createdAt=f"{day}T07:00:00Z",
        closedAt=f"{day}T08:00:00Z",
    )
    return str(payload["deal"]["id"])


async def forget(metric: str) -> None:
    """Remove everything that is posted of a metric, as if it had just been added."""
    for table in ("score_entry", "daily_total", "team_total"):
        await connection.execute(f"DELETE FROM {table} WHERE metric = ?", [metric])


async def backfill(world: World, metric: str, **options: Any) -> BackfillResult:
    async def create_context() -> RequestContext:
        context = world.build_context()
        context.current_viewer = Viewer.for_scheduler(await people.load_team_tree())
        return context

    return await backfill_metric(create_context, METRICS[metric], **options)


async def read_totals() -> list[list[str]]:
    """Return the totals of employees and teams, of all metrics and days."""
    return [
        sorted(map(str, await connection.fetch_rows(f"SELECT metric, {owner}, day, amount FROM {table}")))
        for table, owner in (("daily_total", "employee_id, team_id"), ("team_total", "team_id"))
    ]


async def read_postings(metric: str) -> list[tuple[str, int, bool]]:
    """Return the day, amount and lateness of each posting, in order."""
    rows = await connection.fetch_rows(
        "SELECT effective_on, amount, late FROM score_entry WHERE metric = ? ORDER BY source_id, id", [metric]
    )
    return [(str(row["effective_on"]), row["amount"], bool(row["late"])) for row in rows]


async def messages() -> list[str]:
    return [str(difference) for difference in (await reconcile()).differences]


async def test_older_records_are_counted_on_their_own_days(world: World) -> None:
    totals = await read_totals()
    await forget("deals_won_amount")
    assert await messages()

    result = await backfill(world, "deals_won_amount")

    assert str(result) == "Compared 5 deals with what is posted for deals_won_amount: 5 posted."
    assert await read_totals() == totals
    assert await messages() == []


async def test_second_run_posts_nothing(world: World) -> None:
    await forget("deals_won")
    await backfill(world, "deals_won")
    postings = await read_postings("deals_won")

    result = await backfill(world, "deals_won")

    assert str(result) == "Compared 5 deals with what is posted for deals_won: nothing was missing."
    assert await read_postings("deals_won") == postings


async def test_days_of_closed_months_are_counted_today_and_late(world: World) -> None:
    await forget("deals_won_amount")
    await world.mutate("updateCompany", closeAfterWorkdays=3)

    result = await backfill(world, "deals_won_amount")

    assert str(result).endswith("deals_won_amount: 5 posted, 2 of them late, for days of closed months.")
    assert await read_postings("deals_won_amount") == [
        (TODAY, 10_000, True),
        (TODAY, 3_005, True),
        ("2026-11-12", 700, False),
        ("2026-11-17", 1_999, False),
        ("2026-11-17", 1_300, False),
    ]
    assert await messages() == []
    assert (await backfill(world, "deals_won_amount")).postings == 0


async def test_only_the_difference_is_posted_for_a_record_that_was_edited_since_the_metric_was_added(
    world: World,
) -> None:
    await forget("deals_won_amount")
    await world.mutate("updateCompany", closeAfterWorkdays=3)
    for win, amount in (("win 1", "60"), ("win 3", "9")):  # of a closed month, and of the current one
        await world.mutate("updateDeal", id=world.global_ids[win], amount={"amount": amount, "currency": "EUR"})

    await backfill(world, "deals_won_amount")

    postings = await read_postings("deals_won_amount")
    assert postings[:3] == [(TODAY, -10_000, True), (TODAY, 6_000, True), (TODAY, 10_000, True)]
    assert [posting for posting in postings if posting[0] == "2026-11-12"] == [
        ("2026-11-12", -700, False),
        ("2026-11-12", 900, False),
        ("2026-11-12", 700, False),
    ]
    assert await messages() == []


@on_both_databases
async def test_changed_definition_is_posted_as_withdrawal_and_new_score(world: World) -> None:
    await connection.execute("UPDATE score_entry SET amount = 5 WHERE metric = 'deals_won' AND source_id = 3")
    await connection.execute(
        "UPDATE score_entry SET employee_id = (SELECT id FROM employee WHERE name = 'Bob') "
        "WHERE metric = 'deals_won' AND source_id = 5"
    )

    result = await backfill(world, "deals_won")

    assert result.postings == 3
    assert [message for message in await messages() if message.startswith("Ledger")] == []


async def test_deleted_records_count_nothing(world: World) -> None:
    deal = await record_win(world, "Ann", "500", "2026-11-16")
    await world.query("mutation($id: ID!) { deleteDeal(id: $id) { userErrors { code } } }", id=deal)
    await forget("deals_won")

    result = await backfill(world, "deals_won")

    assert (result.records, result.postings) == (6, 5)
    assert await messages() == []


class Killed(BaseException):
    """Ends a run from outside."""


async def test_run_killed_half_way_is_finished_by_the_next(world: World) -> None:
    totals = await read_totals()
    await forget("deals_won_amount")
    batches = itertools.count(1)

    def kill_after_second_batch(records: int) -> None:
        if next(batches) == 2:
            raise Killed

    with pytest.raises(Killed):
        await backfill(world, "deals_won_amount", on_progress=kill_after_second_batch, batch_size=2)
    assert len(await read_postings("deals_won_amount")) == 4

    result = await backfill(world, "deals_won_amount", batch_size=2)

    assert (result.records, result.postings) == (5, 1)
    assert await read_totals() == totals
    assert await messages() == []


@on_both_databases
async def test_batch_killed_before_its_commit_leaves_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    totals = await read_totals()
    await forget("deals_won_amount")
    position = await change_log.last_position()
    publish = metric_backfill.publish_posted_scores

    async def publish_and_die(*arguments: Any, **options: Any) -> None:
        await publish(*arguments, **options)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(metric_backfill, "publish_posted_scores", publish_and_die)
        with pytest.raises(Killed):
            await backfill(world, "deals_won_amount", batch_size=2)
    assert await read_postings("deals_won_amount") == []
    assert await change_log.read_after(position) == []

    await backfill(world, "deals_won_amount", batch_size=2)

    assert await read_totals() == totals


async def test_records_edited_during_the_run_are_counted_once(world: World) -> None:
    await forget("deals_won_amount")
    dice = random.Random(5)

    async def edit_deals() -> None:
        for _ in range(12):
            deal = world.global_ids[f"win {dice.randint(1, len(WINS))}"]
            amount = {"amount": str(dice.randint(1, 500)), "currency": "EUR"}
            await world.mutate(dice.choice(["updateDeal", "winDeal"]), id=deal, amount=amount)
            await record_win(world, "Bob", "3", "2026-11-16")

    await asyncio.gather(edit_deals(), backfill(world, "deals_won_amount", batch_size=1))
    await backfill(world, "deals_won_amount")

    assert await messages() == []


async def test_live_subscribers_receive_the_new_values(sqlite_world: World) -> None:
    world = sqlite_world
    await record_win(world, "Ann", "100", "2026-11-17")
    period = {"kind": "MONTH"}
    goal = await world.mutate(
        "setGoal", owner=world.global_ids["Ann"], metric="deals_won_amount", target="100", period=period
    )
    await forget("deals_won_amount")
    fields = "metric { key } progress { value version }"
    board = '{ leaderboard(metric: "deals_won_amount") { total standings { value } } }'
    async with (
        subscribe(world, f"subscription {{ goalProgress {{ {fields} }} }}", "Ann") as goals,
        subscribe(world, f"subscription {board}", "Ann") as leaderboard,
    ):
        await goals.wait_until(lambda: goals.events)
        await leaderboard.wait_until(lambda: leaderboard.events)
        await backfill(world, "deals_won_amount")
        await goals.wait_until(lambda: len(goals.events) == 2)
        await leaderboard.wait_until(lambda: len(leaderboard.events) == 2)

    assert [event["goalProgress"]["progress"]["value"] for event in goals.events] == ["0.00", "100.00"]
    assert goals.events[1]["goalProgress"]["progress"]["version"] > goal["goal"]["progress"]["version"]
    assert [event["leaderboard"]["total"] for event in leaderboard.events] == ["0.00", "100.00"]
    assert leaderboard.events[-1] == await world.query(board, "Ann")


async def test_goal_reached_by_older_records_is_neither_announced_nor_alerted(sqlite_world: World) -> None:
    world = sqlite_world
    await record_win(world, "Ann", "100", "2026-11-17")
    await forget("deals_won_amount")
    await world.mutate(
        "setGoal", owner=world.global_ids["Ann"], metric="deals_won_amount", target="50", period={"kind": "MONTH"}
    )

    await backfill(world, "deals_won_amount")
    await record_win(world, "Ann", "1", "2026-11-17")

    kinds = await world.query("{ activities(first: 20) { edges { node { kind } } } alerts { totalCount } }")
    assert "GOAL_ACHIEVED" not in [edge["node"]["kind"] for edge in kinds["activities"]["edges"]]
    assert kinds["alerts"]["totalCount"] == 0


async def test_metric_without_records_says_so(sqlite_world: World) -> None:
    assert str(await backfill(sqlite_world, "leads_created")) == (
        "There are no leads yet: nothing to count for leads_created."
    )


async def test_unknown_metric_names_the_nearest_keys(sqlite_world: World) -> None:
    with pytest.raises(UnknownMetric, match=r"^There is no metric deal_won: did you mean deals_won or "):
        await find_metric("deal_won")
    with pytest.raises(UnknownMetric, match=r"^There is no metric zzz: the metrics are deals_won, .*, hours_worked\.$"):
        await find_metric("zzz")


async def test_company_metric_is_told_from_built_in_ones(sqlite_world: World) -> None:
    await sqlite_world.mutate("createMetric", key="demos_held", name="Demos held")

    assert metric_backfill.is_company_metric(await find_metric("demos_held"))
    assert not metric_backfill.is_company_metric(await find_metric("calls_made"))


async def test_every_built_in_metric_can_be_backfilled(sqlite_world: World) -> None:
    for metric in METRICS.values():
        assert await metric_backfill.count_records(metric) == 0
        assert (await backfill(sqlite_world, metric.key)).postings == 0


async def test_reconciliation_names_the_command_for_older_records(sqlite_world: World) -> None:
    await record_win(sqlite_world, "Ann", "100", "2026-11-17")
    await forget("deals_won")

    summary = (await reconcile()).summary

    assert summary.endswith("Records older than their metric are counted by `./run reconcile --backfill deals_won`.")


@pytest.mark.parametrize("metric", ["calls_made", "calls_outbound"])
async def test_calls_are_counted_by_direction_and_filled_in_for_the_past(world: World, metric: str) -> None:
    for direction in ("OUTBOUND", "INBOUND", "INBOUND", "OUTBOUND", "OUTBOUND"):
        await world.mutate("recordCall", "Ann", direction=direction)
    totals, posted = await read_totals(), await read_postings(metric)
    assert len(posted) == {"calls_made": 5, "calls_outbound": 3}[metric]
    await forget(metric)

    result = await backfill(world, metric)

    assert str(result) == f"Compared 5 calls with what is posted for {metric}: {len(posted)} posted."
    assert await read_totals() == totals
    assert await messages() == []
