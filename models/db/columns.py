"""The kinds of columns that the tables share."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from tortoise import fields
from tortoise.fields.base import OnDelete

from domain.primitives.global_ids import LONGEST_EXTERNAL

LONGEST_TEXT: Final = 800  # 200 graphemes, each of a few code points


def link(to: str, *, null: bool = False) -> Any:
    """Return a reference to a row of another table; rows that are referred to cannot vanish."""
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
    """An amount in the smallest unit: exact on every database."""
    how: dict[str, Any] = {"null": null}
    return fields.BigIntField(**how)


def currency_code(*, null: bool = False) -> Any:
    how: dict[str, Any] = {"max_length": 3, "null": null}
    return fields.CharField(**how)
