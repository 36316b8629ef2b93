"""Taking the last change of a deal back: who may, until when, and what follows live."""

from __future__ import annotations

from typing import Any

import pytest

from models.alerts.outbox import Delivery
from models.db import connection
from tests.resolvers.crm.sales_company import (
    compare_dumps,
    dump_tables,
    fetch_last_activity,
    list_standing_wins,
    record_deal,
    try_undo,
    undo_last,
)
from tests.subscription_recorder import subscribe
from tests.world import World


async def win(world: World, actor: str = "Ann", **fields: Any) -> str:
    """Record a deal and win it; return its id."""
    deal = await record_deal(world, actor, client=world.global_ids["Globex"], createdAt="2026-11-02T08:00:00Z")
    await world.mutate("winDeal", actor, id=deal, **fields)
    return deal


async def fetch_code_and_message(payload: dict[str, Any]) -> tuple[str, str]:
    [error] = payload["userErrors"]
    assert error["path"] == ["activity"]
    return error["code"], error["message"]


# Effects


async def test_won_deal_is_open_again_without_trace(either_sales_company: World) -> None:
    world = either_sales_company
    deal = await record_deal(world, client=world.global_ids["Globex"], cost={"amount": "40"})
    before = await dump_tables()
    world.advance(seconds=5)
    await world.mutate("winDeal", "Ann", id=deal)
    world.advance(minutes=10)
    payload = await undo_last(world, deal, "Ann")

    assert payload["deal"]["status"] == "OPEN"
    assert {goal["progress"]["value"] for goal in payload["goals"]} == {"0", "0.00"}
    assert compare_dumps(before, await dump_tables()) == {}


async def test_later_win_of_client_is_first_sale_again(sales_company: World) -> None:
    world = sales_company
    deal = await win(world, at="2026-11-17T08:00:00Z")
    world.advance(seconds=9)
    later = await record_deal(world, "Bob", client=world.global_ids["Globex"], status="WON")
    kind = "query($id: ID!) { node(id: $id) { ... on Deal { saleKind } } }"
    assert (await world.query(kind, id=later))["node"]["saleKind"] == "REPEAT"
    await undo_last(world, deal)

    assert (await world.query(kind, id=later))["node"]["saleKind"] == "FIRST"


async def test_goal_reached_by_others_since_stays_announced(sales_company: World) -> None:
    world = sales_company
    await win(world)
    deal = await win(world)  # the second win reaches Ann's goal
    world.advance(seconds=1)
    await win(world)
    await undo_last(world, deal)
    goals = await connection.fetch_rows("SELECT announced FROM goal WHERE metric = 'deals_won'")
    lines = await connection.fetch_rows("SELECT id FROM activity WHERE kind = 'GOAL_ACHIEVED' AND subject_id = 1")

    assert [row["announced"] for row in goals] == ["[2]"]
    assert len(lines) == 1


async def test_tier_that_others_have_reached_since_stays_and_the_higher_one_is_withdrawn(sales_company: World) -> None:
    world = sales_company
    goals = (await world.query("{ goals { id metric { key } } }"))["goals"]
    [goal] = [goal["id"] for goal in goals if goal["metric"]["key"] == "deals_won"]
    await world.mutate("updateGoal", id=goal, threshold=1, target=2, reason="A lower step")
    deal = await win(world)  # reaches the threshold
    world.advance(seconds=1)
    await win(world)  # reaches the target
    await undo_last(world, deal)
    [row] = await connection.fetch_rows("SELECT announced FROM goal WHERE metric = 'deals_won'")
    lines = await connection.fetch_rows(
        "SELECT kind FROM activity WHERE kind LIKE 'GOAL_%' AND subject_id = 1 ORDER BY id"
    )

    assert row["announced"] == '["THRESHOLD:1",2]'
    assert lines[-1]["kind"] == "GOAL_ACHIEVED"


async def test_goal_is_announced_again_after_the_win_that_reached_it_was_taken_back(sales_company: World) -> None:
    world = sales_company
    await win(world)
    deal = await win(world)
    await undo_last(world, deal)
    world.advance(seconds=1)
    await world.mutate("winDeal", "Ann", id=deal)
    lines = await connection.fetch_rows("SELECT id FROM activity WHERE kind = 'GOAL_ACHIEVED' AND subject_id = 1")

    assert len(lines) == 1


async def test_message_that_was_sent_stays_and_one_that_waits_is_withdrawn(sales_company: World) -> None:
    world = sales_company
    deal = await record_deal(world)
    world.advance(seconds=1)
    await world.mutate("loseDeal", "Ann", id=deal)
    assert await Delivery.all().count() == 1
    await undo_last(world, deal)
    assert await Delivery.all().count() == 0
    world.advance(seconds=1)
    await world.mutate("loseDeal", "Ann", id=deal)
    await Delivery.all().update(attempts=1, due_at=None, sent_at=world.now)
    await undo_last(world, deal)

    assert await Delivery.all().count() == 1
    assert (await world.query("{ alerts { totalCount } viewer { unreadAlerts } }", "Mia")) == {
        "alerts": {"totalCount": 0},
        "viewer": {"unreadAlerts": 0},
    }


async def test_announced_win_is_revoked_and_stands_again(sales_company: World) -> None:
    world = sales_company
    deal = await win(world)
    before = await list_standing_wins()
    world.advance(minutes=1)
    await world.mutate("reopenDeal", "Ann", id=deal)
    assert await list_standing_wins() == []
    await undo_last(world, deal)
    assert await list_standing_wins() == before
    world.advance(minutes=5)
    await undo_last(world, deal)

    assert await list_standing_wins() == []


async def test_win_dated_back_to_closed_month_leaves_no_late_posting(sales_company: World) -> None:
    world = sales_company
    deal = await record_deal(world, createdAt="2026-09-01T08:00:00Z")
    before = await dump_tables()
    world.advance(seconds=1)
    await world.mutate("winDeal", "Ann", id=deal, at="2026-09-15T08:00:00Z")
    late = await connection.fetch_rows("SELECT COUNT(*) AS late FROM score_entry WHERE late")
    assert late[0]["late"] > 0
    await undo_last(world, deal)

    assert compare_dumps(before, await dump_tables()) == {}


async def test_forecast_reads_the_restored_deal(sales_company: World) -> None:
    world = sales_company
    deal = await record_deal(world, "Ann", "777")
    forecast = "{ forecast { booked openPipeline { deals } } }"
    before = await world.query(forecast)
    await world.mutate("winDeal", "Ann", id=deal)
    assert await world.query(forecast) != before
    await undo_last(world, deal)

    assert await world.query(forecast) == before


async def test_screens_learn_what_is_gone(sales_company: World) -> None:
    world = sales_company
    deal = await record_deal(world)
    world.advance(seconds=1)
    document = "subscription { undoneActivities { activity alerts undoneAt cursor } }"
    goals = """subscription($ann: ID!) { goalProgress(scope: $ann) { metric { key } progress { value } } }"""
    async with (
        subscribe(world, document, "Mia") as manager,
        subscribe(world, document, "Ann") as seller,
        subscribe(world, document, "Cid") as stranger,
        subscribe(world, goals, "Ann", ann=world.global_ids["Ann"]) as progress,
    ):
        await world.let_tasks_run()
        await world.mutate("winDeal", "Ann", id=deal)
        activity = (await fetch_last_activity(world, deal))["id"]
        [alert] = (await world.query("{ alerts { edges { node { id } } } }", "Mia"))["alerts"]["edges"]
        await undo_last(world, deal, "Ann")
        await manager.wait_until(lambda: manager.events)
        await seller.wait_until(lambda: seller.events)
        await progress.wait_until(
            lambda: (
                progress.events[-1]["goalProgress"]["progress"]["value"] in ("0", "0.00") and len(progress.events) > 2
            )
        )

    [manager_event], [seller_event] = manager.events, seller.events
    assert manager_event["undoneActivities"]["activity"] == seller_event["undoneActivities"]["activity"] == activity
    assert manager_event["undoneActivities"]["alerts"] == [alert["node"]["id"]]
    assert seller_event["undoneActivities"]["alerts"] == []
    assert stranger.events == []


# Limits


async def test_undo_is_refused_after_ten_minutes(sales_company: World) -> None:
    world = sales_company
    deal = await win(world)
    activity = await fetch_last_activity(world, deal)
    world.advance(minutes=10, seconds=1)
    code, message = await fetch_code_and_message(await try_undo(world, activity["id"]))

    assert (await fetch_last_activity(world, deal))["undoableUntil"] is None
    assert (code, message) == (
        "CONFLICT",
        "This can be taken back for ten minutes only: reopen, move or correct the deal instead.",
    )


async def test_only_the_newest_change_of_a_deal_is_taken_back(sales_company: World) -> None:
    world = sales_company
    deal = await record_deal(world)
    world.advance(seconds=1)
    await world.mutate("moveDeal", "Ann", id=deal, stage=world.stage_ids[1])
    move = await fetch_last_activity(world, deal)
    world.advance(seconds=1)
    await world.mutate("winDeal", "Ann", id=deal)
    code, message = await fetch_code_and_message(await try_undo(world, move["id"]))
    assert (code, message) == (
        "CONFLICT",
        "This deal was changed again since: take that back first, or correct the deal.",
    )
    await undo_last(world, deal)

    assert (await fetch_last_activity(world, deal))["id"] == move["id"]
    assert (await undo_last(world, deal))["deal"]["stage"]["id"] == world.stage_ids[0]


async def test_change_is_not_taken_back_twice(sales_company: World) -> None:
    world = sales_company
    deal = await win(world)
    activity = await fetch_last_activity(world, deal)
    first = await try_undo(world, activity["id"], "Ann", key="slip")
    assert first["userErrors"] == []

    assert await try_undo(world, activity["id"], "Ann", key="slip") == first
    assert await fetch_code_and_message(await try_undo(world, activity["id"], "Ann")) == (
        "CONFLICT",
        "This has been taken back already.",
    )
    assert (await fetch_code_and_message(await try_undo(world, activity["id"], "Cid")))[0] == "NOT_FOUND"


@pytest.mark.parametrize("change", ["title", "create", "flag", "call", "redate"])
async def test_other_changes_cannot_be_taken_back(sales_company: World, change: str) -> None:
    world = sales_company
    deal = await win(world)
    world.advance(seconds=1)
    match change:
        case "title":
            await world.mutate("updateDeal", "Ann", id=deal, title="Tables")
        case "create":
            deal = await record_deal(world)
        case "flag":
            await world.mutate("flagDeal", "Ann", id=deal, problem="Late")
        case "redate":
            await world.mutate("winDeal", "Ann", id=deal, at="2026-11-18T08:00:00Z")
    activity = await fetch_last_activity(world, deal)
    if change == "call":
        await world.mutate("recordCall", "Ann", direction="OUTBOUND")
        feed = await world.query("{ activities(first: 1) { edges { node { id undoableUntil } } } }")
        activity = feed["activities"]["edges"][0]["node"]

    assert activity["undoableUntil"] is None
    assert (await fetch_code_and_message(await try_undo(world, activity["id"])))[0] in ("INVALID", "CONFLICT")


# Rights


async def test_who_may_change_the_deal_may_take_the_change_back(sales_company: World) -> None:
    world = sales_company
    deal = await win(world, "Ann")
    activity = (await fetch_last_activity(world, deal))["id"]

    assert (await fetch_code_and_message(await try_undo(world, activity, "Bob")))[0] == "NOT_FOUND"
    assert (await try_undo(world, activity, "Mia"))["userErrors"] == []


async def test_hand_over_is_taken_back_by_a_manager_above_both(sales_company: World) -> None:
    world = sales_company
    deal = await record_deal(world)
    before = await dump_tables()
    world.advance(seconds=1)
    await world.mutate("updateDeal", "Mia", id=deal, owner=world.global_ids["Bob"])
    activity = (await fetch_last_activity(world, deal))["id"]

    assert (await fetch_code_and_message(await try_undo(world, activity, "Bob")))[0] == "FORBIDDEN"
    assert (await try_undo(world, activity, "Mia"))["deal"]["owner"]["name"] == "Ann"
    assert compare_dumps(before, await dump_tables()) == {}


async def test_activity_says_until_when_it_can_be_taken_back_and_by_whom(sales_company: World) -> None:
    world = sales_company
    deal = await record_deal(world)
    world.advance(seconds=1)
    await world.mutate("updateDeal", "Mia", id=deal, owner=world.global_ids["Bob"])
    feed = "{ activities(first: 1) { edges { node { undoableUntil } } } }"

    async def read(actor: str) -> str | None:
        return (await world.query(feed, actor))["activities"]["edges"][0]["node"]["undoableUntil"]

    assert await read("Mia") == "2026-11-18T09:10:01+00:00"
    assert await read("Bob") is None  # may change the deal, but not hand it over
