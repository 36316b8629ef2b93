"""Amount history: what deals stated before their amounts were changed, for the forecasts of a process.

`deal_history` reads all activities, for back-tests. From them live forecasts need only two things, which the database
selects: the day on which each deal was recorded, since an amount is known to have been stated before the closing only if
the deal was recorded before it; and the activities that changed amounts. Earlier amounts follow from the present one
backwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
import orjson

from domain.forecasting.arrays import NEVER, Ints
from domain.forecasting.deal_table import HistoryField, UndoLog
from domain.primitives.calendar import Calendar
from models.db import json_aggregates
from models.db.connection import to_datetime
from models.forecasting.deal_columns import DealColumns
from models.forecasting.deal_tables import Pricing, company_day

RECORDED_PART: Final = "recorded"
CHANGES_PART: Final = "amount_change"
_DEAL_KINDS: Final = (
    "'DEAL_CREATED', 'DEAL_UPDATED', 'DEAL_STAGE_CHANGED', 'DEAL_FLAGGED', 'DEAL_WON', 'DEAL_LOST', 'DEAL_REOPENED'"
)


@dataclass(frozen=True)
class AmountChange:
    """A change of a deal's amount or currency: the activity's id, the day of recording, and what was stated before.

    before  the values before by name, "amount" as text and "currency", each None if there was none; without a name that
            did not change
    """

    activity: int
    day: int
    before: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True)
class AmountHistory:
    """When deals were recorded, and the changes of their amounts.

    deal, recorded  each deal that an activity names, in rising order of ids, and the day of its first; shape (D,)
    changes         by deal id, in the order of recording
    """

    deal: Ints
    recorded: Ints
    changes: dict[int, tuple[AmountChange, ...]]

    def merge(self, updates: AmountHistory, replaced_ids: Ints) -> AmountHistory:
        """Return the history with that of the deals `replaced_ids` replaced by `updates`."""
        if not len(replaced_ids):
            return self
        is_kept = ~np.isin(self.deal, replaced_ids)
        deal = np.concatenate([self.deal[is_kept], updates.deal])
        recorded = np.concatenate([self.recorded[is_kept], updates.recorded])
        order = np.argsort(deal, kind="stable")
        replaced = set(replaced_ids.tolist())
        changes = {deal_id: rows for deal_id, rows in self.changes.items() if deal_id not in replaced}
        return AmountHistory(deal[order], recorded[order], changes | updates.changes)

    def recorded_days(self, deal_ids: Ints) -> Ints:
        """Return the day on which each of the deals was recorded, NEVER if no activity names it; shape of `deal_ids`."""
        if not len(self.deal):
            return np.full(len(deal_ids), NEVER)
        rows = np.minimum(np.searchsorted(self.deal, deal_ids), len(self.deal) - 1)
        return np.where(self.deal[rows] == deal_ids, self.recorded[rows], NEVER)

    def build_undo_log(self, deals: DealColumns, pricing: Pricing) -> UndoLog:
        """Return the changes as entries that restore the amount before, in the company's currency."""
        rows, days, values = [], [], []
        names: tuple[str | None, ...] = (*deals.currencies, None)  # index -1, for none, takes the last one
        for row, deal_id in enumerate(deals.id.tolist()) if self.changes else ():
            amount, currency = float(deals.amount[row]), names[deals.currency[row]]
            entries = []
            for change in reversed(self.changes.get(deal_id, ())):
                before = dict(change.before)
                if "amount" in before:
                    amount = float(before["amount"] or np.nan)
                currency = before.get("currency", currency)
                factor = np.nan if currency is None else pricing.conversion_factor(currency)
                entries.append((change.day, amount * factor))
            for day, value in reversed(entries):
                rows.append(row)
                days.append(day)
                values.append(value)
        return UndoLog(
            np.array(rows, dtype=np.int64),
            np.array(days, dtype=np.int64),
            np.full(len(rows), HistoryField.STATED_WORTH, dtype=np.int64),
            np.array(values, dtype=np.float64),
            np.full(len(rows), np.nan),
        )

    def facts_of(self, deal_ids: Ints) -> list[tuple[object, ...]]:
        """Return all that the history says of these deals, for comparison."""
        ids, recorded = deal_ids.tolist(), self.recorded_days(deal_ids).tolist()
        return [(deal, day, self.changes.get(deal, ())) for deal, day in zip(ids, recorded, strict=True)]


def select_statements(condition: str) -> list[str]:
    """Return the SQL statements that read the history of the deals whose `subject_id` meets the condition."""
    source = f"activity WHERE subject_kind = 'Deal' AND kind IN ({_DEAL_KINDS}) AND {condition}"
    return [
        json_aggregates.chunked_json_sql(
            ("subject_id", "recorded_at"),
            f"(SELECT subject_id, MIN(recorded_at) AS recorded_at FROM {source} GROUP BY subject_id) AS first_activity",  # noqa: S608
            part_sql=f"'{RECORDED_PART}'",
            chunk_sql=f"subject_id / {json_aggregates.IDS_PER_CHUNK}",
        ),
        json_aggregates.chunked_json_sql(
            ("id", "subject_id", "recorded_at", "CAST(data AS TEXT)"),
            f"{source} AND CAST(data AS TEXT) LIKE '%\"changed\"%'",
            part_sql=f"'{CHANGES_PART}'",
        ),
    ]


def parse_amount_history(texts: json_aggregates.JsonChunks, calendar: Calendar) -> AmountHistory:
    """Parse the history as it was read."""
    day_of = partial(company_day, calendar)
    recorded = sorted(
        (deal, day_of(to_datetime(moment))) for deal, moment in json_aggregates.parse_rows(texts.get(RECORDED_PART, ()))
    )
    changes: dict[int, list[AmountChange]] = {}
    for activity, deal, moment, text in json_aggregates.parse_rows(texts.get(CHANGES_PART, ())):
        changed = orjson.loads(text).get("changed") or {}
        before = tuple((name, changed[name][0]) for name in ("amount", "currency") if name in changed)
        if before:
            changes.setdefault(deal, []).append(AmountChange(activity, day_of(to_datetime(moment)), before))
    deals, days = np.array(recorded, dtype=np.int64).reshape(-1, 2).T
    return AmountHistory(
        deals,
        days,
        {deal: tuple(sorted(rows, key=lambda change: change.activity)) for deal, rows in changes.items()},
    )
