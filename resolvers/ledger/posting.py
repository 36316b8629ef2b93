"""Posts the differences of record changes to the score ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from domain.ledger.metrics import Score, all_postings
from domain.primitives.calendar import Calendar
from domain.primitives.periods import is_closed
from models.ledger import scores
from resolvers.activities.entries import Changed
from resolvers.request.context import Context


async def _post(context: Context, changes: Sequence[Changed]) -> list[Score]:
    """Post the score differences of the changes, and return the posted scores.

    A closed day must not change. If any score of a metric falls on a closed day, the whole difference of
    that metric (withdrawal and new score) is posted for today and marked as late.
    """
    company, today = await context.company(), await context.today()
    closed = _Closing(company.calendar, today, company.close_after_workdays)
    rows: list[tuple[Score, bool, str, int]] = []
    for change in changes:
        differences = all_postings(change.before, change.after)
        late_metrics = {score.metric for score in differences if closed.has(score.day)}
        for score in differences:
            late = score.metric in late_metrics
            rows.append((replace(score, day=today) if late else score, late, change.subject, change.subject_id))
    await scores.post(rows, context.now())
    return [score for score, *_ in rows]


class _Closing:
    """Closed months, for which postings are late; each month is computed once."""

    def __init__(self, calendar: Calendar, today: date, close_after: int | None) -> None:
        self.calendar, self.today, self.close_after = calendar, today, close_after
        self._months: dict[tuple[int, int], bool] = {}

    def has(self, day: date) -> bool:
        if self.close_after is None:
            return False
        month = (day.year, day.month)
        if month not in self._months:
            self._months[month] = is_closed(day, today=self.today, calendar=self.calendar, close_after=self.close_after)
        return self._months[month]
