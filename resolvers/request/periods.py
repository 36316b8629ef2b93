"""Resolves a period of the API to the days it covers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain.errors.user_errors import Invalid
from domain.primitives.periods import InvalidPeriod, Period, PeriodKind, select_period
from resolvers.request.context import Context

InputFields = Mapping[str, Any]


async def resolve_period(context: Context, input: InputFields | None, *path: str) -> Period:
    """Resolve a PeriodInput to a period; None is the current month. Raises Invalid with the path of the wrong field."""
    fields = input or {"kind": PeriodKind.MONTH}
    try:
        return select_period(
            fields.get("kind") or PeriodKind.MONTH,
            today=await context.today(),
            calendar=await context.calendar(),
            on=fields.get("on"),
            offset=fields.get("offset") or 0,
            start=fields.get("start"),
            end=fields.get("end"),
        )
    except InvalidPeriod as error:
        raise Invalid(str(error), *path, *([error.field] if error.field else [])) from error
