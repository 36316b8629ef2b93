"""Queries over the activity history."""

from __future__ import annotations

from collections.abc import Sequence

from domain.permissions import Action
from models.crm import activities, undo
from models.crm.activities import Activity, ActivityKind
from models.crm.undo import UndoneActivity
from models.db import row_store
from models.db.conditions import NO_ROW, Condition
from models.db.row_query import RowQuery
from models.goals import goals
from resolvers.request import scopes
from resolvers.request.context import RequestContext
from resolvers.request.event_cursors import parse_event_cursor
from resolvers.request.scopes import ScopeArgument


async def select_activities(
    context: RequestContext, requested_scope: ScopeArgument, kinds: Sequence[ActivityKind] | None
) -> RowQuery[Activity]:
    """Return a query of the activities of the scope within the viewer's reach.

    An activity about a goal of a group has no employee and is selected by the goal's owner.
    """
    condition = await _match_visible(context, requested_scope)
    return activities.select_activities(condition, kinds)


async def select_undone_activities(context: RequestContext, requested_scope: ScopeArgument) -> RowQuery[UndoneActivity]:
    """Return a query of the activities taken back that were in the scope and within the viewer's reach."""
    return undo.select_undone(await _match_visible(context, requested_scope))


async def _match_visible(context: RequestContext, requested_scope: ScopeArgument) -> Condition:
    scope = await scopes.resolve_scope(context, requested_scope, Action.VIEW_CARD)
    if scope is None:
        return NO_ROW
    viewer = context.viewer
    is_visible_employee = viewer.scope_filter(Action.VIEW_CARD, "employee") & scope.key.member_filter(
        context.tree, "employee"
    )
    is_about_employee = is_visible_employee & activities.match_employees()
    condition = is_about_employee
    if scope.key.employee_id is None and viewer.device is None:
        groups = [group for group in viewer.visible_goal_groups() if group.is_within(scope.key, context.tree)]
        condition = condition | goals.match_activities(groups, viewer.restricted_totals())
    if viewer.device is not None:
        condition = condition & activities.match_records()  # devices, such as integrations, cannot see goals
    return condition


async def find_undone_position(context: RequestContext, cursor: str) -> int | None:
    """Return the id of an activity taken back for its cursor; None if there is none."""
    position = parse_event_cursor(context, cursor, "UndoneActivity")
    return position if position is not None and await row_store.exists(UndoneActivity, position) else None


async def find_activity_position(context: RequestContext, cursor: str) -> int | None:
    """Return the activity id for a cursor of the feed or a global id; None if it is neither."""
    activity_id = parse_event_cursor(context, cursor, "Activity")
    return activity_id if activity_id is not None and await row_store.exists(Activity, activity_id) else None
