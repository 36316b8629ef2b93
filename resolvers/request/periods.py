"""Resolves a period of the API to the days it covers."""

from __future__ import annotations

from typing import Any

from domain.errors.user_errors import Invalid
from domain.primitives.periods import InvalidPeriod, Period, PeriodKind, select_period
from resolvers.request.context import Context
from resolvers.request.validation import InputFields, raise_bad_input

PeriodKey = tuple[tuple[str, Any], ...]  # the fields of a PeriodInput as sorted pairs, which can be hashed


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


async def resolve_query_period(context: Context, period: PeriodKey | None) -> Period:
    """Resolve the period of a query; None is the current month. Raises BadInput."""
    with raise_bad_input():
        return await resolve_period(context, dict(period) if period else None, "period")
