"""All deals as columns: read whole once, then only those that have changed.

A forecast looks at every deal at once, tens of thousands of them, so rows are read in pages,
by plain SQL, and kept as arrays; each line of the history names a deal that has to be read
again. A `Book` never changes: whoever holds one may go on counting in a thread.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from functools import cached_property
from typing import Any, Final

import numpy as np

from domain.columns import NEVER, Bools, Floats, Ints
from domain.records import DealStatus
from models import database
from models.pipelines import Product

PAGE: Final = 2000  # rows, read and put into columns at once
MANY: Final = 4000  # changed deals, beyond which all are read again
STATES: Final = {DealStatus.OPEN: 0, DealStatus.WON: 1, DealStatus.LOST: 2}

_COLUMNS: Final = (
    "id, external_id, owner_id, won_by, status, amount, currency, cost, cost_currency, product, value, profit, "
    "created_on, closed_on, deleted_at, expected_close_on"
)
Row = dict[str, Any]


@dataclass(frozen=True)
class Book:
    """The deals, one an entry, by id; shape (N,) each. Days are ordinals, NEVER where there is none.

    id; word: a number of the deal that is the same wherever its external id is the same
    owner, winner   ids of employees; the winner is 0 while it is not won
    state           0 open, 1 won, 2 lost
    amount, cost    in the smallest unit of the currency whose index stands beside; NaN where unknown
    value, profit   of a won deal, in the company's; NaN where unknown
    product         index of its name, -1 for none
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
        """Return where the deals stand; all must be there."""
        return np.searchsorted(self.id, np.array(ids, dtype=np.int64))

    def has(self, ids: Sequence[int]) -> list[bool]:
        wanted = np.array(ids, dtype=np.int64)
        return [bool(found) for found in np.isin(wanted, self.id)]

    def open_ones(self) -> Book:
        """Return those that are open and not deleted."""
        use = (self.state == STATES[DealStatus.OPEN]) & (self.deleted == NEVER)
        return self.of(use)

    def of(self, use: Bools) -> Book:
        return replace(self, **{name: getattr(self, name)[use] for name in _NAMES})

    def with_rows(self, rows: Sequence[Row]) -> Book:
        """Return the deals with these as they are now, in place of those of the same id."""
        if not rows:
            return self
        currencies, products = list(self.currencies), list(self.products)
        fresh = _columns(rows, currencies, products)
        kept = ~np.isin(self.id, fresh["id"])
        joined = {name: np.concatenate([getattr(self, name)[kept], column]) for name, column in fresh.items()}
        order = np.argsort(joined["id"], kind="stable")
        columns = {name: column[order] for name, column in joined.items()}
        return replace(self, **columns, currencies=tuple(currencies), products=tuple(products))


_NAMES: Final = tuple(field.name for field in fields(Book) if field.name not in ("currencies", "products"))


def empty() -> Book:
    return Book(**_columns([], [], []), currencies=(), products=())


def _columns(rows: Sequence[Row], currencies: list[str], products: list[str]) -> dict[str, Any]:
    """Return the rows as columns; names not met before are added to the lists."""
    money, named = _Names(currencies), _Names(products)

    def ints(values: list[int]) -> Ints:
        return np.array(values, dtype=np.int64)

    def floats(name: str) -> Floats:
        return np.array([np.nan if row[name] is None else row[name] for row in rows], dtype=np.float64)

    return {
        "id": ints([row["id"] for row in rows]),
        "word": ints([_word(row) for row in rows]),
        "owner": ints([row["owner_id"] for row in rows]),
        "winner": ints([row["won_by"] or 0 for row in rows]),
        "state": ints([STATES[DealStatus(row["status"])] for row in rows]),
        "amount": floats("amount"),
        "currency": ints([money[row["currency"]] for row in rows]),
        "cost": floats("cost"),
        "cost_currency": ints([money[row["cost_currency"]] for row in rows]),
        "value": floats("value"),
        "profit": floats("profit"),
        "product": ints([named[row["product"]] for row in rows]),
        "created": ints([day(row["created_on"]) for row in rows]),
        "closed": ints([NEVER if row["status"] == "OPEN" else day(row["closed_on"]) for row in rows]),
        "deleted": ints([day(row["deleted_at"]) for row in rows]),
        "due": ints([day(row["expected_close_on"]) for row in rows]),
    }


class _Names(dict[str | None, int]):
    """Indexes of names, in the order in which they were met; -1 for none."""

    def __init__(self, known: list[str]) -> None:
        super().__init__({name: index for index, name in enumerate(known)})
        self[None] = -1
        self._known = known

    def __missing__(self, name: str) -> int:
        self._known.append(name)
        self[name] = len(self._known) - 1
        return self[name]


def _word(row: Row) -> int:
    return zlib.crc32(row["external_id"].encode()) if row["external_id"] else (1 << 32) + int(row["id"])


def day(value: date | datetime | str | None) -> int:
    """Return the ordinal of a day as plain SQL gives it (SQLite gives text), or of the day an instant has in UTC."""
    if value is None:
        return NEVER
    return date.fromisoformat(value[:10]).toordinal() if isinstance(value, str) else value.toordinal()


async def pages(ids: Sequence[int] | None = None) -> AsyncIterator[list[Row]]:
    """Yield the deals, deleted ones too, in pages by id; with `ids` only those."""
    if ids is not None:
        for start in range(0, len(ids), 500):
            part = list(ids[start : start + 500])
            yield await database.rows(f"SELECT {_COLUMNS} FROM deal WHERE id IN ({', '.join('?' * len(part))})", part)  # noqa: S608
        return
    after = 0
    while page := await database.rows(
        f"SELECT {_COLUMNS} FROM deal WHERE id > ? ORDER BY id LIMIT {PAGE}",  # noqa: S608
        [after],
    ):
        yield page
        after = page[-1]["id"]


async def changed_after(line: int) -> list[int] | None:
    """Return the deals that the history's lines after that one are about; None where they are too many to name."""
    found = await database.rows(
        f"SELECT DISTINCT subject_id FROM activity WHERE id > ? AND subject_kind = 'Deal' LIMIT {MANY + 1}",  # noqa: S608
        [line],
    )
    return None if len(found) > MANY else [row["subject_id"] for row in found]


async def have_moved() -> bool:
    """Return whether any deal has been in more than one stage."""
    [found] = await database.rows(
        "SELECT (SELECT COUNT(*) FROM stage_visit) AS visits, (SELECT COUNT(DISTINCT deal_id) FROM stage_visit) AS deals"
    )
    return bool(found["visits"] > found["deals"])


async def visits(ids: Sequence[int] | None = None) -> AsyncIterator[list[Row]]:
    """Yield the entries into stages, in pages; with `ids` only those of these deals."""
    if ids is not None:
        for start in range(0, len(ids), 500):
            part = list(ids[start : start + 500])
            yield await database.rows(
                f"SELECT id, deal_id, stage_id, entered_at FROM stage_visit WHERE deal_id IN ({', '.join('?' * len(part))})",  # noqa: S608
                part,
            )
        return
    after = 0
    while page := await database.rows(
        f"SELECT id, deal_id, stage_id, entered_at FROM stage_visit WHERE id > ? ORDER BY id LIMIT {PAGE}",  # noqa: S608
        [after],
    ):
        yield page
        after = page[-1]["id"]


async def prices() -> dict[str, tuple[int, str]]:
    """Return each product's list price in the smallest unit of its currency."""
    return {
        name: (price, currency)
        for name, price, currency in await Product.all().values_list("name", "price", "currency")
    }
