"""Types of what is passed to SQL statements and comes back from them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

SqlValue = str | int | float | Decimal | date | Sequence[int] | None  # a parameter; `date` includes times
SqlRow = dict[str, Any]  # a row of a plain statement, by column
SqlClause = tuple[str, list[SqlValue]]  # a condition or another part of a statement, and its parameters
