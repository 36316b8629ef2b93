"""Finds and stores single rows of any table, and holds all that depends on how Tortoise keeps the state of a row."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import Any, Final, TypeVar

from tortoise import Tortoise, fields
from tortoise.fields.base import Field
from tortoise.models import Model

from domain.primitives.json_values import JsonValue
from models.db import bulk_statements, connection, write_batch
from models.db.conditions import NO_ROW, Condition, equals, is_one_of
from models.db.row_factory import RowFactory, row_factory
from models.db.row_query import RowQuery
from models.db.values import SqlRow
from models.db.write_batch import MAX_BATCHED_ROWS, BatchedWrite

TableRow = Model  # of any table, for layers that do not know Tortoise

Row = TypeVar("Row", bound=Model)


def from_columns(model: type[Row], columns: SqlRow) -> Row:
    """Return the stored row with these values by column, as plain SQL returns them; others are ignored."""
    factory: RowFactory[Row] = row_factory(model, connection.dialect())
    return factory.make_row_by_column(columns)


def attributes_from_json(model: type[Model], values: Mapping[str, JsonValue]) -> dict[str, Any]:
    """Return the values of some attributes of a table from JSON, where times, days and decimals are texts."""
    attributes = tuple(values)
    factory = row_factory(model, "json")
    return dict(zip(attributes, factory.make_values(attributes, [*values.values()]), strict=True))


def find_model(name: str) -> type[Model]:
    """Return the class of a table's rows by its name. Raises KeyError if there is none."""
    assert Tortoise.apps is not None
    model: type[Model] = Tortoise.apps["models"][name]
    return model


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
    return await RowQuery(model).find(row_id)


async def get(model: type[Row], row_id: int) -> Row:
    """Return the row with this id, which exists."""
    return await model.get(id=row_id)


async def exists(model: type[Model], row_id: int) -> bool:
    return await RowQuery(model, equals("id", row_id)).count() > 0


async def find_by_external_id(model: type[Row], external_id: str) -> Row | None:
    """Return the row with this id in another system."""
    rows = await RowQuery(model, equals("external_id", external_id)).fetch()
    return rows[0] if rows else None


async def fetch(model: type[Row], row_ids: Collection[int], external_ids: Collection[str] = ()) -> list[Row]:
    """Return the rows with any of these ids, or ids in another system."""
    condition = NO_ROW
    if row_ids:
        condition |= is_one_of("id", row_ids)
    if external_ids:
        condition |= is_one_of("external_id", external_ids)
    return [] if condition is NO_ROW else await RowQuery(model, condition).fetch()


@cache
def _default_attributes(model: type[Model]) -> dict[str, Any]:
    return dict(vars(model()))


def new(model: type[Row], **columns: object) -> Row:
    """Return a new row with these columns and the defaults of the others.

    The same as calling the model, which takes ten times as long for a table of thirty columns. No default of these
    tables may be an object that can be changed.
    """
    row = model.__new__(model)
    vars(row).update(_default_attributes(model), _await_when_save={}, **columns)
    return row


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
    plan = _insert_plan(type(rows[0]), with_id=rows[0]._custom_generated_pk)
    if plan is None or len({row._custom_generated_pk for row in rows}) > 1:
        await type(rows[0]).bulk_create(rows, batch_size=batch_size)
    else:
        await bulk_statements.insert_rows(
            table_name(type(rows[0])), plan.columns, [plan.values_of(row) for row in rows]
        )
    for row in rows:
        row._saved_in_db = row._custom_generated_pk


_UNCHANGED_FIELDS: Final = frozenset(  # when they are written
    {
        fields.BigIntField,
        fields.BooleanField,
        fields.CharField,
        fields.DateField,
        fields.DatetimeField,
        fields.IntField,
        fields.SmallIntField,
        fields.TextField,
    }
)


@dataclass(frozen=True)
class _InsertPlan:
    """How the rows of a table become values of columns: few fields need Tortoise to convert them."""

    columns: tuple[str, ...]
    read: Callable[[Model], tuple[Any, ...]]
    converted_fields: Sequence[tuple[int, Field[Any]]]

    def values_of(self, row: Model) -> Sequence[Any]:
        values = list(self.read(row))
        for index, field in self.converted_fields:
            if values[index] is not None:
                values[index] = field.to_db_value(values[index], row)
        return values


@cache
def _insert_plan(model: type[Model], *, with_id: bool) -> _InsertPlan | None:
    """Return the plan for rows of a table; None for one with defaults that the database computes."""
    meta = model._meta
    names = [name for name in meta.fields_db_projection if with_id or name != meta.pk_attr]
    model_fields = [meta.fields_map[name] for name in names]
    if len(names) < 2 or any(field.has_db_default() for field in model_fields):
        return None
    converted = [(index, field) for index, field in enumerate(model_fields) if type(field) not in _UNCHANGED_FIELDS]
    return _InsertPlan(tuple(meta.fields_db_projection[name] for name in names), attrgetter(*names), converted)


@cache
def _row_write(model: type[Model]) -> BatchedWrite:
    """Return the write of whole rows of a table without JSON columns, whether they are stored or not."""
    plan = _insert_plan(model, with_id=True)
    assert plan is not None
    table, columns = table_name(model), ", ".join(plan.columns)
    new_values = ", ".join(f"{column} = excluded.{column}" for column in plan.columns if column != "id")
    return BatchedWrite(
        f"{table}_row",
        dict.fromkeys(plan.columns, ""),
        {
            f"stored_{table}": f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {table}_row WHERE TRUE"  # noqa: S608
            f" ON CONFLICT (id) DO UPDATE SET {new_values}"
        },
        table=table,
        is_repeatable=False,
    )


async def store_all(new_rows: Sequence[Model], changed_rows: Sequence[Model] = ()) -> None:
    """Insert new rows of one table, with new ids unless they have some, and store all columns of changed ones.

    Few rows are written with the other writes of the transaction, see `write_batch`. Within `write_transaction` only,
    and only for tables that are changed nowhere else.
    """
    await _assign_ids([row for row in new_rows if row.pk is None])
    if not write_batch.fits_batch(len(new_rows)):
        await insert_all(new_rows)
        new_rows = ()
    rows = [*new_rows, *changed_rows]
    for start in range(0, len(rows), MAX_BATCHED_ROWS):
        chunk = rows[start : start + MAX_BATCHED_ROWS]
        plan = _insert_plan(type(chunk[0]), with_id=True)
        assert plan is not None, "a table with defaults that the database computes"
        await write_batch.write_rows(_row_write(type(chunk[0])), [plan.values_of(row) for row in chunk])
        for row in chunk:
            row._saved_in_db = True


async def _assign_ids(rows: Sequence[Model]) -> None:
    """Give new rows of one table their ids. Within `write_transaction` only."""
    if rows:
        for row, row_id in zip(rows, await connection.reserve_ids(type(rows[0]), len(rows)), strict=True):
            row.pk = row_id


async def save(row: Model, *columns: str) -> None:
    """Store these columns of a row, or all; insert a new row."""
    await row.save(update_fields=columns or None)


async def delete(row: Model) -> None:
    await row.delete()


def select(model: type[Row], row_ids: Collection[int], *, with_deleted: bool = True) -> RowQuery[Row]:
    """Return the query for the rows with these ids.

    with_deleted  False only for tables whose rows are marked as deleted
    """
    query = RowQuery(model, is_one_of("id", set(row_ids)))
    return query if with_deleted else query.where(equals("deleted_at", None))


async def fetch_range(model: type[Row], first_id: int, last_id: int) -> list[Row]:
    """Return the rows with ids from the first to the last, both included, in order of id."""
    return await RowQuery(model, Condition("id BETWEEN ? AND ?", (first_id, last_id))).order_by("id").fetch()


async def count(model: type[Model]) -> int:
    return await RowQuery(model).count()
