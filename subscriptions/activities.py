"""Subscription streams of new activities, and of those that are taken back."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from functools import partial

from domain.errors.operation_errors import CursorUnknown
from models.crm import undo
from models.crm.activities import Activity, ActivityKind, fetch_newest_id
from models.crm.undo import UndoneActivity
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


def stream_undone_activities(
    context: StreamContext, scope: str | None, after: str | None
) -> AsyncGenerator[UndoneActivity, None]:
    """Yield each activity that is taken back after the cursor `after` (default: from now on), in order and once.

    Raises CursorUnknown.
    """

    async def read_after(position: int) -> Sequence[UndoneActivity]:
        query = await queries.select_undone_activities(context, scope)
        return await query.fetch_after(position, FEED_BATCH_SIZE)

    return feed_stream(
        context,
        ("undone",),
        read_after,
        after=after,
        find_newest=undo.fetch_newest_id,
        find_position=partial(queries.find_undone_position, context),
        unknown_cursor=CursorUnknown(
            "`after` is unknown: read the feed again and subscribe from its end.", field="after"
        ),
    )
