"""Dry run of an alert rule over past events (`testAlertRule`).

The history is replayed as if every record had been made when it happened, and judged by the same
functions as live events. The dry run and the alerts really raised are compared by tests.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Final

from domain.alerts import rules
from domain.alerts.rules import AlertCandidate, AlertDeduplicator, AlertKind, Event, Rule
from domain.errors.operation_errors import ForbiddenOperation as OperationForbidden
from domain.errors.user_errors import Forbidden, OutOfRange
from domain.goals.progress import Progress, calculate_progress, pace_check_time
from domain.goals.work_schedule import WorkSchedule
from domain.i18n.alert_messages import format_alert
from domain.ledger.record_facts import LeadStatus
from domain.permissions import SELLING_ROLES
from domain.primitives.calendar import Calendar
from domain.primitives.json_values import JsonValue
from domain.primitives.periods import Period
from domain.primitives.working_time import WorkingTime
from models.crm import activities, leads
from models.crm.deals import Deal
from models.db import row_store
from models.goals import goals
from models.goals.goals import Goal, GoalChange
from models.ledger import scores
from models.organization import memberships
from models.organization.people import TeamTree
from resolvers.alerts import rules as alert_rules
from resolvers.alerts.candidates import build_candidates, deal_activity_data, is_existing_open_deal, load_employees
from resolvers.alerts.goal_events import build_goal_behind_event
from resolvers.alerts.inbox import get_viewer_language
from resolvers.alerts.inputs import RuleInput
from resolvers.request.context import RequestContext
from resolvers.request.goal_progress import has_owner_on, owner_working_time, slice_goal

_MAX_DAYS: Final = 3700
_MAX_EXAMPLES: Final = 5
_LONGEST_BREAK: Final = timedelta(days=30)  # without a working day
_CLOSING_KINDS: Final = frozenset({"DEAL_WON", "DEAL_LOST", "DEAL_DELETED"})


@dataclass(frozen=True)
class DryRunResult:
    alerts: int
    per_day: float
    examples: list[str]


async def dry_run_rule(context: RequestContext, input: RuleInput, days: int) -> DryRunResult:
    """Return how many alerts the rule would have raised over the past `days`, with the newest as examples.

    Raises OutOfRange for invalid days, and an operation error if the viewer may not manage rules.
    """
    if not 1 <= days <= _MAX_DAYS:
        raise OutOfRange("Give a number from {least} to {most}.", "days", least=1, most=_MAX_DAYS)
    try:
        rule = alert_rules.to_rule(await alert_rules.build_rule(context, input), context.tree)
    except Forbidden as error:
        raise OperationForbidden(error.message) from error
    now = context.now()
    start = now - timedelta(days=days)
    events = await _find_events(context, rule, start - (rule.cool_down or timedelta()), now)
    deduplicator, raised = AlertDeduplicator(), []
    employees = await load_employees(event.employee_id for event in events)
    for candidate in await build_candidates(context, events, employees):
        if rules.matches(rule, candidate) and deduplicator.register(rule, candidate) and start < candidate.at <= now:
            raised.append(candidate)
        deduplicator.resolve(candidate.subject)  # the next event implies that the reason had gone in between
    newest = sorted(raised, key=lambda candidate: candidate.at, reverse=True)[:_MAX_EXAMPLES]
    return DryRunResult(
        len(raised), len(raised) / days, [_format_candidate(context, candidate) for candidate in newest]
    )


def _format_candidate(context: RequestContext, candidate: AlertCandidate) -> str:
    return format_alert(candidate.kind, candidate.data, get_viewer_language(context))


async def _find_events(context: RequestContext, rule: Rule, start: datetime, now: datetime) -> Sequence[Event]:
    """Return the events since `start` that may match the rule, in order of time."""
    calendar = await context.calendar()
    match rule.kind:
        case AlertKind.DEAL_STALLED:
            events = await _find_stalled_deals(rule, calendar, start, now)
        case AlertKind.NO_ACTIVITY:
            events = await _find_inactive_employees(rule, await context.work_schedule(), start, now)
        case AlertKind.GOAL_BEHIND:
            events = await _find_goals_behind(context, rule, start, now)
        case AlertKind.LEAD_UNTOUCHED:
            events = await _find_untouched_leads(rule, calendar, start, now)
        case kind:
            names = rules.ALERT_DEFINITIONS[kind].events
            events = [event async for event in activities.stream_events(start, now, names)] if names else []
            events = await _add_goal_owners(events)
    return sorted(events, key=lambda event: event.at)


async def _add_goal_owners(events: Sequence[Event]) -> list[Event]:
    """Return the events with the owners of the goals that they are about, which are read in one statement."""
    goal_ids = sorted({event.subject[1] for event in events if event.subject[0] == "Goal"})
    owners = {("Goal", row.id): (row.owner_kind, row.owner_id) for row in await goals.by_ids(goal_ids) if row}
    return [replace(event, goal_owner=owners.get(event.subject)) for event in events]


async def _find_stalled_deals(rule: Rule, calendar: Calendar, start: datetime, now: datetime) -> list[Event]:
    """Return the events of open deals that became stalled.

    Activities are read from `rule.days` before `start`: an earlier inactivity had reached its deadline before.
    """
    replay = _DealReplay(rule, calendar)
    async for event in activities.stream_events(start - timedelta(days=rule.days or 0), now):
        for kind, deal_id in rules.subjects_of(event):
            if kind == "Deal":
                replay.apply(deal_id, event)
    for deal_id in list(replay.since):
        replay.end_inactivity(deal_id, now)
    rows = {row.id: row for row in await row_store.fetch(Deal, [deal_id for deal_id, *_ in replay.stalled])}
    events = []
    for deal_id, at, last_snapshot in replay.stalled:
        snapshot = last_snapshot or replay.first_snapshot.get(deal_id)
        if deal_id not in replay.first_snapshot and is_existing_open_deal(
            rows[deal_id]
        ):  # only calls and tasks refer to it in the time read
            snapshot = rows[deal_id].owner_id, deal_activity_data(rows[deal_id])
        if snapshot is not None:
            owner_id, data = snapshot
            events.append(Event("DEAL_STALLED", ("Deal", deal_id), at, owner_id, data={**data, "days": rule.days}))
    return events


_DealSnapshot = tuple[int, Mapping[str, JsonValue]]  # (owner id, activity data) of a deal at the time of an activity


class _DealReplay:
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
        self.last_snapshot: dict[int, _DealSnapshot] = {}
        self.first_snapshot: dict[int, _DealSnapshot | None] = {}
        self.closed: set[int] = set()
        self.stalled: list[tuple[int, datetime, _DealSnapshot | None]] = []

    def apply(self, deal_id: int, event: Event) -> None:
        self.end_inactivity(deal_id, event.at)
        if event.subject == ("Deal", deal_id) and event.employee_id is not None:
            self.last_snapshot[deal_id] = event.employee_id, event.data
            is_closed = event.kind in _CLOSING_KINDS or event.data.get("status", "OPEN") != "OPEN"
            was_open = event.kind in _CLOSING_KINDS or not is_closed
            self.first_snapshot.setdefault(deal_id, self.last_snapshot[deal_id] if was_open else None)
            (self.closed.add if is_closed else self.closed.discard)(deal_id)
        if deal_id in self.closed:
            self.since.pop(deal_id, None)
        else:
            self.since[deal_id] = max(event.at, self.since.get(deal_id, event.at))

    def end_inactivity(self, deal_id: int, until: datetime) -> None:
        if (
            deal_id in self.since
            and (deadline := rules.inactivity_deadline(self.rule, self.since[deal_id], self.calendar)) < until
        ):
            self.stalled.append((deal_id, deadline, self.last_snapshot.get(deal_id)))


async def _find_untouched_leads(rule: Rule, calendar: Calendar, start: datetime, now: datetime) -> list[Event]:
    """Return the events of leads that were not touched in time; when work on a lead began may be unknown."""
    events = []
    for lead in await leads.fetch_created_since(start - _LONGEST_BREAK - timedelta(days=rule.hours or 0)):
        untouched_until = lead.touched_at or lead.deleted_at or (now if lead.status is LeadStatus.NEW else None)
        deadline = rules.inactivity_deadline(rule, lead.created_at, calendar)
        if untouched_until is not None and start <= deadline < untouched_until:
            data = {"title": lead.title, "hours": rule.hours}
            events.append(Event("LEAD_UNTOUCHED", ("Lead", lead.id), deadline, lead.owner_id, data=data))
    return events


async def _find_inactive_employees(rule: Rule, schedule: WorkSchedule, start: datetime, now: datetime) -> list[Event]:
    """Return the events of employees that became inactive for too long during an active membership."""
    # calendar days that surely contain `days` working days of each employee
    lead_time = timedelta(days=3 * (rule.days or 0) + 30 + schedule.most_absent_days())
    covered = [
        membership
        for membership in await memberships.load_active()
        if (
            membership.employee_id == rule.employee_id
            if rule.employee_id
            else membership.employee.role in SELLING_ROLES
        )
    ]
    activity_times: dict[int, list[datetime]] = defaultdict(list)
    async for event in activities.stream_events(start - lead_time, now):
        for kind, employee_id in rules.subjects_of(event):
            if kind == "Employee":
                activity_times[employee_id].append(event.at)
    events = []
    for membership in covered:
        end = min(membership.until or now, now)
        is_absent = partial(schedule.is_absent, membership.employee_id)
        active_at = [
            active_time
            for active_time in activity_times[membership.employee_id]
            if membership.since <= active_time < end
        ]
        for since, until in zip([membership.since, *active_at], [*active_at, end], strict=True):
            deadline = rules.inactivity_deadline(rule, since, schedule.calendar, is_absent)
            if start <= deadline < until:
                member_id = membership.employee_id
                events.append(
                    Event("NO_ACTIVITY", ("Employee", member_id), deadline, member_id, data={"days": rule.days})
                )
    return events


async def _find_goals_behind(context: RequestContext, rule: Rule, start: datetime, now: datetime) -> list[Event]:
    """Return the events of goals that were behind when they were checked, having been on pace before."""
    schedule = await context.work_schedule()
    first, last = schedule.calendar.day_of(start), schedule.calendar.day_of(now)
    rows = await goals.fetch_overlapping(first, last)
    changes = dict(zip([row.id for row in rows], await goals.change_histories([row.id for row in rows]), strict=True))
    events = []
    for goal in rows:
        replay = _GoalReplay(goal, await _load_postings(context, goal), changes[goal.id], schedule, context.tree)
        events += replay.find_falls_behind(rule, min(goal.last_day, last), min(goal.archived_at or now, now))
    return [event for event in events if event.at >= start]


async def _load_postings(context: RequestContext, goal: Goal) -> list[tuple[datetime, int]]:
    return await scores.postings(
        metric=goal.metric,
        first_day=goal.first_day,
        last_day=goal.last_day,
        employee_id=goal.scope.employee_id,
        team_spans=goal.scope.team_spans(context.tree, goal.first_day, goal.last_day),
    )


class _GoalReplay:
    """Replays the postings and target changes of a goal from its first day.

    postings  (time, amount) in order; `changes` of the goal, the newest first
    pending   (time, amount, new target or None) of what is not applied yet, in order
    """

    def __init__(
        self,
        goal: Goal,
        postings: Sequence[tuple[datetime, int]],
        changes: Sequence[GoalChange],
        schedule: WorkSchedule,
        tree: TeamTree,
    ) -> None:
        target_changes = [
            (change.at, int(change.before), int(change.after))
            for change in reversed(changes)
            if change.field == "target" and change.before is not None and change.after is not None
        ]
        self.goal, self.value, self.work_schedule, self.tree = goal, 0, schedule, tree
        self.target = target_changes[0][1] if target_changes else goal.target
        self.pending = sorted(
            [
                *((at, amount, None) for at, amount in postings),
                *((at, 0, target) for at, _, target in target_changes),
            ],
            key=lambda move: move[0],
        )

    def find_falls_behind(self, rule: Rule, last: date, until: datetime) -> list[Event]:
        events, was_behind = [], False
        day = self.goal.first_day
        while day <= last and (at := pace_check_time(self.goal.period, day, self.work_schedule.calendar)) < until:
            was_behind = self._stays_behind(rule, at, was_behind)
            goal_progress = self._progress_at(at)
            is_due = self.goal.created_at < at and has_owner_on(self.work_schedule, self.goal, day)
            is_behind = is_due and rules.is_behind(goal_progress, rule.percent)
            if is_behind and not was_behind:
                events.append(build_goal_behind_event(self.goal, goal_progress, rule, at))
            was_behind, day = is_behind, day + timedelta(days=1)
        return events

    def _stays_behind(self, rule: Rule, until: datetime, is_behind: bool) -> bool:
        """Apply what was recorded before `until`; return whether the goal was behind and stayed so all the time."""
        while self.pending and self.pending[0][0] < until:
            at, amount, target = self.pending.pop(0)
            self.value += amount
            self.target = self.target if target is None else target
            is_behind = is_behind and rules.is_behind(self._progress_at(at), rule.percent)
        return is_behind

    def _progress_at(self, at: datetime) -> Progress:
        goal, calendar = self.goal, self.work_schedule.calendar

        def time_in(goal: Goal, period: Period) -> WorkingTime:
            return owner_working_time(self.work_schedule, self.tree, goal.scope, period, at)

        return calculate_progress(
            self.value,
            self.target,
            goal.period,
            time_in(goal, goal.period),
            today=calendar.day_of(at),
            slices=slice_goal(goal, self.target, calendar, time_in),
        )
