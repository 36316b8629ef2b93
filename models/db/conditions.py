"""Conditions for rows in plain SQL, which functions of the models make and all layers combine by `&`, `|` and `~`.

The text of a condition is constant: what differs from one request to the next are its values, also the members of a
set. The statements made of such texts stay prepared in the database.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final, TypeVar

from models.db.values import SqlScalar, SqlValue

Member = TypeVar("Member", int, str)


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition for the rows of one table.

    sql     names columns of the table and has `?` placeholders; OR stands in it only within parentheses
    values  the values of the placeholders
    """

    sql: str
    values: tuple[SqlValue, ...] = ()

    def __and__(self, other: Condition) -> Condition:
        if self.sql == _TRUE or other.sql == _FALSE:
            return other
        if other.sql == _TRUE or self.sql == _FALSE:
            return self
        return Condition(f"{self.sql} AND {other.sql}", self.values + other.values)

    def __or__(self, other: Condition) -> Condition:
        if self.sql == _FALSE or other.sql == _TRUE:
            return other
        if other.sql == _FALSE or self.sql == _TRUE:
            return self
        return Condition(f"({self.sql} OR {other.sql})", self.values + other.values)

    def __invert__(self) -> Condition:
        return Condition(f"NOT ({self.sql})", self.values)


_TRUE, _FALSE = "TRUE", "FALSE"
EVERY_ROW: Final = Condition(_TRUE)
NO_ROW: Final = Condition(_FALSE)


def equals(column: str, value: SqlScalar) -> Condition:
    """Return the condition that a column has the value; None is NULL."""
    return Condition(f"{column} IS NULL") if value is None else Condition(f"{column} = ?", (value,))


def is_one_of(column: str, values: Iterable[Member]) -> Condition:
    """Return the condition that a column has one of the values, which are one parameter."""
    return Condition(f"{column} = ANY(?)", (list(values),))


def is_between(column: str, first: date, last: date) -> Condition:
    """Return the condition that a column is within days or times, both included."""
    return Condition(f"{column} BETWEEN ? AND ?", (first, last))


def contains(column: str, text: str) -> Condition:
    """Return the condition that a column contains a text."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return Condition(f"{column} LIKE ? ESCAPE '\\'", (f"%{escaped}%",))
