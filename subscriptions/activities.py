"""Subscription stream of new activities."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from domain.errors.operation_errors import CursorUnknown
from models.crm.activities import Activity, ActivityKind, newest_id
from resolvers.activities import queries as activity_queries
from resolvers.request.context import Context
from subscriptions.core.stream_context import NOW, PASSING, again, everything, hub
from subscriptions.core.streams import happenings


async def activities(
    context: Context, scope: str | None, kinds: Sequence[ActivityKind] | None, after: str | None
) -> AsyncGenerator[Activity, None]:
    """Yield each activity recorded after the cursor `after` (default: from now on), in order and once.

    Raises CursorUnknown.
    """
    if context.start is None:
        position = await newest_id() if after is None else await activity_queries.activity_position(after)
    else:
        position = await newest_id() if context.start == NOW else context.start
    if position is None:
        raise CursorUnknown("`after` is unknown: read the feed again and subscribe from its end.", field="after")

    async def read_after(position: int) -> Sequence[Activity]:
        await again(context)
        query = await activity_queries.activity_list(context, scope, kinds)
        return await query.filter(id__gt=position).order_by("id").limit(100)

    async for line in happenings(
        hub(context),
        everything(context, ("activities",)),
        read_after,
        position,
        at=lambda line: line.id,
        transient=PASSING,
        caught_up=context.caught_up,
    ):
        yield line
