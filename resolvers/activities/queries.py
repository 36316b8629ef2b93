"""Queries over the activity history."""

from __future__ import annotations

from collections.abc import Sequence

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from domain.permissions import Action
from domain.primitives.global_ids import decoded
from models.crm.activities import Activity, ActivityKind
from models.db.keyset_pagination import decoded as cursor_key
from models.goals.goals import OwnerKind
from resolvers.request import scopes
from resolvers.request.context import Context
from resolvers.request.scopes import Asked


async def activity_list(context: Context, asked: Asked, kinds: Sequence[ActivityKind] | None) -> QuerySet[Activity]:
    """Return a query of the activities of the scope within the viewer's reach.

    An activity about a goal of a team or the company has no employee and is selected by the goal's owner.
    """
    scope = await scopes.asked_for(context, asked, Action.VIEW_CARD)
    if scope is None:
        return Activity.filter(id=0)
    viewer = context.viewer
    people_ = viewer.within(Action.VIEW_CARD, "employee") & scopes.of(context, scope, "employee")
    about_employee = people_ & Q(employee_id__isnull=False)
    condition = about_employee
    if scope.kind is not OwnerKind.EMPLOYEE and viewer.device is None:
        teams = set(viewer.goal_teams())
        if scope.kind is OwnerKind.TEAM:
            teams &= context.tree.below(scope.number)
        else:
            teams.add(0)
        condition = condition | Q(employee_id__isnull=True, team_id__in=list(teams) or [-1])
    if viewer.device is not None:
        condition = condition & ~Q(subject_kind="Goal")  # devices, such as integrations, cannot see goals
    query = Activity.filter(condition)
    return query.filter(kind__in=list(kinds)) if kinds else query


async def activity_position(cursor: str) -> int | None:
    """Return the activity id for a cursor of the feed or a global id; None if it is neither."""
    pair = decoded(cursor)
    number = pair[1] if pair and pair[0] == "Activity" else None
    if number is None:
        key = cursor_key(cursor)
        number = key[0] if key and len(key) == 1 and isinstance(key[0], int) else None
    return number if number is not None and await Activity.exists(id=number) else None
