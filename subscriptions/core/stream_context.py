"""What all streams share: who asks is looked at again before each read, and the day that may turn."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Final, cast

from domain.errors.operation_errors import Unavailable
from models.db.connection import AWAY
from resolvers.auth import sessions
from resolvers.request.context import Context
from subscriptions.core.hub import Hub
from subscriptions.core.streams import Transient

NOW: Final = -1  # as the start of a stream of happenings: whatever comes from now on
PASSING: Transient = (*AWAY, Unavailable)


def hub(context: Context) -> Hub:
    return cast(Hub, context.services.hub)


async def again(context: Context) -> None:
    """Look again who asks: a token that expired or rights that went end the stream here."""
    if context.settled is None:
        await sessions.renew(context)
    else:
        context.forget()
        await context.settled()


def everything(context: Context, topics: Iterable[str]) -> set[str]:
    """Return the topics, with those that may change what the viewer sees or how it is counted."""
    return {*topics, *sessions.topics(context.viewer), "company", "metrics"}


def turn(context: Context) -> int:
    """Return what changes with whatever may be shown of people, the company and its metrics beside what a stream is about."""
    return context.known.turn if context.known else 0


async def until_tomorrow(context: Context) -> float:
    """Return the seconds until the company's next day begins, when "today" and "this month" may turn."""
    calendar, now = await context.calendar(), context.now()
    turn = calendar.start_of(calendar.day_of(now) + timedelta(days=1))
    return max(0.05, (turn - now).total_seconds())
