"""Builds the forecast's deal table from database rows: deals, stage entries, sellers, prices and exchange rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import Final

import numpy as np

from domain.forecasting.arrays import NEVER, Bools, Floats, Ints
from domain.forecasting.deal_table import DealTable, Past, Undo, Visits, no_undo, no_visits
from domain.ledger.record_facts import DealStatus
from domain.primitives.calendar import Calendar
from domain.primitives.money import minor_digits
from models.db import json_aggregates
from models.forecasting import deal_columns
from models.forecasting.deal_columns import STATES, Book, days
from models.organization.company import ExchangeRate, Rates
from models.organization.people import Membership

_QUARTER_HOUR: Final = 900  # seconds; in every time zone midnight falls on a multiple of it


class Basis(StrEnum):
    """What a won deal counts as: its revenue, its profit (revenue less cost), or 1."""

    REVENUE = "REVENUE"
    PROFIT = "PROFIT"
    COUNT = "COUNT"


@dataclass(frozen=True)
class Staff:
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
    def places(self) -> Mapping[int, int]:
        return {id_: place for place, id_ in enumerate(self.ids)}

    def of(self, employees: Ints) -> Ints:
        """Return the seller's index of each employee id."""
        ids = np.array(self.ids)
        order = np.argsort(ids)
        return np.asarray(order[np.searchsorted(ids, employees, sorter=order)])

    def only(self, employee: int) -> Bools:
        """Return a mask that selects this employee only; all False if the id is unknown."""
        found = np.zeros(len(self.ids), dtype=np.bool_)
        if employee in self.places:
            found[self.places[employee]] = True
        return found

    def in_teams(self, teams: frozenset[int] | None) -> Bools:
        """Return a mask of the sellers in one of the teams; None selects all."""
        return np.ones(len(self.ids), dtype=np.bool_) if teams is None else np.isin(self.teams, list(teams))


def staff(texts: json_aggregates.Texts) -> Staff:
    """Parse all employees as they were read, sorted by key."""
    rows = json_aggregates.rows(texts.get("employee", ()))
    found = sorted((external or f"#{id_}", id_, name, team or 0, active) for id_, external, name, team, active in rows)
    keys, ids, names, teams, active = zip(*found, strict=True) if found else ((), (), (), (), ())
    return Staff(ids, keys, names, np.array(teams, dtype=np.int64), np.array(active, dtype=np.bool_))


@dataclass(frozen=True)
class Whereabouts:
    """Team and active state of employees over time.

    periods  by employee id, earliest first: start, team id, and whether active
    """

    stays: Mapping[int, Sequence[tuple[datetime, int, bool]]]

    def at(self, staff: Staff, moment: datetime) -> Staff:
        """Return the sellers with team and active state as just before `moment`, or the first one of later arrivals."""
        teams, active = staff.teams.copy(), staff.active.copy()
        for place, id_ in enumerate(staff.ids):
            stays = self.stays.get(id_)
            if stays:
                _, teams[place], active[place] = next((s for s in reversed(stays) if s[0] < moment), stays[0])
        return replace(staff, teams=teams, active=active)


async def whereabouts() -> Whereabouts:
    """Load the team history of all employees."""
    found: dict[int, list[tuple[datetime, int, bool]]] = {}
    rows = await Membership.all().order_by("since", "id").values_list("employee_id", "since", "team_id", "active")
    for employee, since, team, active in rows:
        found.setdefault(employee, []).append((since, team, active))
    return Whereabouts(found)


@dataclass(frozen=True)
class Stays:
    """Entries of deals into stages: deal id, stage id and day; shape (V,) each, in any order."""

    deal: Ints
    stage: Ints
    day: Ints

    @cached_property
    def moved(self) -> bool:
        """Whether any deal has been in more than one stage."""
        return len(np.unique(self.deal)) < len(self.deal)

    def of(self, deals: Ints) -> Stays:
        """Return the entries of the given deals."""
        use = np.isin(self.deal, deals)
        return Stays(self.deal[use], self.stage[use], self.day[use])

    def with_fresh(self, fresh: Sequence[Stays], instead: Ints) -> Stays:
        """Return the entries with those of the deals `replaced_ids` replaced by `updates`."""
        kept = ~np.isin(self.deal, instead)
        return Stays(
            np.concatenate([self.deal[kept], *(each.deal for each in fresh)]),
            np.concatenate([self.stage[kept], *(each.stage for each in fresh)]),
            np.concatenate([self.day[kept], *(each.day for each in fresh)]),
        )


def stays(text: str) -> Stays:
    """Parse stage entries as they were read."""
    deal, stage, entered = json_aggregates.columns(text)
    return Stays(np.array(deal, dtype=np.int64), np.array(stage, dtype=np.int64), days(entered))


def no_stays() -> Stays:
    none = np.zeros(0, np.int64)
    return Stays(none, none, none)


def day_of(calendar: Calendar, moment: datetime) -> int:
    """Return the ordinal of the day in the company's time zone that contains the moment.

    Cached by quarter hour, since a history has far more moments than quarter hours of business.
    """
    return _day_of(calendar, int(moment.timestamp()) // _QUARTER_HOUR)


@lru_cache(maxsize=1 << 16)
def _day_of(calendar: Calendar, quarter_hour: int) -> int:
    return calendar.day_of(datetime.fromtimestamp(quarter_hour * _QUARTER_HOUR, UTC)).toordinal()


@dataclass(frozen=True)
class Market:
    """Latest exchange rates into the company's currency, and the list prices of the products with their currency."""

    own: str
    rates: Mapping[str, float]
    prices: Mapping[str, tuple[int, str]]

    def factor(self, currency: str) -> float:
        """Return the worth of a currency's smallest unit in smallest units of the company's; NaN without a rate."""
        rate = 1.0 if currency == self.own else self.rates.get(currency, np.nan)
        return float(rate * 10.0 ** (minor_digits(self.own) - minor_digits(currency)))


def prices(texts: json_aggregates.Texts) -> dict[str, tuple[int, str]]:
    """Parse the products' list prices as they were read, each in the smallest unit of its currency."""
    return {name: (price, currency) for name, price, currency in json_aggregates.rows(texts.get("product", ()))}


def rates(texts: json_aggregates.Texts, own: str) -> Rates:
    """Parse the exchange rates as they were read."""
    found = json_aggregates.rows(texts.get("rate", ()))
    rows = [(currency, date.fromisoformat(since), Decimal(rate)) for currency, since, rate in found]
    newest_first = sorted(rows, key=lambda row: row[1], reverse=True)
    return Rates([ExchangeRate(currency=name, valid_from=since, rate=rate) for name, since, rate in newest_first], own)


def market(
    own: str, rates: Rates, currencies: Sequence[str], prices: Mapping[str, tuple[int, str]], today: date
) -> Market:
    """Return the latest rates of all currencies in use, and the list prices."""
    wanted = {*currencies, *(currency for _, currency in prices.values())}
    newest = {currency: rates.on(currency, today) for currency in wanted}
    return Market(own, {name: float(rate) for name, rate in newest.items() if rate is not None}, prices)


_NEWS: Final = "(SELECT subject_id FROM activity WHERE id > ? AND subject_kind = 'Deal')"


async def read(after: int | None) -> json_aggregates.Texts:
    """Read all data of a deal forecast in one statement, hence as of one moment.

    after  None for everything, else the id of an activity: deals and stage entries then only of the deals that later
           activities name

    Returns texts of column-wise JSON by part: "deal", "visit" (stage entries), "employee", "product" and "rate"; and
    "position", the last position of the change log, and "line", the id of the last activity.
    """
    of, its, values = ("TRUE", "TRUE", []) if after is None else (f"id IN {_NEWS}", f"deal_id IN {_NEWS}", [after] * 2)
    return await json_aggregates.gather(
        [
            deal_columns.statement(of),
            json_aggregates.portions(("deal_id", "stage_id", "entered_on"), f"stage_visit WHERE {its}", part="'visit'"),
            json_aggregates.portions(("id", "external_id", "name", "team_id", "active"), "employee", part="'employee'"),
            json_aggregates.portions(("name", "price", "currency"), "product", part="'product'"),
            json_aggregates.portions(("currency", "valid_from", "CAST(rate AS TEXT)"), "exchange_rate", part="'rate'"),
            "SELECT 'position', CAST(COALESCE(MAX(id), 0) AS TEXT) FROM change",
            "SELECT 'line', CAST(COALESCE(MAX(id), 0) AS TEXT) FROM activity",
        ],
        values,
    )


def table(
    book: Book,
    stays: Stays,
    people: Staff,
    market: Market,
    basis: Basis,
    *,
    own: Floats | None = None,
    sure: Bools | None = None,
    undo: Undo | None = None,
) -> DealTable:
    """Return the table of the deals, including deleted ones, in the order of `deals`; `sort_canonically` sorts it.

    stated_worth, stated_before_close, undo
        from the deals' history (see `deal_history`), in the order of `deals`; without it a closed deal states only the
        amount it was closed with
    """
    won = book.state == STATES[DealStatus.WON]
    factors = np.array([market.factor(currency) for currency in book.currencies] + [np.nan])
    amount = book.amount * factors[book.currency] if own is None else own
    amount = np.where(amount > 0, amount, np.nan)
    cost = book.cost * factors[book.cost_currency]
    listed = np.array([_price(market, name) for name in book.products] + [np.nan])
    nothing = np.full(book.size, np.nan)
    match basis:
        case Basis.REVENUE:
            worth, said, gross, price = book.value, amount, nothing, listed[book.product]
        case Basis.PROFIT:
            worth, said = np.nan_to_num(book.profit), amount - cost
            gross, price = amount, listed[book.product]
        case Basis.COUNT:
            worth = said = np.ones(book.size)
            gross = price = nothing
    if basis is not Basis.REVENUE:  # the history has amounts, not profits
        sure, undo = None, _without_amounts(undo)
    place = {"row": np.searchsorted(book.id, stays.deal)} if len(stays.deal) else {}
    return DealTable(
        key=book.id,
        word=book.word,
        created=book.created,
        closed=np.where(book.state == STATES[DealStatus.OPEN], NEVER, book.closed),
        deleted=book.deleted,
        won=won,
        seller=people.of(np.where(won & (book.winner > 0), book.winner, book.owner)),
        product=book.product,
        worth=np.where(won, worth, np.nan),
        own=said,
        gross=gross,
        price=price,
        sure=np.zeros(book.size, dtype=np.bool_) if sure is None else sure,
        due=book.due,
        visits=Visits(place["row"], _dense(stays.stage), stays.day) if place else no_visits(),
        undo=undo or no_undo(),
    )


def _without_amounts(undo: Undo | None) -> Undo | None:
    if undo is None:
        return None
    use = undo.field != Past.OWN
    return Undo(undo.row[use], undo.day[use], undo.field[use], undo.value[use], undo.worth[use])


def _price(market: Market, name: str) -> float:
    if name not in market.prices:
        return np.nan
    price, currency = market.prices[name]
    return price * market.factor(currency)


def _dense(stage: Ints) -> Ints:
    """Replace stage ids by indexes from 0 on, in order of id."""
    return np.unique(stage, return_inverse=True)[1]
