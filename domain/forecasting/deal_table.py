"""Column table of all deals, and its state as known at the end of any past day.

`known_at` is the only function that goes back in time. Training and forecasting only ever see its result, so they
cannot look ahead. `sort_canonically` puts the rows in an order that depends neither on ids nor on the order of an
import, so that neither can change a number.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import IntEnum
from typing import Final

import numpy as np

from domain.forecasting.arrays import NEVER, Bools, Floats, Ints

_OFTEN: Final = 0.5  # share of lost deals with an amount, from which amounts are taken to be stated while open


class Past(IntEnum):
    """Column of a deal that an entry of the undo log restores."""

    SELLER = 0
    OWN = 1
    CLOSING = 2  # an earlier closing, undone by a reopening; `value`: its day, `worth`: NaN if it was a loss


@dataclass(frozen=True)
class Undo:
    """Changes of deals with the values before them; shape (U,) each, in any order.

    row    row of the table
    day    day of the change
    field  the changed column, a HistoryField
    value  value before the change: a seller's index, an amount or a closing day
    worth  for a CLOSING that was a win: what it was worth
    """

    row: Ints
    day: Ints
    field: Ints
    value: Floats
    worth: Floats


@dataclass(frozen=True)
class Visits:
    """Entries of deals into stages; shape (V,) each, sorted by row and day."""

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
    """Deals, one per row; shape (N,) each, amounts in the smallest unit of the company's currency.

    key                  the caller's id of the deal
    stable_hash          a permanent number of the deal, which seeds its random draws
    created              ordinal of the day of creation
    closed, deleted      the same, NEVER while open, or not deleted
    won                  whether it is closed as won
    seller               index of the deal's owner; of a won deal, of the credited employee
    product              index of the product, -1 without one
    worth                what a won deal brought in, on the requested basis (revenue, profit or 1); NaN for others
    stated_worth         the same as the deal's own fields state it while it is open; NaN if they do not
    gross                for profit: the deal's amount, of which the profit is a share; NaN if unknown
    price                the product's list price, NaN without one
    stated_before_close  whether `stated_worth` is known to have been entered before the deal was closed
    expected_close       the expected closing day, NEVER if not set
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
        """Return the table of the rows that `mask`, booleans of shape (N,), selects."""
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
    """Return the deals in an order that depends neither on ids nor on the order of recording."""
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
    """Return the deals as they were known at the end of `day`.

    A deal is known from the day of its creation. One that was closed later was open, and its worth unknown. Its
    stated worth counts if its history has it (`stated_before_close`). Otherwise, as for a deal imported closed, the
    amount may have been entered with the closing. It is then used only if most deals lost by `day` have an amount:
    those were not entered with a win, so this company states amounts while deals are open.
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
