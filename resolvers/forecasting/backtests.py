"""Back-tests: forecasts of all scopes as of past days, from what was known then.

What was known of a deal on a day is decided by its own dates, and by its activities if there are any. A database that
holds only the data of that day therefore gives the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial

import numpy as np

from domain.forecasting.arrays import Bools
from domain.forecasting.backtest import BacktestForecast, Level, SellerGroup, forecast_origin
from domain.forecasting.cooperative import Steps
from domain.forecasting.deal_table import DealTable, sort_canonically
from models.forecasting import deal_history, deal_tables
from models.forecasting.deal_history import DealHistoryReader
from models.forecasting.deal_tables import Basis, SellerIndex
from models.organization.people import TeamTree
from models.organization.scopes import COMPANY, EmployeeScope, ScopeKey, TeamScope
from resolvers.forecasting.deal_snapshot import DealSnapshot
from resolvers.forecasting.forecast_engine import ForecastEngine, get_forecast_engine
from resolvers.request.context import RequestContext


@dataclass(frozen=True)
class BacktestData:
    """Everything that back-tests need: all deals with their history, and the sellers with theirs."""

    table: DealTable
    snapshot: DealSnapshot
    sellers: SellerIndex
    team_history: deal_tables.SellerTeamHistory
    tree: TeamTree

    def sellers_at(self, origin: int) -> SellerIndex:
        """Return the sellers with team and active state as of the end of day `origin`."""
        moment = self.snapshot.calendar.start_of(date.fromordinal(origin) + timedelta(days=1))
        return self.team_history.sellers_at(self.sellers, moment)

    def forecast_origin(self, origin: int) -> Steps[dict[ScopeKey, list[BacktestForecast]]]:
        """Compute every scope's forecasts as of the end of day `origin`; empty if there was too little history."""
        sellers = self.sellers_at(origin)
        groups = _list_groups(self.table, sellers, self.tree, origin)
        calendar = self.snapshot.calendar
        results = yield from forecast_origin(
            self.table, origin, calendar, sellers.keys, sellers.active, list(groups.values())
        )
        keys = {id(group): key for key, group in groups.items()}
        by_scope: dict[ScopeKey, list[BacktestForecast]] = {}
        for forecast in results:
            by_scope.setdefault(keys[id(forecast.group)], []).append(forecast)
        return by_scope


async def load_backtest_data(context: RequestContext, basis: Basis = Basis.REVENUE) -> BacktestData:
    """Return the data of back-tests; memoized until the past changes."""
    engine = get_forecast_engine(context)
    snapshot = await engine.snapshot(context)
    return await engine.memoize(
        ("past", snapshot.past_version, snapshot.today, basis),
        lambda: _read_data(engine, snapshot, basis, context.tree),
    )


async def _read_data(engine: ForecastEngine, snapshot: DealSnapshot, basis: Basis, tree: TeamTree) -> BacktestData:
    history = DealHistoryReader(snapshot.deals, snapshot.sellers, snapshot.pricing, snapshot.calendar)
    async for page in deal_history.iterate_deal_activities():
        await engine.run_in_worker(partial(history.add_page, page))
    table = await engine.run_chunked(_build_table(snapshot, history, basis))
    return BacktestData(table, snapshot, snapshot.sellers, await deal_tables.load_seller_team_history(), tree)


def _build_table(snapshot: DealSnapshot, history: DealHistoryReader, basis: Basis) -> Steps[DealTable]:
    table = deal_tables.build_table(
        snapshot.deals,
        snapshot.stage_entries,
        snapshot.sellers,
        snapshot.pricing,
        basis,
        recorded=history.recorded,
        undo=history.undo_log,
    )
    yield
    return sort_canonically(table)


async def run_backtest(
    context: RequestContext, origins: Sequence[int], on_origin_done: Callable[[int], None] = lambda origin: None
) -> tuple[BacktestData, list[BacktestForecast]]:
    """Return the back-test data and its forecasts of all scopes at these origins.

    on_origin_done  called with each origin when its forecasts are computed
    """
    data, forecasts = await load_backtest_data(context), list[BacktestForecast]()
    for origin in origins:
        by_scope = await load_forecasts_at(context, data, origin)
        forecasts += [forecast for scope_forecasts in by_scope.values() for forecast in scope_forecasts]
        on_origin_done(origin)
    return data, forecasts


async def load_forecasts_at(
    context: RequestContext, data: BacktestData, origin: int, basis: Basis = Basis.REVENUE
) -> dict[ScopeKey, list[BacktestForecast]]:
    """Return the forecasts of all scopes at one origin; memoized."""
    snapshot = data.snapshot
    key = ("origin", snapshot.past_version, snapshot.today, origin, basis)
    engine = get_forecast_engine(context)
    return await engine.memoize(key, lambda: engine.run_chunked(data.forecast_origin(origin)))


def _list_groups(table: DealTable, sellers: SellerIndex, tree: TeamTree, origin: int) -> dict[ScopeKey, SellerGroup]:
    """Return the groups to forecast: the company, and the teams and employees that had deals by day `origin`."""
    has_deals = np.zeros(len(sellers.ids), dtype=np.bool_)
    has_deals[table.seller[table.created <= origin]] = True
    groups: dict[ScopeKey, SellerGroup] = {
        COMPANY: SellerGroup("company", Level.COMPANY, np.ones(len(has_deals), dtype=np.bool_))
    }
    for team in sorted(tree.teams.values(), key=lambda team: (team.name, team.id)):
        members: Bools = sellers.mask_of_teams(tree.subtree_ids(team.id))
        if (members & has_deals).any():
            level = Level.TEAMS if (has_deals & (sellers.teams == team.id)).any() else Level.PARENT_TEAMS
            groups[TeamScope(team.id)] = SellerGroup(f"team:{team.name}", level, members)
    for index in np.flatnonzero(has_deals):
        mask = np.zeros(len(has_deals), dtype=np.bool_)
        mask[index] = True
        name = f"employee:{sellers.names[index]}"
        groups[EmployeeScope(sellers.ids[index])] = SellerGroup(name, Level.SELLERS, mask)
    return groups
