"""Posts the differences of record changes to the score ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from domain.ledger.metrics import Score, compute_all_postings
from domain.primitives.calendar import Calendar
from domain.primitives.periods import is_month_closed
from models.ledger import scores
from resolvers.activities.entries import RecordChange
from resolvers.request.context import Context


async def post_score_differences(context: Context, changes: Sequence[RecordChange]) -> list[Score]:
    """Post the score differences of the changes, and return the posted scores.

    A closed day must not change. If any score of a metric falls on a closed day, the whole difference of
    that metric (withdrawal and new score) is posted for today and marked as late.
    """
    company, today = await context.company(), await context.today()
    closed_periods = ClosedPeriods(company.calendar, today, company.close_after_workdays)
    rows: list[tuple[Score, bool, str, int]] = []
    for change in changes:
        differences = compute_all_postings(change.before, change.after)
        late_metrics = {score.metric for score in differences if closed_periods.contains(score.day)}
        for score in differences:
            is_late = score.metric in late_metrics
            rows.append(
                (replace(score, day=today) if is_late else score, is_late, change.subject_kind, change.subject_id)
            )
    await scores.post(rows, context.now())
    return [score for score, *_ in rows]


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
