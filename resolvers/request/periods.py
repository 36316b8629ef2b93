"""Resolves a period of the API to the days it covers."""

from __future__ import annotations

from datetime import date
from typing import Any

from domain.errors.user_errors import Invalid
from domain.primitives.periods import InvalidPeriod, Period, PeriodKind, select_period
from resolvers.request.context import Context
from resolvers.request.validation import InputFields, raise_bad_input

PeriodKey = tuple[tuple[str, Any], ...]  # the fields of a PeriodInput as sorted pairs, which can be hashed


async def resolve_period(context: Context, input: InputFields | None, *path: str, today: date | None = None) -> Period:
    """Resolve a PeriodInput to a period; None is the current month. Raises Invalid with the path of the wrong field.

    today  the day from which relative periods are counted; None for the present one
    """
    fields = input or {"kind": PeriodKind.MONTH}
    try:
        return select_period(
            fields.get("kind") or PeriodKind.MONTH,
            today=today or await context.today(),
            calendar=await context.calendar(),
            on=fields.get("on"),
            offset=fields.get("offset") or 0,
            start=fields.get("start"),
            end=fields.get("end"),
        )
    except InvalidPeriod as error:
        raise Invalid(error.message, *path, *([error.field] if error.field else [])) from error


async def resolve_query_period(context: Context, period: PeriodKey | None, *, today: date | None = None) -> Period:
    """Resolve the period of a query; None is the current month. Raises BadInput."""
    with raise_bad_input():
        return await resolve_period(context, dict(period) if period else None, "period", today=today)
