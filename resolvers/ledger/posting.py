"""Posts the differences of record changes to the score ledger."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from domain.ledger.metrics import Score
from domain.primitives.calendar import Calendar
from domain.primitives.periods import is_month_closed
from models.ledger import posting
from models.ledger.posting import Posting
from models.organization.people import TeamTree
from resolvers.request.context import RequestContext


@dataclass(frozen=True)
class RecordDifferences:
    """The scores to post for one record; those of a metric in `late_metrics` are late whatever their day."""

    source_kind: str
    source_id: int
    scores: Sequence[Score]
    late_metrics: Collection[str] = ()


async def post_differences(
    context: RequestContext, differences: Sequence[RecordDifferences], tree: TeamTree | None = None
) -> list[Posting]:
    """Post the differences and return the postings.

    tree  the teams as they stand, read under the write lock; None: they are read

    A closed day must not change. If any score of a metric falls on a closed day, the whole difference of
    that metric (withdrawal and new score) is posted for the present moment and marked as late.
    """
    company, today = await context.company(), await context.today()
    closed_periods = ClosedPeriods(company.calendar, today, company.close_after_workdays)
    postings: list[Posting] = []
    for record in differences:
        late_metrics = {*record.late_metrics}
        if closed_periods.close_after is not None:
            late_metrics.update(score.metric for score in record.scores if closed_periods.contains(score.day))
        for score in record.scores:
            is_late = score.metric in late_metrics
            posted_score = score._replace(day=today, at=context.now()) if is_late else score
            postings.append(Posting(posted_score, is_late, record.source_kind, record.source_id))
    if (unit_of_work := context.open_unit_of_work).is_group:
        for line in postings:
            unit_of_work.scores_by_record.setdefault((line.source_kind, line.source_id), []).append(line.score)
    await posting.post(postings, context.now(), tree)
    return postings


class ClosedPeriods:
    """Closed months, for which postings are late; each month is computed once."""

    def __init__(self, calendar: Calendar, today: date, close_after: int | None) -> None:
        self.calendar, self.today, self.close_after = calendar, today, close_after
        self._months: dict[tuple[int, int], bool] = {}

    def contains(self, day: date) -> bool:
        if self.close_after is None:
            return False
        month = (day.year, day.month)
        if month not in self._months:
            self._months[month] = is_month_closed(
                day, today=self.today, calendar=self.calendar, close_after_workdays=self.close_after
            )
        return self._months[month]
