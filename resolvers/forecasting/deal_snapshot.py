"""The data that forecasts of one moment are made from, and the models that are built from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np

from domain.forecasting.arrays import Floats, Ints
from domain.forecasting.cooperative import Steps
from domain.forecasting.deal_table import DealTable, find_canonical_order, known_at, reorder, sort_canonically
from domain.forecasting.forecast import FittedModel
from domain.forecasting.training import ModelTrainer
from domain.primitives.calendar import Calendar
from models.forecasting import deal_tables
from models.forecasting.amount_history import AmountHistory
from models.forecasting.deal_columns import DealColumns
from models.forecasting.deal_tables import Basis, Pricing, SellerIndex, StageEntries
from models.organization.company import ExchangeRateTable

_MAX_CHANGED_DEALS: Final = 4000  # changed deals above which the past counts as changed without a comparison


@dataclass(frozen=True)
class DealSnapshot:
    """The data of forecasts as of a position of the change log; immutable.

    present_version   identifies the deals as they are now: the position at which they last changed
    last_ids          ids of the last activity that has been read, and of the last that was taken back; later ones name
                      the deals to read again
    past_version      identifies the deals as known at the end of yesterday; it changes only if those change
    today             ordinal of the company's day

    In a what-if scenario the versions are tuples that no real snapshot has, so that both share one cache.
    """

    position: int
    present_version: int | tuple[object, ...]
    last_ids: tuple[int, int]
    past_version: Any
    today: int
    calendar: Calendar
    currency: str
    deals: DealColumns
    all_stage_entries: StageEntries
    amount_history: AmountHistory
    sellers: SellerIndex
    rates: ExchangeRateTable
    pricing: Pricing

    @property
    def stage_entries(self) -> StageEntries:
        """The stage entries, or none if no deal has ever moved: then stages carry no information."""
        return self.all_stage_entries if self.all_stage_entries.has_moves else deal_tables.empty_stage_entries()

    @cached_property
    def stage_ids(self) -> Ints:
        """The stages in the order of their indexes: those of which the past has entries, then those of today alone.

        Models know the indexes of the past only, and keep them when the first deal enters a stage today.
        """
        entries = self.stage_entries
        past = np.unique(entries.stage[entries.day < self.today])
        return np.concatenate([past, np.setdiff1d(entries.stage, past)])

    def build_count_table(self) -> Steps[tuple[DealTable, Ints]]:
        """Return the table that counts deals, in canonical order, and this order of the snapshot's deals."""
        table = deal_tables.build_table(
            self.deals, self.stage_entries, self.sellers, self.pricing, Basis.COUNT, stage_ids=self.stage_ids
        )
        yield
        order = find_canonical_order(table)
        yield
        return reorder(table, order), order

    def build_table_without_entries(self, basis: Basis, order: Ints) -> Steps[DealTable]:
        """Return the table of the basis without stage entries; its rows are the snapshot's deals in the given order."""
        no_entries = deal_tables.empty_stage_entries()
        recorded = self.amount_history.recorded_days(self.deals.id)
        undo = self.amount_history.build_undo_log(self.deals, self.pricing)
        yield
        table = deal_tables.build_table(
            self.deals, no_entries, self.sellers, self.pricing, basis, recorded=recorded, undo=undo
        )
        yield
        return reorder(table, order)

    def differs_only_in_deals(self, before: DealSnapshot) -> bool:
        """Return whether at most today's state of single deals differs from `before`, but not past, day or sellers."""
        past_before = before.past_version, before.today, before.calendar, before.currency, before.pricing
        past_now = self.past_version, self.today, self.calendar, self.currency, self.pricing
        return past_before == past_now and self.sellers is before.sellers

    @cached_property
    def open_deals(self) -> tuple[DealColumns, StageEntries]:
        """The deals that are open now, and their stage entries."""
        open_deals = self.deals.open_deals()
        return open_deals, self.stage_entries.select_deals(open_deals.id)

    def build_open_deals(self, basis: Basis) -> DealTable:
        """Return the table of the deals that are open now."""
        open_deals, stage_entries = self.open_deals
        return self.build_open_table(open_deals, stage_entries, basis)

    def build_open_table(self, deals: DealColumns, stage_entries: StageEntries, basis: Basis) -> DealTable:
        """Return the table of deals that are all open, with sellers, prices and stages as they are now."""
        if not self.all_stage_entries.has_moves:
            stage_entries = deal_tables.empty_stage_entries()
        table = deal_tables.build_table(
            deals, stage_entries, self.sellers, self.pricing, basis, stage_ids=self.stage_ids
        )
        return known_at(sort_canonically(table), self.today)


@dataclass(frozen=True)
class TrainedPast:
    """A trainer, and the canonical order of the snapshot's deals, which is the same on each basis."""

    trainer: ModelTrainer
    order: Ints


def has_same_sellers(first: SellerIndex, second: SellerIndex) -> bool:
    return first.keys == second.keys and first.ids == second.ids and bool((first.active == second.active).all())


def has_same_names_and_teams(first: SellerIndex, second: SellerIndex) -> bool:
    """Return whether the sellers, their names, teams and active states are equal."""
    return has_same_sellers(first, second) and first.names == second.names and bool((first.teams == second.teams).all())


def has_same_past(first: DealSnapshot, second: DealSnapshot, deal_ids: Ints) -> bool:
    """Return whether two snapshots, which differ at most in these deals, have the same past."""
    if len(deal_ids) > _MAX_CHANGED_DEALS or first.all_stage_entries.has_moves != second.all_stage_entries.has_moves:
        return False
    yesterday = first.today - 1
    return past_facts_of(first, deal_ids.tolist(), yesterday) == past_facts_of(second, deal_ids.tolist(), yesterday)


def sellers_of(deals: DealColumns, deal_ids: Sequence[int]) -> set[int]:
    """Return the ids of the owners and winners of these deals; unknown deals are ignored."""
    rows = deals.indexes_of([id_ for id_, is_known in zip(deal_ids, deals.contains(deal_ids), strict=True) if is_known])
    return {*deals.owner[rows].tolist(), *deals.winner[rows].tolist()}


def past_facts_of(snapshot: DealSnapshot, deal_ids: Sequence[int], day: int) -> list[tuple[object, ...]]:
    """Return all facts of these deals that training up to the end of `day` uses, for comparison."""
    deals, stage_entries = snapshot.deals, snapshot.stage_entries
    present_ids = np.array(
        [id_ for id_, is_known in zip(deal_ids, deals.contains(deal_ids), strict=True) if is_known], dtype=np.int64
    )
    rows = deals.indexes_of(present_ids.tolist())
    rows = rows[(deals.created[rows] <= day) & (deals.deleted[rows] > day)]
    is_closed = deals.closed[rows] <= day
    columns: list[Ints | Floats] = [
        deals.id[rows],
        deals.created[rows],
        np.where(is_closed, deals.closed[rows], 0),
        np.where(is_closed, deals.state[rows], 0),
        np.where(is_closed, deals.winner[rows], 0),
        deals.owner[rows],
        deals.product[rows],
        np.nan_to_num(deals.initial_amount[rows], nan=-1),
        np.where(is_closed, np.nan_to_num(deals.amount[rows], nan=-1), 0),
        np.where(is_closed, deals.currency[rows], 0),
        np.where(is_closed, np.nan_to_num(deals.value[rows]), 0),
        np.where(is_closed, np.nan_to_num(deals.profit[rows]), 0),
    ]
    entry_mask = np.isin(stage_entries.deal, present_ids) & (stage_entries.day <= day)
    entered = sorted(
        zip(
            stage_entries.deal[entry_mask].tolist(),
            stage_entries.day[entry_mask].tolist(),
            stage_entries.stage[entry_mask].tolist(),
            strict=True,
        )
    )
    amounts = snapshot.amount_history.facts_of(deals.id[rows[is_closed]])
    return [*zip(*(column.tolist() for column in columns), strict=True), *entered, *amounts]


def build_trainer(snapshot: DealSnapshot, before: ModelTrainer | None) -> Steps[TrainedPast]:
    """Build the trainer of the deals up to the end of yesterday.

    before  a trainer of an earlier state of the same sellers' deals, if there is one: what it has learnt from a time
            that has not changed since is taken over
    """
    day = snapshot.today - 1
    table, order = yield from snapshot.build_count_table()
    yield
    deals = known_at(table, day)
    yield
    return TrainedPast(ModelTrainer(deals, day, snapshot.calendar, snapshot.sellers.active, before), order)


def build_model(
    snapshot: DealSnapshot, past: TrainedPast, basis: Basis, before: FittedModel | None
) -> Steps[FittedModel]:
    """Build the model of a basis.

    before  an earlier model of the same sellers and basis, if there is one, from which what still holds is taken over
    """
    if basis is Basis.COUNT:
        deals = past.trainer.table
    else:
        table = yield from snapshot.build_table_without_entries(basis, past.order)
        yield
        deals = known_at(table, snapshot.today - 1)
        yield
    model = FittedModel(past.trainer, deals, snapshot.sellers.keys, before=before)
    yield
    _ = model.amount_tables, model.open_deal_estimator  # compute the cached properties here, in the worker thread
    return model
