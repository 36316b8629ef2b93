"""The viewer's alert inbox: list, mark as read, message texts and cursors."""

from __future__ import annotations

from collections.abc import Sequence

from domain.errors.user_errors import Forbidden, NotFound
from domain.i18n.alert_messages import format_alert
from domain.permissions import Action, Reach
from domain.primitives.global_ids import decode_global_id
from models.alerts import alerts
from models.alerts.alerts import Alert
from models.db.row_query import RowQuery
from resolvers.request.context import RequestContext
from resolvers.request.event_cursors import parse_event_cursor


def query_inbox(context: RequestContext, *, unread_only: bool = False) -> RowQuery[Alert]:
    """Return a query of the viewer's alerts; empty for a device."""
    return alerts.select_inbox(context.viewer.id if _has_inbox(context) else None, unread_only=unread_only)


def _has_inbox(context: RequestContext) -> bool:
    return context.viewer.reach(Action.VIEW_ALERTS) is not Reach.NONE


async def count_unread(context: RequestContext) -> int:
    return await query_inbox(context, unread_only=True).count()


async def find(context: RequestContext, alert_id: int) -> Alert | None:
    return await query_inbox(context).find(alert_id)


async def mark_read(context: RequestContext, global_ids: Sequence[str] | None) -> int:
    """Mark the alerts, or all if `global_ids` is None, as read; return the number of unread alerts."""
    if global_ids is None and not _has_inbox(context):
        raise Forbidden("A device has no inbox.", "ids")
    alert_ids = None if global_ids is None else await _resolve_ids(context, global_ids)
    await alerts.mark_read(context.viewer.id, context.now(), alert_ids)
    return await count_unread(context)


async def _resolve_ids(context: RequestContext, global_ids: Sequence[str]) -> list[int]:
    pairs = [decode_global_id(global_id) for global_id in global_ids]
    alert_ids = [pair[1] if pair and pair[0] == "Alert" else 0 for pair in pairs]
    inbox_ids = await alerts.list_inbox_ids(context.viewer.id if _has_inbox(context) else None, alert_ids)
    for index, alert_id in enumerate(alert_ids):
        if alert_id not in inbox_ids:
            raise NotFound("There is no such alert.", "ids", str(index))
    return alert_ids


def get_viewer_language(context: RequestContext) -> str:
    """Return the language of the viewer's profile, else that of the client."""
    employee = context.viewer.employee
    return employee.language if employee and employee.language else context.client.language


def format_for_viewer(context: RequestContext, alert: Alert) -> str:
    """Return the message of an alert in the viewer's language."""
    return format_alert(alert.raised.kind, alert.raised.data, get_viewer_language(context))


async def parse_position(context: RequestContext, cursor: str) -> int | None:
    """Return the alert id of an inbox cursor or global id; None if it is neither, or not in the viewer's inbox."""
    alert_id = parse_event_cursor(context, cursor, "Alert")
    return alert_id if alert_id is not None and await find(context, alert_id) else None
