"""Factories for the kinds of columns that several tables share."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from tortoise import fields
from tortoise.fields.base import OnDelete

from domain.primitives.global_ids import MAX_EXTERNAL_ID_LENGTH

MAX_TEXT_LENGTH: Final = 800  # 200 graphemes, each of a few code points


def foreign_key(model_name: str, *, null: bool = False) -> Any:
    """Return a foreign key; a row that is referred to cannot be deleted."""
    options: dict[str, Any] = {"related_name": False, "null": null, "on_delete": OnDelete.RESTRICT}
    return fields.ForeignKeyField(f"models.{model_name}", **options)


def enum_column(enum_type: type[StrEnum], *, default: StrEnum | None = None, null: bool = False) -> Any:
    return fields.CharEnumField(enum_type, max_length=20, default=default, null=null)


def short_text_column(*, null: bool = False) -> Any:
    options: dict[str, Any] = {"max_length": MAX_TEXT_LENGTH, "null": null}
    return fields.CharField(**options)


def external_id_column() -> Any:
    return fields.CharField(max_length=MAX_EXTERNAL_ID_LENGTH, null=True, unique=True)


def minor_units_column(*, null: bool = False) -> Any:
    """Return an integer column for an amount in the smallest unit, which is exact on every database."""
    options: dict[str, Any] = {"null": null}
    return fields.BigIntField(**options)


def currency_column(*, null: bool = False) -> Any:
    options: dict[str, Any] = {"max_length": 3, "null": null}
    return fields.CharField(**options)
