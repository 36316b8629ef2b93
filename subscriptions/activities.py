"""Subscription stream of new activities."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from functools import partial

from domain.errors.operation_errors import CursorUnknown
from models.crm.activities import Activity, ActivityKind, fetch_newest_id
from resolvers.activities import queries
from subscriptions.core.stream_context import FEED_BATCH_SIZE, StreamContext, feed_stream


def stream_activities(
    context: StreamContext, scope: str | None, kinds: Sequence[ActivityKind] | None, after: str | None
) -> AsyncGenerator[Activity, None]:
    """Yield each activity recorded after the cursor `after` (default: from now on), in order and once.

    Raises CursorUnknown.
    """

    async def read_after(position: int) -> Sequence[Activity]:
        query = await queries.select_activities(context, scope, kinds)
        return await query.fetch_after(position, FEED_BATCH_SIZE)

    return feed_stream(
        context,
        ("activities",),
        read_after,
        after=after,
        find_newest=fetch_newest_id,
        find_position=partial(queries.find_activity_position, context),
        unknown_cursor=CursorUnknown(
            "`after` is unknown: read the feed again and subscribe from its end.", field="after"
        ),
    )
