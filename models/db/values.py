"""Types of what is passed to SQL statements and comes back from them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

SqlScalar = str | int | float | Decimal | date | None  # `date` includes times
SqlValue = SqlScalar | list[int] | list[str]  # a parameter; a list for `= ANY(?)`
SqlRow = dict[str, Any]  # a row of a plain statement, by column
SqlRecord = Any  # a row as the driver returns it: values by position or by column
SqlStatement = tuple[str, Sequence[SqlValue]]  # a statement and its parameters
SqlClause = tuple[str, list[SqlValue]]  # a condition or another part of a statement, and its parameters
