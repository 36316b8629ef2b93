"""Daily snapshots: the forecasts for this and the next month and quarter, and the pipeline they were made from.

Those of the company and the teams are kept for good. Those of the employees, and the open deals and bookings by which a
change is explained, are kept for two weeks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Final

from domain.primitives.periods import PeriodKind
from models.forecasting import pipeline_snapshots
from models.forecasting import snapshots as rows
from models.forecasting.deal_tables import Basis
from models.forecasting.pipeline_snapshots import Bookings, ForecastTotals, PipelineSnapshot
from models.forecasting.snapshots import ForecastSnapshot
from models.organization import people
from models.organization.scope_groups import list_groups
from models.organization.scopes import ScopeKey, key_of_row
from resolvers.forecasting.deal_snapshot import DealSnapshot
from resolvers.forecasting.forecast_engine import get_forecast_engine
from resolvers.forecasting.forecasts import (
    BOOKED_METRICS,
    Forecast,
    ForecastQuery,
    MoneyBasis,
    load_employee_totals,
    load_forecasts,
)
from resolvers.request.context import RequestContext
from resolvers.request.periods import PeriodKey, resolve_query_period
from resolvers.request.scopes import Scope, load_scope_rows

_SNAPSHOT_PERIODS: Final = (
    (PeriodKind.MONTH, 0),
    (PeriodKind.MONTH, 1),
    (PeriodKind.QUARTER, 0),
    (PeriodKind.QUARTER, 1),
)

_QUERIES: Final = tuple(
    ForecastQuery(PeriodKey(kind, offset=offset), basis, with_target=False)
    for kind, offset in _SNAPSHOT_PERIODS
    for basis in MoneyBasis
)
_MAX_READS: Final = 3  # after which a forecast may miss a win of the same moment


async def take_snapshots(context: RequestContext) -> bool:
    """Store today's forecasts and pipeline unless that has been done; return whether anything was stored now.

    Two processes at once compute the same numbers, and the unique indexes let each row be stored once.
    """
    today = await context.today()
    has_forecasts, has_pipeline = await rows.exists_for_day(today), await pipeline_snapshots.exists_for_day(today)
    if has_forecasts and has_pipeline:
        return False
    groups = [Scope(key, row) for key, row in (await load_scope_rows(context, list_groups(context.tree))).items()]
    employees = [] if has_pipeline else [key_of_row(row) for row in await people.load_active(None)]
    morning, bookings = await _load_morning(context, groups, employees)
    pipeline = None if has_pipeline else await _build_pipeline_snapshot(context, today, morning, bookings)
    async with context.unit_of_work():
        if not has_forecasts:
            await rows.save_all(morning.groups)
        if pipeline is not None:
            await pipeline_snapshots.store(pipeline)
    return True


@dataclass(frozen=True)
class _Morning:
    """The forecasts of one moment, and the deals that they were made from."""

    deals: DealSnapshot
    groups: Sequence[ForecastSnapshot]
    totals: ForecastTotals  # of groups and employees


async def _load_morning(
    context: RequestContext, groups: Sequence[Scope], employees: Sequence[ScopeKey]
) -> tuple[_Morning, Mapping[Basis, Bookings]]:
    """Return all forecasts, and what was booked when they were made: both are read again if a deal is won in between."""
    first = await resolve_query_period(context, PeriodKey(PeriodKind.QUARTER))
    last = await resolve_query_period(context, PeriodKey(PeriodKind.QUARTER, offset=1))

    async def read_bookings() -> dict[Basis, Bookings]:
        return {
            basis: await pipeline_snapshots.fetch_bookings(metric, first.start, last.end)
            for basis, metric in BOOKED_METRICS.items()
        }

    bookings = await read_bookings()
    for _ in range(_MAX_READS):
        before, morning = bookings, await _compute_morning(context, groups, employees)
        bookings = await read_bookings()
        if all(rows.equals(before[basis]) for basis, rows in bookings.items()):
            break
    return morning, bookings


async def _compute_morning(context: RequestContext, groups: Sequence[Scope], employees: Sequence[ScopeKey]) -> _Morning:
    group_rows: list[ForecastSnapshot] = []
    totals: dict[str, dict[str, tuple[int, int]]] = {}
    today = await context.today()
    for query in _QUERIES:  # one after another, since a forecast holds the draws of all sellers
        forecasts = await load_forecasts(context, [(scope, query) for scope in groups])
        deals, period = forecasts[0].snapshot, forecasts[0].period
        group_rows += [_to_row(forecast, today, context) for forecast in forecasts]
        of_query = {
            pipeline_snapshots.scope_text(forecast.scope.key): (forecast.booked, round(forecast.expected))
            for forecast in forecasts
        }
        del forecasts
        if employees:
            of_employees = await load_employee_totals(context, query, employees)
            of_query |= {
                pipeline_snapshots.scope_text(key): totals_of_key for key, totals_of_key in of_employees.items()
            }
        totals[pipeline_snapshots.forecast_key(period, query.basis)] = of_query
    return _Morning(deals, group_rows, totals)


async def _build_pipeline_snapshot(
    context: RequestContext, today: date, morning: _Morning, bookings: Mapping[Basis, Bookings]
) -> PipelineSnapshot:
    engine = get_forecast_engine(context)
    open_deals, stage_entries = morning.deals.open_deals
    return PipelineSnapshot(
        day=today,
        taken_at=context.now(),
        deals=await engine.run_in_worker(partial(pipeline_snapshots.serialize_deals, open_deals, stage_entries)),
        bookings=await engine.run_in_worker(partial(pipeline_snapshots.serialize_bookings, bookings)),
        forecasts=await engine.run_in_worker(partial(pipeline_snapshots.serialize_forecasts, morning.totals)),
    )


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
