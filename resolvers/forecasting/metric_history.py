"""Daily history of metrics: cached, read together, and refreshed when entries of past days are posted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any, Final

import numpy as np

from domain.forecasting.arrays import Ints
from models.db import json_aggregates
from models.forecasting.deal_columns import days
from models.ledger import scores

_PAST: Final = timedelta(days=400)  # length of the history that is used


@dataclass(frozen=True, eq=False)
class MetricPast:
    """Daily totals above zero of one metric by employee, sorted by day; shape (N,) each.

    until          ordinal of the last day
    last_entry_id  id of the last ledger entry when the history was read; identifies the version
    """

    until: int
    line: int
    day: Ints
    employee: Ints
    amount: Ints


class MetricPasts:
    """Cache of metric histories; not safe for concurrent calls."""

    def __init__(self) -> None:
        self._kept: dict[str, MetricPast] = {}
        self._checked: dict[str, int] = {}  # id of the last ledger entry when the history was last verified
        self._doubted = set[str]()

    def doubt(self, moved: Collection[str]) -> None:
        """Mark the histories of metrics that these change log topics name as possibly outdated."""
        names = {topic.split(":")[1] for topic in moved if topic.startswith("score:")}
        self._doubted |= self._kept.keys() if "*" in moved else names & self._kept.keys()

    async def up_to(
        self, until: int, metrics: Collection[str], in_thread: Callable[[Callable[[], Any]], Awaitable[Any]]
    ) -> Mapping[str, MetricPast]:
        """Return the histories of the metrics up to the end of day `until`.

        Missing ones are read. Doubtful ones are checked in the same statement, and read again only if an entry of a
        past day has been posted since: an entry of today is no reason to fit the model again.
        """
        missing = {metric for metric in metrics if metric not in self._kept or self._kept[metric].until != until}
        doubted = (set(metrics) & self._doubted) - missing
        if missing or doubted:
            after = min((self._checked[metric] for metric in doubted), default=0)
            last = date.fromordinal(until)
            texts = await scores.gathered_days(missing, first=last - _PAST, last=last, doubted=doubted, after=after)
            line = int(texts["line"][0])
            for metric in missing | {each for each in doubted if self._is_late(each, texts)}:
                self._kept[metric] = await in_thread(partial(_past, until, line, texts.get(f"days:{metric}", ())))
            self._checked |= dict.fromkeys(missing | doubted, line)
            self._doubted -= set(metrics)
        return {metric: self._kept[metric] for metric in metrics}

    def _is_late(self, metric: str, texts: json_aggregates.Texts) -> bool:
        return any(int(line) > self._checked[metric] for line in texts.get(f"late:{metric}", ()))


def _past(until: int, line: int, texts: Collection[str]) -> MetricPast:
    [employees, on, amounts] = json_aggregates.columns(next(iter(texts))) if texts else [[], [], []]
    day, employee = days(on), np.array(employees, dtype=np.int64)
    order = np.lexsort([employee, day])
    return MetricPast(until, line, day[order], employee[order], np.array(amounts, dtype=np.int64)[order])
