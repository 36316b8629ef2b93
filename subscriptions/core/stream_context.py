"""Helpers for streams: re-authenticate before each read, topics of the viewer, waking at midnight."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Final, cast

from domain.errors.operation_errors import ServiceUnavailable
from models.db.connection import DATABASE_DOWN_ERRORS
from resolvers.auth import sessions
from resolvers.request.context import Context
from subscriptions.core.hub import Hub
from subscriptions.core.streams import RetryableErrors

FROM_NOW: Final = -1  # start position of an event stream that begins with the next event
RETRYABLE_ERRORS: RetryableErrors = (*DATABASE_DOWN_ERRORS, ServiceUnavailable)


def get_hub(context: Context) -> Hub:
    """Return the hub of the process; the services hold it untyped, as resolvers must not use it."""
    return cast(Hub, context.services.hub)


async def refresh_viewer(context: Context) -> None:
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


def with_viewer_topics(context: Context, topics: Iterable[str]) -> set[str]:
    """Return the topics, with those of news that may change what the viewer sees or how values are computed."""
    return {*topics, *sessions.revocation_topics(context.viewer), "company", "metrics"}


def reference_version(context: Context) -> int:
    """Return the version of the reference cache, 0 without one.

    A stream includes it in its key: names of people, the company or metrics may appear in a value whose own version
    has not changed.
    """
    return context.reference_cache.version if context.reference_cache else 0


async def seconds_until_tomorrow(context: Context) -> float:
    """Return the seconds until the company's next day begins, when "today" and "this month" may change."""
    calendar, now = await context.calendar(), context.now()
    next_day_start = calendar.start_of(calendar.day_of(now) + timedelta(days=1))
    return max(0.05, (next_day_start - now).total_seconds())
