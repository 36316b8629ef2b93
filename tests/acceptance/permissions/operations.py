"""Permission matrix: the type of its operations, and the mark that the table in `domain/permissions.py` gives for one.

The matrix fails until a new root field has a `MatrixOperation` in `reading` or `acting`. It consists of the document
(`$who` is the subject's id; all other `facts` of the company can be used in the same way), the `Action` that permits
it, the kind of its subject, and the grid that RULES 10 gives, from `expected`. A new kind of permission needs a grid
of its own there, written by hand. A field that takes several kinds of subjects has several operations, distinguished
after a colon.
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
    """The kind of object that an operation addresses; it decides which actors can see it."""

    RECORD = "a record of the subject, or their card"
    PERSON = "the subject, an employee"
    TEAM = "the subject, a team"
    GOAL = "a goal of the subject"
    ENTRIES = "the postings behind a goal of the subject"
    BOARD = "the leaderboard, wins, statistics or forecast of the subject"
    INBOX = "an alert in the inbox of the subject"
    OFFICE = "the company, which all actors see"
    DEVICE = "a device"
    RULE = "an alert rule"
    SELF = "the viewer"


@dataclass(frozen=True)
class Operation:
    """One operation of the matrix.

    text       template of a selection of one root field
    listed_id  for lists: template of the id whose presence means "allowed"
    restore    template of a mutation with which the administrator restores the state after an allowed operation
    is_action  whether a query is refused with FORBIDDEN as a mutation is
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
_UPWARDS: Final = frozenset({"North", "Sales", "Acme"})  # the team of Ann and Max and all above it
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
    """Return the mark that the permission table gives for the operation by this actor on this subject."""
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
    """Return whether the actor can see the subject's goals.

    For employees and managers VIEW_GOALS_ABOVE covers only the teams above their own.
    """
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
