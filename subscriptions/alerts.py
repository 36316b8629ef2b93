"""Live alerts: the event stream of new alerts in the viewer's inbox."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from functools import partial

from domain.errors.operation_errors import CursorUnknown
from models.alerts.alerts import Alert, fetch_newest_id
from resolvers.alerts import inbox
from subscriptions.core.stream_context import FEED_BATCH_SIZE, StreamContext, feed_stream


def stream_inbox(context: StreamContext, after: str | None) -> AsyncGenerator[Alert, None]:
    """Yield each alert of the viewer after the cursor `after`, else from now on, in order and once.

    Raises CursorUnknown if `after` is no cursor or id of the viewer's inbox.
    """

    async def read_after(position: int) -> Sequence[Alert]:
        return await inbox.query_inbox(context).fetch_after(position, FEED_BATCH_SIZE)

    return feed_stream(
        context,
        (f"alerts:{context.viewer.id}",),
        read_after,
        after=after,
        find_newest=fetch_newest_id,
        find_position=partial(inbox.parse_position, context),
        unknown_cursor=CursorUnknown(
            "`after` is unknown: read the inbox again and subscribe from its end.", field="after"
        ),
    )
