"""Builds the forecast's deal table from database rows: deals, stage entries, sellers, prices and exchange rates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import Final

import numpy as np

from domain.forecasting.arrays import NEVER, Bools, Floats, Ints
from domain.forecasting.deal_table import DealTable, HistoryField, StageVisits, UndoLog, empty_undo_log, empty_visits
from domain.ledger.record_facts import DealStatus
from domain.primitives.calendar import Calendar
from domain.primitives.money import minor_digits
from models.db import json_aggregates
from models.forecasting.deal_columns import STATE_CODES, DealColumns, parse_days
from models.organization.company import ExchangeRate, ExchangeRateTable
from models.organization.memberships import Membership
from models.organization.people import TeamTree
from models.organization.scopes import ScopeKey

_QUARTER_HOUR_SECONDS: Final = 900  # seconds; in every time zone midnight falls on a multiple of it


class Basis(StrEnum):
    """What a won deal counts as: its revenue, its profit (revenue less cost), or 1."""

    REVENUE = "REVENUE"
    PROFIT = "PROFIT"
    COUNT = "COUNT"


@dataclass(frozen=True)
class SellerIndex:
    """All employees, in an order that does not depend on ids; shape (sellers,) each.

    The position of an employee is the seller's index in all arrays of the forecast.

    ids    employee ids
    keys   a permanent key of each: the external id, else one made from the id
    teams  team ids, 0 without a team
    """

    ids: tuple[int, ...]
    keys: tuple[str, ...]
    names: tuple[str, ...]
    teams: Ints
    active: Bools

    @cached_property
    def index_by_id(self) -> Mapping[int, int]:
        return {employee_id: index for index, employee_id in enumerate(self.ids)}

    def indexes_of(self, employee_ids: Ints) -> Ints:
        """Return the seller's index of each employee id."""
        ids = np.array(self.ids)
        order = np.argsort(ids)
        return np.asarray(order[np.searchsorted(ids, employee_ids, sorter=order)])

    def mask_of(self, employee_id: int) -> Bools:
        """Return a mask that selects this employee only; all False if the id is unknown."""
        mask = np.zeros(len(self.ids), dtype=np.bool_)
        if employee_id in self.index_by_id:
            mask[self.index_by_id[employee_id]] = True
        return mask

    def mask_of_teams(self, team_ids: frozenset[int] | None) -> Bools:
        """Return a mask of the sellers in one of the teams; None selects all."""
        return np.ones(len(self.ids), dtype=np.bool_) if team_ids is None else np.isin(self.teams, list(team_ids))

    def mask_of_scope(self, scope: ScopeKey, tree: TeamTree) -> Bools:
        """Return a mask of the sellers in the scope."""
        if scope.employee_id is not None:
            return self.mask_of(scope.employee_id)
        return self.mask_of_teams(scope.team_ids(tree))

    def mask_of_scopes(self, scopes: Iterable[ScopeKey], tree: TeamTree) -> Bools:
        """Return a mask of the sellers in any of the scopes."""
        mask = np.zeros(len(self.ids), dtype=np.bool_)
        for scope in scopes:
            if scope.employee_id is None:
                mask |= self.mask_of_teams(scope.team_ids(tree))
            elif scope.employee_id in self.index_by_id:
                mask[self.index_by_id[scope.employee_id]] = True
        return mask


def parse_sellers(texts: json_aggregates.JsonChunks) -> SellerIndex:
    """Parse all employees as they were read, sorted by key."""
    rows = json_aggregates.parse_rows(texts.get("employee", ()))
    sorted_rows = sorted(
        (external or f"#{id_}", id_, name, team or 0, active) for id_, external, name, team, active in rows
    )
    keys, ids, names, teams, active = zip(*sorted_rows, strict=True) if sorted_rows else ((), (), (), (), ())
    return SellerIndex(ids, keys, names, np.array(teams, dtype=np.int64), np.array(active, dtype=np.bool_))


@dataclass(frozen=True)
class SellerTeamHistory:
    """Team and active state of employees over time.

    periods  by employee id, earliest first: start, team id, and whether active
    """

    periods: Mapping[int, Sequence[tuple[datetime, int, bool]]]

    def sellers_at(self, sellers: SellerIndex, moment: datetime) -> SellerIndex:
        """Return the sellers with team and active state as just before `moment`, or the first one of later arrivals."""
        teams, active = sellers.teams.copy(), sellers.active.copy()
        for index, employee_id in enumerate(sellers.ids):
            periods = self.periods.get(employee_id)
            if periods:
                _, teams[index], active[index] = next(
                    (period for period in reversed(periods) if period[0] < moment), periods[0]
                )
        return replace(sellers, teams=teams, active=active)


async def load_seller_team_history() -> SellerTeamHistory:
    """Load the team history of all employees."""
    periods: dict[int, list[tuple[datetime, int, bool]]] = {}
    rows = await Membership.all().order_by("since", "id").values_list("employee_id", "since", "team_id", "active")
    for employee_id, since, team_id, active in rows:
        periods.setdefault(employee_id, []).append((since, team_id, active))
    return SellerTeamHistory(periods)


@dataclass(frozen=True)
class StageEntries:
    """Entries of deals into stages: deal id, stage id and day; shape (V,) each, in any order."""

    deal: Ints
    stage: Ints
    day: Ints

    @cached_property
    def has_moves(self) -> bool:
        """Whether any deal has been in more than one stage."""
        deals = np.sort(self.deal)
        return bool((deals[1:] == deals[:-1]).any())

    def select_deals(self, deal_ids: Ints) -> StageEntries:
        """Return the entries of the given deals."""
        mask = np.isin(self.deal, deal_ids)
        return StageEntries(self.deal[mask], self.stage[mask], self.day[mask])

    def merge(self, updates: Sequence[StageEntries], replaced_ids: Ints) -> StageEntries:
        """Return the entries with those of the deals `replaced_ids` replaced by `updates`."""
        is_kept = ~np.isin(self.deal, replaced_ids)
        return StageEntries(
            np.concatenate([self.deal[is_kept], *(entries.deal for entries in updates)]),
            np.concatenate([self.stage[is_kept], *(entries.stage for entries in updates)]),
            np.concatenate([self.day[is_kept], *(entries.day for entries in updates)]),
        )


def parse_stage_entries(text: str) -> StageEntries:
    """Parse stage entries as they were read."""
    deal, stage, entered = json_aggregates.parse_columns(text)
    return StageEntries(np.array(deal, dtype=np.int64), np.array(stage, dtype=np.int64), parse_days(entered))


def empty_stage_entries() -> StageEntries:
    none = np.zeros(0, np.int64)
    return StageEntries(none, none, none)


def company_day(calendar: Calendar, moment: datetime) -> int:
    """Return the ordinal of the day in the company's time zone that contains the moment.

    Cached by quarter hour, since a history has far more moments than quarter hours of business.
    """
    return _company_day(calendar, int(moment.timestamp()) // _QUARTER_HOUR_SECONDS)


@lru_cache(maxsize=1 << 16)
def _company_day(calendar: Calendar, quarter_hour: int) -> int:
    return calendar.day_of(datetime.fromtimestamp(quarter_hour * _QUARTER_HOUR_SECONDS, UTC)).toordinal()


@dataclass(frozen=True)
class Pricing:
    """Latest exchange rates into the company's currency, and the list prices of the products with their currency."""

    company_currency: str
    rates: Mapping[str, float]
    prices: Mapping[str, tuple[int, str]]

    def conversion_factor(self, currency: str) -> float:
        """Return the worth of a currency's smallest unit in smallest units of the company's; NaN without a rate."""
        rate = 1.0 if currency == self.company_currency else self.rates.get(currency, np.nan)
        return float(rate * 10.0 ** (minor_digits(self.company_currency) - minor_digits(currency)))


def parse_prices(texts: json_aggregates.JsonChunks) -> dict[str, tuple[int, str]]:
    """Parse the products' list prices as they were read, each in the smallest unit of its currency."""
    return {name: (price, currency) for name, price, currency in json_aggregates.parse_rows(texts.get("product", ()))}


def parse_rates(texts: json_aggregates.JsonChunks, company_currency: str) -> ExchangeRateTable:
    """Parse the exchange rates as they were read."""
    raw_rows = json_aggregates.parse_rows(texts.get("rate", ()))
    rows = [(currency, date.fromisoformat(since), Decimal(rate)) for currency, since, rate in raw_rows]
    newest_first = sorted(rows, key=lambda row: row[1], reverse=True)
    return ExchangeRateTable(
        [ExchangeRate(currency=name, valid_from=since, rate=rate) for name, since, rate in newest_first],
        company_currency,
    )


def build_pricing(
    company_currency: str,
    rates: ExchangeRateTable,
    currencies: Sequence[str],
    prices: Mapping[str, tuple[int, str]],
    today: date,
) -> Pricing:
    """Return the latest rates of all currencies in use, and the list prices."""
    currencies_used = {*currencies, *(currency for _, currency in prices.values())}
    newest = {currency: rates.latest_rate(currency, today) for currency in currencies_used}
    return Pricing(company_currency, {name: float(rate) for name, rate in newest.items() if rate is not None}, prices)


def build_table(
    deals: DealColumns,
    stage_entries: StageEntries,
    sellers: SellerIndex,
    pricing: Pricing,
    basis: Basis,
    *,
    stated_worth: Floats | None = None,
    recorded: Ints | None = None,
    undo: UndoLog | None = None,
    stage_ids: Ints | None = None,
) -> DealTable:
    """Return the table of the deals, including deleted ones, in the order of `deals`; `sort_canonically` sorts it.

    stated_worth, recorded, undo
        from the deals' history (see `deal_history`), in the order of `deals`: the latest stated amount, the day on
        which the deal was recorded, and changes; without it a closed deal states only the amount it was closed with
    stage_ids
        ids of the stages that indexes stand for, in order, for the table of a part of the deals; by default those of
        `stage_entries`

    A deal of which an import knew the amount at creation states that one until it was closed, or recorded here.
    """
    won = deals.state == STATE_CODES[DealStatus.WON]
    factors = np.array([pricing.conversion_factor(currency) for currency in deals.currencies] + [np.nan])
    amount = deals.amount * factors[deals.currency] if stated_worth is None else stated_worth
    amount = np.where(amount > 0, amount, np.nan)
    cost = deals.cost * factors[deals.cost_currency]
    list_prices = np.array([_list_price(pricing, name) for name in deals.products] + [np.nan])
    nan = np.full(deals.size, np.nan)
    match basis:
        case Basis.REVENUE:
            worth, stated, gross, price = deals.value, amount, nan, list_prices[deals.product]
        case Basis.PROFIT:
            worth, stated = np.nan_to_num(deals.profit), amount - cost
            gross, price = amount, list_prices[deals.product]
        case Basis.COUNT:
            worth = stated = np.ones(deals.size)
            gross = price = nan
    stated_before_close = np.zeros(deals.size, np.bool_) if recorded is None else recorded < deals.closed
    if basis is not Basis.REVENUE:  # the history has amounts, not profits
        stated_before_close, undo = np.zeros(deals.size, np.bool_), _without_amounts(undo)
    if basis is not Basis.COUNT:
        stated_before_close = stated_before_close | ~np.isnan(deals.initial_amount)
        undo = _add_initial_amounts(undo or empty_undo_log(), deals, factors, basis, recorded)
    visit_rows = {"row": np.searchsorted(deals.id, stage_entries.deal)} if len(stage_entries.deal) else {}
    return DealTable(
        key=deals.id,
        stable_hash=deals.stable_hash,
        created=deals.created,
        closed=np.where(deals.state == STATE_CODES[DealStatus.OPEN], NEVER, deals.closed),
        deleted=deals.deleted,
        won=won,
        seller=sellers.indexes_of(np.where(won & (deals.winner > 0), deals.winner, deals.owner)),
        product=deals.product,
        worth=np.where(won, worth, np.nan),
        stated_worth=stated,
        gross=gross,
        price=price,
        stated_before_close=stated_before_close,
        expected_close=deals.expected_close,
        visits=StageVisits(visit_rows["row"], _to_dense_indexes(stage_entries.stage, stage_ids), stage_entries.day)
        if visit_rows
        else empty_visits(),
        undo=undo or empty_undo_log(),
    )


def _add_initial_amounts(
    undo: UndoLog, deals: DealColumns, factors: Floats, basis: Basis, recorded: Ints | None
) -> UndoLog:
    """Return the log with the amounts that deals had from their creation until they were closed, or recorded here.

    Of the profit, nothing but the amount it is a part of is known then.
    """
    changed_on = deals.closed if recorded is None else np.minimum(recorded, deals.closed)
    rows = np.flatnonzero(~np.isnan(deals.initial_amount) & (changed_on != NEVER))
    amounts = (deals.initial_amount * factors[deals.initial_currency])[rows]
    nan = np.full(len(rows), np.nan)
    for history_field, values in (
        ((HistoryField.STATED_WORTH, amounts),)
        if basis is Basis.REVENUE
        else ((HistoryField.STATED_WORTH, nan), (HistoryField.GROSS, amounts))
    ):
        undo = UndoLog(
            np.concatenate([rows, undo.row]),
            np.concatenate([changed_on[rows], undo.day]),
            np.concatenate([np.full(len(rows), history_field, dtype=np.int64), undo.field]),
            np.concatenate([values, undo.value]),
            np.concatenate([nan, undo.worth]),
        )
    return undo


def _without_amounts(undo: UndoLog | None) -> UndoLog | None:
    if undo is None:
        return None
    mask = undo.field != HistoryField.STATED_WORTH
    return UndoLog(undo.row[mask], undo.day[mask], undo.field[mask], undo.value[mask], undo.worth[mask])


def _list_price(pricing: Pricing, name: str) -> float:
    if name not in pricing.prices:
        return np.nan
    price, currency = pricing.prices[name]
    return price * pricing.conversion_factor(currency)


def _to_dense_indexes(stage: Ints, stage_ids: Ints | None) -> Ints:
    """Replace stage ids by indexes from 0 on, in the order of `stage_ids`, by default that of the ids."""
    ids = np.unique(stage) if stage_ids is None else stage_ids
    order = np.argsort(ids)
    return np.asarray(order[np.searchsorted(ids, stage, sorter=order)])
