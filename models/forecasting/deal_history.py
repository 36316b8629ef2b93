"""Deal history: earlier amounts, owners and closings of deals, reconstructed from the activity log.

A deal's row has only the values it was closed with. Whether an amount was known while the deal was open, earlier
amounts, earlier owners and closings undone by a reopening stand only in its activities. For a deal that was imported
already closed there are none, and then nothing is claimed (`stated_before_close` is False).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import numpy as np

from domain.forecasting.arrays import Bools, Floats
from domain.forecasting.deal_table import Past, Undo
from domain.primitives.calendar import Calendar
from domain.primitives.money import to_minor
from models.db import connection
from models.db.connection import instant
from models.forecasting.deal_columns import Book
from models.forecasting.deal_tables import Market, Staff, day_of

_PAGE: Final = 2000
_KINDS: Final = (
    "DEAL_CREATED",
    "DEAL_UPDATED",
    "DEAL_STAGE_CHANGED",
    "DEAL_FLAGGED",
    "DEAL_WON",
    "DEAL_LOST",
    "DEAL_REOPENED",
)
Row = dict[str, Any]


async def lines() -> AsyncIterator[list[Row]]:
    """Yield the activities that concern deals' amounts, owners and states, in pages, in the order of recording."""
    after = 0
    kinds = ", ".join(f"'{kind}'" for kind in _KINDS)
    while page := await connection.rows(
        f"SELECT id, kind, subject_id, at, recorded_at, data FROM activity "  # noqa: S608
        f"WHERE id > ? AND subject_kind = 'Deal' AND kind IN ({kinds}) ORDER BY id LIMIT {_PAGE}",
        [after],
    ):
        yield page
        after = page[-1]["id"]


@dataclass
class _Story:
    """State of one deal up to the activity processed last.

    recorded  day on which the first activity was recorded
    amount    stated amount in the smallest unit, and its currency; None if none
    closing   day and worth of the last closing, NaN for a loss
    """

    recorded: int
    amount: tuple[int, str] | None = None
    closing: tuple[int, float] | None = None


@dataclass
class Histories:
    """Collects the history of all deals from their activities, page by page.

    states        state of each deal so far, by deal id
    undo_entries  deal id, day, HistoryField, value before and worth, as in `UndoLog`
    """

    book: Book
    people: Staff
    market: Market
    calendar: Calendar
    stories: dict[int, _Story] = field(default_factory=dict)
    undone: list[tuple[int, int, int, float, float]] = field(default_factory=list)

    def read(self, page: Sequence[Row]) -> None:
        known = self.book.has([row["subject_id"] for row in page])
        for row, there in zip(page, known, strict=True):
            if there:
                self._line(row, row["data"] if isinstance(row["data"], dict) else json.loads(row["data"]))

    def _line(self, row: Row, data: dict[str, Any]) -> None:
        deal, kind = row["subject_id"], row["kind"]
        recorded = day_of(self.calendar, instant(row["recorded_at"]))
        story = self.stories.get(deal)
        if story is None:
            story = self.stories[deal] = _Story(recorded)
        if kind == "DEAL_REOPENED" and story.closing is not None:
            self.undone.append((deal, recorded, Past.CLOSING, float(story.closing[0]), story.closing[1]))
        changed = data.get("changed") or {}
        if "owner_id" in changed and changed["owner_id"][0]:
            before = int(changed["owner_id"][0])
            if before in self.people.places:
                self.undone.append((deal, recorded, Past.SELLER, float(self.people.places[before]), np.nan))
        says = self._said(kind, data, changed, story.amount)
        if says != story.amount:
            if kind != "DEAL_CREATED":
                self.undone.append((deal, recorded, Past.OWN, self._worth(story.amount), np.nan))
            story.amount = says
        if kind in ("DEAL_WON", "DEAL_LOST"):
            worth = self._worth(says) if kind == "DEAL_WON" else np.nan
            story.closing = (day_of(self.calendar, instant(row["at"])), worth)

    def _said(
        self, kind: str, data: dict[str, Any], changed: dict[str, Any], before: tuple[int, str] | None
    ) -> tuple[int, str] | None:
        """Return the deal's stated amount after the activity."""
        if "amount" in changed or "currency" in changed:
            amount = (changed.get("amount") or [None, str(before[0]) if before else None])[1]
            currency = (changed.get("currency") or [None, before[1] if before else self.market.own])[1]
            return (int(amount), currency) if amount and currency else None
        if kind in ("DEAL_CREATED", "DEAL_WON", "DEAL_LOST", "DEAL_REOPENED") and "amount" in data:
            return to_minor(Decimal(data["amount"]), data["currency"]), data["currency"]
        return before

    def _worth(self, amount: tuple[int, str] | None) -> float:
        return np.nan if amount is None else amount[0] * self.market.factor(amount[1])

    @property
    def sure(self) -> Bools:
        """Whether each deal was recorded before the day it was closed, not imported closed; ordered as `deals`."""
        recorded = np.full(self.book.size, np.iinfo(np.int64).max)
        if self.stories:
            recorded[self.book.places(list(self.stories))] = [story.recorded for story in self.stories.values()]
        return np.asarray(recorded < self.book.closed)

    @property
    def own(self) -> Floats:
        """Latest stated amount of each deal in the company's currency; in the order of `deals`."""
        factors = np.array([self.market.factor(currency) for currency in self.book.currencies] + [np.nan])
        return np.asarray(self.book.amount * factors[self.book.currency])

    @property
    def undo(self) -> Undo:
        deal, day, what, value, worth = zip(*self.undone, strict=True) if self.undone else ((), (), (), (), ())
        return Undo(
            self.book.places(deal),
            np.array(day, dtype=np.int64),
            np.array(what, dtype=np.int64),
            np.array(value, dtype=np.float64),
            np.array(worth, dtype=np.float64),
        )
