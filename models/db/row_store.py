"""Finds and stores single rows of any table, and holds all that depends on how Tortoise keeps the state of a row."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from operator import attrgetter
from typing import Any, Final, TypeVar

from tortoise import fields
from tortoise.fields.base import Field
from tortoise.models import Model

from models.db import bulk_statements, connection
from models.db.row_query import RowQuery
from models.db.values import SqlRow

TableRow = Model  # of any table, for layers that do not know Tortoise

Row = TypeVar("Row", bound=Model)


def from_columns(model: type[Row], columns: SqlRow) -> Row:
    """Return the stored row with these values by column, as plain SQL returns them; others are ignored.

    The same as Tortoise does it, which looks up the time zone of the process for each time that it converts.
    """
    row = model.__new__(model)
    plan = _read_plan(model)
    attributes = vars(row)
    attributes.update(_partial=False, _saved_in_db=True, _custom_generated_pk=plan.has_own_ids, _await_when_save={})
    for name, column in plan.plain:
        attributes[name] = columns[column]
    for name, column, convert in plan.converted:
        attributes[name] = convert(columns[column])
    return row


@dataclass(frozen=True)
class _ReadPlan:
    """How the columns of a table become attributes.

    plain        attribute and column, for values that both databases return as they are
    converted    attribute, column and conversion of the others
    has_own_ids  whether the database does not assign the ids
    """

    plain: Sequence[tuple[str, str]]
    converted: Sequence[tuple[str, str, Callable[[Any], Any]]]
    has_own_ids: bool


@cache
def _read_plan(model: type[Model]) -> _ReadPlan:
    meta = model._meta
    plain, converted = list[tuple[str, str]](), list[tuple[str, str, Callable[[Any], Any]]]()
    for name, column in meta.fields_db_projection.items():
        field = meta.fields_map[name]
        if type(field) in _PLAIN_FIELDS:
            plain.append((name, column))
        else:
            converted.append((name, column, _CONVERSIONS.get(type(field), field.to_python_value)))
    return _ReadPlan(plain, converted, meta.db_pk_column not in meta.generated_db_fields)


def _to_bool(value: int | None) -> bool | None:
    return None if value is None else bool(value)


def _to_date(value: date | str | None) -> date | None:
    return datetime.fromisoformat(value).date() if isinstance(value, str) else value


def _to_time(value: datetime | str | None) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


_PLAIN_FIELDS: Final = frozenset(
    {fields.BigIntField, fields.CharField, fields.IntField, fields.SmallIntField, fields.TextField}
)
_CONVERSIONS: Final[dict[type[Field[Any]], Callable[[Any], Any]]] = {
    fields.BooleanField: _to_bool,
    fields.DateField: _to_date,
    fields.DatetimeField: _to_time,
}


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
    ids, texts = sorted(row_ids), sorted(external_ids)
    conditions = [f"id IN ({connection.placeholders(ids)})"] if ids else []
    if texts:
        conditions.append(f"external_id IN ({connection.placeholders(texts)})")
    if not conditions:
        return []
    # plain SQL, because building a Tortoise query of hundreds of ids takes longer than running it
    sql = f'SELECT * FROM "{model._meta.db_table}" WHERE {" OR ".join(conditions)}'  # noqa: S608
    return [from_columns(model, columns) for columns in await connection.fetch_rows(sql, [*ids, *texts])]


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


_UNCHANGED_FIELDS: Final = _PLAIN_FIELDS | {*_CONVERSIONS}  # when they are written


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
