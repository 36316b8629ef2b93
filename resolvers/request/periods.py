"""Resolves a period of the API to the days it covers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from domain.errors.user_errors import Invalid
from domain.primitives.periods import InvalidPeriod, Period, PeriodKind, select_period
from resolvers.request.context import RequestContext
from resolvers.request.validation import raise_bad_input


@dataclass(frozen=True)
class PeriodKey:
    """A period as the API names it, which can be hashed: relative to a day (None: today), or by its first and last day."""

    kind: PeriodKind = PeriodKind.MONTH
    on: date | None = None
    offset: int = 0
    start: date | None = None
    end: date | None = None


async def resolve_period(
    context: RequestContext, key: PeriodKey | None, *path: str, today: date | None = None
) -> Period:
    """Resolve a period of the API; None is the current month. Raises Invalid with the path of the wrong field.

    today  the day from which relative periods are counted; None for the present one
    """
    key = key or PeriodKey()
    try:
        return select_period(
            key.kind,
            today=today or await context.today(),
            calendar=await context.calendar(),
            on=key.on,
            offset=key.offset,
            start=key.start,
            end=key.end,
        )
    except InvalidPeriod as error:
        raise Invalid(error.message, *path, *([error.field] if error.field else [])) from error


async def resolve_query_period(
    context: RequestContext, period: PeriodKey | None, *, today: date | None = None
) -> Period:
    """Resolve the period of a query; None is the current month. Raises BadInput."""
    with raise_bad_input():
        return await resolve_period(context, period, "period", today=today)
