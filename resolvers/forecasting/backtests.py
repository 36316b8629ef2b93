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
from domain.forecasting.backtest import Group, Level, Made, forecasts
from domain.forecasting.cooperative import Steps
from domain.forecasting.deal_table import DealTable, in_order
from models.forecasting import deal_history, deal_tables
from models.forecasting.deal_history import Histories
from models.forecasting.deal_tables import Basis, Staff
from models.goals.goals import OwnerKind
from models.organization.people import Tree
from resolvers.forecasting.forecast_engine import Forecaster, Known, forecaster
from resolvers.request.context import Context

Key = tuple[OwnerKind, int]


@dataclass(frozen=True)
class Past:
    """Everything that back-tests need: all deals with their history, and the sellers with theirs."""

    table: DealTable
    known: Known
    staff: Staff
    whereabouts: deal_tables.Whereabouts
    tree: Tree

    def at(self, origin: int) -> Staff:
        """Return the sellers with team and active state as of the end of day `origin`."""
        moment = self.known.calendar.start_of(date.fromordinal(origin) + timedelta(days=1))
        return self.whereabouts.at(self.staff, moment)

    def forecasts(self, origin: int) -> Steps[dict[Key, list[Made]]]:
        """Compute every scope's forecasts as of the end of day `origin`; empty if there was too little history."""
        staff = self.at(origin)
        groups = _groups(self.table, staff, self.tree, origin)
        calendar = self.known.calendar
        made = yield from forecasts(self.table, origin, calendar, staff.keys, staff.active, list(groups.values()))
        keys = {id(group): key for key, group in groups.items()}
        found: dict[Key, list[Made]] = {}
        for each in made:
            found.setdefault(keys[id(each.group)], []).append(each)
        return found


async def past(context: Context, basis: Basis = Basis.REVENUE) -> Past:
    """Return the data of back-tests; memoized until the past changes."""
    desk = forecaster(context)
    known = await desk.known(context)
    return await desk.once(("past", known.past, known.today, basis), lambda: _read(desk, known, basis, context.tree))


async def _read(desk: Forecaster, known: Known, basis: Basis, tree: Tree) -> Past:
    histories = Histories(known.book, known.staff, known.market, known.calendar)
    async for page in deal_history.lines():
        await desk.in_thread(partial(histories.read, page))
    table = await desk.in_steps(_table(known, histories, basis))
    return Past(table, known, known.staff, await deal_tables.whereabouts(), tree)


def _table(known: Known, histories: Histories, basis: Basis) -> Steps[DealTable]:
    found = deal_tables.table(
        known.book, known.stays, known.staff, known.market, basis, sure=histories.sure, undo=histories.undo
    )
    yield
    return in_order(found)


async def made(
    context: Context, origins: Sequence[int], told: Callable[[int], None] = lambda origin: None
) -> tuple[Past, list[Made]]:
    """Return the back-test data and its forecasts of all scopes at these origins.

    on_origin_done  called with each origin when its forecasts are computed
    """
    looked, found = await past(context), list[Made]()
    for origin in origins:
        by_scope = await of(context, looked, origin)
        found += [each for makes in by_scope.values() for each in makes]
        told(origin)
    return looked, found


async def of(context: Context, looked: Past, origin: int, basis: Basis = Basis.REVENUE) -> dict[Key, list[Made]]:
    """Return the forecasts of all scopes at one origin; memoized."""
    known = looked.known
    key = ("origin", known.past, known.today, origin, basis)
    desk = forecaster(context)
    return await desk.once(key, lambda: desk.in_steps(looked.forecasts(origin)))


def _groups(table: DealTable, staff: Staff, tree: Tree, origin: int) -> dict[Key, Group]:
    """Return the groups to forecast: the company, and the teams and employees that had deals by day `origin`."""
    sold = np.zeros(len(staff.ids), dtype=np.bool_)
    sold[table.seller[table.created <= origin]] = True
    groups = {(OwnerKind.COMPANY, 0): Group("company", Level.COMPANY, np.ones(len(sold), dtype=np.bool_))}
    for team in sorted(tree.teams.values(), key=lambda team: (team.name, team.id)):
        members: Bools = staff.in_teams(tree.below(team.id))
        if (members & sold).any():
            level = Level.TEAMS if (sold & (staff.teams == team.id)).any() else Level.ABOVE
            groups[OwnerKind.TEAM, team.id] = Group(f"team:{team.name}", level, members)
    for place in np.flatnonzero(sold):
        alone = np.zeros(len(sold), dtype=np.bool_)
        alone[place] = True
        name = f"employee:{staff.names[place]}"
        groups[OwnerKind.EMPLOYEE, staff.ids[place]] = Group(name, Level.SELLERS, alone)
    return groups
