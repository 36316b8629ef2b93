"""Deal history: earlier amounts, owners and closings of deals, reconstructed from the activity log.

A deal's row has only the values it was closed with. Whether an amount was known while the deal was open, earlier
amounts, earlier owners and closings undone by a reopening stand only in its activities. For a deal that was imported
already closed there are none, and then nothing is claimed, unless the import knew the amount at creation.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

import numpy as np

from domain.forecasting.arrays import NEVER, Floats, Ints
from domain.forecasting.deal_table import HistoryField, UndoLog
from domain.primitives.calendar import Calendar
from domain.primitives.json_values import JsonObject
from domain.primitives.money import to_minor
from models.db import connection
from models.db.connection import to_datetime
from models.db.values import SqlRow
from models.forecasting.deal_columns import DealColumns
from models.forecasting.deal_tables import Pricing, SellerIndex, company_day

_PAGE_SIZE: Final = 2000
_ACTIVITY_KINDS: Final = (
    "DEAL_CREATED",
    "DEAL_UPDATED",
    "DEAL_STAGE_CHANGED",
    "DEAL_FLAGGED",
    "DEAL_WON",
    "DEAL_LOST",
    "DEAL_REOPENED",
)
RawActivity = SqlRow


async def iterate_deal_activities() -> AsyncIterator[list[RawActivity]]:
    """Yield the activities that concern deals' amounts, owners and states, in pages, in the order of recording."""
    last_id = 0
    kinds = ", ".join(f"'{kind}'" for kind in _ACTIVITY_KINDS)
    while page := await connection.fetch_rows(
        f"SELECT id, kind, subject_id, at, recorded_at, data FROM activity "  # noqa: S608
        f"WHERE id > ? AND subject_kind = 'Deal' AND kind IN ({kinds}) ORDER BY id LIMIT {_PAGE_SIZE}",
        [last_id],
    ):
        yield page
        last_id = page[-1]["id"]


@dataclass
class _DealState:
    """State of one deal up to the activity processed last.

    recorded  day on which the first activity was recorded
    amount    stated amount in the smallest unit, and its currency; None if none
    closing   day and worth of the last closing, NaN for a loss
    """

    recorded: int
    amount: tuple[int, str] | None = None
    closing: tuple[int, float] | None = None


@dataclass
class DealHistoryReader:
    """Collects the history of all deals from their activities, page by page.

    states        state of each deal so far, by deal id
    undo_entries  deal id, day, HistoryField, value before and worth, as in `UndoLog`
    """

    deals: DealColumns
    sellers: SellerIndex
    pricing: Pricing
    calendar: Calendar
    states: dict[int, _DealState] = field(default_factory=dict)
    undo_entries: list[tuple[int, int, int, float, float]] = field(default_factory=list)

    def add_page(self, page: Sequence[RawActivity]) -> None:
        is_known = self.deals.contains([row["subject_id"] for row in page])
        for row, is_present in zip(page, is_known, strict=True):
            if is_present:
                self._add_activity(row, row["data"] if isinstance(row["data"], dict) else json.loads(row["data"]))

    def _add_activity(self, row: RawActivity, data: JsonObject) -> None:
        deal_id, kind = row["subject_id"], row["kind"]
        recorded = company_day(self.calendar, to_datetime(row["recorded_at"]))
        state = self.states.get(deal_id)
        if state is None:
            state = self.states[deal_id] = _DealState(recorded)
        if kind == "DEAL_REOPENED" and state.closing is not None:
            self.undo_entries.append(
                (deal_id, recorded, HistoryField.CLOSING, float(state.closing[0]), state.closing[1])
            )
        changed = data.get("changed") or {}
        if "owner_id" in changed and changed["owner_id"][0]:
            previous_owner = int(changed["owner_id"][0])
            if previous_owner in self.sellers.index_by_id:
                self.undo_entries.append(
                    (deal_id, recorded, HistoryField.SELLER, float(self.sellers.index_by_id[previous_owner]), np.nan)
                )
        stated = self._stated_amount(kind, data, changed, state.amount)
        if stated != state.amount:
            if kind != "DEAL_CREATED":
                self.undo_entries.append(
                    (deal_id, recorded, HistoryField.STATED_WORTH, self._in_company_currency(state.amount), np.nan)
                )
            state.amount = stated
        if kind in ("DEAL_WON", "DEAL_LOST"):
            worth = self._in_company_currency(stated) if kind == "DEAL_WON" else np.nan
            state.closing = (company_day(self.calendar, to_datetime(row["at"])), worth)

    def _stated_amount(
        self, kind: str, data: JsonObject, changed: JsonObject, before: tuple[int, str] | None
    ) -> tuple[int, str] | None:
        """Return the deal's stated amount after the activity."""
        if "amount" in changed or "currency" in changed:
            amount = (changed.get("amount") or [None, str(before[0]) if before else None])[1]
            currency = (changed.get("currency") or [None, before[1] if before else self.pricing.company_currency])[1]
            return (int(amount), currency) if amount and currency else None
        if kind in ("DEAL_CREATED", "DEAL_WON", "DEAL_LOST", "DEAL_REOPENED") and "amount" in data:
            return to_minor(Decimal(data["amount"]), data["currency"]), data["currency"]
        return before

    def _in_company_currency(self, amount: tuple[int, str] | None) -> float:
        return np.nan if amount is None else amount[0] * self.pricing.conversion_factor(amount[1])

    @property
    def recorded(self) -> Ints:
        """Day on which each deal was recorded, NEVER if no activity names it; in the order of `deals`.

        What a deal that was recorded before the day it was closed, not imported closed, stated until then is known.
        """
        recorded = np.full(self.deals.size, NEVER)
        if self.states:
            recorded[self.deals.indexes_of(list(self.states))] = [state.recorded for state in self.states.values()]
        return recorded

    @property
    def stated_worth(self) -> Floats:
        """Latest stated amount of each deal in the company's currency; in the order of `deals`."""
        factors = np.array([self.pricing.conversion_factor(currency) for currency in self.deals.currencies] + [np.nan])
        return np.asarray(self.deals.amount * factors[self.deals.currency])

    @property
    def undo_log(self) -> UndoLog:
        deal_ids, day, changed_fields, value, worth = (
            zip(*self.undo_entries, strict=True) if self.undo_entries else ((), (), (), (), ())
        )
        return UndoLog(
            self.deals.indexes_of(deal_ids),
            np.array(day, dtype=np.int64),
            np.array(changed_fields, dtype=np.int64),
            np.array(value, dtype=np.float64),
            np.array(worth, dtype=np.float64),
        )
