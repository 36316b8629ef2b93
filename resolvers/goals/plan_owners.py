"""Owners of the targets of a plan: its scope, the teams within it, and the employees who carry a quota."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from domain.errors.user_errors import Conflict, Forbidden, NotFound
from domain.permissions import Action
from domain.primitives.global_ids import decode_global_id, parse_external_id
from models.goals.plans import GoalPlan
from models.organization import people, quotas
from models.organization.people import Employee, Team, TeamTree
from models.organization.quotas import RosterMoment
from models.organization.scopes import ScopeKey, ScopeRow, key_of_row
from resolvers.request import scopes
from resolvers.request.context import RequestContext
from resolvers.request.scopes import Scope, load_scope_rows


@dataclass(frozen=True, eq=False)
class PlanOwners:
    """The owners of a plan's targets.

    sellers  the employees with a share, by id
    groups   of each team and employee: the teams around it within the scope, the innermost first
    keys     the scope, and each team before its employees and the teams within it
    """

    scope: Scope
    sellers: Mapping[int, Employee]
    groups: Mapping[ScopeKey, tuple[ScopeKey, ...]]
    keys: Sequence[ScopeKey]

    @property
    def seller_keys(self) -> list[ScopeKey]:
        return [key for key in self.keys if key.employee_id is not None]

    def sum_by_group(self, amounts: Mapping[ScopeKey, int]) -> dict[ScopeKey, int]:
        """Return the amounts of the sellers, of all teams and of the scope, from those of the sellers."""
        sums = dict.fromkeys(self.keys, 0)
        for key in self.seller_keys:
            for owner in {key, *self.groups[key], self.scope.key}:
                sums[owner] += amounts.get(key, 0)
        return sums


class OwnerNames:
    """Finds the owners that the ids of an input mean, within the scope of the plan."""

    def __init__(self, scope: Scope, employees: Sequence[Employee], teams: Iterable[Team]) -> None:
        rows: list[ScopeRow] = [scope.row, *teams, *employees]
        self._keys = {(type(row).__name__, row.id): key_of_row(row) for row in rows}
        self._ids_by_external_id = {employee.external_id: employee.id for employee in employees if employee.external_id}

    def find(self, global_id: str, *path: str) -> ScopeKey:
        """Return the scope, a team or an active employee within it. Raises NotFound."""
        type_and_id = decode_global_id(global_id)
        if external_id := parse_external_id(global_id):
            type_and_id = Employee.__name__, self._ids_by_external_id.get(external_id, 0)
        key = self._keys.get(type_and_id) if type_and_id else None
        if key is not None:
            return key
        raise NotFound("There is no such team or active employee within the scope of the plan.", *path)

    def find_employee(self, global_id: str, *path: str) -> int:
        """Return the id of an active employee within the scope. Raises NotFound."""
        employee_id = self.find(global_id, *path).employee_id
        if employee_id is None:
            raise NotFound("There is no such active employee within the scope of the plan.", *path)
        return employee_id


async def find_plan_scope(context: RequestContext, global_id: str, *path: str) -> Scope:
    """Return the scope of a plan. Raises NotFound, and Forbidden if the viewer may not set the goals of all within it."""
    scope = await scopes.find_scope(context, global_id)
    if scope is None or not scopes.can_see(context, scope):
        raise NotFound("There is no such employee, team or company.", *path)
    if not scopes.can_act_on(context, Action.SET_GOALS, scope):
        raise Forbidden("You can set goals only for those below you.", *path)
    if scope.employee is not None and not scope.employee.active:
        raise Conflict("{name} has left the company: name someone who works there.", *path, name=scope.employee.name)
    return scope


async def load_employees(context: RequestContext, scope: Scope) -> tuple[list[Employee], set[int]]:
    """Return the active employees of the scope in name order, and the ids of those who carry a quota today."""
    team_ids = scope.team_ids(context)
    if scope.employee is not None:
        return [scope.employee], {scope.employee.id}
    employees = await people.load_active(team_ids)
    [roster] = await quotas.load_rosters([RosterMoment(None, await context.today())], team_ids)
    return employees, set(roster.names)


def arrange_owners(tree: TeamTree, scope: Scope, sellers: Sequence[Employee]) -> PlanOwners:
    """Return the owners in their order: sellers without a team first, each team before its sellers and their teams.

    sellers  in name order
    """
    groups: dict[ScopeKey, tuple[ScopeKey, ...]] = {}
    sellers_by_team: dict[int | None, list[Employee]] = {}
    for seller in sellers:
        path = () if scope.employee is not None else _groups_of_team(tree, scope, seller.team_id)
        groups[key_of_row(seller)] = path
        sellers_by_team.setdefault(None if not path else seller.team_id, []).append(seller)
    staffed = {group for path in groups.values() for group in path}
    keys: list[ScopeKey] = [scope.key]

    def add(child_ids: Sequence[int], seller_team_id: int | None) -> None:
        keys.extend(
            key for seller in sellers_by_team.get(seller_team_id, ()) if (key := key_of_row(seller)) != scope.key
        )
        for team_id in child_ids:
            team = key_of_row(tree.teams[team_id])
            if team in staffed:
                groups[team] = _groups_of_team(tree, scope, tree.parent_id(team_id))
                keys.append(team)
                add(tree.child_ids(team_id), team_id)

    add(scope.key.child_team_ids(tree) or (), None)
    return PlanOwners(scope, {seller.id: seller for seller in sellers}, groups, keys)


def _groups_of_team(tree: TeamTree, scope: Scope, team_id: int | None) -> tuple[ScopeKey, ...]:
    """Return a team and those above it, below the scope, the innermost first."""
    path: list[ScopeKey] = []
    scope_team_ids = scope.key.team_ids(tree)
    for ancestor_id in tree.path_to_root(team_id):
        if ancestor_id == scope.key.team_id or (scope_team_ids is not None and ancestor_id not in scope_team_ids):
            break
        path.append(key_of_row(tree.teams[ancestor_id]))
    return tuple(path)


async def load_plan_scopes(context: RequestContext, rows: Sequence[GoalPlan]) -> list[ScopeRow]:
    """Return the employee, team or company of each plan."""
    scope_rows = await load_scope_rows(context, {plan.scope for plan in rows})
    return [scope_rows[plan.scope] for plan in rows]
