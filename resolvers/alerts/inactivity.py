"""Detects inactive deals and employees, and untouched leads.

Scheduled jobs find them within a minute. An inactivity that ends before a job runs is found by the
change that ends it, so the alerts that are raised do not depend on when the jobs run.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from domain.alerts import rules as alert_rules
from domain.alerts.rules import INACTIVITY_KINDS, AlertCandidate, AlertKind, Event, Subject
from domain.permissions import SELLING_ROLES, Role
from domain.primitives.json_values import JsonObject
from models.alerts import alerts, inactivity
from models.alerts.inactivity import MIN_INACTIVITY, InactivityTimer
from models.crm.deals import Deal
from models.crm.leads import Lead
from models.db import row_store
from models.edits.edit_rows import AlertsBefore
from resolvers.alerts.candidates import build_candidates, deal_activity_data
from resolvers.alerts.rules import ActiveRule, active_rules
from resolvers.request.context import RequestContext

_NO_ROWS: Final[Mapping[Subject, Deal | Lead]] = {}


@dataclass(frozen=True)
class _WatchedRecords:
    """Records that have inactivity timers: their type, the columns an alert shows, and its data."""

    subject_kind: str
    model: type[Any]
    columns: tuple[str, ...]
    alert_data: Callable[[Any], JsonObject]


_WATCHED_RECORDS: Final = {
    AlertKind.DEAL_STALLED: _WatchedRecords(
        "Deal", Deal, ("title", "amount", "currency", "owner_id"), deal_activity_data
    ),
    AlertKind.LEAD_UNTOUCHED: _WatchedRecords("Lead", Lead, ("title", "owner_id"), lambda lead: {"title": lead.title}),
}


async def find_ended_inactivity(
    context: RequestContext,
    subjects: Collection[Subject],
    previous_rows: Mapping[Subject, Deal | Lead],
    alerts_before: AlertsBefore | None = None,
) -> list[tuple[ActiveRule, AlertCandidate]]:
    """Return the inactivity of these subjects that had become too long by now, as (rule, candidate) pairs.

    Called when new activity ends the inactivity, before the timers are updated.

    previous_rows  records that are being edited, as they were before
    alerts_before  what the edit has read; None: nothing
    """
    now = context.now()
    if alerts_before is not None and alerts_before.covers(subjects):
        timers = {subject: alerts_before.timers[subject] for subject in subjects if subject in alerts_before.timers}
    else:
        timers = await inactivity.find_timers(subjects)
    overdue_timers = {
        subject: row
        for subject, row in timers.items()
        if subject[0] == "Lead" or now - inactivity.from_microseconds(row.since) > MIN_INACTIVITY
    }
    pairs = []
    for active_rule in await active_rules(context, INACTIVITY_KINDS, alerts_before) if overdue_timers else ():
        if active_rule.rule.kind in _WATCHED_RECORDS:
            candidates = await find_inactive_records(context, active_rule, overdue_timers, previous_rows)
        else:
            # Joining or changing the team can only have begun the inactivity later than the timer says, so the
            # employees need not be read unless a deadline has passed by their timers.
            times = {
                employee_id: timer_times
                for employee_id, timer_times in _times_of("Employee", overdue_timers).items()
                if (employee := context.loaded_employees.get(employee_id)) is None
                or _covers_employee(active_rule, employee_id, employee.role)
            }
            employee_ids = set(await _passed_deadlines(context, active_rule, times))
            candidates = (
                [candidate for _, candidate in (await find_inactive_employees(context, [active_rule], employee_ids))[0]]
                if employee_ids
                else []
            )
        pairs += [(active_rule, candidate) for candidate in candidates]
    return pairs


async def find_inactive_records(
    context: RequestContext,
    active_rule: ActiveRule,
    timers: Mapping[Subject, InactivityTimer],
    previous_rows: Mapping[Subject, Deal | Lead] = _NO_ROWS,
) -> list[AlertCandidate]:
    """Return the candidates of deals or leads that have been inactive for too long and match the rule.

    timers         the inactivity timers; those of other subjects are ignored
    previous_rows  records that are being edited, as they were before
    """
    watched, rule = _WATCHED_RECORDS[active_rule.rule.kind], active_rule.rule
    deadlines = await _passed_deadlines(context, active_rule, _times_of(watched.subject_kind, timers))
    events = []
    for row in await row_store.fetch(watched.model, deadlines.keys()):
        subject = (watched.subject_kind, row.id)
        for name in watched.columns if subject in previous_rows else ():
            setattr(row, name, getattr(previous_rows[subject], name))
        data = {**watched.alert_data(row), "days": rule.days, "hours": rule.hours}
        events.append(Event(rule.kind.value, subject, deadlines[row.id], row.owner_id, data=data))
    return await _build_matching_candidates(context, active_rule, events)


def _times_of(
    subject_kind: str, timers: Mapping[Subject, InactivityTimer]
) -> dict[int, tuple[datetime, datetime | None]]:
    """Return since when each subject of a kind has been inactive, and the time of the import that recorded that."""
    return {
        subject_id: (
            inactivity.from_microseconds(row.since),
            inactivity.from_microseconds(row.imported_until) if row.imported_until else None,
        )
        for (kind, subject_id), row in timers.items()
        if kind == subject_kind
    }


async def find_inactive_employees(
    context: RequestContext, active_rules: Sequence[ActiveRule], employee_ids: Collection[int]
) -> tuple[list[tuple[ActiveRule, AlertCandidate]], dict[int, datetime | None]]:
    """Return the inactive employees as (rule, candidate) pairs without active alert, and when to check each next.

    The next check is None for an employee that no rule can match before new activity.
    """
    inactive_employees = await inactivity.find_inactive_employees(employee_ids)
    next_checks: dict[int, datetime | None] = dict.fromkeys(employee_ids)
    due = []
    for active_rule in active_rules:
        timer_times = {
            row.employee_id: (row.since, row.imported_until)
            for row in inactive_employees
            if _covers_employee(active_rule, row.employee_id, row.role)
        }
        passed, upcoming = await _split_deadlines(context, active_rule, timer_times)
        due += [(active_rule, employee_id, at) for employee_id, at in passed.items()]
        next_checks |= {employee_id: min(at, next_checks[employee_id] or at) for employee_id, at in upcoming.items()}
    subjects = {("Employee", employee_id) for _, employee_id, _ in due}
    active_alerts = {(row.rule_id, row.subject_id) for row in await alerts.find_active(subjects)}
    events = [
        (
            active_rule,
            Event("NO_ACTIVITY", ("Employee", employee_id), at, employee_id, data={"days": active_rule.rule.days}),
        )
        for active_rule, employee_id, at in sorted(due, key=lambda entry: entry[2])
        if (active_rule.row.id, employee_id) not in active_alerts
    ]
    candidates = await build_candidates(context, [event for _, event in events])
    pairs = [(active_rule, candidate) for (active_rule, _), candidate in zip(events, candidates, strict=True)]
    return [
        (active_rule, candidate) for active_rule, candidate in pairs if alert_rules.matches(active_rule.rule, candidate)
    ], next_checks


async def resolve_unfounded_alerts(context: RequestContext) -> None:
    """Resolve alerts of inactive employees with time left again, because of an absence or another calendar."""
    active_alerts = await alerts.find_active_of_kind(AlertKind.NO_ACTIVITY)
    if not active_alerts:
        return
    employees = await inactivity.find_inactive_employees({row.subject_id for row in active_alerts})
    timer_times = {row.employee_id: (row.since, row.imported_until) for row in employees}
    unfounded = []
    for active_rule in await active_rules(context, {AlertKind.NO_ACTIVITY}):
        _, upcoming = await _split_deadlines(context, active_rule, timer_times)
        unfounded += [row for row in active_alerts if row.rule_id == active_rule.row.id and row.subject_id in upcoming]
    await alerts.resolve(unfounded, context.now())


def _covers_employee(active_rule: ActiveRule, employee_id: int, role: Role) -> bool:
    rule_employee_id = active_rule.rule.employee_id
    return role in SELLING_ROLES if rule_employee_id is None else employee_id == rule_employee_id


async def _build_matching_candidates(
    context: RequestContext, active_rule: ActiveRule, events: list[Event]
) -> list[AlertCandidate]:
    events.sort(key=lambda event: event.at)
    return [
        candidate
        for candidate in await build_candidates(context, events)
        if alert_rules.matches(active_rule.rule, candidate)
    ]


async def _passed_deadlines(
    context: RequestContext, active_rule: ActiveRule, timer_times: Mapping[int, tuple[datetime, datetime | None]]
) -> dict[int, datetime]:
    return (await _split_deadlines(context, active_rule, timer_times))[0]


async def _split_deadlines(
    context: RequestContext, active_rule: ActiveRule, timer_times: Mapping[int, tuple[datetime, datetime | None]]
) -> tuple[dict[int, datetime], dict[int, datetime]]:
    """Split the inactivity deadlines of the rule into those that have passed and those to come, by subject id.

    timer_times  when the inactivity began, and the time of the import that recorded that (else None);
                 a deadline that had passed by the import is history and in neither result
    """
    schedule, now = await context.work_schedule(), context.now()
    deadlines = {
        subject_id: alert_rules.inactivity_deadline(
            active_rule.rule, since, schedule.calendar, partial(schedule.is_absent, subject_id)
        )
        for subject_id, (since, _) in timer_times.items()
    }
    imported_until = {subject_id: until for subject_id, (_, until) in timer_times.items() if until}
    passed = {
        subject_id: at
        for subject_id, at in deadlines.items()
        if at < now and at > imported_until.get(subject_id, at - MIN_INACTIVITY)
    }
    return passed, {subject_id: at for subject_id, at in deadlines.items() if at >= now}
