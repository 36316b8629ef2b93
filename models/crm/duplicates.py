"""Finds records that are probably the same: by e-mail address, phone number or name."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from models.crm.merging import MergedRecord
from models.db import connection, row_store
from models.db.conditions import is_one_of
from models.db.row_query import AnyRowQuery


class DuplicateKind(StrEnum):
    CLIENT = "CLIENT"
    CONTACT = "CONTACT"
    LEAD = "LEAD"


class DuplicateReason(StrEnum):
    EMAIL = "EMAIL"
    PHONE = "PHONE"
    NAME = "NAME"


_COLUMNS: Final = {  # equal for spellings that mean the same
    DuplicateReason.EMAIL: "email",
    DuplicateReason.PHONE: "phone_key",
    DuplicateReason.NAME: "name_key",
}


@dataclass(frozen=True)
class DuplicateKey:
    """What some records have in common, and how many these are."""

    reason: DuplicateReason
    value: str
    count: int


async def find_duplicates(
    query: AnyRowQuery, reasons: Collection[DuplicateReason], first: int, skip: int
) -> list[DuplicateKey]:
    """Return what several rows of a query have in common, in one statement: ordered by reason and value."""
    table, condition = row_store.table_name(query.model), query.condition
    ordered = [reason for reason in DuplicateReason if reason in reasons]
    parts = [
        f"SELECT {number} AS place, {_COLUMNS[reason]} AS value, COUNT(*) AS size FROM {table}"  # noqa: S608
        f" WHERE {condition.sql} AND {_COLUMNS[reason]} IS NOT NULL GROUP BY {_COLUMNS[reason]} HAVING COUNT(*) > 1"
        for number, reason in enumerate(ordered)
    ]
    sql = f"SELECT place, value, size FROM ({' UNION ALL '.join(parts)}) AS duplicate ORDER BY place, value LIMIT ? OFFSET ?"  # noqa: S608
    rows = await connection.fetch_rows(sql, [*condition.values * len(ordered), first, skip])
    return [DuplicateKey(ordered[row["place"]], row["value"], row["size"]) for row in rows]


async def fetch_duplicates(
    query: AnyRowQuery, keys: Sequence[DuplicateKey], limit: int
) -> dict[DuplicateKey, list[MergedRecord]]:
    """Return the first rows of a query that have each key, the oldest first."""
    table, condition = row_store.table_name(query.model), query.condition
    ids_by_key: dict[DuplicateKey, list[int]] = {}
    for reason in DuplicateReason:
        keys_by_value = {key.value: key for key in keys if key.reason is reason}
        if not keys_by_value:
            continue
        column, having = _COLUMNS[reason], condition & is_one_of(_COLUMNS[reason], list(keys_by_value))
        sql = (
            f"SELECT id, value FROM (SELECT id, {column} AS value,"  # noqa: S608
            f" ROW_NUMBER() OVER (PARTITION BY {column} ORDER BY created_at, id) AS place"
            f" FROM {table} WHERE {having.sql}) AS duplicate WHERE place <= ? ORDER BY place"
        )
        for row in await connection.fetch_rows(sql, [*having.values, limit]):
            ids_by_key.setdefault(keys_by_value[row["value"]], []).append(row["id"])
    rows = await connection.fetch_by_ids(query.model, {row_id for ids in ids_by_key.values() for row_id in ids})
    return {key: [rows[row_id] for row_id in ids if row_id in rows] for key, ids in ids_by_key.items()}
