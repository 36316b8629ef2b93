"""Backfill of a metric: posts the scores of records that were recorded before the metric was added.

A record posts only the difference that a change makes, so the ledger knows nothing of older records of a
new metric. The backfill compares the present score of every record with what is posted for it, as the
reconciliation does, and posts what is missing. What it finds equal it leaves alone, so it can be
interrupted, repeated and run beside servers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from domain.ledger.metrics import METRICS, Metric, Score
from domain.ledger.record_facts import (
    CallFacts,
    ClientFacts,
    ContactFacts,
    DealFacts,
    LeadFacts,
    Moment,
    RecordFacts,
    ResultFacts,
    TaskFacts,
    WorkFacts,
)
from models.crm import custom_metrics
from models.db import row_store
from models.ledger import reconciliation
from models.ledger.reconciliation import PostedSum
from resolvers.crm.change_effects import publish_posted_scores
from resolvers.ledger.posting import RecordDifferences, post_differences
from resolvers.ledger.reconciliation import SOURCE_MODELS, ledger_differences, pluralize
from resolvers.request.context import RequestContext

BATCH_SIZE: Final = 500  # ids of one unit of work, during which other writers wait
_SOURCE_KINDS: Final[dict[type[RecordFacts], str]] = {
    DealFacts: "Deal",
    LeadFacts: "Lead",
    ContactFacts: "Contact",
    ClientFacts: "Client",
    CallFacts: "Call",
    TaskFacts: "Task",
    ResultFacts: "Result",
    WorkFacts: "WorkDay",
}


class UnknownMetric(LookupError):
    """There is no metric with this key. The message names the nearest keys."""


@dataclass
class BackfillResult:
    """What a backfill has compared and posted so far."""

    metric: Metric
    record_noun: str
    records: int = 0
    postings: int = 0
    late: int = 0

    def __str__(self) -> str:
        if not self.records:
            return f"There are no {self.record_noun}s yet: nothing to count for {self.metric.key}."
        compared = f"Compared {pluralize(self.records, self.record_noun)} with what is posted for {self.metric.key}"
        if not self.postings:
            return f"{compared}: nothing was missing."
        late = f", {self.late:,} of them late, for days of closed months" if self.late else ""
        return f"{compared}: {self.postings:,} posted{late}."


async def find_metric(key: str) -> Metric:
    """Return the metric with this key, a company metric included. Raises UnknownMetric."""
    metrics = await custom_metrics.fetch_metrics()
    if key in metrics:
        return metrics[key]
    nearest_keys = get_close_matches(key, metrics)
    hint = f"did you mean {' or '.join(nearest_keys)}?" if nearest_keys else f"the metrics are {', '.join(metrics)}."
    raise UnknownMetric(f"There is no metric {key}: {hint}")


def is_company_metric(metric: Metric) -> bool:
    """Return whether the metric is one of the company's own, whose results are posted when they are recorded."""
    return metric.key not in METRICS


async def count_records(metric: Metric) -> int:
    """Return the number of records that the metric is computed from, deleted ones included."""
    return await row_store.count(SOURCE_MODELS[_source_kind_of(metric)])


def _source_kind_of(metric: Metric) -> str:
    assert metric.facts_type is not None
    return _SOURCE_KINDS[metric.facts_type]


async def backfill_metric(
    create_context: Callable[[], Awaitable[RequestContext]],
    metric: Metric,
    on_progress: Callable[[int], None] = lambda records: None,
    *,
    batch_size: int = BATCH_SIZE,
) -> BackfillResult:
    """Post, for every record of the metric, the difference between its present score and what is posted.

    create_context  creates the context of a batch, with permissions for the whole company
    on_progress     called after each batch, which is committed by then, with its number of records

    Goals that are reached by it count as announced, and nothing is alerted: the records are history.
    """
    kind = _source_kind_of(metric)
    result = BackfillResult(metric, "work day" if kind == "WorkDay" else kind.lower())
    async for first_id, last_id in reconciliation.id_windows(kind, SOURCE_MODELS[kind], window_ids=batch_size):
        context = await create_context()
        async with context.unit_of_work():  # under the lock of all writers: no record changes between read and posting
            records, differences = await _find_differences(context, metric, kind, first_id, last_id)
            postings = await post_differences(context, differences)
            await publish_posted_scores(context, [posting.score for posting in postings])
        result.records += records
        result.postings += len(postings)
        result.late += sum(posting.late for posting in postings)
        on_progress(records)
    return result


async def _find_differences(
    context: RequestContext, metric: Metric, kind: str, first_id: int, last_id: int
) -> tuple[int, list[RecordDifferences]]:
    """Return the number of records with ids in the range, and what is missing in the ledger of each that differs.

    What is missing is late, whatever its day, if anything of the metric was posted late for the record before.
    """
    rows: list[Any] = await row_store.fetch_range(SOURCE_MODELS[kind], first_id, last_id)
    sums_by_source: dict[int, list[PostedSum]] = defaultdict(list)
    for posted_sum in await reconciliation.posted_sums(kind, first_id, last_id, metric=metric.key):
        sums_by_source[posted_sum.source_id].append(posted_sum)
    facts, present = {row.id: row.facts() for row in rows}, Moment(await context.today(), context.now())
    differences = []
    for source_id in sorted(facts.keys() | sums_by_source.keys()):
        amounts = {
            key: expected - actual
            for key, actual, expected in ledger_differences(facts.get(source_id), sums_by_source[source_id])
            if key[0] == metric.key
        }
        instants = {posted_sum.day: posted_sum.at for posted_sum in sums_by_source[source_id]}
        if score := metric.score(facts.get(source_id)):
            instants[score.day] = score.at
        scores = [
            Score(metric.key, employee_id, team_id, day or present.day, amount, instants[day] if day else present.at)
            for (_, employee_id, team_id, day), amount in amounts.items()
        ]
        late_metrics = {metric.key} if any(day is None for *_, day in amounts) else ()
        differences.append(RecordDifferences(kind, source_id, scores, late_metrics))
    return len(rows), differences
