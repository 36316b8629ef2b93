"""Who is to be told of what: the rules of alerts, as values.

An alert begins with a case: something that happened to a deal, a task or a goal, or a
silence that became too long, at an instant. Which rule it concerns, whether the same
subject was told of too lately, and who hears of it is decided here. What is raised and
what `testAlertRule` says would have been raised come from these same functions.
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

Subject = tuple[str, int]  # the type of a record, "Goal" or "Employee", and its number


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
PERCENT: Final = 10.0  # of GOAL_BEHIND, unless given
COOL_DOWN_HOURS: Final[Mapping[AlertKind, int]] = MappingProxyType({AlertKind.GOAL_BEHIND: 7 * 24})  # of first rules
_NOT_WORK: Final = frozenset({"GOAL_SET", "GOAL_CHANGED", "GOAL_ACHIEVED", "GOAL_ARCHIVED"})


@dataclass(frozen=True, slots=True)
class Rule:
    """When to tell, as far as that depends on the rule.

    employee, teams  about him alone; about these teams alone; both None: about everybody
    min_amount       in the company's smallest unit
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
    """A line of the history, or what time alone brought about and no line tells, as far as alerts go by it.

    `team` is the owner of a goal that is no employee's; `kind` is the history's, else the alert's.
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
    """What an alert is about.

    employee  whom it concerns; None where it is a team's or the company's goal
    team      the employee's at that instant, or the goal's; 0 for none
    amount    of a deal, in the company's smallest unit; None while it is unknown
    data      what the message needs
    """

    kind: AlertKind
    subject: Subject
    at: datetime
    employee: int | None
    team: int
    amount: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


def opened(event: Event) -> AlertKind | None:
    """Return of which kind of alert the event is a case; None for most."""
    match event.kind:
        case "DEAL_LOST":
            return AlertKind.DEAL_LOST
        case "DEAL_FLAGGED" if event.data.get("problem") and not event.data.get("was"):
            return AlertKind.DEAL_HAS_PROBLEMS  # another wording is the same problem
        case "TASK_OVERDUE":
            given = event.data.get("kind") == "ASSIGNMENT"
            return AlertKind.ASSIGNMENT_OVERDUE if given else AlertKind.TASK_OVERDUE
        case "GOAL_ACHIEVED" | "GOAL_BEHIND" | "DEAL_STALLED" | "NO_ACTIVITY" as kind:
            return AlertKind(kind)
    return None


def heard_of(event: Event) -> frozenset[Subject]:
    """Return the deals and employees whose silence the event breaks.

    A deal's: whatever is recorded of it, and calls and tasks that are about it. An employee's:
    whatever he records, and what anybody records of his work; not what is given to him to do.
    """
    if event.kind == "TASK_OVERDUE":  # time alone has passed
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
    """Return the instant after which a silence that began at `since` is too long for the rule.

    A deal's days are those of the calendar, 24 hours each. An employee's are working days: time
    on days that are not worked does not count.
    """
    days = rule.days or DAYS[rule.kind]
    if rule.kind is AlertKind.DEAL_STALLED:
        return since + timedelta(days=days)
    day = calendar.day_of(since)
    if calendar.is_working(day):
        return calendar.start_of(calendar.add_workdays(day, days)) + (since - calendar.start_of(day))
    return calendar.start_of(calendar.add_workdays(day, days + 1))


def is_behind(progress: Progress, percent: float | None) -> bool:
    """Return whether a running goal is more than so many points of its target below the even pace."""
    if progress.pace in (Pace.ACHIEVED, Pace.MISSED):
        return False
    return (progress.expected_by_now - progress.value) * 100 > Fraction(percent or PERCENT) * progress.target


def concerns(rule: Rule, case: Case) -> bool:
    """Return whether the rule is about such a case. A deal of unknown amount is below any amount."""
    if rule.kind is not case.kind:
        return False
    if rule.employee is not None and rule.employee != case.employee:
        return False
    if rule.teams is not None and case.team not in rule.teams:
        return False
    return rule.min_amount is None or (case.amount is not None and case.amount >= rule.min_amount)


class Memory:
    """What rules have told of which subjects: where an alert stands, and when the last one was."""

    def __init__(
        self,
        standing: Iterable[tuple[int, Subject]] = (),
        told: Mapping[tuple[int, Subject], datetime] = MappingProxyType({}),
    ) -> None:
        self._standing, self._told = set(standing), dict(told)

    def opens(self, rule: Rule, case: Case) -> bool | None:
        """Take note of a case that concerns the rule, and return whether it is to be told.

        None: an alert about the subject stands already. False: the rule told of the subject too
        lately; nobody hears of it, and it is noted so that nobody will.
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
        """Forget what stands about the subject."""
        self._standing = {key for key in self._standing if key[1] != subject}


def told(
    recipients: Iterable[Recipient], employee: int | None, above: Sequence[int], directors: Sequence[int]
) -> list[int]:
    """Return who hears of a case, each once.

    employee   whom it concerns, while he can hear of it
    above      who stands above him, or above the team whose goal it is, the nearest first
    directors  stand in where nobody stands above
    """
    manager = list(above[:1]) or list(directors)
    heard = {
        Recipient.MANAGER: manager,
        Recipient.EMPLOYEE: manager if employee is None else [employee],
        Recipient.DIRECTORS: list(directors),
    }
    return list(dict.fromkeys(each for recipient in recipients for each in heard[recipient]))
