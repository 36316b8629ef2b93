"""Daily forecast snapshots: of the company and every team, for this and the next month and quarter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from domain.primitives.periods import PeriodKind
from models.forecasting import snapshots as rows
from models.forecasting.snapshots import ForecastSnapshot
from models.organization.scopes import list_groups
from resolvers.forecasting.forecasts import Forecast, ForecastQuery, MoneyBasis, load_forecasts
from resolvers.request.context import RequestContext
from resolvers.request.periods import PeriodKey
from resolvers.request.scopes import Scope, load_scope_rows

_SNAPSHOT_PERIODS: Final = (
    (PeriodKind.MONTH, 0),
    (PeriodKind.MONTH, 1),
    (PeriodKind.QUARTER, 0),
    (PeriodKind.QUARTER, 1),
)


async def take_snapshots(context: RequestContext) -> bool:
    """Store today's forecasts unless that has been done; return whether they were stored now.

    Two processes at once compute the same numbers, and the unique index lets each row be stored once.
    """
    today = await context.today()
    if await rows.exists_for_day(today):
        return False
    requests = await _snapshot_requests(context)
    forecasts = await load_forecasts(context, requests)
    async with context.unit_of_work():
        await rows.save_all([_to_row(forecast, today, context) for forecast in forecasts])
    return True


async def _snapshot_requests(context: RequestContext) -> list[tuple[Scope, ForecastQuery]]:
    rows = await load_scope_rows(context, list_groups(context.tree))
    queries = [
        ForecastQuery(PeriodKey(kind, offset=offset), basis, with_target=False)
        for kind, offset in _SNAPSHOT_PERIODS
        for basis in MoneyBasis
    ]
    return [(Scope(key, row), query) for query in queries for key, row in rows.items()]


def _to_row(forecast: Forecast, today: date, context: RequestContext) -> ForecastSnapshot:
    return ForecastSnapshot(
        day=today,
        owner_kind=forecast.scope.kind,
        owner_id=forecast.scope.id,
        first_day=forecast.period.start,
        last_day=forecast.period.end,
        basis=forecast.basis,
        booked=forecast.booked,
        expected=round(forecast.expected),
        low=round(forecast.low),
        median=round(forecast.median),
        high=round(forecast.high),
        confidence=forecast.confidence,
        taken_at=context.now(),
    )


@dataclass(frozen=True)
class ForecastSnapshotView:
    """A forecast of an earlier day, as money."""

    day: date
    booked: Decimal
    expected: Decimal
    low: Decimal
    median: Decimal
    high: Decimal


async def list_snapshots(forecast: Forecast) -> list[ForecastSnapshotView]:
    """Return the snapshots of the forecast's scope and period, oldest first; there are none of employees."""
    scope, period = forecast.scope, forecast.period
    snapshots = await rows.list_for_period(scope.key, period.start, period.end, forecast.basis)
    return [
        ForecastSnapshotView(
            row.day,
            *(forecast.to_money(amount) for amount in (row.booked, row.expected, row.low, row.median, row.high)),
        )
        for row in snapshots
    ]
