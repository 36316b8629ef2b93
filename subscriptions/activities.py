"""Subscription stream of new activities."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from domain.errors.operation_errors import CursorUnknown
from models.crm.activities import Activity, ActivityKind, fetch_newest_id
from resolvers.activities import queries as activity_queries
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


async def stream_activities(
    context: Context, scope: str | None, kinds: Sequence[ActivityKind] | None, after: str | None
) -> AsyncGenerator[Activity, None]:
    """Yield each activity recorded after the cursor `after` (default: from now on), in order and once.

    Raises CursorUnknown.
    """
    if context.start_position is None:
        position = (
            await fetch_newest_id() if after is None else await activity_queries.find_activity_position(context, after)
        )
    else:
        position = await fetch_newest_id() if context.start_position == FROM_NOW else context.start_position
    if position is None:
        raise CursorUnknown("`after` is unknown: read the feed again and subscribe from its end.", field="after")

    async def read_after(position: int) -> Sequence[Activity]:
        await refresh_viewer(context)
        query = await activity_queries.select_activities(context, scope, kinds)
        return await query.filter(id__gt=position).order_by("id").limit(100)

    async for activity in event_stream(
        get_hub(context),
        with_viewer_topics(context, ("activities",)),
        read_after,
        position,
        position_of=lambda activity: activity.id,
        retryable_errors=RETRYABLE_ERRORS,
        on_caught_up=context.on_caught_up,
        check=history_check(context),
    ):
        yield activity
