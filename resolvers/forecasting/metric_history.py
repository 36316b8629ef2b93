"""Daily history of metrics: cached, read together, and refreshed when entries of past days are posted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Final, Protocol, TypeVar

import numpy as np

from domain.forecasting.arrays import Ints
from models.db import json_aggregates
from models.forecasting.deal_columns import parse_days
from models.ledger import scores

_HISTORY_LENGTH: Final = timedelta(days=400)  # length of the history that is used


Result = TypeVar("Result")


class RunInWorker(Protocol):
    def __call__(self, function: Callable[[], Result], /) -> Awaitable[Result]: ...


@dataclass(frozen=True, eq=False)
class MetricHistory:
    """Daily totals above zero of one metric by employee, sorted by day; shape (N,) each.

    until          ordinal of the last day
    last_entry_id  id of the last ledger entry when the history was last read or updated; identifies the version
    """

    until: int
    last_entry_id: int
    day: Ints
    employee: Ints
    amount: Ints


class MetricHistoryCache:
    """Cache of metric histories; not safe for concurrent calls."""

    def __init__(self) -> None:
        self._histories: dict[str, MetricHistory] = {}
        self._verified_entry_ids: dict[str, int] = {}  # id of the last ledger entry when the history was last verified
        self._doubtful = set[str]()

    def mark_doubtful(self, topics: Collection[str]) -> None:
        """Mark the histories of metrics that these change log topics name as possibly outdated."""
        metrics = {topic.split(":")[1] for topic in topics if topic.startswith("score:")}
        self._doubtful |= self._histories.keys() if "*" in topics else metrics & self._histories.keys()

    async def load_until(
        self, until: int, metrics: Collection[str], run_in_worker: RunInWorker
    ) -> Mapping[str, MetricHistory]:
        """Return the histories of the metrics up to the end of day `until`.

        Missing ones are read. Of doubtful ones the same statement reads the past days for which an entry has been posted
        since: an entry of today is no reason to fit the model again.
        """
        missing = {
            metric for metric in metrics if metric not in self._histories or self._histories[metric].until != until
        }
        doubtful = (set(metrics) & self._doubtful) - missing
        if missing or doubtful:
            after_entry_id = min((self._verified_entry_ids[metric] for metric in doubtful), default=0)
            last_date = date.fromordinal(until)
            texts = await scores.daily_totals_json(
                missing,
                first_day=last_date - _HISTORY_LENGTH,
                last_day=last_date,
                recheck=doubtful,
                after_entry_id=after_entry_id,
            )
            last_entry_id = int(texts["line"][0])
            for metric in missing:
                cells = texts.get(f"days:{metric}", ())
                self._histories[metric] = await run_in_worker(partial(_parse_history, until, last_entry_id, cells))
            for metric in doubtful:
                if late := texts.get(f"late:{metric}"):
                    update = partial(
                        _update_history,
                        self._histories[metric],
                        last_entry_id,
                        late,
                        texts.get(f"late days:{metric}", ()),
                    )
                    self._histories[metric] = await run_in_worker(update)
            self._verified_entry_ids |= dict.fromkeys(missing | doubtful, last_entry_id)
            self._doubtful -= set(metrics)
        return {metric: self._histories[metric] for metric in metrics}


def _parse_history(until: int, last_entry_id: int, texts: Collection[str]) -> MetricHistory:
    [employee_ids, dates, amounts] = json_aggregates.parse_columns(next(iter(texts))) if texts else [[], [], []]
    day, employee = parse_days(dates), np.array(employee_ids, dtype=np.int64)
    order = np.lexsort([employee, day])
    return MetricHistory(until, last_entry_id, day[order], employee[order], np.array(amounts, dtype=np.int64)[order])


def _update_history(
    history: MetricHistory, last_entry_id: int, late: Collection[str], texts: Collection[str]
) -> MetricHistory:
    """Return the history with some days replaced; the same object if nothing differs, which then keeps its model.

    late   the days, as one column;  texts  what they are now, as in `_parse_history`
    """
    late_days = parse_days(json_aggregates.parse_columns(next(iter(late)))[0])
    update = _parse_history(history.until, last_entry_id, texts)
    is_late = np.isin(history.day, late_days)
    columns = ("day", "employee", "amount")
    if all(np.array_equal(getattr(history, name)[is_late], getattr(update, name)) for name in columns):
        return history
    day, employee, amount = (
        np.concatenate([getattr(history, name)[~is_late], getattr(update, name)]) for name in columns
    )
    order = np.lexsort([employee, day])
    return MetricHistory(history.until, last_entry_id, day[order], employee[order], amount[order])
