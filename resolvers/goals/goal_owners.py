"""Where the owners of goals stood within the goals' periods: an employee in which team, a team below which one.

What is over stays: employees that move, leave or return after the end of a period, and teams that move, stand in
that period where they stood at its end. The part of an employee that leaves within a period stays in their team's.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta

from domain.primitives.calendar import Calendar
from models.goals.goals import Goal
from models.organization import memberships
from models.organization.memberships import MemberTeams
from models.organization.people import TeamTree
from models.organization.scopes import ScopeKey
from resolvers.request.context import RequestContext

_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


class GoalOwners:
    """The team trees and memberships of the goals' periods; of a period that runs or lies ahead, the present ones."""

    def __init__(self, tree: TeamTree, members: MemberTeams, calendar: Calendar, now: datetime) -> None:
        self._tree, self._members, self._calendar, self._now = tree, members, calendar, now
        self._today = calendar.day_of(now)

    def tree_of(self, goal: Goal) -> TeamTree:
        return tree_at_end(self._tree, goal.last_day, self._today)

    def team_id(self, goal: Goal) -> int | None:
        """Return the team directly above the owner, 0 for none; None for a company's and a former employee's goal."""
        if goal.scope.employee_id is None:
            return goal.scope.parent_team_id(self.tree_of(goal))
        start = min(self._calendar.start_of(goal.first_day), self._now)
        end = _END_OF_TIME
        if goal.last_day < self._today:
            end = self._calendar.start_of(goal.last_day + timedelta(days=1))
        return self._members.last_team_id(goal.owner_id, start, end)

    def is_within(self, goal: Goal, scope: ScopeKey) -> bool:
        """Return whether the goal is of the scope, of a team within it, or of a member of it."""
        team_id = goal.scope.team_id or self.team_id(goal)
        return goal.scope == scope or scope.covers(self.tree_of(goal), goal.scope.employee_id, team_id)


def tree_at_end(tree: TeamTree, last_day: date, today: date) -> TeamTree:
    """Return the team tree at the end of a period, or the present one while that is not over."""
    return tree.on(min(last_day, today))


async def load_goal_owners(context: RequestContext, employee_ids: Collection[int]) -> GoalOwners:
    """Return where the owners of goals stood; `employee_ids` are those of the employees among them."""
    members = await memberships.load_member_teams(employee_ids)
    return GoalOwners(context.tree, members, await context.calendar(), context.now())
