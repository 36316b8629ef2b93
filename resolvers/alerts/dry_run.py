"""Dry run of an alert rule over past events (`testAlertRule`).

The history is replayed as if every record had been made when it happened, and judged by the same
functions as live events. The dry run and the alerts really raised are compared by tests.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from domain.alerts import rules
from domain.alerts.rules import AlertKind, Case, Event, Memory, Rule
from domain.errors.operation_errors import Forbidden as Refused
from domain.errors.user_errors import Forbidden, OutOfRange
from domain.goals.progress import progress
from domain.i18n.alert_messages import message
from domain.permissions import Role
from domain.primitives.calendar import Calendar
from models.crm import activities
from models.crm.deals import Deal
from models.goals import goals
from models.goals.goals import Goal, OwnerKind
from models.ledger import scores
from models.organization.people import Membership
from resolvers.alerts import rules as alert_rules
from resolvers.alerts.candidates import cases_of, is_open, staff, stood
from resolvers.alerts.goal_events import figures
from resolvers.alerts.inbox import language
from resolvers.request.context import Context

_MOST_DAYS: Final = 3700
_SHOWN: Final = 5
_LINES: Final[Mapping[AlertKind, tuple[str, ...]]] = {
    AlertKind.DEAL_LOST: ("DEAL_LOST",),
    AlertKind.DEAL_HAS_PROBLEMS: ("DEAL_FLAGGED",),
    AlertKind.TASK_OVERDUE: ("TASK_OVERDUE",),
    AlertKind.ASSIGNMENT_OVERDUE: ("TASK_OVERDUE",),
    AlertKind.GOAL_ACHIEVED: ("GOAL_ACHIEVED",),
}
_ENDS: Final = frozenset({"DEAL_WON", "DEAL_LOST", "DEAL_DELETED"})


@dataclass(frozen=True)
class Rehearsed:
    alerts: int
    per_day: float
    examples: list[str]


async def rehearse(context: Context, given: Mapping[str, Any], days: int) -> Rehearsed:
    """Return how many alerts the rule would have raised over the past `days`, with the newest as examples.

    Raises OutOfRange for invalid days, and an operation error if the viewer may not manage rules.
    """
    if not 1 <= days <= _MOST_DAYS:
        raise OutOfRange(f"Give a number from 1 to {_MOST_DAYS}.", "days")
    try:
        rule = alert_rules.as_rule(await alert_rules.draft(context, given), context.tree)
    except Forbidden as refusal:
        raise Refused(refusal.message) from refusal
    now = context.now()
    start = now - timedelta(days=days)
    events = await _events(context, rule, start - (rule.cool_down or timedelta()), now)
    memory, told = Memory(), []
    known = await staff(event.employee for event in events)
    for case in await cases_of(context, events, known):
        if rules.concerns(rule, case) and memory.opens(rule, case) and start < case.at <= now:
            told.append(case)
        memory.resolve(case.subject)  # the next event implies that the reason had gone in between
    newest = sorted(told, key=lambda case: case.at, reverse=True)[:_SHOWN]
    return Rehearsed(len(told), len(told) / days, [_said(context, case) for case in newest])


def _said(context: Context, case: Case) -> str:
    return message(case.kind, case.data, language(context))


async def _events(context: Context, rule: Rule, start: datetime, now: datetime) -> Sequence[Event]:
    """Return the events since `start` that may match the rule, in order of time."""
    calendar = await context.calendar()
    match rule.kind:
        case AlertKind.DEAL_STALLED:
            found = await _stalled(rule, calendar, start, now)
        case AlertKind.NO_ACTIVITY:
            found = await _silent(rule, calendar, start, now)
        case AlertKind.GOAL_BEHIND:
            found = await _behind(context, rule, calendar, start, now)
        case kind:
            found = [event async for event in activities.events(start, now, _LINES[kind])]
    return sorted(found, key=lambda event: event.at)


async def _stalled(rule: Rule, calendar: Calendar, start: datetime, now: datetime) -> list[Event]:
    """Return the events of open deals that became stalled.

    Activities are read from `rule.days` before `start`: an earlier inactivity had reached its deadline before.
    """
    deals = _Deals(rule, calendar)
    async for event in activities.events(start - timedelta(days=rule.days or 0), now):
        for kind, deal in rules.heard_of(event):
            if kind == "Deal":
                deals.heard(deal, event)
    for deal in list(deals.since):
        deals.broken(deal, now)
    rows = {row.id: row for row in await Deal.filter(id__in=[deal for deal, *_ in deals.found])}
    found = []
    for deal, at, how in deals.found:
        first = how or deals.first.get(deal)
        if deal not in deals.first and is_open(rows[deal]):  # only calls and tasks refer to it in the time read
            first = rows[deal].owner_id, stood(rows[deal])
        if first is not None:
            owner, data = first
            found.append(Event("DEAL_STALLED", ("Deal", deal), at, owner, data={**data, "days": rule.days}))
    return found


_Stood = tuple[int, Mapping[str, Any]]  # (owner id, activity data) of a deal at the time of an activity


class _Deals:
    """Replays activities of deals to find the inactivity that lasted too long.

    since           when the inactivity of each open deal began
    last_snapshot   the latest known state of each deal
    first_snapshot  the earliest one; None if the deal was closed before
    closed          the deals that are closed at the current point
    stalled         (deal, deadline, the latest state by then) of each inactivity that lasted too long
    """

    def __init__(self, rule: Rule, calendar: Calendar) -> None:
        self.rule, self.calendar = rule, calendar
        self.since: dict[int, datetime] = {}
        self.last: dict[int, _Stood] = {}
        self.first: dict[int, _Stood | None] = {}
        self.closed: set[int] = set()
        self.found: list[tuple[int, datetime, _Stood | None]] = []

    def heard(self, deal: int, event: Event) -> None:
        self.broken(deal, event.at)
        if event.subject == ("Deal", deal) and event.employee is not None:
            self.last[deal] = event.employee, event.data
            ended = event.kind in _ENDS or event.data.get("status", "OPEN") != "OPEN"
            was_open = event.kind in _ENDS or not ended
            self.first.setdefault(deal, self.last[deal] if was_open else None)
            (self.closed.add if ended else self.closed.discard)(deal)
        if deal in self.closed:
            self.since.pop(deal, None)
        else:
            self.since[deal] = max(event.at, self.since.get(deal, event.at))

    def broken(self, deal: int, until: datetime) -> None:
        if deal in self.since and (at := rules.too_long(self.rule, self.since[deal], self.calendar)) < until:
            self.found.append((deal, at, self.last.get(deal)))


async def _silent(rule: Rule, calendar: Calendar, start: datetime, now: datetime) -> list[Event]:
    """Return the events of employees that became inactive for too long during an active membership."""
    lead = timedelta(days=3 * (rule.days or 0) + 30)  # calendar days that surely contain `days` working days
    stays = await Membership.filter(active=True).select_related("employee").order_by("since", "id")
    concerned = [
        stay
        for stay in stays
        if (stay.employee_id == rule.employee if rule.employee else stay.employee.role is Role.EMPLOYEE)
    ]
    moments: dict[int, list[datetime]] = defaultdict(list)
    async for event in activities.events(start - lead, now):
        for kind, employee in rules.heard_of(event):
            if kind == "Employee":
                moments[employee].append(event.at)
    found = []
    for stay in concerned:
        end = min(stay.until or now, now)
        heard = [at for at in moments[stay.employee_id] if stay.since <= at < end]
        for since, until in zip([stay.since, *heard], [*heard, end], strict=True):
            if (at := rules.too_long(rule, since, calendar)) < until and at >= start:
                number = stay.employee_id
                found.append(Event("NO_ACTIVITY", ("Employee", number), at, number, data={"days": rule.days}))
    return found


async def _behind(context: Context, rule: Rule, calendar: Calendar, start: datetime, now: datetime) -> list[Event]:
    """Return the events of goals that were behind at the start of a day, having been on pace before."""
    first, last = calendar.day_of(start), calendar.day_of(now)
    rows = await goals.overlapping(first, last)
    changes = dict(zip([row.id for row in rows], await goals.changes_of([row.id for row in rows]), strict=True))
    found = []
    for goal in rows:
        moves = _Moves(goal, await _posted(context, goal), changes[goal.id])
        found += moves.fallen(rule, calendar, min(goal.last_day, last), goal.archived_at or now)
    return [event for event in found if event.at >= start]


async def _posted(context: Context, goal: Goal) -> list[tuple[datetime, int]]:
    return await scores.posted(
        metric=goal.metric,
        first=goal.first_day,
        last=goal.last_day,
        employee=goal.owner_id if goal.owner_kind is OwnerKind.EMPLOYEE else None,
        teams=context.tree.below(goal.owner_id) if goal.owner_kind is OwnerKind.TEAM else None,
    )


class _Moves:
    """Replays the postings and target changes of a goal from its first day.

    postings  (time, amount) in order; `changes` of the goal, the newest first
    pending   (time, amount, new target or None) of what is not applied yet, in order
    """

    def __init__(self, goal: Goal, posted: Sequence[tuple[datetime, int]], changes: Sequence[Any]) -> None:
        targets = [change for change in reversed(changes) if change.field == "target"]
        self.goal, self.value = goal, 0
        self.target = int(targets[0].before) if targets else goal.target
        self.left = sorted(
            [(at, amount, None) for at, amount in posted] + [(change.at, 0, int(change.after)) for change in targets],
            key=lambda move: move[0],
        )

    def fallen(self, rule: Rule, calendar: Calendar, last: date, until: datetime) -> list[Event]:
        found, stands = [], False
        day = self.goal.first_day
        while day <= last and calendar.start_of(day) < until:
            midnight = calendar.start_of(day)
            stands = self._moved(rule, calendar, midnight, stands)
            sums = progress(self.value, self.target, self.goal.period, today=day, calendar=calendar)
            behind = rules.is_behind(sums, rule.percent) and self.goal.created_at < midnight
            if behind and not stands:
                found.append(figures(self.goal, sums, rule, midnight))
            stands, day = behind, day + timedelta(days=1)
        return found

    def _moved(self, rule: Rule, calendar: Calendar, until: datetime, stands: bool) -> bool:
        """Apply what was recorded before `until`; return whether the goal was behind and stayed so all the time."""
        while self.left and self.left[0][0] < until:
            at, amount, target = self.left.pop(0)
            self.value += amount
            self.target = self.target if target is None else target
            today = calendar.day_of(at)
            sums = progress(self.value, self.target, self.goal.period, today=today, calendar=calendar)
            stands = stands and rules.is_behind(sums, rule.percent)
        return stands
