"""Finds and stores single rows of any table, and holds all that depends on how Tortoise keeps the state of a row."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TypeVar

from tortoise.expressions import Q
from tortoise.models import Model

from models.db import connection
from models.db.row_query import RowQuery
from models.db.values import SqlRow

TableRow = Model  # of any table, for layers that do not know Tortoise

Row = TypeVar("Row", bound=Model)


def from_columns(model: type[Row], columns: SqlRow) -> Row:
    """Return the stored row with these values by column, as plain SQL returns them; others are ignored."""
    return model._init_from_db(**columns)


def table_name(model: type[Model]) -> str:
    return model._meta.db_table


def column_names(model: type[Model]) -> tuple[str, ...]:
    """Return the names of the attributes that are stored in columns."""
    return tuple(model._meta.fields_db_projection)


def column_values(row: Model) -> SqlRow:
    """Return the values of a row by the names of `column_names`."""
    return {name: getattr(row, name) for name in row._meta.fields_db_projection}


def take_place_of(row: Row, stored_row: Row) -> None:
    """Give a new row the id of a stored one, which it replaces when it is saved."""
    row.pk, row._saved_in_db = stored_row.pk, True


async def find(model: type[Row], row_id: int) -> Row | None:
    return await model.get_or_none(id=row_id)


async def get(model: type[Row], row_id: int) -> Row:
    """Return the row with this id, which exists."""
    return await model.get(id=row_id)


async def exists(model: type[Model], row_id: int) -> bool:
    return await model.exists(id=row_id)


async def find_by_external_id(model: type[Row], external_id: str) -> Row | None:
    """Return the row with this id in another system."""
    return await model.get_or_none(external_id=external_id)


async def fetch(model: type[Row], row_ids: Collection[int], external_ids: Collection[str] = ()) -> list[Row]:
    """Return the rows with any of these ids, or ids in another system."""
    conditions = [Q(id__in=list(row_ids))] if row_ids else []
    if external_ids:
        conditions.append(Q(external_id__in=list(external_ids)))
    return await model.filter(Q(*conditions, join_type="OR")) if conditions else []


async def insert(row: Row) -> Row:
    """Insert a new row, set the id that the database assigns, and return it."""
    await row.save(force_create=True)
    return row


async def insert_all(rows: Sequence[Model], *, batch_size: int | None = None) -> None:
    """Insert rows of one table. The database assigns ids, without telling them, unless the rows have some."""
    if not rows:
        return
    for row in rows:
        row._custom_generated_pk = row.pk is not None
    await type(rows[0]).bulk_create(rows, batch_size=batch_size)
    for row in rows:
        row._saved_in_db = row._custom_generated_pk


async def insert_with_ids(rows: Sequence[Model], *, batch_size: int | None = None) -> None:
    """Insert new rows of one table and set their ids. Within `write_transaction` only."""
    if len(rows) == 1:
        await connection.save_new_row(rows[0])
    elif rows:
        # an insert of many rows returns no ids: a range of ids is reserved first
        for row, row_id in zip(rows, await connection.reserve_ids(type(rows[0]), len(rows)), strict=True):
            row.pk = row_id
        await insert_all(rows, batch_size=batch_size)


async def save(row: Model, *columns: str) -> None:
    """Store these columns of a row, or all; insert a new row."""
    await row.save(update_fields=columns or None)


async def delete(row: Model) -> None:
    await row.delete()


def select(model: type[Row], row_ids: Collection[int], *, with_deleted: bool = True) -> RowQuery[Row]:
    """Return the query for the rows with these ids.

    with_deleted  False only for tables whose rows are marked as deleted
    """
    query = model.filter(id__in=sorted(set(row_ids)))
    return RowQuery(query if with_deleted else query.filter(deleted_at=None))


async def fetch_range(model: type[Row], first_id: int, last_id: int) -> list[Row]:
    """Return the rows with ids from the first to the last, both included, in order of id."""
    return await model.filter(id__gte=first_id, id__lte=last_id).order_by("id")


async def count(model: type[Model]) -> int:
    return await model.all().count()
