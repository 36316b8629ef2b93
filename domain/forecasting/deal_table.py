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

_MIN_LOST_WITH_AMOUNT: Final = (
    0.5  # share of lost deals with an amount, from which amounts are taken to be stated while open
)
_STAGE_BITS: Final = 10  # bits of a stage's index where an entry into a stage is packed into one number
_DAY_BITS: Final = 21  # bits of its day, before it
_ROW_SHIFT: Final = _STAGE_BITS + _DAY_BITS
_STAGE_MASK: Final = (1 << _STAGE_BITS) - 1
_DAY_MASK: Final = (1 << _DAY_BITS) - 1


class HistoryField(IntEnum):
    """Column of a deal that an entry of the undo log restores."""

    SELLER = 0
    STATED_WORTH = 1
    CLOSING = 2  # an earlier closing, undone by a reopening; `value`: its day, `worth`: NaN if it was a loss
    GROSS = 3


@dataclass(frozen=True)
class UndoLog:
    """Changes of deals with the values before them; shape (U,) each, those of one day in the order of the changes.

    row    row of the table
    day    day of the change
    field  the changed column, a HistoryField
    value  value before the change: a seller's index, an amount (0 or NaN for none) or a closing day
    worth  for a CLOSING that was a win: what it was worth
    """

    row: Ints
    day: Ints
    field: Ints
    value: Floats
    worth: Floats

    def select(self, mask: Bools) -> UndoLog:
        """Return the changes that the mask selects."""
        return UndoLog(self.row[mask], self.day[mask], self.field[mask], self.value[mask], self.worth[mask])


@dataclass(frozen=True)
class StageVisits:
    """Entries of deals into stages; shape (V,) each, sorted by row and day."""

    row: Ints
    stage: Ints
    day: Ints


def empty_undo_log() -> UndoLog:
    none = np.zeros(0, np.int64)
    return UndoLog(none, none, none, np.zeros(0), np.zeros(0))


def empty_visits() -> StageVisits:
    none = np.zeros(0, np.int64)
    return StageVisits(none, none, none)


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
    stable_hash: Ints
    created: Ints
    closed: Ints
    deleted: Ints
    won: Bools
    seller: Ints
    product: Ints
    worth: Floats
    stated_worth: Floats
    gross: Floats
    price: Floats
    stated_before_close: Bools
    expected_close: Ints
    visits: StageVisits
    undo: UndoLog

    @property
    def size(self) -> int:
        return len(self.key)

    @property
    def open(self) -> Bools:
        return np.equal(self.closed, NEVER)

    def select_rows(self, mask: Bools) -> DealTable:
        """Return the table of the rows that `mask`, booleans of shape (N,), selects."""
        new_index, kept_rows = np.cumsum(mask) - 1, np.flatnonzero(mask)
        visits, undo = self.visits, self.undo
        visit_mask, undo_mask = mask[visits.row], mask[undo.row]
        return replace(
            self,
            **{name: getattr(self, name)[kept_rows] for name in _COLUMN_NAMES},
            visits=StageVisits(new_index[visits.row[visit_mask]], visits.stage[visit_mask], visits.day[visit_mask]),
            undo=replace(undo.select(undo_mask), row=new_index[undo.row[undo_mask]]),
        )


_COLUMN_NAMES: Final = tuple(field.name for field in fields(DealTable) if field.name not in ("visits", "undo"))


def sort_canonically(table: DealTable) -> DealTable:
    """Return the deals in an order that depends neither on ids nor on the order of recording."""
    return reorder(table, find_canonical_order(table))


def find_canonical_order(table: DealTable) -> Ints:
    """Return the rows of the table in the order of `sort_canonically`."""
    return np.lexsort([table.closed, table.stable_hash, table.created, table.seller])


def reorder(table: DealTable, order: Ints) -> DealTable:
    """Return the table with its rows in the given order."""
    new_index = np.empty_like(order)
    new_index[order] = np.arange(len(order))
    return replace(
        table,
        **{name: getattr(table, name)[order] for name in _COLUMN_NAMES},
        visits=_sort_visits(new_index[table.visits.row], table.visits.stage, table.visits.day),
        undo=replace(table.undo, row=new_index[table.undo.row]),
    )


def _sort_visits(row: Ints, stage: Ints, day: Ints) -> StageVisits:
    """Return the entries into stages sorted by row, day and stage."""
    if len(row) and (stage.max() > _STAGE_MASK or day.max() > _DAY_MASK):
        order = np.lexsort([stage, day, row])
        return StageVisits(row[order], stage[order], day[order])
    packed = np.sort((row << _ROW_SHIFT) | (day << _STAGE_BITS) | stage)  # far faster than sorting by three columns
    return StageVisits(packed >> _ROW_SHIFT, packed & _STAGE_MASK, (packed >> _STAGE_BITS) & _DAY_MASK)


def known_at(table: DealTable, day: int) -> DealTable:
    """Return the deals as they were known at the end of `day`.

    A deal is known from the day of its creation. One that was closed later was open, and its worth unknown. Its
    stated worth counts if its history has it (`stated_before_close`). Otherwise, as for a deal imported closed, the
    amount may have been entered with the closing. It is then used only if most deals lost by `day` have an amount:
    those were not entered with a win, so this company states amounts while deals are open.
    """
    exists = (table.created <= day) & (table.deleted > day)
    seller, stated_worth, closed = table.seller.copy(), table.stated_worth.copy(), table.closed.copy()
    won, worth, gross = table.won.copy(), table.worth.copy(), table.gross.copy()
    undo = table.undo
    for field in HistoryField:
        entries = _latest_first(undo, (undo.day > day) & (undo.field == field))
        rows, values = undo.row[entries], undo.value[entries]
        match field:
            case HistoryField.SELLER:
                seller[rows] = values.astype(np.int64)
            case HistoryField.STATED_WORTH:
                stated_worth[rows] = values
            case HistoryField.GROSS:
                gross[rows] = values
            case HistoryField.CLOSING:
                closed[rows], worth[rows] = values.astype(np.int64), undo.worth[entries]
                won[rows] = ~np.isnan(worth[rows])
    later = closed > day
    lost = exists & ~later & ~won
    amounts_are_stated_while_open = bool(lost.any()) and float((stated_worth[lost] > 0).mean()) >= _MIN_LOST_WITH_AMOUNT
    hidden = later & (table.closed != NEVER) & ~table.stated_before_close & (not amounts_are_stated_while_open)
    stated_worth[hidden | (later & ~(stated_worth > 0))] = np.nan
    closed[later], won[later], worth[later] = NEVER, False, np.nan
    entered = table.visits.day <= day
    amount_changes = (undo.day <= day) & (
        (undo.field == HistoryField.STATED_WORTH) | (undo.field == HistoryField.GROSS)
    )
    visits = StageVisits(table.visits.row[entered], table.visits.stage[entered], table.visits.day[entered])
    masked = replace(
        table,
        seller=seller,
        stated_worth=stated_worth,
        gross=np.where(hidden, np.nan, gross),
        closed=closed,
        deleted=np.full(table.size, NEVER),
        won=won,
        worth=worth,
        visits=visits,
        undo=undo.select(amount_changes),
    )
    return masked.select_rows(exists)


def open_at(table: DealTable, day: int) -> DealTable:
    """Return the deals that were open at the end of `day`, with the entries into stages until then.

    table  one that `known_at` has returned for that day or a later one; the same as the open deals of `known_at`, except
           for amounts
    """
    deals = table.select_rows((table.created <= day) & (table.closed > day))
    entered = deals.visits.day <= day
    visits = StageVisits(deals.visits.row[entered], deals.visits.stage[entered], deals.visits.day[entered])
    return replace(deals, closed=np.full(deals.size, NEVER), won=np.zeros(deals.size, dtype=np.bool_), visits=visits)


def _latest_first(undo: UndoLog, mask: Bools) -> Ints:
    """Return the indexes of the entries, latest first: of several of one deal, numpy assigns the earliest one last."""
    entries = np.flatnonzero(mask)[::-1]
    return entries[np.argsort(-undo.day[entries], kind="stable")]


def stated_at(table: DealTable, days: Ints, field: HistoryField) -> Floats:
    """Return the amount (STATED_WORTH or GROSS) that each deal stated at the end of a day of its own; shape (N,).

    table  a table that `known_at` has returned, or one with its whole history
    """
    values = (table.stated_worth if field is HistoryField.STATED_WORTH else table.gross).copy()
    undo = table.undo
    entries = _latest_first(undo, (undo.field == field) & (undo.day > days[undo.row]))
    values[undo.row[entries]] = undo.value[entries]
    return values


def stages_at(visits: StageVisits, days: Ints) -> Ints:
    """Return the stage of each deal at the end of a day of its own, -1 if unknown; shape of `days`."""
    stages = np.full(len(days), -1)
    is_entered = visits.day <= days[visits.row]
    stages[visits.row[is_entered]] = visits.stage[is_entered]  # sorted by day: the last entry of a deal wins
    return stages


@dataclass(frozen=True)
class FirstDifferences:
    """First day at the end of which the deals known in two tables differ; NEVER if there is none.

    arrivals  their creation;  wins  their wins;  any  any of what models without amounts learn from
    """

    arrivals: int
    wins: int
    any: int


def find_first_differences(first: DealTable, second: DealTable) -> FirstDifferences:
    """Compare two tables, of which `known_at` has returned each, except for products and amounts."""
    orders = np.argsort(first.key), np.argsort(second.key)
    keys = first.key[orders[0]], second.key[orders[1]]
    if np.array_equal(*keys):  # no deal was added, as usual
        is_in_both = (np.ones(len(keys[0]), dtype=np.bool_),) * 2
    else:
        is_in_both = np.isin(*keys, assume_unique=True), np.isin(*keys[::-1], assume_unique=True)
    rows = tuple(order[mask] for order, mask in zip(orders, is_in_both, strict=True))
    is_other_deal = np.zeros(len(rows[0]), dtype=np.bool_)
    for name in ("created", "seller", "stable_hash"):
        is_other_deal |= getattr(first, name)[rows[0]] != getattr(second, name)[rows[1]]
    is_other_closing = (first.closed[rows[0]] != second.closed[rows[1]]) | (first.won[rows[0]] != second.won[rows[1]])
    arrivals, wins, closings = NEVER, NEVER, NEVER
    for table, table_rows, order, mask in zip((first, second), rows, orders, is_in_both, strict=True):
        others = np.concatenate([table_rows[is_other_deal], order[~mask]])
        arrivals = min(arrivals, int(table.created[others].min(initial=NEVER)))
        others = np.concatenate([others, table_rows[is_other_closing]])
        closings = min(closings, int(table.closed[others].min(initial=NEVER)))
        wins = min(wins, int(table.closed[others[table.won[others]]].min(initial=NEVER)))
    return FirstDifferences(arrivals, wins, min(arrivals, closings, _first_other_visit(first, second)))


def find_first_amount_difference(first: DealTable, second: DealTable) -> int:
    """Return the first day at the end of which the amounts known in two tables differ; NEVER if they are the same.

    first, second  tables that `known_at` has returned. Deals of which only one has any are compared by
                   `find_first_differences`
    """
    if np.array_equal(first.key, second.key):  # no deal was added or moved, as usual
        first_rows = second_rows = np.arange(first.size)
    else:
        _, first_rows, second_rows = np.intersect1d(first.key, second.key, assume_unique=True, return_indices=True)
    is_closed = first.closed[first_rows] != NEVER
    is_other_win = _is_other(first.worth[first_rows], second.worth[second_rows])
    is_other_deal = first.product[first_rows] != second.product[second_rows]
    for name in ("stated_worth", "gross", "price"):
        is_hidden = ~is_closed if name != "price" else np.zeros(len(is_closed), dtype=np.bool_)
        is_other_deal |= ~is_hidden & _is_other(getattr(first, name)[first_rows], getattr(second, name)[second_rows])
    is_other_deal |= np.isin(first.key[first_rows], list(_keys_of_other_undo_entries(first, second)))
    return min(
        int(first.closed[first_rows][is_other_win].min(initial=NEVER)),
        int(first.created[first_rows][is_other_deal].min(initial=NEVER)),
    )


def _keys_of_other_undo_entries(first: DealTable, second: DealTable) -> set[int]:
    """Return the keys of the deals with an entry of the undo log that only one of the tables has."""
    entries = [
        (table.key[table.undo.row], table.undo.day, table.undo.field, np.nan_to_num(table.undo.value, nan=-1.0))
        for table in (first, second)
    ]
    if all(np.array_equal(*columns) for columns in zip(*entries, strict=True)):
        return set()
    first_entries, second_entries = (
        set(zip(*(column.tolist() for column in columns), strict=True)) for columns in entries
    )
    return {entry[0] for entry in first_entries ^ second_entries}


def _is_other(first: Floats, second: Floats) -> Bools:
    """Return where two columns differ; NaN equals NaN."""
    return np.not_equal(first, second) & ~(np.isnan(first) & np.isnan(second))


def _first_other_visit(first: DealTable, second: DealTable) -> int:
    """Return the first day of an entry into a stage that only one of the tables has, NEVER if there is none."""
    visits = [(table.key[table.visits.row], table.visits.day, table.visits.stage) for table in (first, second)]
    if all(np.array_equal(*columns) for columns in zip(*visits, strict=True)):
        return NEVER
    limits = (1 << (63 - _ROW_SHIFT), _DAY_MASK, _STAGE_MASK)
    if any(column.max(initial=0) >= limit for columns in visits for column, limit in zip(columns, limits, strict=True)):
        return 0  # too large to be packed into one number each: taken as different from the beginning
    first_packed, second_packed = ((key << _ROW_SHIFT) | (day << _STAGE_BITS) | stage for key, day, stage in visits)
    return int(((np.setxor1d(first_packed, second_packed) >> _STAGE_BITS) & _DAY_MASK).min(initial=NEVER))
