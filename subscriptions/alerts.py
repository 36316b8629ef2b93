"""Live alerts: the event stream of new alerts in the viewer's inbox."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from domain.errors.operation_errors import CursorUnknown
from models.alerts.alerts import Alert, fetch_newest_id
from resolvers.alerts import inbox as alert_inbox
from resolvers.request.context import Context
from subscriptions.core.stream_context import (
    FROM_NOW,
    RETRYABLE_ERRORS,
    get_hub,
    history_check,
    refresh_viewer,
    with_viewer_topics,
)
from subscriptions.core.streams import event_stream


async def stream_inbox(context: Context, after: str | None) -> AsyncGenerator[Alert, None]:
    """Yield each alert of the viewer after the cursor `after`, else from now on, in order and once.

    Raises CursorUnknown if `after` is no cursor or id of the viewer's inbox.
    """
    if context.start_position is None:
        position = await fetch_newest_id() if after is None else await alert_inbox.parse_position(context, after)
    else:
        position = await fetch_newest_id() if context.start_position == FROM_NOW else context.start_position
    if position is None:
        raise CursorUnknown("`after` is unknown: read the inbox again and subscribe from its end.", field="after")

    async def read_after(position: int) -> Sequence[Alert]:
        await refresh_viewer(context)
        return await alert_inbox.query_inbox(context).filter(id__gt=position).order_by("id").limit(100)

    async for alert in event_stream(
        get_hub(context),
        with_viewer_topics(context, (f"alerts:{context.viewer.id}",)),
        read_after,
        position,
        position_of=lambda alert: alert.id,
        retryable_errors=RETRYABLE_ERRORS,
        on_caught_up=context.on_caught_up,
        check=history_check(context),
    ):
        yield alert
