"""Makes rows of a table from the records of the driver.

Tortoise's own way takes ten times as long: it looks up each column by name and sets each attribute by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from enum import Enum
from functools import cache
from operator import itemgetter
from typing import Any, Final, Generic, TypeVar

import orjson
from tortoise import fields
from tortoise.fields.base import Field
from tortoise.fields.data import CharEnumFieldInstance
from tortoise.models import Model

from models.db.values import SqlRecord

Row = TypeVar("Row", bound=Model)
_Converter = Callable[[Any], object]


class RowFactory(Generic[Row]):
    """Makes rows of one table from records of one source.

    dialect     "postgres" and "sqlite" for records of the drivers, "json" for the rows of PostgreSQL's JSON functions
    attributes  the names of the attributes that are stored in columns
    columns     their columns, in the same order
    id_index    the place of the id among them
    """

    def __init__(self, model: type[Row], dialect: str) -> None:
        meta = model._meta
        self.model = model
        self.attributes = tuple(meta.fields_db_projection)
        self.columns = tuple(meta.fields_db_projection.values())
        converters = [(name, _converter(meta.fields_map[name], dialect)) for name in self.attributes]
        self._converters = [(name, convert) for name, convert in converters if convert is not None]
        self.id_index = self.columns.index(meta.db_pk_column)
        self._read_columns = itemgetter(*self.columns)
        # what Tortoise notes about a row that is stored
        self._state = {
            "_partial": False,
            "_saved_in_db": True,
            "_custom_generated_pk": meta.db_pk_column not in meta.generated_db_fields,
        }

    def make_row(self, values: Iterable[object]) -> Row:
        """Return the stored row with these values, in the order of `columns`, as the driver returns them."""
        attributes = {**self._state, "_await_when_save": {}}
        attributes.update(zip(self.attributes, values, strict=True))
        for name, convert in self._converters:
            value = attributes[name]
            if value is not None:
                attributes[name] = convert(value)
        row = self.model.__new__(self.model)
        object.__setattr__(row, "__dict__", attributes)  # past Tortoise's own, which looks at each attribute
        return row

    def make_row_by_column(self, record: Mapping[str, object] | SqlRecord) -> Row:
        """Do the same for values by column, of which there may be others."""
        return self.make_row(self._read_columns(record))

    def make_values(self, attributes: Sequence[str], record: SqlRecord) -> tuple[Any, ...]:
        """Return the values of these attributes from a record that has no other columns."""
        values = dict(zip(attributes, record, strict=True))
        for name, convert in self._converters:
            if values.get(name) is not None:
                values[name] = convert(values[name])
        return tuple(values.values())


@cache
def row_factory(model: type[Row], dialect: str) -> RowFactory[Row]:
    return RowFactory(model, dialect)


class _Members(dict[str, Enum]):
    """The members of an enum by their values. A look-up is ten times as fast as calling the enum."""

    def __init__(self, enum_type: type[Enum]) -> None:
        super().__init__((member.value, member) for member in enum_type)
        self._enum_type = enum_type

    def __missing__(self, value: str) -> Enum:
        return self._enum_type(value)  # raises ValueError


def _converter(field: Field[Any], dialect: str) -> _Converter | None:
    """Return the function that makes the value of an attribute from one of the source; None for a value that stays."""
    if isinstance(field, CharEnumFieldInstance):
        return _Members(field.enum_type).__getitem__
    if isinstance(field, fields.JSONField):
        return None if dialect == "json" else orjson.loads
    if isinstance(field, fields.IntField | fields.BigIntField | fields.SmallIntField | fields.CharField):
        return None
    if isinstance(field, fields.TextField | fields.FloatField):
        return None
    if dialect == "postgres":
        is_native = isinstance(
            field, fields.BooleanField | fields.DatetimeField | fields.DateField | fields.DecimalField
        )
        return None if is_native else field.to_python_value
    if isinstance(field, fields.BooleanField):
        return None if dialect == "json" else bool
    if isinstance(field, fields.DatetimeField):
        return _parse_time
    if isinstance(field, fields.DateField):
        return _parse_json_date if dialect == "json" else date.fromisoformat
    return field.to_python_value


_INFINITE_DAYS: Final = {"infinity": date.max, "-infinity": date.min}  # as PostgreSQL's driver stores and reads them


def _parse_json_date(text: str) -> date:
    return _INFINITE_DAYS.get(text) or date.fromisoformat(text)


def _parse_time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)
