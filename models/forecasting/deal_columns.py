"""Columnar deals: all deals as numpy arrays, read in full once and then incrementally.

A forecast needs every deal, tens of thousands of them, so they are read in one statement and kept as arrays. The
activity log names the deals that have to be read again. `DealColumns` is immutable: an update makes a new object, so a
worker thread can go on computing with the old one.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date
from functools import cached_property
from typing import Any, Final

import numpy as np

from domain.forecasting.arrays import NEVER, Bools, Floats, Ints
from domain.ledger.record_facts import DealStatus
from models.db import json_aggregates
from models.db.connection import instant

STATES: Final = {DealStatus.OPEN: 0, DealStatus.WON: 1, DealStatus.LOST: 2}

_COLUMNS: Final = (
    "id", "external_id", "owner_id", "won_by", "status", "amount", "currency", "cost", "cost_currency", "product",
    "value", "profit", "created_on", "closed_on", "deleted_at", "expected_close_on",
)  # fmt: skip
_EPOCH: Final = date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class Book:
    """The deals, sorted by id; shape (N,) each. Days are ordinals, NEVER if not set.

    stable_hash     a number that is equal for equal external ids, in any database
    owner, winner   employee ids; the winner is 0 unless the deal is won
    state           0 open, 1 won, 2 lost
    amount, cost    in the smallest unit of their currency, NaN if unknown
    currency, cost_currency  indexes into `currencies`, -1 for none
    value, profit   of a won deal, in the company's currency; NaN if unknown
    product         index into `products`, -1 for none
    expected_close  the expected closing day
    """

    id: Ints
    word: Ints
    owner: Ints
    winner: Ints
    state: Ints
    amount: Floats
    currency: Ints
    cost: Floats
    cost_currency: Ints
    value: Floats
    profit: Floats
    product: Ints
    created: Ints
    closed: Ints
    deleted: Ints
    due: Ints
    currencies: tuple[str, ...]
    products: tuple[str, ...]

    @property
    def size(self) -> int:
        return len(self.id)

    @cached_property
    def largest(self) -> int:
        return int(self.id[-1]) if self.size else 0

    def places(self, ids: Sequence[int]) -> Ints:
        """Return the indexes of the deals; all ids must be present."""
        return np.searchsorted(self.id, np.array(ids, dtype=np.int64))

    def has(self, ids: Sequence[int]) -> list[bool]:
        wanted = np.array(ids, dtype=np.int64)
        return [bool(found) for found in np.isin(wanted, self.id)]

    def open_ones(self) -> Book:
        """Return the deals that are open and not deleted."""
        use = (self.state == STATES[DealStatus.OPEN]) & (self.deleted == NEVER)
        return self.of(use)

    def of(self, use: Bools) -> Book:
        return replace(self, **{name: getattr(self, name)[use] for name in _NAMES})

    def with_fresh(self, fresh: Fresh) -> Book:
        """Return the deals with `updates` replacing those of the same id."""
        if not fresh.portions:
            return self
        read = {name: np.concatenate([each[name] for each in fresh.portions]) for name in _NAMES}
        kept = ~np.isin(self.id, read["id"])
        joined = {name: np.concatenate([getattr(self, name)[kept], column]) for name, column in read.items()}
        order = np.argsort(joined["id"], kind="stable")
        columns = {name: column[order] for name, column in joined.items()}
        return replace(self, **columns, currencies=tuple(fresh.currencies), products=tuple(fresh.products))


_NAMES: Final = tuple(each.name for each in fields(Book) if each.name not in ("currencies", "products"))


def statement(where: str) -> str:
    """Return the SQL statement that reads the deals matching the condition, including deleted ones."""
    return json_aggregates.portions(_COLUMNS, f"deal WHERE {where}", part="'deal'")


def empty() -> Book:
    return Book(**_columns([[] for _ in _COLUMNS], [], []), currencies=(), products=())


@dataclass
class Fresh:
    """Deals just read, parsed chunk by chunk; `currencies` and `products` grow by the names that are new."""

    currencies: list[str]
    products: list[str]
    portions: list[dict[str, Any]] = field(default_factory=list)

    @property
    def ids(self) -> Ints:
        return np.concatenate([np.zeros(0, np.int64), *(each["id"] for each in self.portions)])

    def read(self, text: str) -> None:
        self.portions.append(_columns(json_aggregates.columns(text), self.currencies, self.products))


def _columns(lists: Sequence[Sequence[Any]], currencies: list[str], products: list[str]) -> dict[str, Any]:
    held = dict(zip(_COLUMNS, lists, strict=True))
    money, named = _Names(currencies), _Names(products)

    def ints(values: Sequence[Any]) -> Ints:
        return np.array(values, dtype=np.int64)

    def floats(name: str) -> Floats:
        return np.array(held[name], dtype=np.float64)  # NaN for None

    state = ints([STATES[DealStatus(status)] for status in held["status"]])
    return {
        "id": ints(held["id"]),
        "word": ints([_word(*each) for each in zip(held["id"], held["external_id"], strict=True)]),
        "owner": ints(held["owner_id"]),
        "winner": ints([winner or 0 for winner in held["won_by"]]),
        "state": state,
        "amount": floats("amount"),
        "currency": ints([money[name] for name in held["currency"]]),
        "cost": floats("cost"),
        "cost_currency": ints([money[name] for name in held["cost_currency"]]),
        "value": floats("value"),
        "profit": floats("profit"),
        "product": ints([named[name] for name in held["product"]]),
        "created": days(held["created_on"]),
        "closed": np.where(state == STATES[DealStatus.OPEN], NEVER, days(held["closed_on"])),
        "deleted": ints([_day_of(moment) for moment in held["deleted_at"]]),
        "due": days(held["expected_close_on"]),
    }


class _Names(dict[str | None, int]):
    """Indexes of names, in order of first appearance; None has -1. A missing name is appended to the given list."""

    def __init__(self, known: list[str]) -> None:
        super().__init__({name: index for index, name in enumerate(known)})
        self[None] = -1
        self._known = known

    def __missing__(self, name: str) -> int:
        self._known.append(name)
        self[name] = len(self._known) - 1
        return self[name]


def _word(id_: int, external: str | None) -> int:
    return zlib.crc32(external.encode()) if external else (1 << 32) + id_


def days(values: Sequence[str | None]) -> Ints:
    """Return the ordinals of ISO dates, NEVER for None."""
    found = np.array(values, dtype="datetime64[D]")
    return np.where(np.isnat(found), NEVER, found.astype(np.int64) + _EPOCH)


def _day_of(moment: str | None) -> int:
    """Return the ordinal of the UTC day of an instant, NEVER for None."""
    return NEVER if moment is None else instant(moment).astimezone(UTC).toordinal()
