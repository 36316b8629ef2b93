"""Reconciliation reports every direct change of totals, ledger or records, and nothing else."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path

import asyncpg
import pytest

from domain.ledger.record_facts import Credit, Moment, TaskFacts
from models.db import connection
from models.ledger import reconciliation
from models.ledger.reconciliation import PostedSum
from models.live import change_log
from resolvers.ledger.reconciliation import ledger_differences, reconcile
from tests.resolvers.ledger.recorded_company import (
    DAY,
    fetch_number,
    messages,
    messages_beyond_totals,
    open_recorded_company,
    record_win,
    repair,
)
from tests.world import World


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A file, to which another connection writes."""
    return f"sqlite://{tmp_path}/scoreline.db"


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with open_recorded_company(database_url) as world:
        yield world


async def test_history_of_all_record_types_has_no_differences(world: World) -> None:
    findings = await reconcile()
    postings = await fetch_number("SELECT COUNT(*) FROM score_entry")

    assert messages(findings) == []
    assert findings.summary == (
        f"Compared the daily totals with {postings} postings, and these with 15 records: all agree."
    )


# Wrong totals


async def test_total_off_by_one_is_reported_and_rebuilt(world: World) -> None:
    await connection.execute("UPDATE daily_total SET amount = amount + 1 WHERE metric = 'demos_held'")
    line = f"Daily total: Bob (South), demos_held, {DAY}: stands at 4, should be 3"

    assert messages(await reconcile()) == [f"{line}."]
    findings = await repair(world)
    assert messages(findings) == [f"{line} (repaired)."]
    assert findings.summary.endswith(": 1 difference (1 in daily totals), 1 repaired.")
    assert messages(await reconcile()) == []
    assert await fetch_number("SELECT amount FROM daily_total WHERE metric = 'demos_held'") == 3


async def test_missing_total_is_reported_and_rebuilt(world: World) -> None:
    await connection.execute("DELETE FROM daily_total WHERE metric = 'call_hours'")
    line = f"Daily total: Ann (South), call_hours, {DAY}: stands at 0, should be 0.025"

    assert messages(await reconcile()) == [f"{line}."]
    assert messages(await repair(world)) == [f"{line} (repaired)."]
    assert messages(await reconcile()) == []
    assert await fetch_number("SELECT amount FROM daily_total WHERE metric = 'call_hours'") == 90


async def test_total_without_postings_is_reported_and_set_to_zero(world: World) -> None:
    await connection.execute(
        "INSERT INTO daily_total (metric, employee_id, team_id, day, amount) VALUES ('never_made', 777, 0, ?, 5)",
        [date(2026, 11, 2)],
    )
    line = "Daily total: employee 777, never_made, 2026-11-02: stands at 5, should be 0"

    assert messages(await reconcile()) == [f"{line}."]
    assert messages(await repair(world)) == [f"{line} (repaired)."]
    assert messages(await reconcile()) == []


async def test_all_totals_can_be_rebuilt_from_ledger_alone(world: World) -> None:
    expected = await read_totals()
    await connection.execute("DELETE FROM daily_total")
    await connection.execute("DELETE FROM team_total")
    await repair(world)

    assert await read_totals() == expected
    assert messages(await reconcile()) == []


async def read_totals() -> list[list[str]]:
    """Return all totals of employees and of teams that are not zero."""
    return [
        sorted(
            map(
                str,
                await connection.fetch_rows(
                    f"SELECT metric, {owner_columns}, day, amount FROM {table} WHERE amount <> 0"
                ),
            )
        )
        for table, owner_columns in (("daily_total", "employee_id, team_id"), ("team_total", "team_id"))
    ]


async def test_only_a_repair_with_changes_is_published(world: World) -> None:
    before = await change_log.last_position()
    await repair(world)
    assert await change_log.read_after(before) == []
    await connection.execute("UPDATE team_total SET amount = amount + 1 WHERE metric = 'demos_held'")
    await reconcile()
    assert await change_log.read_after(before) == []
    await repair(world)

    assert [topics for _, topics in await change_log.read_after(before)] == [["*"]]


# Wrong ledger


async def test_removed_posting_is_reported_for_record_and_totals(world: World) -> None:
    await connection.execute("DELETE FROM score_entry WHERE metric = 'demos_held'")

    assert messages(await reconcile()) == [
        f"Daily total: Bob (South), demos_held, {DAY}: stands at 3, should be 0.",
        f"Team total: the company, demos_held, {DAY}: stands at 3, should be 0.",
        f"Team total: South, demos_held, {DAY}: stands at 3, should be 0.",
        f"Ledger of Result 1: Bob (South), demos_held, {DAY}: stands at 0, should be 3.",
    ]


async def test_repair_of_totals_leaves_wrong_ledger_unchanged_and_reported(world: World) -> None:
    await connection.execute("DELETE FROM score_entry WHERE metric = 'demos_held'")
    await repair(world)
    missing = f"Ledger of Result 1: Bob (South), demos_held, {DAY}: stands at 0, should be 3."

    assert messages(await reconcile()) == [missing]
    assert await fetch_number("SELECT COUNT(*) FROM score_entry WHERE metric = 'demos_held'") == 0


async def test_duplicate_posting_is_reported(world: World) -> None:
    await duplicate_postings("metric = 'contacts_added'")
    findings = await reconcile()

    assert messages(findings) == [
        f"Daily total: Ann (North), contacts_added, {DAY}: stands at 1, should be 2.",
        f"Team total: the company, contacts_added, {DAY}: stands at 1, should be 2.",
        f"Team total: North, contacts_added, {DAY}: stands at 1, should be 2.",
        f"Ledger of Contact 1: Ann (North), contacts_added, {DAY}: stands at 2, should be 1.",
    ]
    assert findings.summary.endswith(": 4 differences (1 in daily totals, 2 in team totals, 1 in the ledger).")


async def test_posting_on_wrong_day_or_for_wrong_team_is_reported(world: World) -> None:
    contact = "metric = 'contacts_added'"
    for change, stands in (
        (f"effective_on = '{date(2026, 11, 1)}'", "Ann (North), contacts_added, 2026-11-01"),
        (f"effective_on = '{DAY}', team_id = 0", f"Ann, contacts_added, {DAY}"),
    ):
        await connection.execute(f"UPDATE score_entry SET {change} WHERE {contact}")
        assert set(messages_beyond_totals(await reconcile())) == {
            f"Ledger of Contact 1: {stands}: stands at 1, should be 0.",
            f"Ledger of Contact 1: Ann (North), contacts_added, {DAY}: stands at 0, should be 1.",
        }


@pytest.mark.parametrize("source", [-3, 5_000_000, 2**31 - 1])
async def test_posting_of_nonexistent_record_is_reported_for_any_id(world: World, source: int) -> None:
    await duplicate_postings("metric = 'contacts_added'", source_id=str(source))

    assert messages_beyond_totals(await reconcile()) == [
        f"Ledger of Contact {source}: Ann (North), contacts_added, {DAY}: stands at 1, should be 0."
    ]


async def test_posting_of_unknown_record_type_is_reported(world: World) -> None:
    await duplicate_postings("metric = 'contacts_added'", source_kind="'Gift'")

    assert messages_beyond_totals(await reconcile()) == [
        f"Ledger of Gift 1: Ann (North), contacts_added, {DAY}: stands at 1, should be 0."
    ]


async def test_removed_reversal_of_deleted_record_is_reported(world: World) -> None:
    await connection.execute("DELETE FROM score_entry WHERE metric = 'deals_won' AND amount < 0 AND source_id = 7")

    assert messages_beyond_totals(await reconcile()) == [
        f"Ledger of Deal 7: Ann (North), deals_won, {DAY}: stands at 1, should be 0."
    ]


# Records changed directly in their tables


async def test_record_reassigned_directly_in_table_is_reported(world: World) -> None:
    await connection.execute("UPDATE lead SET opened_by = (SELECT id FROM employee WHERE name = 'Ann')")

    assert messages(await reconcile()) == [
        f"Ledger of Lead 1: Ann (South), leads_created, {DAY}: stands at 0, should be 1.",
        f"Ledger of Lead 1: Bob (South), leads_created, {DAY}: stands at 1, should be 0.",
    ]


async def test_record_deleted_directly_in_table_is_reported(world: World) -> None:
    await connection.execute("DELETE FROM task")

    assert messages(await reconcile()) == [
        f"Ledger of Task 1: Ann (South), tasks_completed, {DAY}: stands at 1, should be 0."
    ]


async def test_win_amount_changed_directly_in_table_is_reported(world: World) -> None:
    await connection.execute("UPDATE deal SET amount = amount + 100 WHERE id = 4")

    assert messages(await reconcile()) == [
        f"Deal 4 itself: Bob (South), deals_won_amount, {DAY}: stands at 18.91, should be 19.81.",
        f"Deal 4 itself: Bob (South), deals_won_profit, {DAY}: stands at 15.91, should be 16.81.",
    ]


async def test_win_value_changed_directly_in_table_differs_from_ledger_and_amount(
    world: World,
) -> None:
    await connection.execute("UPDATE deal SET value = 1 WHERE id = 8")

    assert messages(await reconcile()) == [
        f"Ledger of Deal 8: Ann (South), deals_won_amount, {DAY}: stands at 17.00, should be 0.01.",
        f"Ledger of Deal 8: Ann (South), first_deals_won_amount, {DAY}: stands at 17.00, should be 0.01.",
        f"Deal 8 itself: Ann (South), deals_won_amount, {DAY}: stands at 0.01, should be 17.00.",
    ]


async def test_second_first_sale_of_client_is_reported(world: World) -> None:
    await connection.execute("UPDATE deal SET sale_kind = 'FIRST' WHERE id = 3")

    assert messages(await reconcile())[-1] == (
        f"Deal 3 itself: Bob (South), repeat_deals_won, {DAY}: stands at 0, should be 1."
    )


async def test_explicit_sale_kind_is_not_checked_against_order_of_wins(world: World) -> None:
    await record_win(world, "Ann", "3", saleKind="REPEAT")

    assert messages(await reconcile()) == []


# Closed months


async def test_late_posting_for_closed_month_is_no_difference(world: World) -> None:
    await world.mutate("updateCompany", closeAfterWorkdays=3)
    deal = await record_win(world, "Ann", "100", closedAt="2026-09-10T10:00:00Z")
    await world.mutate("updateDeal", id=deal, amount={"amount": "60", "currency": "EUR"})
    await world.mutate("reopenDeal", id=deal)
    await world.mutate("winDeal", id=deal)

    assert await fetch_number("SELECT COUNT(*) FROM score_entry WHERE late") > 0
    assert messages(await reconcile()) == []


async def test_wrong_sum_is_reported_for_late_postings(world: World) -> None:
    await world.mutate("updateCompany", closeAfterWorkdays=3)
    await record_win(world, "Ann", "100", closedAt="2026-09-10T10:00:00Z", createdAt="2026-09-01T10:00:00Z")
    await connection.execute("UPDATE score_entry SET amount = 9999 WHERE late AND metric = 'deals_won_amount'")

    assert messages_beyond_totals(await reconcile()) == [
        "Ledger of Deal 10: Ann (North), deals_won_amount, all days together: stands at 99.99, should be 100.00."
    ]


def test_late_posting_compares_only_its_metric_over_all_days() -> None:
    noon = datetime(2026, 11, 18, 12, tzinfo=UTC)
    facts = TaskFacts(1, Credit(5, 2), Moment(date(2026, 9, 10), noon))
    late = PostedSum("tasks_completed", 5, 2, date(2026, 11, 18), 1, 1, noon, late=True, entries=1)
    stray = PostedSum("calls_made", 5, 2, date(2026, 11, 18), 1, 1, noon, late=False, entries=1)

    assert list(ledger_differences(facts, [late])) == []
    assert list(ledger_differences(facts, [late, stray])) == [(("calls_made", 5, 2, date(2026, 11, 18)), 1, 0)]


# Concurrent writes


async def test_snapshot_neither_sees_nor_blocks_concurrent_writes(world: World, database_url: str) -> None:
    update = "UPDATE daily_total SET amount = amount + 1 WHERE metric = 'demos_held'"

    def write_to_file() -> None:
        writer = sqlite3.connect(database_url.removeprefix("sqlite://"), timeout=0)
        with writer:
            writer.execute(update)
        writer.close()

    async with reconciliation.snapshot():
        assert await reconciliation.mismatched_totals("demos_held") == []
        if connection.is_sqlite(database_url):
            await asyncio.to_thread(write_to_file)
        else:
            writer = await asyncpg.connect(database_url)
            await writer.execute(update)
            await writer.close()
        assert await reconciliation.mismatched_totals("demos_held") == []
    assert len(await reconciliation.mismatched_totals("demos_held")) == 1


async def duplicate_postings(where: str, **overrides: str) -> None:
    """Insert copies of postings, with some columns overridden by SQL expressions."""
    columns = ("metric", "employee_id", "team_id", "amount", "effective_on", "effective_at", "late", "recorded_at")
    names = (*columns, "source_kind", "source_id")
    await connection.execute(
        f"INSERT INTO score_entry ({', '.join(names)}) SELECT {', '.join(overrides.get(name, name) for name in names)} "
        f"FROM score_entry WHERE {where}"
    )
