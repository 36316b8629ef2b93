"""References to types that import each other, resolved when the schema is built."""

from __future__ import annotations

from typing import Annotated

import strawberry

EmployeeRef = Annotated["Employee", strawberry.lazy("graph.types.people")]  # type: ignore[name-defined]  # noqa: F821
