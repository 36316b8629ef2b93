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
from typing import Final

import numpy as np

from domain.forecasting.arrays import NEVER, Bools, Floats, Ints
from domain.forecasting.categories import ForecastCategory
from domain.ledger.record_facts import DealStatus
from domain.primitives.json_values import JsonObject, JsonValue
from models.db import json_aggregates
from models.db.connection import to_datetime

STATE_CODES: Final = {DealStatus.OPEN: 0, DealStatus.WON: 1, DealStatus.LOST: 2}

CATEGORIES: Final = tuple(ForecastCategory)
_CATEGORY_INDEX: Final = {category.value: index for index, category in enumerate(CATEGORIES)}

_ParsedColumns = JsonObject  # arrays by field of `DealColumns`
_COLUMNS: Final = (
    "id", "external_id", "owner_id", "won_by", "status", "amount", "currency", "cost", "cost_currency", "product",
    "value", "profit", "initial_amount", "initial_currency", "created_on", "closed_on", "deleted_at", "expected_close_on",
    "stage_id", "forecast_category",
)  # fmt: skip
_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()


@dataclass(frozen=True)
class DealColumns:
    """The deals, sorted by id; shape (N,) each. Days are ordinals, NEVER if not set.

    stable_hash     a number that is equal for equal external ids, in any database
    owner, winner   employee ids; the winner is 0 unless the deal is won
    state           0 open, 1 won, 2 lost
    amount, cost    in the smallest unit of their currency, NaN if unknown
    initial_amount  the amount at creation, 0 for none, NaN if no import knew it
    currency, cost_currency, initial_currency  indexes into `currencies`, -1 for none
    value, profit   of a won deal, in the company's currency; NaN if unknown
    product         index into `products`, -1 for none
    expected_close  the expected closing day
    stage           stage ids
    category        index into `CATEGORIES` of a category of its own, -1 for none
    """

    id: Ints
    stable_hash: Ints
    owner: Ints
    winner: Ints
    state: Ints
    amount: Floats
    currency: Ints
    cost: Floats
    cost_currency: Ints
    initial_amount: Floats
    initial_currency: Ints
    value: Floats
    profit: Floats
    product: Ints
    created: Ints
    closed: Ints
    deleted: Ints
    expected_close: Ints
    stage: Ints
    category: Ints
    currencies: tuple[str, ...]
    products: tuple[str, ...]

    @property
    def size(self) -> int:
        return len(self.id)

    def indexes_of(self, ids: Sequence[int]) -> Ints:
        """Return the indexes of the deals; all ids must be present."""
        return np.searchsorted(self.id, np.array(ids, dtype=np.int64))

    def contains(self, ids: Sequence[int]) -> list[bool]:
        wanted_ids = np.array(ids, dtype=np.int64)
        return [bool(is_present) for is_present in np.isin(wanted_ids, self.id)]

    def open_deals(self) -> DealColumns:
        """Return the deals that are open and not deleted."""
        mask = (self.state == STATE_CODES[DealStatus.OPEN]) & (self.deleted == NEVER)
        return self.select(mask)

    def select(self, mask: Bools) -> DealColumns:
        return replace(self, **{name: getattr(self, name)[mask] for name in _COLUMN_NAMES})

    def merge(self, updates: DealUpdates) -> DealColumns:
        """Return the deals with `updates` replacing those of the same id."""
        if not updates.chunks:
            return self
        updated = {name: np.concatenate([chunk[name] for chunk in updates.chunks]) for name in _COLUMN_NAMES}
        ids = updated["id"]
        rows = np.searchsorted(self.id, ids)
        is_later = rows == self.size  # than all deals so far: the usual place of new ones
        replaced, added = np.flatnonzero(~is_later), np.flatnonzero(is_later)[np.argsort(ids[is_later])]
        if np.array_equal(self.id[rows[replaced]], ids[replaced]):
            joined = {name: np.concatenate([getattr(self, name), column[added]]) for name, column in updated.items()}
            for name, column in joined.items():
                column[rows[replaced]] = updated[name][replaced]
        else:
            is_kept = ~np.isin(self.id, ids)
            joined = {name: np.concatenate([getattr(self, name)[is_kept], column]) for name, column in updated.items()}
            order = np.argsort(joined["id"], kind="stable")
            joined = {name: column[order] for name, column in joined.items()}
        return replace(self, **joined, currencies=tuple(updates.currencies), products=tuple(updates.products))


_COLUMN_NAMES: Final = tuple(
    column.name for column in fields(DealColumns) if column.name not in ("currencies", "products")
)


def select_statement(where: str) -> str:
    """Return the SQL statement that reads the deals matching the condition, including deleted ones."""
    return json_aggregates.chunked_json_sql(_COLUMNS, f"deal WHERE {where}", part_sql="'deal'")


def empty_columns() -> DealColumns:
    return DealColumns(**_parse_columns([[] for _ in _COLUMNS], [], []), currencies=(), products=())


@dataclass
class DealUpdates:
    """Deals just read, parsed chunk by chunk; `currencies` and `products` grow by the names that are new."""

    currencies: list[str]
    products: list[str]
    chunks: list[_ParsedColumns] = field(default_factory=list)

    @property
    def ids(self) -> Ints:
        return np.concatenate([np.zeros(0, np.int64), *(chunk["id"] for chunk in self.chunks)])

    def add_chunk(self, text: str) -> None:
        self.chunks.append(_parse_columns(json_aggregates.parse_columns(text), self.currencies, self.products))


def _parse_columns(lists: Sequence[Sequence[JsonValue]], currencies: list[str], products: list[str]) -> _ParsedColumns:
    values_by_column = dict(zip(_COLUMNS, lists, strict=True))
    currency_index, product_index = _NameIndex(currencies), _NameIndex(products)

    def ints(values: Sequence[int]) -> Ints:
        return np.array(values, dtype=np.int64)

    def floats(name: str) -> Floats:
        return np.array(values_by_column[name], dtype=np.float64)  # NaN for None

    state = ints([STATE_CODES[DealStatus(status)] for status in values_by_column["status"]])
    return {
        "id": ints(values_by_column["id"]),
        "stable_hash": ints(
            [
                _stable_hash(*id_and_external_id)
                for id_and_external_id in zip(values_by_column["id"], values_by_column["external_id"], strict=True)
            ]
        ),
        "owner": ints(values_by_column["owner_id"]),
        "winner": ints([winner or 0 for winner in values_by_column["won_by"]]),
        "state": state,
        "amount": floats("amount"),
        "currency": ints([currency_index[name] for name in values_by_column["currency"]]),
        "cost": floats("cost"),
        "cost_currency": ints([currency_index[name] for name in values_by_column["cost_currency"]]),
        "initial_amount": floats("initial_amount"),
        "initial_currency": ints([currency_index[name] for name in values_by_column["initial_currency"]]),
        "value": floats("value"),
        "profit": floats("profit"),
        "product": ints([product_index[name] for name in values_by_column["product"]]),
        "created": parse_days(values_by_column["created_on"]),
        "closed": np.where(state == STATE_CODES[DealStatus.OPEN], NEVER, parse_days(values_by_column["closed_on"])),
        "deleted": ints([_utc_day(moment) for moment in values_by_column["deleted_at"]]),
        "expected_close": parse_days(values_by_column["expected_close_on"]),
        "stage": ints(values_by_column["stage_id"]),
        "category": ints(
            [-1 if name is None else _CATEGORY_INDEX[name] for name in values_by_column["forecast_category"]]
        ),
    }


class _NameIndex(dict[str | None, int]):
    """Indexes of names, in order of first appearance; None has -1. A missing name is appended to the given list."""

    def __init__(self, names: list[str]) -> None:
        super().__init__({name: index for index, name in enumerate(names)})
        self[None] = -1
        self._names = names

    def __missing__(self, name: str) -> int:
        self._names.append(name)
        self[name] = len(self._names) - 1
        return self[name]


def _stable_hash(deal_id: int, external_id: str | None) -> int:
    return zlib.crc32(external_id.encode()) if external_id else (1 << 32) + deal_id


def parse_days(values: Sequence[str | None]) -> Ints:
    """Return the ordinals of ISO dates, NEVER for None."""
    parsed = np.array(values, dtype="datetime64[D]")
    return np.where(np.isnat(parsed), NEVER, parsed.astype(np.int64) + _EPOCH_DAY)


def _utc_day(moment: str | None) -> int:
    """Return the ordinal of the UTC day of an instant, NEVER for None."""
    return NEVER if moment is None else to_datetime(moment).astimezone(UTC).toordinal()
