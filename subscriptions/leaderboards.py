"""Live streams of leaderboards and of announced wins."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from functools import partial

from domain.errors.operation_errors import CursorUnknown
from models.crm.activities import AnnouncedWin, fetch_newest_win_id
from resolvers.leaderboards import leaderboards, wins
from resolvers.leaderboards.leaderboards import Leaderboard, LeaderboardQuery
from subscriptions.core.stream_context import (
    FEED_BATCH_SIZE,
    RETRYABLE_ERRORS,
    StreamContext,
    feed_stream,
    next_day_start,
    reference_version,
    refresh_viewer,
    with_viewer_topics,
)
from subscriptions.core.streams import StateSnapshot, state_stream


async def leaderboard(context: StreamContext, query: LeaderboardQuery) -> AsyncGenerator[Leaderboard, None]:
    """Yield the present leaderboard, and again after each change of it."""

    has_read = False

    async def read() -> StateSnapshot[Leaderboard]:
        nonlocal has_read
        await refresh_viewer(context)
        tomorrow = await next_day_start(context)
        # Later reads need only the changes that the hub has reported. The first one reads up to the newest commit,
        # since a new subscriber may just have written a change that the hub has not seen yet.
        leaderboard = await leaderboards.load_leaderboard(context, query, context.hub.position if has_read else None)
        has_read = True
        topics = with_viewer_topics(context, leaderboards.leaderboard_topics(leaderboard))
        return StateSnapshot(
            leaderboard,
            topics,
            (leaderboard.period.start, leaderboard.period.end),
            tomorrow,
        )

    topics = with_viewer_topics(context, ("goals",))
    async for leaderboard in state_stream(
        context.hub,
        topics,
        read,
        key=lambda leaderboard: (leaderboard.visible_state, leaderboard.version, reference_version(context)),
        retryable_errors=RETRYABLE_ERRORS,
    ):
        yield leaderboard


def deal_won(
    context: StreamContext, scope_global_id: str | None, after: str | None
) -> AsyncGenerator[AnnouncedWin, None]:
    """Yield each announced and each revoked win. Raises CursorUnknown if `after` is no cursor or id of a win."""

    async def read_after(position: int) -> Sequence[AnnouncedWin]:
        return await wins.fetch_wins_after(context, scope_global_id, position, FEED_BATCH_SIZE)

    return feed_stream(
        context,
        ("wins",),
        read_after,
        after=after,
        find_newest=fetch_newest_win_id,
        find_position=partial(wins.find_win_position, context),
        unknown_cursor=CursorUnknown("`after` is unknown: subscribe without it.", field="after"),
    )
