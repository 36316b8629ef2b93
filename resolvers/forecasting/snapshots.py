"""Daily forecast snapshots: of the company and every team, for this and the next month and quarter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from domain.primitives.periods import PeriodKind
from models.forecasting import snapshots as rows
from models.forecasting.snapshots import ForecastSnapshot
from models.goals.goals import OwnerKind
from resolvers.forecasting.forecasts import Forecast, MoneyBasis, Question, answers
from resolvers.request.context import Context

_PERIODS: Final = ((PeriodKind.MONTH, 0), (PeriodKind.MONTH, 1), (PeriodKind.QUARTER, 0), (PeriodKind.QUARTER, 1))


async def take(context: Context) -> bool:
    """Store today's forecasts unless that has been done; return whether they were stored now.

    Two processes at once compute the same numbers, and the unique index lets each row be stored once.
    """
    today = await context.today()
    if await rows.taken_on(today):
        return False
    asked = list(_asked(context))
    found = await answers(context, asked)
    async with context.unit():
        await rows.keep([_row(each, today, context) for each in found])
    return True


def _asked(context: Context) -> Iterator[tuple[OwnerKind, int, Question]]:
    scopes = [(OwnerKind.COMPANY, 0), *((OwnerKind.TEAM, team) for team in sorted(context.tree.teams))]
    for kind, offset in _PERIODS:
        for basis in MoneyBasis:
            question = Question((("kind", kind), ("offset", offset)), basis)
            yield from ((*scope, question) for scope in scopes)


def _row(found: Forecast, today: date, context: Context) -> ForecastSnapshot:
    return ForecastSnapshot(
        day=today,
        owner_kind=found.scope.kind,
        owner_id=found.scope.number,
        first_day=found.period.start,
        last_day=found.period.end,
        basis=found.basis,
        booked=found.booked,
        expected=round(found.expected),
        low=round(found.low),
        median=round(found.median),
        high=round(found.high),
        confidence=found.confidence,
        taken_at=context.now(),
    )


@dataclass(frozen=True)
class Said:
    """A forecast of an earlier day, as money."""

    day: date
    booked: Decimal
    expected: Decimal
    low: Decimal
    median: Decimal
    high: Decimal


async def said(found: Forecast) -> list[Said]:
    """Return the snapshots of the forecast's scope and period, oldest first; there are none of employees."""
    scope, period = found.scope, found.period
    kept = await rows.said(scope.kind, scope.number, period.start, period.end, found.basis)
    return [
        Said(row.day, *(found.shown(amount) for amount in (row.booked, row.expected, row.low, row.median, row.high)))
        for row in kept
    ]
