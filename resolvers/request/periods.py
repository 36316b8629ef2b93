"""Resolves a period of the API to the days it covers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain.errors.user_errors import Invalid
from domain.primitives.periods import InvalidPeriod, Period, PeriodKind, resolve
from resolvers.request.context import Context

Given = Mapping[str, Any]


async def period(context: Context, given: Given | None, *path: str) -> Period:
    """Resolve a PeriodInput to a period; None is the current month. Raises Invalid with the path of the wrong field."""
    asked = given or {"kind": PeriodKind.MONTH}
    try:
        return resolve(
            asked.get("kind") or PeriodKind.MONTH,
            today=await context.today(),
            calendar=await context.calendar(),
            on=asked.get("on"),
            offset=asked.get("offset") or 0,
            start=asked.get("start"),
            end=asked.get("end"),
        )
    except InvalidPeriod as error:
        raise Invalid(str(error), *path, *([error.field] if error.field else [])) from error
