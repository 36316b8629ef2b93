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
    last_entry_id  id of the last ledger entry when the history was read; identifies the version
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

        Missing ones are read. Doubtful ones are checked in the same statement, and read again only if an entry of a
        past day has been posted since: an entry of today is no reason to fit the model again.
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
            for metric in missing | {metric_ for metric_ in doubtful if self._is_late(metric_, texts)}:
                self._histories[metric] = await run_in_worker(
                    partial(_parse_history, until, last_entry_id, texts.get(f"days:{metric}", ()))
                )
            self._verified_entry_ids |= dict.fromkeys(missing | doubtful, last_entry_id)
            self._doubtful -= set(metrics)
        return {metric: self._histories[metric] for metric in metrics}

    def _is_late(self, metric: str, texts: json_aggregates.JsonChunks) -> bool:
        return any(int(entry_id) > self._verified_entry_ids[metric] for entry_id in texts.get(f"late:{metric}", ()))


def _parse_history(until: int, last_entry_id: int, texts: Collection[str]) -> MetricHistory:
    [employee_ids, dates, amounts] = json_aggregates.parse_columns(next(iter(texts))) if texts else [[], [], []]
    day, employee = parse_days(dates), np.array(employee_ids, dtype=np.int64)
    order = np.lexsort([employee, day])
    return MetricHistory(until, last_entry_id, day[order], employee[order], np.array(amounts, dtype=np.int64)[order])
