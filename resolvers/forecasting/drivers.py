"""What has moved a forecast since an earlier day, compared with the pipeline snapshot of that day.

The snapshot says what the forecast was, which deals were open and what was booked, as it was known then. So an import or a
correction dated back counts as what it is: a change since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import partial
from typing import Final

import numpy as np

from domain.errors.operation_errors import BadInput
from domain.forecasting import drivers as forecast_drivers
from domain.forecasting.arrays import NEVER
from domain.forecasting.drivers import Driver
from domain.ledger.record_facts import DealStatus
from domain.permissions import Action
from domain.primitives.global_ids import decode_global_id
from domain.primitives.working_time import share_of_day_left
from models.crm import deals
from models.crm.deals import Deal
from models.forecasting import pipeline_snapshots
from models.forecasting.deal_columns import STATE_CODES
from models.forecasting.pipeline_snapshots import Bookings, PipelineState
from resolvers.forecasting.forecast_engine import get_forecast_engine
from resolvers.forecasting.forecasts import BOOKED_METRICS, Forecast
from resolvers.forecasting.judgement import MAX_PAGE_SIZE
from resolvers.request import scopes, validation
from resolvers.request.context import RequestContext

_MAX_SNAPSHOT_AGE: Final = timedelta(days=6)  # a snapshot may be so much older than the day to compare with


class DriversSince(StrEnum):
    """The morning since which changes are explained."""

    TODAY = "TODAY"
    YESTERDAY = "YESTERDAY"
    LAST_WEEK = "LAST_WEEK"


_DAYS_BACK: Final[Mapping[DriversSince, int]] = {
    DriversSince.TODAY: 0,
    DriversSince.YESTERDAY: 1,
    DriversSince.LAST_WEEK: 7,
}


class DriversState(StrEnum):
    """Whether a change can be explained, and why not."""

    READY = "READY"
    NO_SNAPSHOT = "NO_SNAPSHOT"
    PERIOD_OVER = "PERIOD_OVER"
    WHAT_IF = "WHAT_IF"


@dataclass(frozen=True, eq=False)
class DriversRequest:
    """A forecast, and since when its change is to be explained; each request is a key of its own."""

    forecast: Forecast
    since: DriversSince


@dataclass(frozen=True)
class ForecastDrivers:
    """What has moved a forecast; amounts in the smallest unit. All but the state are None unless it is READY.

    day       the day of the snapshot, the forecast of the start of which is `expected_then`
    """

    forecast: Forecast
    state: DriversState
    day: date | None = None
    expected_then: int | None = None
    change: int | None = None
    drivers: Sequence[Driver] | None = None


@dataclass(frozen=True)
class ForecastDriver:
    """A driver with the forecast that it belongs to."""

    forecast: Forecast
    driver: Driver


@dataclass(frozen=True)
class DriverDeal:
    """A deal's effect on a forecast, in the smallest unit."""

    deal: Deal
    forecast: Forecast
    amount: float


async def load_drivers(context: RequestContext, requests: Sequence[DriversRequest]) -> list[ForecastDrivers]:
    """Return the drivers of forecasts, in a fixed number of statements for each day, period and basis."""
    today, snapshots = await context.today(), dict[DriversSince, PipelineState | None]()
    for since in {request.since for request in requests}:
        snapshots[since] = await _load_snapshot(context, today - timedelta(days=_DAYS_BACK[since]))
    bookings = await _load_bookings([request.forecast for request in requests])
    results: list[ForecastDrivers] = []
    for request in requests:
        forecast, snapshot = request.forecast, snapshots[request.since]
        state = _state_of(forecast, snapshot, today)
        if state is not DriversState.READY or snapshot is None:
            results.append(ForecastDrivers(forecast, state))
            continue
        now = bookings[pipeline_snapshots.forecast_key(forecast.period, forecast.basis)]
        explain = partial(_explain, context, forecast, snapshot, now)
        results.append(await get_forecast_engine(context).run_in_worker(explain))
    return results


async def _load_snapshot(context: RequestContext, day: date) -> PipelineState | None:
    """Return the latest snapshot of the day or of the days just before it, memoized."""
    id_and_day = await pipeline_snapshots.find_latest(day, day - _MAX_SNAPSHOT_AGE)
    if id_and_day is None:
        return None
    engine = get_forecast_engine(context)

    async def load() -> PipelineState | None:
        row = await pipeline_snapshots.load(id_and_day[0])
        return None if row is None else await engine.run_in_worker(partial(pipeline_snapshots.parse, row))

    return await engine.memoize(("pipeline", *id_and_day), load)


async def _load_bookings(forecasts: Sequence[Forecast]) -> dict[str, Bookings]:
    """Return what is booked now, by period and basis; for the forecasts of one employee only theirs."""
    by_key: dict[str, list[Forecast]] = {}
    for forecast in forecasts:
        by_key.setdefault(pipeline_snapshots.forecast_key(forecast.period, forecast.basis), []).append(forecast)
    bookings: dict[str, Bookings] = {}
    for key, of_key in by_key.items():
        employee_ids = {forecast.scope.key.employee_id for forecast in of_key}
        bookings[key] = await pipeline_snapshots.fetch_bookings(
            BOOKED_METRICS[of_key[0].basis],
            of_key[0].period.start,
            of_key[0].period.end,
            employee_ids.pop() if len(employee_ids) == 1 else None,
        )
    return bookings


def _state_of(forecast: Forecast, snapshot: PipelineState | None, today: date) -> DriversState:
    if isinstance(forecast.snapshot.present_version, tuple):
        return DriversState.WHAT_IF
    if forecast.period.end < today:
        return DriversState.PERIOD_OVER
    return DriversState.NO_SNAPSHOT if _forecast_then(forecast, snapshot) is None else DriversState.READY


def _forecast_then(forecast: Forecast, snapshot: PipelineState | None) -> tuple[int, int] | None:
    """Return the booked and the expected amount of the same scope and period in the snapshot, if it has them."""
    if snapshot is None:
        return None
    of_period = snapshot.forecasts.get(pipeline_snapshots.forecast_key(forecast.period, forecast.basis), {})
    return of_period.get(pipeline_snapshots.scope_text(forecast.scope.key))


def _explain(context: RequestContext, forecast: Forecast, snapshot: PipelineState, now: Bookings) -> ForecastDrivers:
    amounts_then = _forecast_then(forecast, snapshot)
    assert amounts_then is not None  # the state is READY
    booked_amount_then, expected_then = amounts_then
    scope, period, deal_snapshot = forecast.scope.key, forecast.period, forecast.snapshot
    booked_then = snapshot.bookings[forecast.basis].sum_by_deal(scope, context.tree, period)
    then = deal_snapshot.build_open_table(
        snapshot.align_products(deal_snapshot.deals.products), snapshot.stage_entries, forecast.basis
    )
    sellers = forecast.seller_forecasts
    effects = forecast_drivers.compare_open_deals(
        None if sellers is None else sellers.window,
        then,
        then.select_rows(np.zeros(then.size, np.bool_)) if sellers is None else sellers.deals,
        forecast.members,
        period.start.toordinal(),
        snapshot.day.toordinal(),
        share_of_day_left(snapshot.taken_at, deal_snapshot.calendar),
    )
    change = round(forecast.expected) - expected_then
    drivers = forecast_drivers.explain_change(
        change,
        effects,
        booked_then,
        now.sum_by_deal(scope, context.tree, period),
        _select_won(forecast, list(effects.closed)),
        sum(booked_then.values()) - booked_amount_then,
    )
    return ForecastDrivers(forecast, DriversState.READY, snapshot.day, expected_then, change, drivers)


def _select_won(forecast: Forecast, deal_ids: Sequence[int]) -> frozenset[int]:
    """Return those of the deals that are won."""
    columns = forecast.snapshot.deals
    present = [id_ for id_, is_known in zip(deal_ids, columns.contains(deal_ids), strict=True) if is_known]
    rows = columns.indexes_of(present)
    won = (columns.state[rows] == STATE_CODES[DealStatus.WON]) & (columns.deleted[rows] == NEVER)
    return frozenset(columns.id[rows[won]].tolist())


async def list_driver_deals(
    context: RequestContext, driver: ForecastDriver, first: int, after: str | None
) -> list[DriverDeal]:
    """Return the deals of a driver with the largest effects that the viewer may see; none for a wallboard.

    after  global id of the last deal of the page before; there is nothing after a deal of another driver
    """
    validation.check_page_size(first, MAX_PAGE_SIZE)
    effects = driver.driver.effects
    start = 0
    if after is not None:
        decoded = decode_global_id(after)
        if decoded is None or decoded[0] != "Deal":
            raise BadInput("There is no such deal: give the ids of deals that you can see.", field="after")
        start = int(np.append(np.flatnonzero(effects.deals == decoded[1]), len(effects.deals))[0]) + 1
    if not scopes.can_act_on(context, Action.VIEW_CARD, driver.forecast.scope):
        return []
    rows: list[DriverDeal] = []
    while len(rows) < first and start < len(effects.deals):
        page = slice(start, start + first)
        visible = await _load_visible(context, effects.deals[page].tolist())
        rows += [
            DriverDeal(visible[deal_id], driver.forecast, amount)
            for deal_id, amount in zip(effects.deals[page].tolist(), effects.amounts[page].tolist(), strict=True)
            if deal_id in visible
        ]
        start += first
    return rows[:first]


async def _load_visible(context: RequestContext, deal_ids: Sequence[int]) -> dict[int, Deal]:
    """Return the deals that exist and that the viewer may see, by id."""
    query = deals.select_by_ids(deal_ids, context.viewer.scope_filter(Action.VIEW_CARD, "owner"))
    return {row.id: row for row in await context.fetch(query)}
