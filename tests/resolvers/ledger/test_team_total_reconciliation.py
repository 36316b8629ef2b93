"""Reconciliation of team totals: wrong, missing and unfounded totals are reported and rebuilt."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal

import pytest

from domain.ledger.record_facts import DealStatus
from models.db import connection
from resolvers.crm.deals import upsert_deals
from resolvers.crm.inputs import DealInput
from resolvers.ledger.reconciliation import reconcile
from resolvers.request.inputs import Money
from tests.resolvers.ledger.recorded_company import (
    DAY,
    messages,
    open_recorded_company,
    record_win,
    repair,
)
from tests.world import World


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with open_recorded_company(database_url) as world:
        yield world


async def test_wrong_missing_or_unfounded_team_total_is_reported_and_rebuilt(world: World) -> None:
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

    assert messages(await reconcile()) == [f"{line}." for line in lines]
    findings = await repair(world)
    assert messages(findings) == [f"{line} (repaired)." for line in lines]
    assert findings.summary.endswith(": 3 differences (3 in team totals), 3 repaired.")
    assert messages(await reconcile()) == []


async def test_moved_team_leaves_no_differences(world: World) -> None:
    await world.create_team("Sales")
    await world.mutate("updateTeam", id=world.global_ids["South"], parent=world.global_ids["North"])
    await world.mutate("updateTeam", id=world.global_ids["North"], parent=world.global_ids["Sales"])
    await record_win(world, "Bob", "8")

    assert messages(await reconcile()) == []


async def test_win_counts_for_teams_above_as_another_process_has_just_moved_them(world: World) -> None:
    context = await world.authenticated_context("admin")
    await world.mutate("updateTeam", id=world.global_ids["South"], parent=world.global_ids["North"])
    win = DealInput(
        title="Chairs", owner=world.global_ids["Bob"], status=DealStatus.WON, amount=Money(Decimal(8), "EUR")
    )

    async with context.unit_of_work(edits_records=True):
        await upsert_deals(context, [win])

    assert messages(await reconcile()) == []


async def test_totals_above_team_moved_directly_in_table_are_reported_and_rebuilt(world: World) -> None:
    await connection.execute(
        "UPDATE team SET parent_id = (SELECT id FROM team WHERE name = 'North') WHERE name = 'South'"
    )
    line = f"Team total: North, demos_held, {DAY}: stands at 0, should be 3"
    lines = messages(await reconcile())

    assert f"{line}." in lines
    assert all("Team total: North" in found_line for found_line in lines)
    assert f"{line} (repaired)." in messages(await repair(world))
    assert messages(await reconcile()) == []
