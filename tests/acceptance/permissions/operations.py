"""An operation of the schema as rights see it, and the verdict that the table of `domain/access.py` gives.

A new root field needs a line in `reading` or `acting`, or the matrix fails: how it is asked (`$who`
is the subject's id, and so on with all `facts` of the office), the `Action` it is under, what kind
of thing its subject is, and the grid that RULES 10 gives for it, from `expected`; a right of a new
kind needs a grid of its own there, by hand. A field that takes several kinds of things has several
lines, told apart after a colon.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from domain.permissions import Action, DeviceKind, Reach, Role, reach
from tests.acceptance.permissions import expected_permissions
from tests.acceptance.permissions.company import PEOPLE
from tests.acceptance.permissions.expected_permissions import ABSENT, ALLOWED, FORBIDDEN, STRANGER, Grid


class Kind(Enum):
    """What kind of thing the subject stands for: it decides who can see it."""

    RECORD = "a record of the subject, or his card"
    PERSON = "the subject himself"
    TEAM = "the team"
    GOAL = "a goal of the subject"
    ENTRIES = "the postings behind a goal of the subject"
    BOARD = "a board, the wins, the charts or the forecast of the subject"
    INBOX = "something in the inbox of the subject"
    OFFICE = "the company, which everybody sees"
    DEVICE = "a device"
    RULE = "a rule of alerts"
    SELF = "whoever asks"


@dataclass(frozen=True)
class Operation:
    """`listing`: the id that is looked for in a list. `mend`: what the administrator does to have it as before.

    `acts`: refused like an act, though it is a query.
    """

    name: str
    text: str
    action: Action | None
    kind: Kind
    grid: Grid
    listing: str = ""
    mend: str = ""
    acts: bool = False

    @property
    def field(self) -> str:
        return self.name.partition(":")[0]


_NORTH: Final = frozenset({"Ann", "Cid", "Max", "Fay", "North", "Far"})
_UPWARDS: Final = frozenset({"North", "Sales", "Acme"})  # from the team that Ann and Max are in
_ACTORS: Final[dict[str, Role | DeviceKind]] = {
    "Ann": Role.EMPLOYEE,
    "Max": Role.MANAGER,
    "Dora": Role.DIRECTOR,
    "Ada": Role.ADMIN,
    "Wall": DeviceKind.WALLBOARD,
    "NorthWall": DeviceKind.WALLBOARD,
    "Crm": DeviceKind.INTEGRATION,
    "NorthCrm": DeviceKind.INTEGRATION,
}
ASKING: Final = (*_ACTORS, "stranger")


def derived(operation: Operation, actor: str, subject: str, *, acts: bool) -> str:
    """Return the verdict that the table gives."""
    if actor == "stranger":
        return ALLOWED if operation.grid is expected_permissions.DOOR else STRANGER
    if operation.kind is Kind.SELF:
        known = operation.grid is expected_permissions.DOOR or isinstance(_ACTORS[actor], Role)
        return ALLOWED if known else FORBIDDEN
    action = operation.action
    assert action is not None
    if action is Action.VIEW_FORECAST and subject not in PEOPLE:
        action = Action.VIEW_FORECAST_TOTALS
    seen = _seen(operation.kind, actor, subject)
    if operation.kind is Kind.GOAL and not acts:
        return ALLOWED if seen else ABSENT
    if not acts:
        return ALLOWED if seen and _reaches(action, actor, subject) else ABSENT
    if not seen:
        return ABSENT
    return ALLOWED if _reaches(action, actor, subject) else FORBIDDEN


def _seen(kind: Kind, actor: str, subject: str) -> bool:
    match kind:
        case Kind.RECORD:
            return _reaches(Action.VIEW_CARD, actor, subject)
        case Kind.PERSON | Kind.TEAM:
            return subject == "Acme" or _reaches(Action.VIEW_PEOPLE, actor, subject)
        case Kind.GOAL | Kind.ENTRIES:
            return _sees_goal(actor, subject)
        case Kind.DEVICE:
            return _reaches(Action.ADMINISTER, actor, subject)
        case Kind.RULE:
            return _reaches(Action.KEEP_RULES, actor, subject)
        case Kind.INBOX:
            return _reaches(Action.VIEW_ALERTS, actor, subject)
    return True


def _sees_goal(actor: str, subject: str) -> bool:
    """VIEW_GOALS_ABOVE of employees and managers is narrowed to the teams upwards of their own."""
    if _reaches(Action.VIEW_GOALS, actor, subject):
        return True
    narrowed = _ACTORS[actor] in (Role.EMPLOYEE, Role.MANAGER) and subject not in _UPWARDS
    return subject not in PEOPLE and not narrowed and _reaches(Action.VIEW_GOALS_ABOVE, actor, subject)


def _reaches(action: Action, actor: str, subject: str) -> bool:
    match reach(_ACTORS[actor], action):
        case Reach.OWN:
            return subject == actor
        case Reach.BELOW:
            return subject in _NORTH
        case Reach.SCOPE:
            return not actor.startswith("North") or subject in _NORTH
        case Reach.COMPANY:
            return True
    return False
