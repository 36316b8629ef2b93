"""Factories for the columns of rows: each is a Tortoise field, and has the type of its values for the type checker."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, Literal, TypeVar, cast, overload

from tortoise import fields
from tortoise.fields.base import OnDelete

from domain.primitives.global_ids import MAX_EXTERNAL_ID_LENGTH

MAX_TEXT_LENGTH: Final = 800  # 200 graphemes, each of a few code points
MAX_ENUM_LENGTH: Final = 20

Value = TypeVar("Value", bound=StrEnum)


class PlainAttributes:
    """A base, before Tortoise's, of rows that are written by the hundred: setting an attribute does nothing else.

    Tortoise looks for asynchronous defaults and for related rows of a wrong type, which takes most of the time of an
    assignment; these tables have no such defaults, and related rows are set by their ids.
    """

    __setattr__ = object.__setattr__


def foreign_key(model_name: str, *, null: bool = False) -> Any:
    """Return a foreign key; a row that is referred to cannot be deleted."""
    options = {"related_name": False, "on_delete": OnDelete.RESTRICT, **_nullable(null)}
    return fields.ForeignKeyField(f"models.{model_name}", **options)


def _nullable(null: bool) -> dict[str, Any]:
    """Return the option, which Tortoise's signatures accept as a literal only."""
    return {"null": null}


@overload
def text_column(max_length: int, *, null: Literal[True], unique: bool = ...) -> str | None: ...
@overload
def text_column(max_length: int, *, primary_key: bool = ..., unique: bool = ..., default: str = ...) -> str: ...
def text_column(max_length: int, **options: Any) -> str | None:
    return cast("str | None", fields.CharField(max_length, **options))


@overload
def bool_column(*, null: Literal[True]) -> bool | None: ...
@overload
def bool_column(*, default: bool, db_default: bool = ..., source_field: str = ...) -> bool: ...
def bool_column(**options: Any) -> bool | None:
    return cast("bool | None", fields.BooleanField(**options))


@overload
def enum_column(enum_type: type[Value], *, null: Literal[True], max_length: int = ...) -> Value | None: ...
@overload
def enum_column(enum_type: type[Value], *, default: Value | None = None, max_length: int = ...) -> Value: ...
def enum_column(
    enum_type: type[Value], *, default: Value | None = None, null: bool = False, max_length: int = MAX_ENUM_LENGTH
) -> Value | None:
    return cast("Value | None", fields.CharEnumField(enum_type, max_length=max_length, default=default, null=null))


@overload
def short_text_column(*, null: Literal[True]) -> str | None: ...
@overload
def short_text_column() -> str: ...
def short_text_column(*, null: bool = False) -> str | None:
    return cast("str | None", fields.CharField(MAX_TEXT_LENGTH, **_nullable(null)))


def search_key_column() -> str:
    """Return the column of the text in which a name or title is searched, see `domain.primitives.text.search_key`."""
    return cast("str", fields.CharField(1000, source_field="needle", default=""))


def external_id_column() -> str | None:
    return text_column(MAX_EXTERNAL_ID_LENGTH, null=True, unique=True)


@overload
def minor_units_column(*, null: Literal[True]) -> int | None: ...
@overload
def minor_units_column() -> int: ...
def minor_units_column(*, null: bool = False) -> int | None:
    """Return an integer column for an amount in the smallest unit, which is exact on every database."""
    return cast("int | None", fields.BigIntField(**_nullable(null)))


@overload
def currency_column(*, null: Literal[True]) -> str | None: ...
@overload
def currency_column() -> str: ...
def currency_column(*, null: bool = False) -> str | None:
    return cast("str | None", fields.CharField(3, **_nullable(null)))
