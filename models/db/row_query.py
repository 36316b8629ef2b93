"""Queries of rows that other layers narrow, page through and run, without knowledge of tables and columns.

Functions of the models return a `RowQuery` and the conditions for it. The layers above combine them, so that the filter
of a list and the permissions of its viewer become one statement. Queries of the same shape have the same text, whatever
their values are, so the database has it prepared.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, TypeVar

from tortoise.models import Model

from models.db import connection
from models.db.conditions import EVERY_ROW, NO_ROW, Condition
from models.db.row_factory import RowFactory, row_factory
from models.db.values import SqlRecord, SqlStatement

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True, eq=False)
class RowQuery(Generic[Row]):
    """A query for rows of one table. Each method returns a new query or runs this one.

    order      attributes, "-" in front of descending ones
    max_rows   None for all rows
    relations  names of the foreign keys whose rows are read in the same statement
    """

    model: type[Row]
    condition: Condition = EVERY_ROW
    order: tuple[str, ...] = ()
    max_rows: int | None = None
    relations: tuple[str, ...] = ()

    def where(self, *conditions: Condition) -> RowQuery[Row]:
        """Return the query for those rows that also meet the conditions."""
        condition = self.condition
        for other in conditions:
            condition &= other
        return RowQuery(self.model, condition, self.order, self.max_rows, self.relations)

    def none(self) -> RowQuery[Row]:
        """Return a query without rows."""
        return RowQuery(self.model, NO_ROW, self.order, self.max_rows, self.relations)

    def order_by(self, *order: str) -> RowQuery[Row]:
        """Return the query for the rows in an order: attributes, "-" in front of descending ones."""
        return RowQuery(self.model, self.condition, order, self.max_rows, self.relations)

    def limit(self, max_rows: int) -> RowQuery[Row]:
        """Return the query for the first rows only."""
        return RowQuery(self.model, self.condition, self.order, max_rows, self.relations)

    def with_relations(self, names: Iterable[str]) -> RowQuery[Row]:
        """Return the query that also reads the rows to which these foreign keys refer."""
        relations = tuple(dict.fromkeys((*self.relations, *names)))
        return RowQuery(self.model, self.condition, self.order, self.max_rows, relations)

    @property
    def relation_names(self) -> set[str]:
        """The names of the foreign keys of the rows."""
        return self.model._meta.fk_fields

    async def fetch(self) -> list[Row]:
        return self.make_rows(await connection.fetch_records(*self.statement()))

    async def count(self) -> int:
        [record] = await connection.fetch_records(*CountQuery(self).statement())
        return int(record[0])

    async def find(self, row_id: int) -> Row | None:
        """Return the row with this id if the query has it."""
        rows = await self.where(Condition("id = ?", (row_id,))).fetch()
        return rows[0] if rows else None

    async def fetch_after(self, row_id: int, limit: int) -> list[Row]:
        """Return the rows with the lowest ids above `row_id`, in order of id."""
        return await self.where(Condition("id > ?", (row_id,))).order_by("id").limit(limit).fetch()

    async def fetch_values(self, *attributes: str) -> list[tuple[Any, ...]]:
        """Return the values of some attributes only, a tuple for each row."""
        columns = ", ".join(f'"{self.model._meta.fields_db_projection[name]}"' for name in attributes)
        factory = row_factory(self.model, connection.dialect())
        records = await connection.fetch_records(self._select(columns), self.condition.values)
        return [factory.make_values(attributes, record) for record in records]

    def statement(self) -> SqlStatement:
        """Return the statement that reads the rows, see `make_rows`."""
        columns = _columns(self.model)
        if not self.relations:
            return self._select(columns), self.condition.values
        # The rows are selected first: in a condition each column is one of theirs, and only rows of the page are joined
        joined = [_join(self.model, name) for name in self.relations]
        names = ", ".join([_columns(self.model, "selected"), *(columns for columns, _ in joined)])
        joins = " ".join(join for _, join in joined)
        order = self._order_sql("selected.")
        return f"SELECT {names} FROM ({self._select(columns)}) AS selected {joins}{order}", self.condition.values  # noqa: S608

    def make_rows(self, records: Sequence[SqlRecord]) -> list[Row]:
        """Return the rows from the records of `statement`."""
        dialect = connection.dialect()
        make_row = row_factory(self.model, dialect).make_row
        if not self.relations:
            return [make_row(record) for record in records]
        return [self._make_joined_row(record, dialect) for record in records]

    def _make_joined_row(self, record: SqlRecord, dialect: str) -> Row:
        factory: RowFactory[Row] = row_factory(self.model, dialect)
        end = len(factory.columns)
        row = factory.make_row(record[:end])
        for name in self.relations:
            related: RowFactory[Any] = row_factory(_related_model(self.model, name), dialect)
            start, end = end, end + len(related.columns)
            values = record[start:end]
            # where Tortoise looks for it
            vars(row)[f"_{name}"] = None if values[related.id_index] is None else related.make_row(values)
        return row

    def _select(self, columns: str) -> str:
        limit = "" if self.max_rows is None else f" LIMIT {self.max_rows}"
        return (
            f'SELECT {columns} FROM "{self.model._meta.db_table}" WHERE {self.condition.sql}{self._order_sql()}{limit}'  # noqa: S608
        )

    def _order_sql(self, prefix: str = "") -> str:
        return _order_sql(self.model, self.order, prefix) if self.order else ""


AnyRowQuery = RowQuery[Any]


@dataclass(frozen=True, eq=False)
class CountQuery:
    """Counts the rows of a query instead of reading them."""

    query: AnyRowQuery

    def statement(self) -> SqlStatement:
        table, condition = self.query.model._meta.db_table, self.query.condition
        return f'SELECT COUNT(*) FROM "{table}" WHERE {condition.sql}', condition.values  # noqa: S608

    def make_rows(self, records: Sequence[SqlRecord]) -> int:
        return int(records[0][0])


AnyQuery = AnyRowQuery | CountQuery


async def fetch_all(queries: Sequence[AnyQuery]) -> list[Any]:
    """Return for each query its rows, and for each CountQuery its number of rows.

    The statements are run one after another on one connection.
    """
    statements = [query.statement() for query in queries]
    results = await connection.fetch_records_of_all(statements)
    return [query.make_rows(records) for query, records in zip(queries, results, strict=True)]


@cache
def _columns(model: type[Model], table: str | None = None) -> str:
    prefix = f'"{table}".' if table else ""
    return ", ".join(f'{prefix}"{column}"' for column in model._meta.fields_db_projection.values())


@cache
def _join(model: type[Model], name: str) -> tuple[str, str]:
    """Return the columns of the rows to which a foreign key of the `selected` rows refers, and the SQL that joins them."""
    related_meta = _related_model(model, name)._meta
    column = model._meta.fields_db_projection[f"{name}_id"]
    join = f'LEFT JOIN "{related_meta.db_table}" AS "{name}" ON "{name}"."{related_meta.db_pk_column}" = selected."{column}"'
    return _columns(_related_model(model, name), name), join


def _related_model(model: type[Model], name: str) -> type[Model]:
    field: Any = model._meta.fields_map[name]
    related: type[Model] = field.related_model
    return related


@cache
def _order_sql(model: type[Model], order: tuple[str, ...], prefix: str) -> str:
    columns = model._meta.fields_db_projection
    terms = [f'{prefix}"{columns[name.removeprefix("-")]}"{" DESC" if name.startswith("-") else ""}' for name in order]
    return f" ORDER BY {', '.join(terms)}"
