"""Alert rules: which events become alerts, which rules match them, deduplication and recipients.

An alert starts as a candidate: an event of a deal, a task or a goal, or an inactivity that lasted
too long, at an instant. Everything here works on plain values, so that raising alerts and the dry
run of a rule (`testAlertRule`) share the same functions and always agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from domain.goals.progress import Pace, Progress
from domain.primitives.calendar import Calendar
from domain.primitives.json_values import JsonValue

Subject = tuple[str, int]  # the type of a record, "Goal" or "Employee", and its database id
GoalOwner = tuple[str, int]  # the kind and id of the scope that owns a goal, as they are stored


class AlertKind(StrEnum):
    """Kinds of alert; each has its definition in `ALERT_DEFINITIONS`. The database holds at most 20 characters."""

    DEAL_LOST = "DEAL_LOST"
    DEAL_HAS_PROBLEMS = "DEAL_HAS_PROBLEMS"
    DEAL_STALLED = "DEAL_STALLED"
    TASK_OVERDUE = "TASK_OVERDUE"
    ASSIGNMENT_OVERDUE = "ASSIGNMENT_OVERDUE"
    GOAL_BEHIND = "GOAL_BEHIND"
    GOAL_ACHIEVED = "GOAL_ACHIEVED"
    NO_ACTIVITY = "NO_ACTIVITY"
    LEAD_UNTOUCHED = "LEAD_UNTOUCHED"
    DEAL_ENTERED_STAGE = "DEAL_ENTERED_STAGE"
    DEAL_WON = "DEAL_WON"


class Recipient(StrEnum):
    MANAGER = "MANAGER"
    EMPLOYEE = "EMPLOYEE"
    DIRECTORS = "DIRECTORS"
    ASSIGNER = "ASSIGNER"


@dataclass(frozen=True, slots=True)
class AlertDefinition:
    """How the alerts of a kind arise, and which settings its rules have.

    activity                 the kind of activity that may raise an alert; None: only the passage of time does, and
                             its event has the name of the alert kind
    other_activities         further kinds of activity that may raise it
    condition                what else must hold of the data of the activity
    occurrence               the field of that data that identifies the occurrence: if the same one begins again, its
                             alert stands again and is not sent again. None: every activity is another occurrence
    max_age                  an activity that is recorded later than this after it happened raises no alert
    about_deals              whether a rule may have a minimum amount
    about_stage              whether a rule names a stage
    about_tasks              whether a rule may have the recipient ASSIGNER
    default_days             for a kind of inactivity: the days after which it is too long
    default_hours            for a kind of inactivity: the working hours after which it is too long
    default_percent          for a goal behind its pace: percentage points of the target
    default_cool_down_hours  the cool-down of a new company's rule
    default_recipients       the recipients of a new company's rule; empty: it has no such rule
    """

    activity: str | None = None
    other_activities: tuple[str, ...] = ()
    condition: Callable[[Mapping[str, JsonValue]], object] = lambda data: True
    occurrence: str | None = None
    max_age: timedelta | None = None
    about_deals: bool = False
    about_stage: bool = False
    about_tasks: bool = False
    default_days: int | None = None
    default_hours: int | None = None
    default_percent: float | None = None
    default_cool_down_hours: int | None = None
    default_recipients: tuple[Recipient, ...] = (Recipient.MANAGER,)

    @property
    def events(self) -> tuple[str, ...]:
        """The kinds of the events that may raise an alert, as far as activities do."""
        return (*((self.activity,) if self.activity else ()), *self.other_activities)


ALERT_DEFINITIONS: Final[Mapping[AlertKind, AlertDefinition]] = {
    AlertKind.DEAL_LOST: AlertDefinition("DEAL_LOST", about_deals=True),
    AlertKind.DEAL_HAS_PROBLEMS: AlertDefinition(
        "DEAL_FLAGGED",
        condition=lambda data: data.get("problem") and not data.get("was"),  # a reworded problem was alerted already
        about_deals=True,
    ),
    AlertKind.DEAL_STALLED: AlertDefinition(about_deals=True, default_days=14),
    AlertKind.TASK_OVERDUE: AlertDefinition(
        "TASK_OVERDUE",
        condition=lambda data: data.get("kind") != "ASSIGNMENT",
        occurrence="due",
        about_tasks=True,
    ),
    AlertKind.ASSIGNMENT_OVERDUE: AlertDefinition(
        "TASK_OVERDUE",
        condition=lambda data: data.get("kind") == "ASSIGNMENT",
        occurrence="due",
        about_tasks=True,
        default_recipients=(Recipient.MANAGER, Recipient.ASSIGNER),
    ),
    AlertKind.GOAL_BEHIND: AlertDefinition(default_percent=10.0, default_cool_down_hours=7 * 24),
    AlertKind.GOAL_ACHIEVED: AlertDefinition("GOAL_ACHIEVED", ("GOAL_TIER_REACHED",), occurrence="reached"),
    AlertKind.NO_ACTIVITY: AlertDefinition(default_days=3),
    AlertKind.LEAD_UNTOUCHED: AlertDefinition(default_hours=4),
    AlertKind.DEAL_ENTERED_STAGE: AlertDefinition(
        "DEAL_STAGE_CHANGED",
        ("DEAL_CREATED",),
        condition=lambda data: data.get("to") is not None and data.get("status", "OPEN") == "OPEN",
        occurrence="to",
        about_deals=True,
        about_stage=True,
        default_recipients=(),
    ),
    AlertKind.DEAL_WON: AlertDefinition("DEAL_WON", max_age=timedelta(days=1), about_deals=True, default_recipients=()),
}
if undefined_kinds := AlertKind.__members__.keys() - ALERT_DEFINITIONS.keys():
    raise LookupError(f"domain/alerts/rules.py: add {', '.join(undefined_kinds)} to ALERT_DEFINITIONS")
INACTIVITY_KINDS: Final = frozenset(
    kind for kind, definition in ALERT_DEFINITIONS.items() if definition.default_days or definition.default_hours
)
_KINDS_BY_EVENT: Final[Mapping[str, list[AlertKind]]] = {
    event_kind: [kind for kind, definition in ALERT_DEFINITIONS.items() if event_kind in (definition.events or (kind,))]
    for event_kind in {
        event for kind, definition in ALERT_DEFINITIONS.items() for event in definition.events or (kind,)
    }
}
QUARTERS_PER_HOUR: Final = 4
_DEFAULT_PERCENT: Final = ALERT_DEFINITIONS[AlertKind.GOAL_BEHIND].default_percent or 0
_NON_WORK_EVENTS: Final = frozenset(
    {"GOAL_SET", "GOAL_CHANGED", "GOAL_ACHIEVED", "GOAL_TIER_REACHED", "GOAL_ARCHIVED", "PLAN_APPLIED", "PLAN_UNDONE"}
)


@dataclass(frozen=True, slots=True)
class Rule:
    """The conditions of an alert rule.

    employee_id, team_ids  limit the rule to one employee or to these teams; both None: the whole company
    min_amount             in minor units of the company's currency
    days                   length of inactivity: calendar days for DEAL_STALLED, working days for NO_ACTIVITY
    hours                  length of inactivity in working hours, for LEAD_UNTOUCHED
    percent                for GOAL_BEHIND: percentage points of the target below the even pace
    cool_down              time during which the same subject does not notify again
    stage_id               the stage that a deal enters, for DEAL_ENTERED_STAGE
    """

    id: int
    kind: AlertKind
    employee_id: int | None = None
    team_ids: frozenset[int] | None = None
    min_amount: int | None = None
    days: int | None = None
    percent: float | None = None
    cool_down: timedelta | None = None
    hours: int | None = None
    stage_id: int | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """An activity, or an event caused by the passage of time alone, as input of the alert rules.

    kind         the activity kind; for an event without an activity, the alert kind
    employee_id  the employee concerned, None for a goal of a team or another group
    goal_owner   of an event of a goal; None if it is not known
    data         what the activity stores
    """

    kind: str
    subject: Subject
    at: datetime
    employee_id: int | None
    actor_id: int | None = None
    goal_owner: GoalOwner | None = None
    data: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AlertCandidate:
    """A possible alert, before a rule has matched it.

    employee_id  the employee concerned; None for a goal of a team or another group
    team_ids     the employee's team at that instant, or the teams of the group; empty for the whole company
    managed_by   the teams whose managers answer for the group that owns a goal, each with those above, bottom up
    amount       of a deal, in minor units of the company's currency; None while it is unknown
    data         the values that the message needs
    occurrence   identifies what happened among the occurrences of the subject; None if it is another one each time
    stage_id     the stage that a deal has entered
    assigner_id  the author of the task
    """

    kind: AlertKind
    subject: Subject
    at: datetime
    employee_id: int | None
    team_ids: frozenset[int]
    amount: int | None = None
    data: Mapping[str, JsonValue] = field(default_factory=dict)
    occurrence: str | None = None
    stage_id: int | None = None
    assigner_id: int | None = None
    managed_by: Sequence[Sequence[int]] = ()


def alert_kinds_of(event: Event, now: datetime | None = None) -> list[AlertKind]:
    """Return the kinds of alert that the event may raise (most events raise none).

    now  leaves out the kinds for which the event happened too long ago; None leaves out none
    """
    kinds = [kind for kind in _KINDS_BY_EVENT.get(event.kind, ()) if ALERT_DEFINITIONS[kind].condition(event.data)]
    if now is None:
        return kinds
    max_ages = {kind: ALERT_DEFINITIONS[kind].max_age for kind in kinds}
    return [kind for kind, max_age in max_ages.items() if max_age is None or now - event.at <= max_age]


def occurrence_of(kind: AlertKind, event: Event) -> str | None:
    """Return what identifies the occurrence that the event begins; None if every event is another occurrence."""
    name = ALERT_DEFINITIONS[kind].occurrence
    value = event.data.get(name) if name else None
    return None if value is None else str(value)


def subjects_of(event: Event) -> frozenset[Subject]:
    """Return the deals and employees that the event ends the inactivity of.

    Activity of a deal is every record of it, and calls and tasks that refer to it. Activity of an
    employee is what they record, and what others record of their work; an assignment given to them
    and events of their goals do not count.
    """
    if event.kind == "TASK_OVERDUE":  # caused by time, not by work
        return frozenset()
    subjects: set[Subject] = set()
    deal_id = event.subject[1] if event.subject[0] == "Deal" else event.data.get("deal")
    if deal_id:
        subjects.add(("Deal", int(deal_id)))
    if event.actor_id is not None:
        subjects.add(("Employee", event.actor_id))
    is_assignment = event.kind == "TASK_CREATED" and event.data.get("kind") == "ASSIGNMENT"
    if event.employee_id is not None and event.kind not in _NON_WORK_EVENTS and not is_assignment:
        subjects.add(("Employee", event.employee_id))
    return frozenset(subjects)


def inactivity_deadline(
    rule: Rule, since: datetime, calendar: Calendar, is_absent: Callable[[date], bool] = lambda day: False
) -> datetime:
    """Return the instant after which an inactivity that began at `since` is too long for the rule.

    For a deal, a day is 24 hours. For an employee, only working days without an absence count: from such a day the
    deadline has the same time of day; from another one it is the start of the working day after the counted ones.
    For a lead, the working hours of the company count: a customer waits also while the lead's owner is absent.

    is_absent  whether the employee has an absence on a day
    """
    if rule.kind is AlertKind.LEAD_UNTOUCHED:
        hours = rule.hours or ALERT_DEFINITIONS[rule.kind].default_hours or 1
        return calendar.add_quarters(since, hours * QUARTERS_PER_HOUR)
    days = rule.days or ALERT_DEFINITIONS[rule.kind].default_days or 1
    if rule.kind is AlertKind.DEAL_STALLED:
        return since + timedelta(days=days)
    first = calendar.day_of(since)
    is_worked = calendar.is_workday(first) and not is_absent(first)
    day = first
    for _ in range(days if is_worked else days + 1):
        day = calendar.add_workdays(day, 1)
        while is_absent(day):
            day = calendar.add_workdays(day, 1)
    return calendar.start_of(day) + (since - calendar.start_of(first)) if is_worked else calendar.start_of(day)


def is_behind(progress: Progress, percent: float | None) -> bool:
    """Return whether a running goal is more than `percent` points of its target below its pace."""
    if progress.pace in (Pace.ACHIEVED, Pace.MISSED):
        return False
    points, divisor = (percent or _DEFAULT_PERCENT).as_integer_ratio()
    shortfall, parts = progress.shortfall_parts
    return shortfall * 100 * divisor > points * progress.target * parts


def matches(rule: Rule, candidate: AlertCandidate) -> bool:
    """Return whether the rule applies to the candidate. A deal of unknown amount is below any minimum."""
    if rule.kind is not candidate.kind:
        return False
    if rule.employee_id is not None and rule.employee_id != candidate.employee_id:
        return False
    if rule.team_ids is not None and not (candidate.team_ids and candidate.team_ids <= rule.team_ids):
        return False
    if rule.stage_id is not None and rule.stage_id != candidate.stage_id:
        return False
    return rule.min_amount is None or (candidate.amount is not None and candidate.amount >= rule.min_amount)


class AlertDeduplicator:
    """Keeps rules from alerting twice about a subject, while an alert is active or during the cool-down.

    active         the (rule id, subject) pairs with an unresolved alert
    last_notified  when the last alert of a pair that notified recipients occurred
    occurrences    the (rule id, subject, occurrence) triples that have an alert, resolved or not
    """

    def __init__(
        self,
        active: Iterable[tuple[int, Subject]] = (),
        last_notified: Mapping[tuple[int, Subject], datetime] = MappingProxyType({}),
        occurrences: Iterable[tuple[int, Subject, str]] = (),
    ) -> None:
        self._active, self._last_notified = set(active), dict(last_notified)
        self._occurrences = set(occurrences)

    def register(self, rule: Rule, candidate: AlertCandidate) -> bool | None:
        """Register a candidate that matches the rule, and return whether its alert notifies recipients.

        None: an alert about the subject is active already, or the same occurrence had its alert; nothing
        is raised. False: the cool-down of the last alert still runs; the alert is raised without
        notification, and as it is active from then on, the same reason does not notify after the
        cool-down either.
        """
        key = (rule.id, candidate.subject)
        if key in self._active:
            return None
        self._active.add(key)
        if candidate.occurrence is not None:
            if (*key, candidate.occurrence) in self._occurrences:
                return None
            self._occurrences.add((*key, candidate.occurrence))
        last_at = self._last_notified.get(key)
        if rule.cool_down is not None and last_at is not None and candidate.at - last_at < rule.cool_down:
            return False
        self._last_notified[key] = candidate.at
        return True

    def resolve(self, subject: Subject) -> None:
        """Drop the active alerts about the subject, of every rule."""
        self._active = {key for key in self._active if key[1] != subject}


def select_recipients(
    recipient_kinds: Iterable[Recipient],
    employee_id: int | None,
    manager_chains: Sequence[Sequence[int]],
    director_ids: Sequence[int],
    assigner_id: int | None = None,
) -> list[int]:
    """Return the ids of the employees to notify, without duplicates.

    employee_id     the employee concerned; None if there is none or they are inactive
    manager_chains  the managers above them, or above each team at the top of the group that owns the goal, the nearest first
    director_ids    notified in place of the manager if there is none
    assigner_id     the author of the task; None if there is none or they are inactive: the manager instead
    """
    nearest_manager = [chain[0] for chain in manager_chains if chain] or list(director_ids)
    ids_by_kind = {
        Recipient.MANAGER: nearest_manager,
        Recipient.EMPLOYEE: nearest_manager if employee_id is None else [employee_id],
        Recipient.DIRECTORS: list(director_ids),
        Recipient.ASSIGNER: nearest_manager if assigner_id is None else [assigner_id],
    }
    return list(dict.fromkeys(recipient_id for kind in recipient_kinds for recipient_id in ids_by_kind[kind]))
