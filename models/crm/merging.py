"""What refers to clients, contacts and leads, and moves to another one when two are merged."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from tortoise.models import Model

from models.crm.activities import Activity
from models.crm.calls import Call
from models.crm.clients import Client, Contact
from models.crm.deals import Deal
from models.crm.leads import Lead
from models.crm.tasks import Task
from models.db import connection, row_store
from models.db.conditions import Condition, equals
from models.db.row_query import RowQuery

Row = TypeVar("Row", bound=Model)
MergedRecord = Client | Contact | Lead
_MERGED_ROW: Final = Condition("merged_into_id IS NOT NULL")


@dataclass(frozen=True)
class RecordReference:
    """A column with the ids of records; `owner_column` names the employee with the row in their lists, if there is one."""

    model: type[Model]
    column: str
    owner_column: str | None


# An activity keeps the record that it is about, and a posting its source: both are what happened. A test compares the
# rest with the foreign keys of all models.
REFERENCES: Final[dict[type[Any], tuple[RecordReference, ...]]] = {
    Client: (
        RecordReference(Deal, "client_id", "owner_id"),
        RecordReference(Contact, "client_id", "owner_id"),
        RecordReference(Lead, "client_id", "owner_id"),
        RecordReference(Task, "client_id", "assignee_id"),
        RecordReference(Call, "client_id", "employee_id"),
        RecordReference(Activity, "client_id", None),
    ),
    Contact: (),
    Lead: (),
}


@dataclass(frozen=True)
class MovedReferences:
    """The employees with rows in their lists that were moved, and whether there are deals among these."""

    owner_ids: frozenset[int]
    has_deals: bool


async def move_references(model: type[Model], from_id: int, into_id: int) -> MovedReferences:
    """Let everything that refers to a record refer to another of its kind, deleted rows and records merged before too."""
    owner_ids: set[int] = set()
    has_deals = False
    for reference in REFERENCES[model]:
        table, column = row_store.table_name(reference.model), reference.column
        if reference.owner_column is not None:
            sql = f'SELECT DISTINCT {reference.owner_column} AS id FROM "{table}" WHERE {column} = ?'  # noqa: S608
            owners = {row["id"] for row in await connection.fetch_rows(sql, [from_id])}
            owner_ids |= owners
            has_deals = has_deals or (bool(owners) and reference.model is Deal)
        await connection.execute(f'UPDATE "{table}" SET {column} = ? WHERE {column} = ?', [into_id, from_id])  # noqa: S608
    table = row_store.table_name(model)
    await connection.execute(
        f'UPDATE "{table}" SET merged_into_id = ? WHERE merged_into_id = ?',  # noqa: S608
        [into_id, from_id],
    )
    return MovedReferences(frozenset(owner_ids), has_deals)


def select_with_merged(model: type[Row], row_ids: Collection[int], condition: Condition) -> RowQuery[Row]:
    """Return the query for the rows with these ids that meet a condition, and for all of them that were merged.

    model  of any kind of record
    """
    is_selected = condition & equals("deleted_at", None)
    return row_store.select(model, row_ids).where(is_selected | _MERGED_ROW if model in REFERENCES else is_selected)
