"""What follows from a change has one place.

A resolver changes a row and hands over the facts before and after with a line for the
history. Here the difference is posted to the ledger, the totals follow, goals that it
moves are found (and announced when reached), and the news is noted: the same for a
deal, a call, a lead or a task, for a correction, a deletion, and for an import in batches.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Final

from domain.alerting import AlertKind
from domain.calendar import Calendar
from domain.periods import is_closed
from domain.records import Facts
from domain.scoring import Score, all_postings
from models import activities, goals, scores
from models.activities import ActivityKind, Bell
from models.goals import Goal, OwnerKind
from resolvers import alerting
from resolvers.context import Context

_MANY: Final = 100  # postings of one unit of work, beyond which everybody looks for himself


@dataclass(frozen=True)
class Line:
    """One line of the history: what happened, whose work it is, when; `data` for the sentence about it."""

    kind: ActivityKind
    subject: str  # the GraphQL type of the record
    subject_id: int
    employee_id: int | None
    at: datetime
    data: dict[str, Any] = field(default_factory=dict)
    client_id: int | None = None
    team_id: int | None = None


@dataclass(frozen=True)
class Changed:
    """A record as it stood and as it stands, the lines for the history, and what of it is still to be told."""

    subject: str
    subject_id: int
    before: Facts | None
    after: Facts | None
    lines: tuple[Line, ...] = ()
    was: Mapping[str, Any] = field(default_factory=dict)  # the columns of a record that was edited, before
    reasons: frozenset[AlertKind] | None = None  # of alerts about it that hold now; None where that has not changed


@dataclass(frozen=True)
class Ring:
    """A win that the office should hear of, or (`revoked`) its taking back."""

    deal_id: int
    employee_id: int
    team_id: int
    title: str
    amount: int
    currency: str
    at: datetime


async def record(context: Context, changes: Sequence[Changed], *, aloud: bool = True) -> list[Goal]:
    """Post what the changes make of the ledger and the history, and return the goals they moved.

    aloud  False for an import: goals count as announced without a line in the history, and nobody is alerted.
    """
    posted = await _post(context, changes)
    lines = [line for change in changes for line in change.lines]
    await write_lines(context, lines)
    await alerting.follow(context, changes, aloud=aloud)
    if any(change.subject == "Deal" for change in changes):
        context.announce("deals")
    if not posted:
        return []
    candidates = await _candidates(context, posted)
    touched = [each.goal for each in candidates]
    context.announce(*_moved(context, posted))
    known = {each.goal.id: each.reached for each in candidates}
    await touch(context, touched, aloud=aloud, known=known, told={each.goal.id for each in candidates if each.told})
    return touched


def _moved(context: Context, posted: Sequence[Score]) -> set[str]:
    """Return the topics of what moved: each metric's score of employees, their teams upwards and the company, by day."""
    keys = {(score.metric, score.employee, score.team, score.day) for score in posted}
    if len(keys) > _MANY:
        return {"*"}
    topics = set()
    for metric, employee, team, day in keys:
        topics.add(f"score:{metric}:employee:{employee}@{day}")
        topics.update(f"score:{metric}:team:{each}@{day}" for each in (0, *context.tree.above(team)))
    return topics


async def write_lines(context: Context, lines: Sequence[Line]) -> None:
    """Add lines to the history."""
    if not lines:
        return
    now = context.now()
    await activities.add(
        activities.Row(
            line.kind,
            line.employee_id,
            line.team_id,
            None if line.kind is ActivityKind.TASK_OVERDUE else context.viewer.id,  # time's doing
            line.at,
            now,
            line.subject,
            line.subject_id,
            line.client_id,
            line.data,
        )
        for line in lines
    )
    context.announce("activities")


async def touch(
    context: Context,
    touched: Sequence[Goal],
    *,
    aloud: bool = True,
    known: Mapping[int, int] | None = None,
    told: Collection[int] | None = None,
) -> None:
    """Note that these goals have moved, and announce those that were reached for the first time for their target.

    known  what some of them have reached, where that is at hand;  told  those that alerts stand about; None: not known
    """
    if not touched:
        return
    assert context.work is not None
    context.work.goals.update((goal.id, goal) for goal in touched)
    context.announce(*(f"goal:{goal.id}" for goal in touched))
    values = await _values(touched, known or {})
    context.reached.update((goal.id, value) for goal, value in zip(touched, values, strict=True))
    await alerting.goals_moved(context, list(zip(touched, values, strict=True)), told)
    reached = []
    for goal, value in zip(touched, values, strict=True):
        if value < goal.target or goal.target in goal.announced or goal.archived_at is not None:
            continue
        goal.announced = [*goal.announced, goal.target]
        await goal.save(update_fields=["announced"])
        reached.append(goal_line(context, goal, ActivityKind.GOAL_ACHIEVED))
    if aloud and reached:
        await write_lines(context, reached)
        await alerting.tell_of(context, [alerting.event(line, context.viewer.id) for line in reached])


def goal_line(context: Context, goal: Goal, kind: ActivityKind, **data: Any) -> Line:
    return Line(
        kind,
        "Goal",
        goal.id,
        goal.owner_id if goal.owner_kind is OwnerKind.EMPLOYEE else None,
        context.now(),
        {"title": goal.name, **data},
        team_id=None if goal.owner_kind is OwnerKind.EMPLOYEE else goal.owner_id,
    )


async def _post(context: Context, changes: Sequence[Changed]) -> list[Score]:
    """Post the differences; those that touch a closed day count, whole, on the day of recording."""
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
    """Which days are closed, each month looked up once."""

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


async def _values(touched: Sequence[Goal], known: Mapping[int, int]) -> list[int]:
    """Return what each goal has reached."""
    other = [goal for goal in touched if goal.id not in known]
    found = dict(zip((goal.id for goal in other), await scores.goal_values(other), strict=True))
    return [known[goal.id] if goal.id in known else found[goal.id] for goal in touched]


async def _candidates(context: Context, posted: Sequence[Score]) -> list[goals.Concerned]:
    """Return the goals that the postings have moved."""
    tree = context.tree
    teams = {up for team in {score.team for score in posted} for up in tree.above(team)}
    candidates = await goals.concerned(
        {score.metric for score in posted},
        {score.day for score in posted},
        {score.employee for score in posted},
        teams,
    )
    return [each for each in candidates if any(_moves(score, each.goal, tree.above(score.team)) for score in posted)]


def _moves(score: Score, goal: Goal, teams: Sequence[int]) -> bool:
    if score.metric != goal.metric or not goal.first_day <= score.day <= goal.last_day:
        return False
    if goal.owner_kind is OwnerKind.EMPLOYEE:
        return goal.owner_id == score.employee
    return goal.owner_kind is OwnerKind.COMPANY or goal.owner_id in teams


async def ring(context: Context, win: Ring, revoked: bool) -> None:
    """Ring the bell for a win; for one taken back, only when it rang within a day and still sounds."""
    now = context.now()
    first: int | None = None
    if revoked:
        last = await Bell.filter(deal_id=win.deal_id).order_by("-id").first()
        if last is None or last.revoked or (now - last.rung_at).total_seconds() > 86_400:
            return
        first = last.win_id or last.id
    await activities.ring(
        win_id=first,
        revoked=revoked,
        deal_id=win.deal_id,
        employee_id=win.employee_id,
        team_id=win.team_id,
        title=win.title,
        amount=win.amount,
        currency=win.currency,
        at=win.at,
        rung_at=now,
    )
    context.announce("wins")
