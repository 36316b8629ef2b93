"""All deals as columns, and what of them was known at the end of a day.

`known_at` is the only place that goes back in time: everything that learns or forecasts
is given its answer, so nothing can look ahead. Rows stand in an order of their own, so that
neither ids nor the order of an import can move a number.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import IntEnum
from typing import Final

import numpy as np

from domain.forecasting.arrays import NEVER, Bools, Floats, Ints

_OFTEN: Final = 0.5  # of the lost deals have an amount: then open ones are known to have theirs as well


class Past(IntEnum):
    """Which of a deal's columns a change of the past gives back."""

    SELLER = 0
    OWN = 1
    CLOSING = 2  # value: the day it had been closed, worth: what it had brought in, NaN where it had been lost


@dataclass(frozen=True)
class Undo:
    """What changed later, with what was before; shape (U,), in any order.

    row     of the table;  day  on which it changed;  field  a Past
    value   what the field was until then (a seller's index, an amount, a closing day)
    worth   of a CLOSING that was a win
    """

    row: Ints
    day: Ints
    field: Ints
    value: Floats
    worth: Floats


@dataclass(frozen=True)
class Visits:
    """When deals entered their stages; shape (V,), by row and day."""

    row: Ints
    stage: Ints
    day: Ints


def no_undo() -> Undo:
    none = np.zeros(0, np.int64)
    return Undo(none, none, none, np.zeros(0), np.zeros(0))


def no_visits() -> Visits:
    none = np.zeros(0, np.int64)
    return Visits(none, none, none)


@dataclass(frozen=True)
class DealTable:
    """Deals, one a row; shape (N,) each, amounts in the smallest unit of the company's currency.

    key      what the caller knows the deal by;  word  any number that is the deal's for ever: its draws hang on it
    created  the ordinal of the day;  closed  the same, NEVER while open;  deleted  the same
    won      whether closed as won
    seller   index of whose deal it is; of a won one, of who is credited
    product  index of the product, -1 for none
    worth    what a won deal brought in, on the basis asked for (revenue or profit); NaN of others
    own      what the deal says of that itself while open; NaN where it says nothing
    gross    for profit: its amount, of which the profit is a share; NaN where unknown
    price    the product's list price, NaN without one
    sure     whether `own` is known to have stood before the deal was closed
    due      the day it is expected to close on, NEVER where nobody says
    """

    key: Ints
    word: Ints
    created: Ints
    closed: Ints
    deleted: Ints
    won: Bools
    seller: Ints
    product: Ints
    worth: Floats
    own: Floats
    gross: Floats
    price: Floats
    sure: Bools
    due: Ints
    visits: Visits
    undo: Undo

    @property
    def size(self) -> int:
        return len(self.key)

    @property
    def open(self) -> Bools:
        return np.equal(self.closed, NEVER)

    def rows(self, chosen: Bools) -> DealTable:
        """Return the table of the chosen rows, shape (N,) of booleans."""
        place, at = np.cumsum(chosen) - 1, np.flatnonzero(chosen)
        visits, undo = self.visits, self.undo
        seen, undone = chosen[visits.row], chosen[undo.row]
        return replace(
            self,
            **{name: getattr(self, name)[at] for name in _COLUMNS},
            visits=Visits(place[visits.row[seen]], visits.stage[seen], visits.day[seen]),
            undo=Undo(
                place[undo.row[undone]],
                undo.day[undone],
                undo.field[undone],
                undo.value[undone],
                undo.worth[undone],
            ),
        )


_COLUMNS: Final = tuple(field.name for field in fields(DealTable) if field.name not in ("visits", "undo"))


def in_order(table: DealTable) -> DealTable:
    """Return the same deals in an order that neither ids nor the order of recording decides."""
    order = np.lexsort([table.closed, table.word, table.created, table.seller])
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    by_row = np.lexsort([table.visits.stage, table.visits.day, place[table.visits.row]])
    visits = table.visits
    return replace(
        table,
        **{name: getattr(table, name)[order] for name in _COLUMNS},
        visits=Visits(place[visits.row][by_row], visits.stage[by_row], visits.day[by_row]),
        undo=replace(table.undo, row=place[table.undo.row]),
    )


def known_at(table: DealTable, day: int) -> DealTable:
    """Return the deals as they were known at the end of that day.

    A deal is known from the day of its creation; one closed later was open, and of what it
    brought in nothing was known. What it said itself while open is kept where its history has
    it (`sure`); else, as of a deal brought in closed, only in a company of which the deals lost
    by then have amounts, since those cannot have come with a closing.
    """
    there = (table.created <= day) & (table.deleted > day)
    seller, own, closed = table.seller.copy(), table.own.copy(), table.closed.copy()
    won, worth = table.won.copy(), table.worth.copy()
    undo = table.undo
    for at in np.flatnonzero(undo.day > day)[np.argsort(-undo.day[undo.day > day], kind="stable")]:
        row, value = undo.row[at], undo.value[at]
        if undo.field[at] == Past.SELLER:
            seller[row] = int(value)
        elif undo.field[at] == Past.OWN:
            own[row] = value
        else:
            closed[row], worth[row] = int(value), undo.worth[at]
            won[row] = not np.isnan(worth[row])
    later = closed > day
    lost = there & ~later & ~won
    kept = bool(lost.any()) and float((own[lost] > 0).mean()) >= _OFTEN
    hidden = later & (table.closed != NEVER) & ~table.sure & (not kept)
    own[hidden | (later & ~(own > 0))] = np.nan
    closed[later], won[later], worth[later] = NEVER, False, np.nan
    entered = table.visits.day <= day
    visits = Visits(table.visits.row[entered], table.visits.stage[entered], table.visits.day[entered])
    then = replace(
        table,
        seller=seller,
        own=own,
        gross=np.where(hidden, np.nan, table.gross),
        closed=closed,
        deleted=np.full(table.size, NEVER),
        won=won,
        worth=worth,
        visits=visits,
        undo=no_undo(),
    )
    return then.rows(there)
