"""Queries about scopes of any kind: their rows, and the rows that they own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeGuard

from models.db.conditions import NO_ROW, Condition, equals
from models.db.row_query import RowQuery
from models.organization.scopes import SCOPE_KINDS, ScopeKey, ScopeRow, by_kind


def find_kind(type_name: str) -> type[ScopeKey] | None:
    """Return the kind of the scopes with global ids of a type; None if the type is none of a scope."""
    return next((scope_kind for scope_kind in SCOPE_KINDS if scope_kind.row_class.__name__ == type_name), None)


def is_scope_row(row: object) -> TypeGuard[ScopeRow]:
    """Return whether the row is that of a scope."""
    return any(isinstance(row, scope_kind.row_class) for scope_kind in SCOPE_KINDS)


async def find_by_name(row_class: type[ScopeRow], name: str) -> ScopeRow | None:
    """Return the first row with exactly this name."""
    rows = await RowQuery(row_class, equals("name", name)).order_by("id").limit(1).fetch()
    return rows[0] if rows else None


def owned_by_any(keys: Iterable[ScopeKey]) -> Condition:
    """Return the filter for rows, such as goals, that any of the scopes owns; none if there are no keys."""
    condition = NO_ROW
    for scope_kind, keys_of_kind in by_kind(keys):
        condition |= scope_kind.owned_by(key.id for key in keys_of_kind)
    return condition
