"""The context of live streams, and what they share.

Before each read the viewer is authenticated again; topics of the viewer; waking at midnight; streams of a feed.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeVar

from domain.errors.operation_errors import CursorUnknown, ServiceUnavailable
from models.db.errors import DatabaseUnavailable
from resolvers.auth import sessions
from resolvers.request.context import RequestContext
from subscriptions.core.hub import Hub
from subscriptions.core.streams import RetryableErrors, event_stream

FROM_NOW: Final = -1  # start position of an event stream that begins with the next event
FEED_BATCH_SIZE: Final = 100  # rows of a feed read at once
RETRYABLE_ERRORS: RetryableErrors = (DatabaseUnavailable, ServiceUnavailable)


@dataclass(kw_only=True)
class StreamContext(RequestContext):
    """State of one live stream.

    refresh_viewer    brings `current_viewer` up to date; set for a stream that several subscribers share
    active_state_ids  of a stream of several states: the ids of states that still belong to it
    start_position    of an event stream: the position after which it starts, overriding its arguments
    on_caught_up      of an event stream: called with the position when all events up to now were sent
    """

    hub: Hub
    refresh_viewer: Callable[[], Awaitable[None]] | None = None
    active_state_ids: set[int] | None = None
    start_position: int | None = None
    on_caught_up: Callable[[int], None] = lambda position: None


class FeedRow(Protocol):
    """A row of a feed; ids ascend in the order of the commits."""

    @property
    def pk(self) -> int: ...


Row = TypeVar("Row", bound=FeedRow)


async def refresh_viewer(context: StreamContext) -> None:
    """Update the viewer's permissions before a read. Raises if the token has expired or the session has ended.

    A shared stream has a `refresh_viewer` of its own, which takes the viewer from the permission checks of the sockets
    instead of querying for each stream.
    """
    context.loaded_employees.clear()  # whom the viewer may see follows the employees as they are now
    if context.refresh_viewer is None:
        await sessions.reauthenticate(context)
    else:
        context.invalidate()
        await context.refresh_viewer()


def with_viewer_topics(context: StreamContext, topics: Iterable[str]) -> set[str]:
    """Return the topics, with those of news that may change what the viewer sees or how values are computed."""
    return {*topics, *sessions.revocation_topics(context.viewer), "company", "metrics"}


def reference_version(context: StreamContext) -> int:
    """Return the version of the reference cache, 0 without one.

    A stream includes it in its key: names of people, the company or metrics may appear in a value whose own version
    has not changed.
    """
    return context.reference_cache.version if context.reference_cache else 0


async def next_day_start(context: StreamContext) -> datetime:
    """Return the instant at which the company's next day begins, when "today" and "this month" may change.

    Call it before a read: a midnight that passes during the read then causes another one.
    """
    calendar = await context.calendar()
    return calendar.start_of(calendar.day_of(context.now()) + timedelta(days=1))


def history_check(context: StreamContext) -> Callable[[], None]:
    """Return a function that raises CursorUnknown once the database has gone back in time since this call."""
    services, rewind_count = context.services, context.services.rewind_count

    def check() -> None:
        if services.rewind_count != rewind_count:
            raise CursorUnknown(
                "The database was restored from an earlier time: read the list again and subscribe without `after`."
            )

    return check


async def feed_stream(
    context: StreamContext,
    topics: Iterable[str],
    read_after: Callable[[int], Awaitable[Sequence[Row]]],
    *,
    after: str | None,
    find_newest: Callable[[], Awaitable[int]],
    find_position: Callable[[str], Awaitable[int | None]],
    unknown_cursor: CursorUnknown,
) -> AsyncGenerator[Row, None]:
    """Yield each row of a feed after the cursor `after` (default: from now on), in order and once.

    read_after      returns at most `FEED_BATCH_SIZE` rows that the viewer may see with larger ids, in their order.
    find_newest     returns the id of the newest row, 0 if there is none.
    find_position   returns the id that a cursor stands for; None if there is none, which raises `unknown_cursor`.
    """
    check = history_check(context)
    position = context.start_position
    if position is None and after is not None:
        position = await find_position(after)
        if position is None:
            raise unknown_cursor
    elif position is None or position == FROM_NOW:
        position = await find_newest()

    async def read_as_viewer(position: int) -> Sequence[Row]:
        await refresh_viewer(context)
        return await read_after(position)

    async for row in event_stream(
        context.hub,
        with_viewer_topics(context, topics),
        read_as_viewer,
        position,
        position_of=lambda row: row.pk,
        retryable_errors=RETRYABLE_ERRORS,
        on_caught_up=context.on_caught_up,
        check=check,
    ):
        yield row
