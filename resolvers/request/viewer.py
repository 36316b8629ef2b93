"""The viewer: the signed-in employee or device, and the permission table as checks and query filters.

The viewer is read again for each operation and each event of a subscription, so a promotion, a change of team or a
revoked device takes effect at once.
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
    """Return the filter for a lookup, such as "owner_id" or "team_id__in", whose name is computed."""
    conditions: dict[str, Any] = {lookup: value}
    return Q(**conditions)


@dataclass(frozen=True)
class Viewer:
    """An employee, a device or the scheduler, with the current team tree.

    managed_team_ids  the teams an employee manages and all teams below them; for a device its scope
    reference_data    the company's data as read together with the viewer
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
        """Return the viewer of an employee.

        Permissions follow the teams: an employee who manages a team or other employees has the reach of a manager,
        whatever their role is called.

        has_direct_reports  whether the employee is set as the manager of another employee directly
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
        """Return the viewer of scheduled jobs: no employee, but with the reach of an administrator."""
        return Viewer(Role.ADMIN, tree)

    @property
    def id(self) -> int | None:
        return self.employee.id if self.employee else None

    @property
    def key(self) -> str:
        """Short unique name of the viewer, e.g. to keep idempotency keys of different viewers apart."""
        return f"employee:{self.employee.id}" if self.employee else f"device:{self.device.id if self.device else 0}"

    def reach(self, action: Action) -> Reach:
        """Return how far the action reaches; the scope of a device without a team is the company."""
        reached = reach(self.actor, action)
        if reached is Reach.SCOPE and self.device is not None and self.device.team_id is None:
            return Reach.COMPANY
        return reached

    def may(self, action: Action, employee: Employee) -> bool:
        """Return whether the action reaches the employee."""
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
        """Return whether the action reaches the whole team."""
        match self.reach(action):
            case Reach.COMPANY:
                return True
            case Reach.BELOW | Reach.SCOPE:
                return team in self.below
        return False

    @property
    def teams(self) -> frozenset[int]:
        """Teams that the viewer knows of: all, or those in the scope of a device."""
        return self.below if self.device else frozenset(self.tree.teams)

    def may_company(self, action: Action) -> bool:
        return self.reach(action) is Reach.COMPANY

    def within(self, action: Action, field: str) -> Q:
        """Return the filter for rows whose employee in a field (e.g. "owner") the action reaches."""
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
        """Return whether the viewer may see the goal; `owner` is the employee of an employee's goal."""
        if goal.owner_kind is OwnerKind.EMPLOYEE:
            return owner is not None and self.may(Action.VIEW_GOALS, owner)
        if goal.owner_kind is OwnerKind.TEAM:
            return goal.owner_id in self.goal_teams() or self.may_team(Action.VIEW_GOALS, goal.owner_id)
        return self.may_company(Action.VIEW_GOALS_ABOVE)

    def goal_teams(self) -> frozenset[int]:
        """Return the teams whose goals the viewer may see: those above their own and managed teams, and managed ones.

        For a device these are the teams in its scope.
        """
        if self.device is not None:
            return self.below if self.reach(Action.VIEW_GOALS_ABOVE) is not Reach.NONE else frozenset()
        if self.may_company(Action.VIEW_GOALS):
            return frozenset(self.tree.teams)
        above = self.tree.above(self.employee.team_id) if self.employee else ()
        managed = (up for team in self.tree.managed_by(self.id or 0) for up in self.tree.above(team))
        return frozenset(above) | frozenset(managed) | (self.below if self.actor is not Role.EMPLOYEE else frozenset())

    def goals(self, employees: Iterable[int]) -> Q:
        """Return the filter for visible goals; `employee_ids` are the employees whose own goals are visible."""
        condition = Q(owner_kind=OwnerKind.EMPLOYEE, owner_id__in=list(employees) or [0])
        condition |= Q(owner_kind=OwnerKind.TEAM, owner_id__in=list(self.goal_teams()) or [0])
        if self.may_company(Action.VIEW_GOALS_ABOVE):
            condition |= Q(owner_kind=OwnerKind.COMPANY)
        return condition
