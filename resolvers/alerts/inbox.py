"""The viewer's alert inbox: list, mark as read, message texts and cursors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tortoise.queryset import QuerySet

from domain.errors.user_errors import Forbidden, NotFound
from domain.i18n.alert_messages import message
from domain.permissions import Action, Reach
from domain.primitives.global_ids import decoded
from models.alerts import alerts
from models.alerts.alerts import Alert
from models.db.keyset_pagination import decoded as cursor_key
from resolvers.request.context import Context


def inbox(context: Context, *, unread_only: bool = False) -> QuerySet[Alert]:
    """Return a query of the viewer's alerts; empty for a device."""
    query = alerts.inbox(context.viewer.id if _has_one(context) else None)
    return query.filter(read_at=None) if unread_only else query


def _has_one(context: Context) -> bool:
    return context.viewer.reach(Action.VIEW_ALERTS) is not Reach.NONE


async def unread(context: Context) -> int:
    return await inbox(context, unread_only=True).count()


async def find(context: Context, number: int) -> Alert | None:
    return await inbox(context).get_or_none(id=number)


async def mark_read(context: Context, ids: Sequence[str] | None) -> int:
    """Mark the alerts, or all if `global_ids` is None, as read; return the number of unread alerts."""
    if ids is None and not _has_one(context):
        raise Forbidden("A device has no inbox.", "ids")
    query = Alert.filter(recipient_id=context.viewer.id, read_at=None)
    if ids is not None:
        query = query.filter(id__in=await _numbers(context, ids))
    await query.update(read_at=context.now())
    return await unread(context)


async def _numbers(context: Context, ids: Sequence[str]) -> list[int]:
    pairs = [decoded(id_) for id_ in ids]
    numbers = [pair[1] if pair and pair[0] == "Alert" else 0 for pair in pairs]
    known: set[Any] = set(await inbox(context).filter(id__in=numbers).values_list("id", flat=True))
    for place, number in enumerate(numbers):
        if number not in known:
            raise NotFound("There is no such alert.", "ids", str(place))
    return numbers


def language(context: Context) -> str:
    """Return the language of the viewer's profile, else that of the client."""
    employee = context.viewer.employee
    return employee.language if employee and employee.language else context.caller.language


def said(context: Context, alert: Alert) -> str:
    """Return the message of an alert in the viewer's language."""
    return message(alert.raised.kind, alert.raised.data, language(context))


async def position(context: Context, cursor: str) -> int | None:
    """Return the alert id of an inbox cursor or global id; None if it is neither, or not in the viewer's inbox."""
    pair = decoded(cursor)
    number = pair[1] if pair and pair[0] == "Alert" else None
    if number is None:
        key = cursor_key(cursor)
        number = key[0] if key and len(key) == 1 and isinstance(key[0], int) else None
    return number if number is not None and await find(context, number) else None
