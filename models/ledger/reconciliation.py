"""Queries of the reconciliation of totals, ledger and records: one snapshot, read in windows of bounded size."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, TypeVar

from tortoise.models import Model
from tortoise.transactions import in_transaction

from domain.ledger.record_facts import DealFacts, SaleKind
from models.crm.deals import Deal
from models.db import connection as db_connection
from models.db import row_store
from models.db.values import SqlValue
from models.ledger.posting import HOLDING_TEAMS_CTE

_WINDOW_IDS: Final = 2000  # ids compared at a time
_MAX_ID: Final = (1 << 31) - 1


@dataclass(frozen=True)
class StoredTeamSum:
    """The stored sum of a team with all teams below it, metric and day; `COMPANY_TEAM_ID` stands for the company."""

    metric: str
    team_id: int
    day: date
    amount: int


@dataclass(frozen=True)
class StoredSum:
    """The stored sum of an employee, team, metric and day, or one record's part in it."""

    metric: str
    employee_id: int
    team_id: int
    day: date
    amount: int


Total = TypeVar("Total", StoredSum, StoredTeamSum)
Mismatches = Sequence[tuple[Total, int]]  # pairs of a stored sum and the expected amount; a missing sum has amount 0


@dataclass(frozen=True)
class PostedSum(StoredSum):
    """The ledger's sum for one record: the sum of its `entries` postings.

    at    the earliest moment that any of them counts for
    late  whether any of them is late
    """

    source_id: int
    at: datetime
    late: bool
    entries: int


@asynccontextmanager
async def snapshot() -> AsyncIterator[None]:
    """Read the database within the block as it was at its start, without blocking writers."""
    async with in_transaction() as connection:
        if connection.capabilities.dialect == "postgres":
            await connection.execute_query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        else:  # transactions here begin with the write lock; a deferred one reads a snapshot without taking it
            await connection.execute_query("COMMIT")
            await connection.execute_query("BEGIN DEFERRED")
        yield


async def metric_keys() -> list[str]:
    """Return the keys of all metrics with a posting or a total, sorted."""
    tables = ("score_entry", "daily_total", "team_total")
    rows = await db_connection.fetch_rows(" UNION ".join(f"SELECT metric FROM {table}" for table in tables))  # noqa: S608
    return sorted(row["metric"] for row in rows)


_MISMATCHED_TOTALS_SQL: Final = """
SELECT employee_id, team_id, day, SUM(stands) AS stands, SUM(due) AS due FROM (
    SELECT employee_id, team_id, day, amount AS stands, 0 AS due FROM daily_total WHERE metric = ?
    UNION ALL
    SELECT employee_id, team_id, effective_on, 0, amount FROM score_entry WHERE metric = ?
) AS both_sides
GROUP BY employee_id, team_id, day HAVING SUM(stands) <> SUM(due) ORDER BY day, employee_id, team_id
"""


async def mismatched_totals(metric: str) -> Mismatches[StoredSum]:
    """Return the daily totals that differ from the sums of the postings."""
    return [
        (
            StoredSum(
                metric, row["employee_id"], row["team_id"], db_connection.to_date(row["day"]), int(row["stands"])
            ),
            int(row["due"]),
        )
        for row in await db_connection.fetch_rows(_MISMATCHED_TOTALS_SQL, [metric, metric])
    ]


_MISMATCHED_TEAM_TOTALS_SQL: Final = f"""
WITH RECURSIVE credited AS (
    SELECT team_id, effective_on AS day, SUM(amount) AS amount FROM score_entry WHERE metric = ?
    GROUP BY team_id, effective_on
), {HOLDING_TEAMS_CTE}
SELECT team_id, day, SUM(stands) AS stands, SUM(due) AS due FROM (
    SELECT team_id, day, amount AS stands, 0 AS due FROM team_total WHERE metric = ?
    UNION ALL
    SELECT id, day, 0, amount FROM holding
) AS both_sides
GROUP BY team_id, day HAVING SUM(stands) <> SUM(due) ORDER BY day, team_id
"""  # noqa: S608 - constants only


async def mismatched_team_totals(metric: str) -> Mismatches[StoredTeamSum]:
    """Return the totals of teams and the company that differ from the postings, by the team tree of each day."""
    return [
        (StoredTeamSum(metric, row["team_id"], db_connection.to_date(row["day"]), int(row["stands"])), int(row["due"]))
        for row in await db_connection.fetch_rows(_MISMATCHED_TEAM_TOTALS_SQL, [metric] * 2)
    ]


async def source_kinds() -> list[str]:
    """Return the kinds of all records with postings, sorted."""
    rows = await db_connection.fetch_rows("SELECT DISTINCT source_kind FROM score_entry ORDER BY source_kind")
    return [row["source_kind"] for row in rows]


async def id_windows(
    source_kind: str, model: type[Model] | None, *, window_ids: int = _WINDOW_IDS
) -> AsyncIterator[tuple[int, int]]:
    """Yield ranges of at most `window_ids` ids, ends included, that cover all records of the kind and its postings.

    Gaps without records or postings are skipped, so that one stray id far away does not cause many empty windows.
    """
    last = -_MAX_ID
    while True:
        rows = await db_connection.fetch_rows(
            "SELECT MIN(source_id) AS first FROM score_entry WHERE source_kind = ? AND source_id > ?",
            [source_kind, last],
        )
        if model is not None:
            table = row_store.table_name(model)
            rows += await db_connection.fetch_rows(f'SELECT MIN(id) AS first FROM "{table}" WHERE id > ?', [last])  # noqa: S608
        firsts = [row["first"] for row in rows if row["first"] is not None]
        if not firsts:
            return
        first = min(firsts)
        last = min(first + window_ids - 1, _MAX_ID)
        yield first, last


_POSTED_SUMS_SQL: Final = """
SELECT source_id, metric, employee_id, team_id, effective_on AS day, SUM(amount) AS amount,
    MIN(COALESCE(effective_at, recorded_at)) AS at, MAX(CASE WHEN late THEN 1 ELSE 0 END) AS late, COUNT(*) AS entries
FROM score_entry WHERE source_kind = ? AND source_id BETWEEN ? AND ? {metric_condition}
GROUP BY source_id, metric, employee_id, team_id, effective_on
"""


async def posted_sums(source_kind: str, first_id: int, last_id: int, *, metric: str | None = None) -> list[PostedSum]:
    """Return the ledger's sums of the records of a kind within a range of ids, ends included; of one metric or all."""
    sql = _POSTED_SUMS_SQL.format(metric_condition="AND metric = ?" if metric else "")
    values: list[SqlValue] = [source_kind, first_id, last_id, *([metric] if metric else [])]
    return [
        PostedSum(
            row["metric"],
            row["employee_id"],
            row["team_id"],
            db_connection.to_date(row["day"]),
            int(row["amount"]),
            row["source_id"],
            db_connection.to_datetime(row["at"]),
            bool(row["late"]),
            row["entries"],
        )
        for row in await db_connection.fetch_rows(sql, values)
    ]


_WRONG_SALE_KINDS_SQL: Final = """
SELECT id, due FROM (
    SELECT id, sale_kind, sale_kind_given, CASE
        WHEN client_id IS NULL THEN 'FIRST'
        WHEN ROW_NUMBER() OVER (PARTITION BY client_id ORDER BY closed_at, id) = 1 THEN 'FIRST'
        ELSE 'REPEAT' END AS due
    FROM deal WHERE status = 'WON' AND deleted_at IS NULL
) AS graded
WHERE NOT sale_kind_given AND (sale_kind IS NULL OR sale_kind <> due) ORDER BY id
"""


async def wins_with_wrong_sale_kind() -> list[tuple[DealFacts, SaleKind]]:
    """Return the wins with a sale kind that contradicts the order of the client's wins, and the expected kind.

    Wins with an explicitly given sale kind are not checked.
    """
    expected = {row["id"]: SaleKind(row["due"]) for row in await db_connection.fetch_rows(_WRONG_SALE_KINDS_SQL)}
    ids, wins = sorted(expected), []
    for start in range(0, len(ids), 500):
        for deal in await Deal.filter(id__in=ids[start : start + 500]).order_by("id"):
            facts = deal.facts()
            assert facts is not None
            wins.append((facts, expected[deal.id]))
    return wins
