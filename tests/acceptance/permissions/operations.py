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
from tests.acceptance.permissions import expected_writes
from tests.acceptance.permissions.company import PEOPLE
from tests.acceptance.permissions.permission_grids import ABSENT, ALLOWED, FORBIDDEN, UNAUTHENTICATED, Grid


class SubjectKind(Enum):
    """The kind of object that an operation addresses; it decides which actors can see it."""

    RECORD = "a record of the subject, or their card"
    PERSON = "the subject, an employee"
    TEAM = "the subject, a team"
    GOAL = "a goal of the subject"
    PLAN = "a plan of the subject"
    ENTRIES = "the postings behind a goal of the subject"
    SCOPE = "the leaderboard, wins, statistics or forecast of the subject"
    ABSENCE = "an absence of the subject"
    INBOX = "an alert in the inbox of the subject"
    COMPANY = "the company, which all actors see"
    DEVICE = "a device"
    RULE = "an alert rule"
    VIEWER = "the viewer"


@dataclass(frozen=True)
class MatrixOperation:
    """One operation of the matrix.

    text       template of a selection of one root field
    listed_id  for lists: template of the id whose presence means "allowed"
    restore    template of a mutation with which the administrator restores the state after an allowed operation
    is_action  whether a query is refused with FORBIDDEN as a mutation is
    """

    name: str
    text: str
    action: Action | None
    kind: SubjectKind
    grid: Grid
    listed_id: str = ""
    restore: str = ""
    is_action: bool = False

    @property
    def field(self) -> str:
        return self.name.partition(":")[0]


_NORTH_SUBJECTS: Final = frozenset({"Ann", "Cid", "Max", "Fay", "North", "Far"})
_TEAMS_ABOVE: Final = frozenset({"North", "Sales", "Acme"})  # the team of Ann and Max and all above it
_ACTOR_ROLES: Final[dict[str, Role | DeviceKind]] = {
    "Ann": Role.EMPLOYEE,
    "Max": Role.MANAGER,
    "Dora": Role.DIRECTOR,
    "Ada": Role.ADMIN,
    "Wall": DeviceKind.WALLBOARD,
    "NorthWall": DeviceKind.WALLBOARD,
    "Crm": DeviceKind.INTEGRATION,
    "NorthCrm": DeviceKind.INTEGRATION,
}
ACTORS: Final = (*_ACTOR_ROLES, "stranger")


def expected_mark(operation: MatrixOperation, actor: str, subject: str, *, is_action: bool) -> str:
    """Return the mark that the permission table gives for the operation by this actor on this subject."""
    if actor == "stranger":
        return ALLOWED if operation.grid is expected_writes.SIGN_IN else UNAUTHENTICATED
    if operation.kind is SubjectKind.VIEWER:
        is_allowed = operation.grid is expected_writes.SIGN_IN or isinstance(_ACTOR_ROLES[actor], Role)
        return ALLOWED if is_allowed else FORBIDDEN
    action = operation.action
    assert action is not None
    if action is Action.VIEW_FORECAST and subject not in PEOPLE:
        action = Action.VIEW_FORECAST_TOTALS
    can_see = _can_see(operation.kind, actor, subject)
    if operation.kind is SubjectKind.GOAL and not is_action:
        return ALLOWED if can_see else ABSENT
    if not is_action:
        return ALLOWED if can_see and _can_reach(action, actor, subject) else ABSENT
    if not can_see:
        return ABSENT
    return ALLOWED if _can_reach(action, actor, subject) else FORBIDDEN


def _can_see(kind: SubjectKind, actor: str, subject: str) -> bool:
    match kind:
        case SubjectKind.RECORD:
            return _can_reach(Action.VIEW_CARD, actor, subject)
        case SubjectKind.PERSON | SubjectKind.TEAM:
            return subject == "Acme" or _can_reach(Action.VIEW_PEOPLE, actor, subject)
        case SubjectKind.GOAL | SubjectKind.ENTRIES:
            return _can_see_goal(actor, subject)
        case SubjectKind.PLAN:
            return _can_reach(Action.SET_GOALS, actor, subject)
        case SubjectKind.DEVICE:
            return _can_reach(Action.ADMINISTER, actor, subject)
        case SubjectKind.RULE:
            return _can_reach(Action.MANAGE_ALERT_RULES, actor, subject)
        case SubjectKind.ABSENCE:
            return _can_reach(Action.VIEW_WORK_TIME, actor, subject)
        case SubjectKind.INBOX:
            return _can_reach(Action.VIEW_ALERTS, actor, subject)
    return True


def _can_see_goal(actor: str, subject: str) -> bool:
    """Return whether the actor can see the subject's goals.

    For employees and managers VIEW_GOALS_ABOVE covers only the teams above their own.
    """
    if _can_reach(Action.VIEW_GOALS, actor, subject):
        return True
    is_out_of_line = _ACTOR_ROLES[actor] in (Role.EMPLOYEE, Role.MANAGER) and subject not in _TEAMS_ABOVE
    return subject not in PEOPLE and not is_out_of_line and _can_reach(Action.VIEW_GOALS_ABOVE, actor, subject)


def _can_reach(action: Action, actor: str, subject: str) -> bool:
    match reach(_ACTOR_ROLES[actor], action):
        case Reach.SELF:
            return subject == actor
        case Reach.MANAGED:
            return subject in _NORTH_SUBJECTS
        case Reach.SCOPE:
            return not actor.startswith("North") or subject in _NORTH_SUBJECTS
        case Reach.COMPANY:
            return True
    return False
