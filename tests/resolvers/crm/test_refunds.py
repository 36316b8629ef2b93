"""Refunds: what they take back of the ledger, their limits, and what becomes of them when the deal changes."""

from __future__ import annotations

from typing import Any

import pytest

from domain.ledger.refunds import split_by_refunds
from models.db import connection
from resolvers.ledger.reconciliation import reconcile
from tests.resolvers.crm.sales_company import (
    compare_dumps,
    dump_tables,
    fetch_last_activity,
    record_deal,
    try_refund,
    try_undo,
    undo_last,
)
from tests.world import World

EARLY = "2026-11-02T08:00:00Z"
PAYLOAD = "{ refund { id } deal { refundedAmount { amount } } userErrors { path code } }"


async def win(world: World, owner: str = "Ann", amount: str = "100", **fields: Any) -> str:
    deal = {"client": world.global_ids["Globex"], "createdAt": EARLY, "closedAt": EARLY, "status": "WON", **fields}
    return await record_deal(world, owner, amount, **deal)


async def refund(world: World, deal: str, amount: str, actor: str = "admin", **fields: Any) -> str:
    payload = await try_refund(world, deal, amount, actor, **fields)
    assert payload["userErrors"] == [], payload["userErrors"]
    return payload["refund"]["id"]


async def delete_refund(world: World, refund_id: str, actor: str = "admin") -> dict[str, Any]:
    document = f"mutation($id: ID!) {{ deleteRefund(id: $id) {PAYLOAD} }}"
    return (await world.query(document, actor, id=refund_id))["deleteRefund"]


async def read_ledger(metric: str) -> list[tuple[int, str, int]]:
    """Return employee, day and sum of each day with postings of a metric, in cents."""
    rows = await connection.fetch_rows(
        """SELECT employee_id, effective_on, SUM(amount) AS total FROM score_entry WHERE metric = ?
        GROUP BY employee_id, effective_on HAVING SUM(amount) <> 0 ORDER BY effective_on, employee_id""",
        [metric],
    )
    return [(row["employee_id"], str(row["effective_on"]), int(row["total"])) for row in rows]


async def list_differences() -> list[str]:
    return [str(difference) for difference in (await reconcile()).differences]


def codes(payload: dict[str, Any]) -> list[tuple[list[str], str]]:
    return [(error["path"], error["code"]) for error in payload["userErrors"]]


# The ledger


async def test_refund_counts_on_its_own_day_and_not_as_a_win(either_sales_company: World) -> None:
    world = either_sales_company
    deal = await win(world, cost={"amount": "60"})
    await refund(world, deal, "25", at="2026-11-17T10:00:00Z", reason="Scratched")
    ann = 3

    assert await read_ledger("deals_won_amount") == [(ann, "2026-11-02", 10_000), (ann, "2026-11-17", -2_500)]
    assert await read_ledger("first_deals_won_amount") == [(ann, "2026-11-02", 10_000), (ann, "2026-11-17", -2_500)]
    assert await read_ledger("deals_won_profit") == [(ann, "2026-11-02", 4_000), (ann, "2026-11-17", -1_000)]
    assert await read_ledger("deals_won") == [(ann, "2026-11-02", 1)]
    assert await list_differences() == []


async def test_refund_is_shown_on_deal_feed_ledger_and_boards(sales_company: World) -> None:
    world = sales_company
    deal = await win(world)
    await refund(world, deal, "25", reason="Scratched")
    data = await world.query(
        """query($id: ID!, $ann: ID!) { node(id: $id) { ... on Deal { refundedAmount { amount currency }
          refunds { amount { amount } reason deal { id } } activities(first: 1) { edges { node { kind summary } } } } }
        leaderboard { total } goals(scope: $ann, metric: "deals_won_amount") { entries { edges { node { amount source { __typename } } } } } }""",
        id=deal,
        ann=world.global_ids["Ann"],
    )
    entries = [edge["node"] for edge in data["goals"][0]["entries"]["edges"]]

    assert data["node"] == {
        "refundedAmount": {"amount": "25.00", "currency": "EUR"},
        "refunds": [{"amount": {"amount": "25.00"}, "reason": "Scratched", "deal": {"id": deal}}],
        "activities": {
            "edges": [{"node": {"kind": "DEAL_REFUNDED", "summary": "Refund of deal “Chairs”, 25.00 EUR: Scratched"}}]
        },
    }
    assert data["leaderboard"]["total"] == "75.00"
    assert {"amount": "-25.00", "source": {"__typename": "Refund"}} in entries


@pytest.mark.parametrize(
    ("total", "amount", "refunds", "shares"),
    [
        (100, 300, [100, 100, 100], [33, 34, 33]),
        (-7, 10, [5, 5], [-4, -3]),
        (5, 10, [1] * 10, [0, 1, 1, 0, 0, 1, 1, 0, 0, 1]),
    ],
)
def test_shares_of_a_full_refund_add_up(total: int, amount: int, refunds: list[int], shares: list[int]) -> None:
    assert split_by_refunds(total, amount, refunds) == shares
    assert sum(shares) == total


async def test_full_refund_of_a_foreign_currency_takes_the_whole_value_back(sales_company: World) -> None:
    world = sales_company
    money = {"amount": "33.33", "currency": "USD"}
    deal = str(
        (await world.mutate("recordDeal", title="Rug", owner=world.global_ids["Ann"], amount=money, status="WON"))[
            "deal"
        ]["id"]
    )
    for amount in ("11.11", "11.11", "11.11"):
        await refund(world, deal, amount)

    assert await read_ledger("deals_won_amount") == []
    assert await list_differences() == []


async def test_refund_recorded_for_a_closed_month_is_late(sales_company: World) -> None:
    world = sales_company
    deal = await win(world, createdAt="2026-09-01T08:00:00Z", closedAt="2026-09-02T08:00:00Z")
    await refund(world, deal, "25", at="2026-09-30T10:00:00Z")
    rows = await connection.fetch_rows("SELECT late, effective_on FROM score_entry WHERE source_kind = 'Refund'")

    assert {(bool(row["late"]), str(row["effective_on"])) for row in rows} == {(True, "2026-11-18")}
    assert await list_differences() == []


# Limits


async def test_refunds_never_exceed_the_amount(sales_company: World) -> None:
    world = sales_company
    deal = await win(world)
    await refund(world, deal, "60")
    await refund(world, deal, "40")
    payload = await try_refund(world, deal, "0.01")

    assert codes(payload) == [(["input", "amount", "amount"], "OUT_OF_RANGE")]
    assert payload["userErrors"][0]["message"] == "Of this deal 0.00 EUR are left to give back."


@pytest.mark.parametrize(
    ("fields", "path", "code"),
    [
        ({"amount": {"amount": "0"}}, ["input", "amount", "amount"], "OUT_OF_RANGE"),
        ({"amount": {"amount": "-1"}}, ["input", "amount", "amount"], "OUT_OF_RANGE"),
        ({"amount": {"amount": "5", "currency": "USD"}}, ["input", "amount", "currency"], "INVALID"),
        ({"at": "2026-11-02T07:59:59Z"}, ["input", "at"], "INVALID"),
        ({"at": "2026-11-19T10:00:00Z"}, ["input", "at"], "OUT_OF_RANGE"),
    ],
)
async def test_invalid_refund_is_refused(
    sales_company: World, fields: dict[str, Any], path: list[str], code: str
) -> None:
    deal = await win(sales_company)

    assert codes(await try_refund(sales_company, deal, "5", **fields)) == [(path, code)]


async def test_open_deal_has_no_refund(sales_company: World) -> None:
    deal = await record_deal(sales_company)

    assert codes(await try_refund(sales_company, deal, "5")) == [(["input", "deal"], "CONFLICT")]


async def test_win_with_refunds_is_not_taken_away_below_them(sales_company: World) -> None:
    world = sales_company
    deal = await win(world)
    await refund(world, deal, "60")
    delete = "mutation($id: ID!) { deleteDeal(id: $id) { userErrors { path code } } }"
    before = await dump_tables()

    assert codes(await world.try_mutation("reopenDeal", id=deal)) == [(["input", "id"], "CONFLICT")]
    assert codes(await world.try_mutation("loseDeal", id=deal)) == [(["input", "id"], "CONFLICT")]
    assert codes((await world.query(delete, id=deal))["deleteDeal"]) == [(["id"], "CONFLICT")]
    lower = await world.try_mutation("updateDeal", id=deal, amount={"amount": "59"})
    assert codes(lower) == [(["input", "amount"], "OUT_OF_RANGE")]
    dollars = await world.try_mutation("updateDeal", id=deal, amount={"amount": "100", "currency": "USD"})
    assert codes(dollars) == [(["input", "amount", "currency"], "CONFLICT")]
    assert compare_dumps(before, await dump_tables()) == {}


async def test_win_is_not_dated_after_its_refund(sales_company: World) -> None:
    world = sales_company
    deal = await win(world)
    await refund(world, deal, "60", at="2026-11-10T10:00:00Z")

    assert codes(await world.try_mutation("updateDeal", id=deal, closedAt="2026-11-11T10:00:00Z")) == [
        (["input", "closedAt"], "INVALID")
    ]


async def test_same_external_id_changes_the_refund(sales_company: World) -> None:
    world = sales_company
    deal = await win(world)
    first = await refund(world, deal, "60", externalId="r-1", reason="Scratched")
    before = await dump_tables()
    assert await refund(world, deal, "60", externalId="r-1") == first
    assert compare_dumps(before, await dump_tables()) == {}
    await refund(world, deal, "100", externalId="r-1")
    other = await win(world)

    assert await read_ledger("deals_won_amount") == [(3, "2026-11-02", 20_000), (3, "2026-11-18", -10_000)]
    assert codes(await try_refund(world, other, "5", externalId="r-1")) == [(["input", "externalId"], "CONFLICT")]
    assert await list_differences() == []


# When the deal changes


async def test_refund_follows_credit_amount_and_sale_kind_of_its_deal(sales_company: World) -> None:
    world = sales_company
    deal = await win(world, cost={"amount": "60"})
    await refund(world, deal, "50")
    await world.mutate("updateDeal", id=deal, owner=world.global_ids["Bob"], moveCredit=True)
    await world.mutate("updateDeal", id=deal, amount={"amount": "200"}, cost={"amount": "100"})
    await win(world, "Bob", "10", createdAt="2026-10-20T08:00:00Z", closedAt="2026-10-21T08:00:00Z")
    bob = 4

    assert await read_ledger("repeat_deals_won_amount") == [(bob, "2026-11-02", 20_000), (bob, "2026-11-18", -5_000)]
    assert await read_ledger("deals_won_profit") == [(bob, "2026-11-02", 10_000), (bob, "2026-11-18", -2_500)]
    assert await list_differences() == []


async def test_deleted_refund_counts_no_more_and_the_deal_can_be_reopened(either_sales_company: World) -> None:
    world = either_sales_company
    deal = await win(world)
    refund_id = await refund(world, deal, "60")
    world.advance(minutes=20)
    payload = await delete_refund(world, refund_id)

    assert payload["deal"] == {"refundedAmount": None}
    assert await read_ledger("deals_won_amount") == [(3, "2026-11-02", 10_000)]
    assert (await fetch_last_activity(world, deal))["kind"] == "REFUND_DELETED"
    before = await dump_tables()
    assert (await delete_refund(world, refund_id))["userErrors"] == []
    assert compare_dumps(before, await dump_tables()) == {}
    await world.mutate("reopenDeal", id=deal)
    assert await list_differences() == []


async def test_refund_is_taken_back_as_if_it_had_not_been(either_sales_company: World) -> None:
    world = either_sales_company
    deal = await win(world, cost={"amount": "60"})
    await refund(world, deal, "10")
    before = await dump_tables()
    world.advance(minutes=1)
    await refund(world, deal, "90", at="2026-11-10T10:00:00Z")
    world.advance(minutes=9)
    await undo_last(world, deal)

    assert compare_dumps(before, await dump_tables()) == {}


async def test_win_is_not_taken_back_below_a_refund(sales_company: World) -> None:
    world = sales_company
    deal = await record_deal(world, createdAt=EARLY)
    await world.mutate("winDeal", id=deal)
    activity = (await fetch_last_activity(world, deal))["id"]
    world.advance(seconds=1)
    await refund(world, deal, "60")

    assert codes(await try_undo(world, activity)) == [(["activity"], "CONFLICT")]


# Rights and repetition


async def test_sellers_record_refunds_of_their_own_deals_and_managers_delete_them(sales_company: World) -> None:
    world = sales_company
    deal = await win(world)
    refund_id = await refund(world, deal, "5", "Ann")

    assert codes(await try_refund(world, deal, "5", "Bob")) == [(["input", "deal"], "NOT_FOUND")]
    assert codes(await delete_refund(world, refund_id, "Ann")) == [(["id"], "FORBIDDEN")]
    assert codes(await delete_refund(world, refund_id, "Bob")) == [(["id"], "NOT_FOUND")]
    node = "query($id: ID!) { node(id: $id) { id } }"
    assert (await world.query(node, "Bob", id=refund_id))["node"] is None
    assert (await world.query(node, "Ann", id=refund_id))["node"] == {"id": refund_id}
    assert codes(await delete_refund(world, refund_id, "Mia")) == []


async def test_same_idempotency_key_records_one_refund(sales_company: World) -> None:
    world = sales_company
    deal = await win(world)
    first = await try_refund(world, deal, "5", idempotencyKey="once")

    assert await try_refund(world, deal, "5", idempotencyKey="once") == first
    assert len(await connection.fetch_rows("SELECT id FROM refund")) == 1


# Reconciliation


async def test_reconciliation_reports_a_changed_refund(sales_company: World) -> None:
    world = sales_company
    deal = await win(world)
    await refund(world, deal, "5")
    await connection.execute("UPDATE refund SET value = value + 1")

    assert await list_differences() == [
        "Ledger of Refund 1: Ann (North), deals_won_amount, 2026-11-18: stands at -5.00, should be -5.01.",
        "Ledger of Refund 1: Ann (North), first_deals_won_amount, 2026-11-18: stands at -5.00, should be -5.01.",
        "Refund 1 itself: Ann (North), deals_won_amount, 2026-11-18: stands at -5.01, should be -5.00.",
    ]
