"""Live alerts: the event stream of new alerts in the viewer's inbox."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from domain.errors.operation_errors import CursorUnknown
from models.alerts.alerts import Alert, newest_id
from resolvers.alerts import inbox as alert_inbox
from resolvers.request.context import Context
from subscriptions.core.stream_context import NOW, PASSING, again, everything, hub
from subscriptions.core.streams import happenings


async def inbox(context: Context, after: str | None) -> AsyncGenerator[Alert, None]:
    """Yield each alert of the viewer after the cursor `after`, else from now on, in order and once.

    Raises CursorUnknown if `after` is no cursor or id of the viewer's inbox.
    """
    if context.start is None:
        position = await newest_id() if after is None else await alert_inbox.position(context, after)
    else:
        position = await newest_id() if context.start == NOW else context.start
    if position is None:
        raise CursorUnknown("`after` is unknown: read the inbox again and subscribe from its end.", field="after")

    async def read_after(position: int) -> Sequence[Alert]:
        await again(context)
        return await alert_inbox.inbox(context).filter(id__gt=position).order_by("id").limit(100)

    async for alert in happenings(
        hub(context),
        everything(context, (f"alerts:{context.viewer.id}",)),
        read_after,
        position,
        at=lambda alert: alert.id,
        transient=PASSING,
        caught_up=context.caught_up,
    ):
        yield alert
