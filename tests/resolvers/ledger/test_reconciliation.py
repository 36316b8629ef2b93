"""Reconciliation reports every direct change of totals, ledger or records, and nothing else."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import asyncpg
import pytest

from domain.ledger.record_facts import Credit, TaskFacts
from models.db import connection
from models.ledger import reconciliation
from models.ledger.reconciliation import Posted
from models.live import change_log
from resolvers.ledger.reconciliation import Findings, Where, ledger_differences, reconcile
from tests.world import World, opened

DAY = "2026-11-18"


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    """A company in which records of every type were created, changed, reassigned and deleted."""
    async with opened(database_url) as world:
        await history(world)
        yield world


async def history(world: World) -> None:
    await world.act("setExchangeRate", currency="USD", rate="0.9", **{"from": "2026-09-01"})
    await world.act("createMetric", key="demos_held", name="Demos held")
    await world.team("North")
    await world.team("South")
    await world.hire("Ann", "North")
    await world.hire("Bob", "South")
    client = (await world.act("recordClient", "Ann", name="Romashka"))["client"]["id"]
    await world.act("recordContact", "Ann", name="Vera", client=client)
    for who, amount, closed in (("Ann", "100", "2026-11-17"), ("Ann", "30.05", "2026-11-12"), ("Bob", "7", DAY)):
        await won(world, who, amount, client=client, closedAt=f"{closed}T08:00:00Z")
    dear = await won(world, "Bob", "19.99", "USD", cost={"amount": "3.33", "currency": "USD"})
    await world.act("updateDeal", id=dear, amount={"amount": "21.01", "currency": "USD"})
    moved = await won(world, "Ann", "11")
    await world.act("updateDeal", id=moved, owner=world.ids["Bob"], moveCredit=True)
    await world.act("reopenDeal", id=await won(world, "Bob", "500"))
    gone = await won(world, "Ann", "13")
    await world.ask("mutation($id: ID!) { deleteDeal(id: $id) { userErrors { code } } }", id=gone)
    await world.act("updateEmployee", id=world.ids["Ann"], team=world.ids["South"])
    await won(world, "Ann", "17")
    call: dict[str, Any] = {"direction": "OUTBOUND", "durationSeconds": 61, "externalId": "call-1"}
    await world.act("recordCall", "Ann", **call)
    await world.act("recordCall", "Ann", **(call | {"durationSeconds": 90}))
    await world.act("recordResult", "Bob", metric="demos_held", value="3")
    lead = (await world.act("recordLead", "Bob", title="Asks for chairs"))["lead"]["id"]
    await world.act("convertLead", "Bob", id=lead, deal={"title": "Chairs"})
    task = (await world.act("createTask", "Ann", title="Ring back"))["task"]["id"]
    for step in ("completeTask", "reopenTask", "completeTask"):
        await world.ask(f"mutation($id: ID!) {{ {step}(id: $id) {{ userErrors {{ code }} }} }}", "Ann", id=task)


async def won(world: World, who: str, amount: str, currency: str = "EUR", **given: Any) -> str:
    money = {"amount": amount, "currency": currency}
    owner = world.ids[who]
    payload = await world.act("recordDeal", title="Chairs", status="WON", owner=owner, amount=money, **given)
    return payload["deal"]["id"]


def told(findings: Findings) -> list[str]:
    return [str(difference) for difference in findings.differences]


def beyond_totals(findings: Findings) -> list[str]:
    return [str(found) for found in findings.differences if found.where not in (Where.TOTAL, Where.TEAM)]


async def repaired(world: World) -> Findings:
    return await reconcile(repair=lambda: world.now)


async def number(sql: str, *values: Any) -> int:
    [row] = await connection.rows(sql, values)
    return int(next(iter(row.values())))


async def test_a_history_of_every_kind_of_record_leaves_nothing_to_find(world: World) -> None:
    findings = await reconcile()
    postings = await number("SELECT COUNT(*) FROM score_entry")

    assert told(findings) == []
    assert findings.summary == (
        f"Compared the daily totals with {postings} postings, and these with 15 records: all agree."
    )


# Wrong totals


async def test_a_total_that_is_off_by_one_is_found_and_rebuilt(world: World) -> None:
    await connection.execute("UPDATE daily_total SET amount = amount + 1 WHERE metric = 'demos_held'")
    line = f"Daily total: Bob (South), demos_held, {DAY}: stands at 4, should be 3"

    assert told(await reconcile()) == [f"{line}."]
    repairing = await repaired(world)
    assert told(repairing) == [f"{line} (repaired)."]
    assert repairing.summary.endswith(": 1 difference (1 in daily totals), 1 repaired.")
    assert told(await reconcile()) == []
    assert await number("SELECT amount FROM daily_total WHERE metric = 'demos_held'") == 3


async def test_a_total_that_is_missing_is_found_and_rebuilt(world: World) -> None:
    await connection.execute("DELETE FROM daily_total WHERE metric = 'call_hours'")
    line = f"Daily total: Ann (South), call_hours, {DAY}: stands at 0, should be 0.025"

    assert told(await reconcile()) == [f"{line}."]
    assert told(await repaired(world)) == [f"{line} (repaired)."]
    assert told(await reconcile()) == []
    assert await number("SELECT amount FROM daily_total WHERE metric = 'call_hours'") == 90


async def test_a_total_of_which_the_ledger_knows_nothing_is_found_and_comes_to_nothing(world: World) -> None:
    await connection.execute(
        "INSERT INTO daily_total (metric, employee_id, team_id, day, amount) VALUES ('never_made', 777, 0, ?, 5)",
        [date(2026, 11, 2)],
    )
    line = "Daily total: employee 777, never_made, 2026-11-02: stands at 5, should be 0"

    assert told(await reconcile()) == [f"{line}."]
    assert told(await repaired(world)) == [f"{line} (repaired)."]
    assert told(await reconcile()) == []


async def test_a_team_total_that_is_off_or_missing_or_of_nothing_is_found_and_rebuilt(world: World) -> None:
    await connection.execute("UPDATE team_total SET amount = 5 WHERE metric = 'demos_held' AND team_id = -1")
    await connection.execute("DELETE FROM team_total WHERE metric = 'demos_held' AND team_id > 0")
    await connection.execute(
        "INSERT INTO team_total (metric, team_id, day, amount) VALUES ('never_made', 0, ?, 5)", [date(2026, 11, 2)]
    )
    lines = [
        f"Team total: the company, demos_held, {DAY}: stands at 5, should be 3",
        f"Team total: South, demos_held, {DAY}: stands at 0, should be 3",
        "Team total: those in no team, never_made, 2026-11-02: stands at 5, should be 0",
    ]

    assert told(await reconcile()) == [f"{line}." for line in lines]
    repairing = await repaired(world)
    assert told(repairing) == [f"{line} (repaired)." for line in lines]
    assert repairing.summary.endswith(": 3 differences (3 in team totals), 3 repaired.")
    assert told(await reconcile()) == []


async def test_a_team_that_was_moved_leaves_nothing_to_find(world: World) -> None:
    await world.team("Sales")
    await world.act("updateTeam", id=world.ids["South"], parent=world.ids["North"])
    await world.act("updateTeam", id=world.ids["North"], parent=world.ids["Sales"])
    await won(world, "Bob", "8")

    assert told(await reconcile()) == []


async def test_totals_of_the_teams_above_one_that_was_moved_behind_our_back_are_found_and_rebuilt(world: World) -> None:
    await connection.execute(
        "UPDATE team SET parent_id = (SELECT id FROM team WHERE name = 'North') WHERE name = 'South'"
    )
    line = f"Team total: North, demos_held, {DAY}: stands at 0, should be 3"
    found = told(await reconcile())

    assert f"{line}." in found
    assert all("Team total: North" in each for each in found)
    assert f"{line} (repaired)." in told(await repaired(world))
    assert told(await reconcile()) == []


async def test_all_totals_can_be_rebuilt_from_the_ledger_alone(world: World) -> None:
    kept = await totals()
    await connection.execute("DELETE FROM daily_total")
    await connection.execute("DELETE FROM team_total")
    await repaired(world)

    assert await totals() == kept
    assert told(await reconcile()) == []


async def totals() -> list[list[str]]:
    """Return all totals of employees and of teams that are not zero."""
    return [
        sorted(map(str, await connection.rows(f"SELECT metric, {whose}, day, amount FROM {table} WHERE amount <> 0")))
        for table, whose in (("daily_total", "employee_id, team_id"), ("team_total", "team_id"))
    ]


async def test_only_a_repair_that_changes_something_is_told_to_everybody(world: World) -> None:
    before = await change_log.newest()
    await repaired(world)
    assert await change_log.after(before) == []
    await connection.execute("UPDATE team_total SET amount = amount + 1 WHERE metric = 'demos_held'")
    await reconcile()
    assert await change_log.after(before) == []
    await repaired(world)

    assert [topics for _, topics in await change_log.after(before)] == [["*"]]


# Wrong ledger


async def test_a_posting_that_was_removed_is_missed_by_its_record_and_by_the_total(world: World) -> None:
    await connection.execute("DELETE FROM score_entry WHERE metric = 'demos_held'")

    assert told(await reconcile()) == [
        f"Daily total: Bob (South), demos_held, {DAY}: stands at 3, should be 0.",
        f"Team total: the company, demos_held, {DAY}: stands at 3, should be 0.",
        f"Team total: South, demos_held, {DAY}: stands at 3, should be 0.",
        f"Ledger of Result 1: Bob (South), demos_held, {DAY}: stands at 0, should be 3.",
    ]


async def test_a_repair_of_totals_leaves_a_wrong_ledger_as_it_is_and_goes_on_telling_of_it(world: World) -> None:
    await connection.execute("DELETE FROM score_entry WHERE metric = 'demos_held'")
    await repaired(world)
    missing = f"Ledger of Result 1: Bob (South), demos_held, {DAY}: stands at 0, should be 3."

    assert told(await reconcile()) == [missing]
    assert await number("SELECT COUNT(*) FROM score_entry WHERE metric = 'demos_held'") == 0


async def test_a_posting_that_stands_twice_is_found(world: World) -> None:
    await copied("metric = 'contacts_added'")
    findings = await reconcile()

    assert told(findings) == [
        f"Daily total: Ann (North), contacts_added, {DAY}: stands at 1, should be 2.",
        f"Team total: the company, contacts_added, {DAY}: stands at 1, should be 2.",
        f"Team total: North, contacts_added, {DAY}: stands at 1, should be 2.",
        f"Ledger of Contact 1: Ann (North), contacts_added, {DAY}: stands at 2, should be 1.",
    ]
    assert findings.summary.endswith(": 4 differences (1 in daily totals, 2 in team totals, 1 in the ledger).")


async def test_a_posting_on_another_day_or_for_another_employee_or_team_is_found(world: World) -> None:
    contact = "metric = 'contacts_added'"
    for change, stands in (
        (f"effective_on = '{date(2026, 11, 1)}'", "Ann (North), contacts_added, 2026-11-01"),
        (f"effective_on = '{DAY}', team_id = 0", f"Ann, contacts_added, {DAY}"),
    ):
        await connection.execute(f"UPDATE score_entry SET {change} WHERE {contact}")
        assert set(beyond_totals(await reconcile())) == {
            f"Ledger of Contact 1: {stands}: stands at 1, should be 0.",
            f"Ledger of Contact 1: Ann (North), contacts_added, {DAY}: stands at 0, should be 1.",
        }


@pytest.mark.parametrize("source", [-3, 5_000_000, 2**31 - 1])
async def test_a_posting_whose_record_never_was_is_found_wherever_its_number_lies(world: World, source: int) -> None:
    await copied("metric = 'contacts_added'", source_id=str(source))

    assert beyond_totals(await reconcile()) == [
        f"Ledger of Contact {source}: Ann (North), contacts_added, {DAY}: stands at 1, should be 0."
    ]


async def test_a_posting_of_something_that_is_no_record_is_found(world: World) -> None:
    await copied("metric = 'contacts_added'", source_kind="'Gift'")

    assert beyond_totals(await reconcile()) == [
        f"Ledger of Gift 1: Ann (North), contacts_added, {DAY}: stands at 1, should be 0."
    ]


async def test_the_withdrawal_of_a_deleted_record_is_missed_when_it_is_removed(world: World) -> None:
    await connection.execute("DELETE FROM score_entry WHERE metric = 'deals_won' AND amount < 0 AND source_id = 7")

    assert beyond_totals(await reconcile()) == [
        f"Ledger of Deal 7: Ann (North), deals_won, {DAY}: stands at 1, should be 0."
    ]


# Records changed directly in their tables


async def test_a_record_given_to_another_employee_in_the_table_is_found(world: World) -> None:
    await connection.execute("UPDATE lead SET opened_by = (SELECT id FROM employee WHERE name = 'Ann')")

    assert told(await reconcile()) == [
        f"Ledger of Lead 1: Ann (South), leads_created, {DAY}: stands at 0, should be 1.",
        f"Ledger of Lead 1: Bob (South), leads_created, {DAY}: stands at 1, should be 0.",
    ]


async def test_a_record_deleted_in_the_table_is_found(world: World) -> None:
    await connection.execute("DELETE FROM task")

    assert told(await reconcile()) == [
        f"Ledger of Task 1: Ann (South), tasks_completed, {DAY}: stands at 1, should be 0."
    ]


async def test_a_win_whose_amount_was_changed_in_the_table_is_found_though_its_value_was_frozen(world: World) -> None:
    await connection.execute("UPDATE deal SET amount = amount + 100 WHERE id = 4")

    assert told(await reconcile()) == [
        f"Deal 4 itself: Bob (South), deals_won_amount, {DAY}: stands at 18.91, should be 19.81.",
        f"Deal 4 itself: Bob (South), deals_won_profit, {DAY}: stands at 15.91, should be 16.81.",
    ]


async def test_a_win_whose_value_was_changed_in_the_table_differs_from_the_ledger_and_from_its_amount(
    world: World,
) -> None:
    await connection.execute("UPDATE deal SET value = 1 WHERE id = 8")

    assert told(await reconcile()) == [
        f"Ledger of Deal 8: Ann (South), deals_won_amount, {DAY}: stands at 17.00, should be 0.01.",
        f"Ledger of Deal 8: Ann (South), first_deals_won_amount, {DAY}: stands at 17.00, should be 0.01.",
        f"Deal 8 itself: Ann (South), deals_won_amount, {DAY}: stands at 0.01, should be 17.00.",
    ]


async def test_a_clients_second_first_sale_is_found(world: World) -> None:
    await connection.execute("UPDATE deal SET sale_kind = 'FIRST' WHERE id = 3")

    assert told(await reconcile())[-1] == (
        f"Deal 3 itself: Bob (South), repeat_deals_won, {DAY}: stands at 0, should be 1."
    )


async def test_a_kind_of_sale_that_somebody_gave_is_not_judged_by_the_order_of_wins(world: World) -> None:
    await won(world, "Ann", "3", saleKind="REPEAT")

    assert told(await reconcile()) == []


# Closed months


async def test_what_is_entered_late_for_a_closed_month_is_no_difference(world: World) -> None:
    await world.act("updateCompany", closeAfterWorkdays=3)
    deal = await won(world, "Ann", "100", closedAt="2026-09-10T10:00:00Z")
    await world.act("updateDeal", id=deal, amount={"amount": "60", "currency": "EUR"})
    await world.act("reopenDeal", id=deal)
    await world.act("winDeal", id=deal)

    assert await number("SELECT COUNT(*) FROM score_entry WHERE late") > 0
    assert told(await reconcile()) == []


async def test_a_wrong_sum_is_found_also_where_a_posting_is_late(world: World) -> None:
    await world.act("updateCompany", closeAfterWorkdays=3)
    await won(world, "Ann", "100", closedAt="2026-09-10T10:00:00Z", createdAt="2026-09-01T10:00:00Z")
    await connection.execute("UPDATE score_entry SET amount = 9999 WHERE late AND metric = 'deals_won_amount'")

    assert beyond_totals(await reconcile()) == [
        "Ledger of Deal 10: Ann (North), deals_won_amount, all days together: stands at 99.99, should be 100.00."
    ]


def test_a_late_posting_lets_only_its_own_metric_be_compared_over_all_days_together() -> None:
    done = TaskFacts(1, Credit(5, 2), date(2026, 9, 10))
    late = Posted("tasks_completed", 5, 2, date(2026, 11, 18), 1, 1, late=True, entries=1)
    stray = Posted("calls_made", 5, 2, date(2026, 11, 18), 1, 1, late=False, entries=1)

    assert list(ledger_differences(done, [late])) == []
    assert list(ledger_differences(done, [late, stray])) == [(("calls_made", 5, 2, date(2026, 11, 18)), 1, 0)]


# Concurrent writes


async def test_what_others_write_meanwhile_is_neither_seen_nor_held_up(world: World, database_url: str) -> None:
    raised = "UPDATE daily_total SET amount = amount + 1 WHERE metric = 'demos_held'"

    def write_to_the_file() -> None:
        other = sqlite3.connect(database_url.removeprefix("sqlite://"), timeout=0)
        with other:
            other.execute(raised)
        other.close()

    async with reconciliation.snapshot():
        assert await reconciliation.wrong_totals("demos_held") == []
        if connection.is_sqlite(database_url):
            await asyncio.to_thread(write_to_the_file)
        else:
            other = await asyncpg.connect(database_url)
            await other.execute(raised)
            await other.close()
        assert await reconciliation.wrong_totals("demos_held") == []
    assert len(await reconciliation.wrong_totals("demos_held")) == 1


async def copied(where: str, **other: str) -> None:
    """Insert copies of postings, with some columns overridden by SQL expressions."""
    columns = ("metric", "employee_id", "team_id", "amount", "effective_on", "late", "recorded_at")
    names = (*columns, "source_kind", "source_id")
    await connection.execute(
        f"INSERT INTO score_entry ({', '.join(names)}) SELECT {', '.join(other.get(name, name) for name in names)} "
        f"FROM score_entry WHERE {where}"
    )
