"""Alert rules: which events become alerts, which rules match them, deduplication and recipients.

An alert starts as a candidate: an event of a deal, a task or a goal, or an inactivity that lasted
too long, at an instant. Everything here works on plain values, so that raising alerts and the dry
run of a rule (`testAlertRule`) share the same functions and always agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Final

from domain.goals.progress import Pace, Progress
from domain.primitives.calendar import Calendar

Subject = tuple[str, int]  # the type of a record, "Goal" or "Employee", and its database id


class AlertKind(StrEnum):
    DEAL_LOST = "DEAL_LOST"
    DEAL_HAS_PROBLEMS = "DEAL_HAS_PROBLEMS"
    DEAL_STALLED = "DEAL_STALLED"
    TASK_OVERDUE = "TASK_OVERDUE"
    ASSIGNMENT_OVERDUE = "ASSIGNMENT_OVERDUE"
    GOAL_BEHIND = "GOAL_BEHIND"
    GOAL_ACHIEVED = "GOAL_ACHIEVED"
    NO_ACTIVITY = "NO_ACTIVITY"


class Recipient(StrEnum):
    MANAGER = "MANAGER"
    EMPLOYEE = "EMPLOYEE"
    DIRECTORS = "DIRECTORS"


OF_SILENCE: Final = frozenset({AlertKind.DEAL_STALLED, AlertKind.NO_ACTIVITY})
OF_DEALS: Final = frozenset({AlertKind.DEAL_LOST, AlertKind.DEAL_HAS_PROBLEMS, AlertKind.DEAL_STALLED})
DAYS: Final[Mapping[AlertKind, int]] = MappingProxyType({AlertKind.DEAL_STALLED: 14, AlertKind.NO_ACTIVITY: 3})
PERCENT: Final = 10.0  # percentage points, for GOAL_BEHIND
COOL_DOWN_HOURS: Final[Mapping[AlertKind, int]] = MappingProxyType({AlertKind.GOAL_BEHIND: 7 * 24})  # default rules
_NOT_WORK: Final = frozenset({"GOAL_SET", "GOAL_CHANGED", "GOAL_ACHIEVED", "GOAL_ARCHIVED"})


@dataclass(frozen=True, slots=True)
class Rule:
    """The conditions of an alert rule.

    employee_id, team_ids  limit the rule to one employee or to these teams; both None: the whole company
    min_amount             in minor units of the company's currency
    days                   length of inactivity: calendar days for DEAL_STALLED, working days for NO_ACTIVITY
    percent                for GOAL_BEHIND: percentage points of the target below the even pace
    cool_down              time during which the same subject does not notify again
    """

    id: int
    kind: AlertKind
    employee: int | None = None
    teams: frozenset[int] | None = None
    min_amount: int | None = None
    days: int | None = None
    percent: float | None = None
    cool_down: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """An activity, or an event caused by the passage of time alone, as input of the alert rules.

    kind         the activity kind; for an event without an activity, the alert kind
    employee_id  the employee concerned, None for a goal of a team or the company
    team_id      the owner of a team goal
    data         what the activity stores
    """

    kind: str
    subject: Subject
    at: datetime
    employee: int | None
    actor: int | None = None
    team: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """A possible alert, before a rule has matched it.

    employee_id  the employee concerned; None for a goal of a team or the company
    team_id      the employee's team at that instant, or the team of the goal; 0 for none
    amount       of a deal, in minor units of the company's currency; None while it is unknown
    data         the values that the message needs
    """

    kind: AlertKind
    subject: Subject
    at: datetime
    employee: int | None
    team: int
    amount: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


def opened(event: Event) -> AlertKind | None:
    """Return the kind of alert that the event may raise, or None (most events raise none)."""
    match event.kind:
        case "DEAL_LOST":
            return AlertKind.DEAL_LOST
        case "DEAL_FLAGGED" if event.data.get("problem") and not event.data.get("was"):
            return AlertKind.DEAL_HAS_PROBLEMS  # a reworded problem was alerted already
        case "TASK_OVERDUE":
            given = event.data.get("kind") == "ASSIGNMENT"
            return AlertKind.ASSIGNMENT_OVERDUE if given else AlertKind.TASK_OVERDUE
        case "GOAL_ACHIEVED" | "GOAL_BEHIND" | "DEAL_STALLED" | "NO_ACTIVITY" as kind:
            return AlertKind(kind)
    return None


def heard_of(event: Event) -> frozenset[Subject]:
    """Return the deals and employees whose inactivity the event ends.

    Activity of a deal is every record of it, and calls and tasks that refer to it. Activity of an
    employee is what they record, and what others record of their work; an assignment given to them
    and events of their goals do not count.
    """
    if event.kind == "TASK_OVERDUE":  # caused by time, not by work
        return frozenset()
    found: set[Subject] = set()
    deal = event.subject[1] if event.subject[0] == "Deal" else event.data.get("deal")
    if deal:
        found.add(("Deal", int(deal)))
    if event.actor is not None:
        found.add(("Employee", event.actor))
    given = event.kind == "TASK_CREATED" and event.data.get("kind") == "ASSIGNMENT"
    if event.employee is not None and event.kind not in _NOT_WORK and not given:
        found.add(("Employee", event.employee))
    return frozenset(found)


def too_long(rule: Rule, since: datetime, calendar: Calendar) -> datetime:
    """Return the instant after which an inactivity that began at `since` is too long for the rule.

    For a deal, a day is 24 hours. For an employee, only working days count: from a working day the
    deadline has the same time of day; from a day off it is the start of the working day after the counted ones.
    """
    days = rule.days or DAYS[rule.kind]
    if rule.kind is AlertKind.DEAL_STALLED:
        return since + timedelta(days=days)
    day = calendar.day_of(since)
    if calendar.is_working(day):
        return calendar.start_of(calendar.add_workdays(day, days)) + (since - calendar.start_of(day))
    return calendar.start_of(calendar.add_workdays(day, days + 1))


def is_behind(progress: Progress, percent: float | None) -> bool:
    """Return whether a running goal is more than `percent` points of its target below the even pace."""
    if progress.pace in (Pace.ACHIEVED, Pace.MISSED):
        return False
    return (progress.expected_by_now - progress.value) * 100 > Fraction(percent or PERCENT) * progress.target


def concerns(rule: Rule, case: Case) -> bool:
    """Return whether the rule applies to the candidate. A deal of unknown amount is below any minimum."""
    if rule.kind is not case.kind:
        return False
    if rule.employee is not None and rule.employee != case.employee:
        return False
    if rule.teams is not None and case.team not in rule.teams:
        return False
    return rule.min_amount is None or (case.amount is not None and case.amount >= rule.min_amount)


class Memory:
    """Keeps rules from alerting twice about a subject, while an alert is active or during the cool-down.

    active         the (rule id, subject) pairs with an unresolved alert
    last_notified  when the last alert of a pair that notified recipients occurred
    """

    def __init__(
        self,
        standing: Iterable[tuple[int, Subject]] = (),
        told: Mapping[tuple[int, Subject], datetime] = MappingProxyType({}),
    ) -> None:
        self._standing, self._told = set(standing), dict(told)

    def opens(self, rule: Rule, case: Case) -> bool | None:
        """Register a candidate that matches the rule, and return whether its alert notifies recipients.

        None: an alert about the subject is active already, nothing is raised. False: the cool-down of
        the last alert still runs; the alert is raised without notification, and as it is active from
        then on, the same reason does not notify after the cool-down either.
        """
        key = (rule.id, case.subject)
        if key in self._standing:
            return None
        self._standing.add(key)
        last = self._told.get(key)
        if rule.cool_down is not None and last is not None and case.at - last < rule.cool_down:
            return False
        self._told[key] = case.at
        return True

    def resolve(self, subject: Subject) -> None:
        """Drop the active alerts about the subject, of every rule."""
        self._standing = {key for key in self._standing if key[1] != subject}


def told(
    recipients: Iterable[Recipient], employee: int | None, above: Sequence[int], directors: Sequence[int]
) -> list[int]:
    """Return the ids of the employees to notify, without duplicates.

    employee_id   the employee concerned; None if there is none or they are inactive
    manager_ids   the managers above them, or above the team that owns the goal, the nearest first
    director_ids  notified in place of the manager if there is none
    """
    manager = list(above[:1]) or list(directors)
    heard = {
        Recipient.MANAGER: manager,
        Recipient.EMPLOYEE: manager if employee is None else [employee],
        Recipient.DIRECTORS: list(directors),
    }
    return list(dict.fromkeys(each for recipient in recipients for each in heard[recipient]))
