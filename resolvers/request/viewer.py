"""Who asks, and what is within his reach: the rights table turned into conditions.

A viewer is read anew for each operation and each event of a subscription, so a
promotion, a move or a revoked device shows at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tortoise.expressions import Q

from domain.permissions import Action, Actor, Reach, Role, reach
from models.auth.sessions import Device
from models.goals.goals import Goal, OwnerKind
from models.organization.people import Employee, Tree
from models.organization.reference_data import Office


def holds(lookup: str, value: Any) -> Q:
    """Return the condition that a lookup has that value."""
    conditions: dict[str, Any] = {lookup: value}
    return Q(**conditions)


@dataclass(frozen=True)
class Viewer:
    """An employee or a device, with the tree of teams as it stands now.

    below   the teams he stands above (his own teams and all below them), or a device's scope
    office  the company as it was read with him
    """

    actor: Actor
    tree: Tree
    employee: Employee | None = None
    device: Device | None = None
    session_id: int | None = None
    expires_at: datetime | None = None
    below: frozenset[int] = frozenset()
    office: Office | None = None

    @staticmethod
    def of_employee(
        employee: Employee,
        tree: Tree,
        session_id: int | None = None,
        expires_at: datetime | None = None,
        *,
        leads: bool,
    ) -> Viewer:
        """Return the viewer for an employee; `leads`: somebody has him as manager set by hand.

        Rights follow the teams: who manages a team or people has a manager's reach
        whatever his role is called.
        """
        managed = tree.managed_by(employee.id)
        below = frozenset(team for top in managed for team in tree.below(top))
        actor = Role.MANAGER if employee.role is Role.EMPLOYEE and (managed or leads) else employee.role
        return Viewer(actor, tree, employee, None, session_id, expires_at, below)

    @staticmethod
    def of_device(device: Device, tree: Tree) -> Viewer:
        below = frozenset(tree.teams) if device.team_id is None else tree.below(device.team_id)
        return Viewer(device.kind, tree, None, device, below=below)

    @staticmethod
    def of_clock(tree: Tree) -> Viewer:
        """Return the viewer as whom what time brings about is done: nobody, who reaches everybody."""
        return Viewer(Role.ADMIN, tree)

    @property
    def id(self) -> int | None:
        return self.employee.id if self.employee else None

    @property
    def key(self) -> str:
        """One short word for who this is, e.g. to keep the keys of repeatable calls apart."""
        return f"employee:{self.employee.id}" if self.employee else f"device:{self.device.id if self.device else 0}"

    def reach(self, action: Action) -> Reach:
        reached = reach(self.actor, action)
        if reached is Reach.SCOPE and self.device is not None and self.device.team_id is None:
            return Reach.COMPANY
        return reached

    def may(self, action: Action, employee: Employee) -> bool:
        """Return whether the action reaches that employee."""
        match self.reach(action):
            case Reach.COMPANY:
                return True
            case Reach.OWN:
                return employee.id == self.id
            case Reach.BELOW:
                return employee.id == self.id or self.stands_above(employee)
            case Reach.SCOPE:
                return employee.team_id in self.below
        return False

    def stands_above(self, employee: Employee) -> bool:
        return self.id is not None and (employee.manager_id == self.id or employee.team_id in self.below)

    def may_team(self, action: Action, team: int) -> bool:
        """Return whether the action reaches that team as a whole."""
        match self.reach(action):
            case Reach.COMPANY:
                return True
            case Reach.BELOW | Reach.SCOPE:
                return team in self.below
        return False

    @property
    def teams(self) -> frozenset[int]:
        """The teams whose existence is seen: all, or those of a device's scope."""
        return self.below if self.device else frozenset(self.tree.teams)

    def may_company(self, action: Action) -> bool:
        return self.reach(action) is Reach.COMPANY

    def within(self, action: Action, field: str) -> Q:
        """Return the condition that the employee in that field (e.g. "owner") is within reach."""
        match self.reach(action):
            case Reach.COMPANY:
                return Q()
            case Reach.OWN:
                return holds(f"{field}_id", self.id)
            case Reach.BELOW:
                own = holds(f"{field}_id", self.id) | holds(f"{field}__manager_id", self.id)
                return own | holds(f"{field}__team_id__in", list(self.below)) if self.below else own
            case Reach.SCOPE:
                return holds(f"{field}__team_id__in", list(self.below) or [0])
        return holds(f"{field}_id", 0)

    # goals

    def sees_goal(self, goal: Goal, owner: Employee | None) -> bool:
        """Return whether the goal may be seen; `owner` is its employee, where it has one."""
        if goal.owner_kind is OwnerKind.EMPLOYEE:
            return owner is not None and self.may(Action.VIEW_GOALS, owner)
        if goal.owner_kind is OwnerKind.TEAM:
            return goal.owner_id in self.goal_teams() or self.may_team(Action.VIEW_GOALS, goal.owner_id)
        return self.may_company(Action.VIEW_GOALS_ABOVE)

    def goal_teams(self) -> frozenset[int]:
        """Return the teams whose goals are seen for standing in or below them, or within a device's scope."""
        if self.device is not None:
            return self.below if self.reach(Action.VIEW_GOALS_ABOVE) is not Reach.NONE else frozenset()
        if self.may_company(Action.VIEW_GOALS):
            return frozenset(self.tree.teams)
        above = self.tree.above(self.employee.team_id) if self.employee else ()
        managed = (up for team in self.tree.managed_by(self.id or 0) for up in self.tree.above(team))
        return frozenset(above) | frozenset(managed) | (self.below if self.actor is not Role.EMPLOYEE else frozenset())

    def goals(self, employees: Iterable[int]) -> Q:
        """Return the condition for goals within sight; `employees` are those whose own goals are."""
        condition = Q(owner_kind=OwnerKind.EMPLOYEE, owner_id__in=list(employees) or [0])
        condition |= Q(owner_kind=OwnerKind.TEAM, owner_id__in=list(self.goal_teams()) or [0])
        if self.may_company(Action.VIEW_GOALS_ABOVE):
            condition |= Q(owner_kind=OwnerKind.COMPANY)
        return condition
