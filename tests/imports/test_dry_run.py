"""A dry run: the same result as that of the real run, without a lock and without a change."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import asyncpg
import pytest

from models.db import connection
from models.db.connection import LEDGER_LOCK_ID
from models.db.private_copy import connect_to_copy
from tests.imports.import_company import open_company
from tests.sample_exports import MAP

FILES = {
    "deals.csv": """number;title;seller;client;stage;created;closed;amount
D-1;Chairs;Ann;Acme;Won;01.10.2026;05.10.2026;100
D-2;Tables;Bob;Acme;Offer;02.10.2026;;200
D-3;Lamps;Ann;Borealis;Lost;31.02.2026;;300
D-1;Chairs again;Ann;Acme;Won;01.10.2026;05.10.2026;100
D-5;Desks;Cid;Acme;Nobody knows;01.10.2026;05.10.2026;100
"""
}


@asynccontextmanager
async def other_writer(url: str) -> AsyncIterator[None]:
    """Hold the lock of the ledger from outside of the process."""
    if connection.is_sqlite(url):
        with closing(sqlite3.connect(url.removeprefix("sqlite://"), isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            yield
        return
    writer = await asyncpg.connect(url)
    await writer.execute("SELECT pg_advisory_lock($1)", LEDGER_LOCK_ID)
    yield
    await writer.close()


async def test_dry_run_says_what_the_real_run_says_and_changes_nothing_while_another_writes(
    database_url: str, tmp_path: Path
) -> None:
    async with open_company(database_url, tmp_path) as company:
        state = await company.read_all_rows()
    async with other_writer(database_url), connect_to_copy(database_url):
        dry_result = await company.import_files(MAP, FILES)
        dry_rejects = company.rejects
        deals_of_copy = await company.read_deals()

    async with connection.connect(database_url):
        state_after_dry_run = await company.read_all_rows()
        result = await company.import_files(MAP, FILES)
        deals = await company.read_deals()

    assert state_after_dry_run == state
    assert (str(dry_result), dry_rejects) == (str(result), company.rejects)
    assert result.counts["deals"] == {"read": 5, "new": 2, "rejected": 3}
    assert deals_of_copy == deals


async def test_dry_run_finds_what_the_database_has_already(database_url: str, tmp_path: Path) -> None:
    async with open_company(database_url, tmp_path) as company:
        await company.import_files(MAP, FILES)

    async with connect_to_copy(database_url):
        result = await company.import_files(MAP, FILES)

    assert result.counts["deals"] == {"read": 5, "unchanged": 2, "rejected": 3}


async def test_copy_on_postgresql_refuses_to_write_to_a_table_that_is_not_its_own(postgres_tables_url: str) -> None:
    async with connect_to_copy(postgres_tables_url):
        with pytest.raises(Exception, match="read-only"):
            await connection.execute("DELETE FROM public.deal")


async def test_many_deals_of_one_piece_are_loaded_with_their_postings(database_url: str, tmp_path: Path) -> None:
    rows = [f"N-{n};Chairs {n};Ann;Client {n};Won;01.10.2026;05.10.2026;{n}" for n in range(1, 101)]
    async with open_company(database_url, tmp_path) as company:
        result = await company.import_files(MAP, {"deals.csv": "\n".join([FILES["deals.csv"].splitlines()[0], *rows])})
        state, deals = await company.read_all_rows(), await company.read_deals()

    assert result.counts["deals"]["new"] == len(deals) == 100
    assert deals["N-7"]["money"] == (700, "EUR")
    amounts = [row["amount"] for row in state["score_entry"] if row["metric"] == "deals_won_amount"]
    assert sum(amounts) == sum(range(1, 101)) * 100
    assert sum(row["amount"] for row in state["daily_total"] if row["metric"] == "deals_won_amount") == sum(amounts)
