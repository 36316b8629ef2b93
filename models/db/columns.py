"""Factories for the kinds of columns that several tables share."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from tortoise import fields
from tortoise.fields.base import OnDelete

from domain.primitives.global_ids import LONGEST_EXTERNAL

LONGEST_TEXT: Final = 800  # 200 graphemes, each of a few code points


def link(to: str, *, null: bool = False) -> Any:
    """Return a foreign key; a row that is referred to cannot be deleted."""
    how: dict[str, Any] = {"related_name": False, "null": null, "on_delete": OnDelete.RESTRICT}
    return fields.ForeignKeyField(f"models.{to}", **how)


def choice(kind: type[StrEnum], *, default: StrEnum | None = None, null: bool = False) -> Any:
    return fields.CharEnumField(kind, max_length=20, default=default, null=null)


def short_text(*, null: bool = False) -> Any:
    how: dict[str, Any] = {"max_length": LONGEST_TEXT, "null": null}
    return fields.CharField(**how)


def external() -> Any:
    return fields.CharField(max_length=LONGEST_EXTERNAL, null=True, unique=True)


def minor(*, null: bool = False) -> Any:
    """Return an integer column for an amount in the smallest unit, which is exact on every database."""
    how: dict[str, Any] = {"null": null}
    return fields.BigIntField(**how)


def currency_code(*, null: bool = False) -> Any:
    how: dict[str, Any] = {"max_length": 3, "null": null}
    return fields.CharField(**how)
