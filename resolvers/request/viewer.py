"""The viewer: the signed-in employee or device, and the permission table as checks and query filters.

The viewer is read again for each operation and each event of a subscription, so a promotion, a change of team or a
revoked device takes effect at once.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from domain.errors.user_errors import Forbidden
from domain.ledger.metrics import PRIVATE_METRICS
from domain.permissions import Action, Actor, Reach, Role, reach
from models.auth.sessions import Device
from models.db import row_store
from models.db.conditions import Condition
from models.goals import goals
from models.goals.goals import Goal
from models.organization.employee_conditions import match_any, match_employee, match_members, match_reports
from models.organization.people import Employee, TeamTree
from models.organization.reference_data import ReferenceData
from models.organization.scope_groups import all_groups, covering_groups, groups_within, list_groups
from models.organization.scopes import COMPANY, ScopeKey

_VISIBLE_GROUPS: Final = "visible goal groups"  # key of a viewer's memo


@dataclass(frozen=True)
class Viewer:
    """An employee, a device or the scheduler, with the current team tree.

    reachable_team_ids  the teams an employee manages and all teams below them; for a device its scope
    reference_data      the company's data as read together with the viewer
    memo                what has been computed from the viewer alone
    """

    actor: Actor
    tree: TeamTree
    employee: Employee | None = None
    device: Device | None = None
    session_id: int | None = None
    expires_at: datetime | None = None
    reachable_team_ids: frozenset[int] = frozenset()
    reference_data: ReferenceData | None = None
    memo: dict[Hashable, Hashable] = field(default_factory=dict, init=False, compare=False, repr=False)

    @staticmethod
    def for_employee(
        employee: Employee,
        tree: TeamTree,
        session_id: int | None = None,
        expires_at: datetime | None = None,
        *,
        has_direct_reports: bool,
        reference_data: ReferenceData | None = None,
    ) -> Viewer:
        """Return the viewer of an employee.

        Permissions follow the teams: an employee that manages a team or other employees has the reach of a manager,
        whatever their role is called.

        has_direct_reports  whether the employee is set as the manager of another employee directly
        """
        own_team_ids = tree.team_ids_managed_by(employee.id)
        reachable_team_ids = frozenset(
            team_id for top_team_id in own_team_ids for team_id in tree.subtree_ids(top_team_id)
        )
        actor = (
            Role.MANAGER if employee.role is Role.EMPLOYEE and (own_team_ids or has_direct_reports) else employee.role
        )
        return Viewer(actor, tree, employee, None, session_id, expires_at, reachable_team_ids, reference_data)

    @staticmethod
    def for_device(device: Device, tree: TeamTree) -> Viewer:
        reachable_team_ids = frozenset(tree.teams) if device.team_id is None else tree.subtree_ids(device.team_id)
        return Viewer(device.kind, tree, None, device, reachable_team_ids=reachable_team_ids)

    @staticmethod
    def for_scheduler(tree: TeamTree) -> Viewer:
        """Return the viewer of scheduled jobs: no employee, but with the reach of an administrator."""
        return Viewer(Role.ADMIN, tree)

    @property
    def id(self) -> int | None:
        return self.employee.id if self.employee else None

    @property
    def key(self) -> str:
        """Short unique name of the viewer, e.g. to keep idempotency keys of different viewers apart."""
        return f"employee:{self.employee.id}" if self.employee else f"device:{self.device.id if self.device else 0}"

    def has_same_rights(self, other: Viewer) -> bool:
        """Return whether both are readings of one session between which nothing has changed."""
        return (
            (self.key, self.session_id, self.actor, self.reachable_team_ids)
            == (other.key, other.session_id, other.actor, other.reachable_team_ids)
            and self.reference_data is other.reference_data
            and (
                self.employee is None
                or other.employee is None
                or row_store.column_values(self.employee) == row_store.column_values(other.employee)
            )
        )

    def reach(self, action: Action) -> Reach:
        """Return how far the action reaches; the scope of a device without a team is the company."""
        reach_of_action = reach(self.actor, action)
        if reach_of_action is Reach.SCOPE and self.device is not None and self.device.team_id is None:
            return Reach.COMPANY
        return reach_of_action

    def can(self, action: Action, employee: Employee) -> bool:
        """Return whether the action reaches the employee."""
        match self.reach(action):
            case Reach.COMPANY:
                return True
            case Reach.SELF:
                return employee.id == self.id
            case Reach.MANAGED:
                return employee.id == self.id or self.is_manager_of(employee)
            case Reach.SCOPE:
                return employee.team_id in self.reachable_team_ids
        return False

    def is_manager_of(self, employee: Employee) -> bool:
        return self.id is not None and (employee.manager_id == self.id or employee.team_id in self.reachable_team_ids)

    def can_on_team(self, action: Action, team_id: int) -> bool:
        """Return whether the action reaches the whole team."""
        return self.can_on_teams(action, {team_id})

    def can_on_teams(self, action: Action, team_ids: Collection[int]) -> bool:
        """Return whether the action reaches all of the teams; without teams only if it reaches the whole company."""
        match self.reach(action):
            case Reach.COMPANY:
                return True
            case Reach.MANAGED | Reach.SCOPE:
                return bool(team_ids) and self.reachable_team_ids.issuperset(team_ids)
        return False

    def can_in_scope(self, action: Action, scope: ScopeKey, employee: Employee | None) -> bool:
        """Return whether the action reaches the whole scope; `employee` is the employee of an employee's scope."""
        if scope.employee_id is not None:
            return employee is not None and self.can(action, employee)
        team_ids = scope.team_ids(self.tree)
        return self.can_company_wide(action) if team_ids is None else self.can_on_teams(action, team_ids)

    def can_see_total(self, metric: str, scope: ScopeKey, employee: Employee | None) -> bool:
        """Return whether the viewer may see every part of a metric's total in a scope: only then is it told as a whole.

        What was credited to a team is the team's, also after an employee has left it.
        """
        action = PRIVATE_METRICS.get(metric)
        return action is None or self.can_in_scope(action, scope, employee)

    @property
    def visible_team_ids(self) -> frozenset[int]:
        """Teams that the viewer knows of: all, or those in the scope of a device."""
        return self.reachable_team_ids if self.device else frozenset(self.tree.teams)

    def can_company_wide(self, action: Action) -> bool:
        return self.reach(action) is Reach.COMPANY

    def require_admin(self, message: str) -> None:
        """Raise Forbidden with the message unless the viewer is an administrator."""
        if not self.can_company_wide(Action.ADMINISTER):
            raise Forbidden(message, "input")

    def scope_filter(self, action: Action, field: str) -> Condition:
        """Return the filter for rows with an employee in a field (e.g. "owner") that the action reaches."""
        match self.reach(action):
            case Reach.COMPANY:
                return match_any()
            case Reach.SELF:
                return match_employee(field, self.id)
            case Reach.MANAGED:
                own_or_reports = match_employee(field, self.id) | match_reports(field, self.id)
                return (
                    own_or_reports | match_members(field, self.reachable_team_ids)
                    if self.reachable_team_ids
                    else own_or_reports
                )
            case Reach.SCOPE:
                return match_members(field, self.reachable_team_ids)
        return match_employee(field, 0)

    # goals

    def can_see_goal(self, goal: Goal, owner: Employee | None) -> bool:
        """Return whether the viewer may see the goal; `owner` is the employee of an employee's goal.

        The progress of a goal is the total of its metric, so a goal is visible only if that total is.
        """
        scope = goal.scope
        return self.can_see_goals_of(scope, owner) and self.can_see_total(goal.metric, scope, owner)

    def can_see_goals_of(self, scope: ScopeKey, owner: Employee | None) -> bool:
        """Return whether the viewer may see the scope's goals of metrics that are not private."""
        if scope.employee_id is not None:
            return owner is not None and self.can(Action.VIEW_GOALS, owner)
        return scope in self.visible_goal_groups()

    def visible_goal_groups(self) -> frozenset[ScopeKey]:
        """Return the groups with goals that the viewer may see, as far as their metrics are not private.

        These are the groups that an employee belongs to, those that the teams they manage belong to, and those within
        these teams; for a device the groups in its scope.
        """
        groups = self.memo.get(_VISIBLE_GROUPS)
        if groups is None:
            groups = self.memo[_VISIBLE_GROUPS] = self._find_visible_groups()
        assert isinstance(groups, frozenset)
        return groups

    def _find_visible_groups(self) -> frozenset[ScopeKey]:
        tree, employee, reach_above = self.tree, self.employee, self.reach(Action.VIEW_GOALS_ABOVE)
        if self.can_company_wide(Action.VIEW_GOALS):
            groups = all_groups(tree)
        else:
            own_team_ids = [employee.team_id, *tree.team_ids_managed_by(employee.id)] if employee else []
            groups = frozenset[ScopeKey]().union(*(covering_groups(tree, team_id) for team_id in own_team_ids))
            if reach_above is not Reach.NONE:
                groups |= groups_within(tree, self.reachable_team_ids)
        return groups | {COMPANY} if reach_above is Reach.COMPANY else groups - {COMPANY}

    def goal_filter(self, employee_ids: Iterable[int]) -> Condition:
        """Return the filter for visible goals; `employee_ids` are the employees with visible goals of their own."""
        return goals.match_visible(self.visible_goal_groups(), employee_ids, self.restricted_totals())

    def restricted_totals(self) -> dict[str, list[ScopeKey]]:
        """Return the private metrics of which not every total is visible, each with the groups with a visible total."""
        return {
            metric: [group for group in list_groups(self.tree) if self.can_see_total(metric, group, None)]
            for metric in PRIVATE_METRICS
            if not self.can_see_total(metric, COMPANY, None)
        }
