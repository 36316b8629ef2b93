"""Takes the postings of a change back, as if it had not been: they are deleted, and the totals reduced by them.

This is for a mistake of the last minutes only. Every other correction posts a difference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from domain.ledger.metrics import Score, compute_all_postings
from domain.ledger.record_facts import RecordFacts
from models.ledger import posting, withdrawal
from models.ledger.reconciliation import PostedSum
from models.ledger.scores import ScoreEntry
from models.organization.scopes import COMPANY_TEAM_ID
from resolvers.ledger.posting import RecordDifferences, post_differences
from resolvers.ledger.reconciliation import ledger_differences
from resolvers.request.context import RequestContext


@dataclass(frozen=True)
class RestoredRecord:
    """A record that is again as it was before a change.

    facts      those that hold again; None if it does not count
    is_newest  whether everything posted for it since the change follows from the change
    """

    source_kind: str
    source_id: int
    facts: RecordFacts | None
    is_newest: bool = False


async def withdraw_postings(
    context: RequestContext, records: Sequence[RestoredRecord], recorded_at: datetime
) -> list[Score]:
    """Delete what a change has posted for the records, so that their postings are their scores again.

    A record that another change has corrected since keeps its postings; then the difference is posted.

    recorded_at  when the change was recorded
    returns      all changes of the totals, those of deleted postings with the opposite amount
    """
    deleted_entries: list[ScoreEntry] = []
    differences: list[RecordDifferences] = []
    for record in records:
        entries = await withdrawal.fetch_entries(record.source_kind, record.source_id)
        withdrawn = _select_withdrawn(entries, record, recorded_at)
        if withdrawn is None:
            differences.append(await _compute_difference(context, entries, record))
        else:
            deleted_entries += withdrawn
    withdrawn_scores = [_opposite(entry) for entry in deleted_entries]
    if deleted_entries:
        await withdrawal.delete_entries(deleted_entries)
        await posting.add_to_totals(withdrawn_scores)
        await _delete_empty_totals(context, withdrawn_scores)
    return [*withdrawn_scores, *(row.score for row in await post_differences(context, differences))]


def _select_withdrawn(
    entries: Sequence[ScoreEntry], record: RestoredRecord, recorded_at: datetime
) -> list[ScoreEntry] | None:
    """Return the postings without which the others are the scores of the record; None if there are none such.

    They are those of the change, or for the newest change of a record also what was posted because of it later, as when
    another win of the client was dated back in between.
    """
    selections: list[Callable[[ScoreEntry], bool]] = [lambda entry: entry.recorded_at == recorded_at]
    if record.is_newest:
        selections.append(lambda entry: entry.recorded_at >= recorded_at)
    for is_withdrawn in selections:
        remaining = [entry for entry in entries if not is_withdrawn(entry)]
        if not [*ledger_differences(record.facts, _sum_entries(remaining))]:
            return [entry for entry in entries if is_withdrawn(entry)]
    return None


def _sum_entries(entries: Sequence[ScoreEntry]) -> list[PostedSum]:
    def key(entry: ScoreEntry) -> tuple[object, ...]:
        return entry.metric, entry.employee_id, entry.team_id, entry.effective_on

    sums = []
    for _, group in groupby(sorted(entries, key=key), key):
        rows = list(group)
        sums.append(
            PostedSum(
                rows[0].metric,
                rows[0].employee_id,
                rows[0].team_id,
                rows[0].effective_on,
                sum(entry.amount for entry in rows),
                rows[0].source_id,
                min(entry.effective_at or entry.recorded_at for entry in rows),
                any(entry.late for entry in rows),
                len(rows),
            )
        )
    return sums


async def _compute_difference(
    context: RequestContext, entries: Sequence[ScoreEntry], record: RestoredRecord
) -> RecordDifferences:
    sums, now, today = _sum_entries(entries), context.now(), await context.today()
    instants = {(row.metric, row.day): row.at for row in sums}
    instants |= {(score.metric, score.day): score.at for score in compute_all_postings(None, record.facts)}
    differences = [*ledger_differences(record.facts, sums)]
    scores = [
        Score(
            metric,
            employee_id,
            team_id,
            day or today,
            expected - actual,
            instants[metric, day] if day else now,
        )
        for (metric, employee_id, team_id, day), actual, expected in differences
    ]
    late_metrics = {metric for (metric, _, _, day), _, _ in differences if day is None}
    return RecordDifferences(record.source_kind, record.source_id, scores, late_metrics)


def _opposite(entry: ScoreEntry) -> Score:
    at = entry.effective_at or entry.recorded_at
    return Score(entry.metric, entry.employee_id, entry.team_id, entry.effective_on, -entry.amount, at)


async def _delete_empty_totals(context: RequestContext, scores: Sequence[Score]) -> None:
    for metric, employee_id, team_id, day in {
        (score.metric, score.employee_id, score.team_id, score.day): None for score in scores
    }:
        team_ids = {team_id, COMPANY_TEAM_ID, *context.tree.on(day).path_to_root(team_id)}
        await withdrawal.delete_empty_totals(metric, employee_id, team_id, day, team_ids)
