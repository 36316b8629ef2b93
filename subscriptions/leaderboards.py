"""Live streams of leaderboards and of announced wins."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from domain.errors.operation_errors import CursorUnknown
from models.crm.activities import Bell
from resolvers.leaderboards import leaderboards, wins
from resolvers.leaderboards.leaderboards import Board, Question
from resolvers.request.context import Context
from subscriptions.core.stream_context import NOW, PASSING, again, everything, hub, turn, until_tomorrow
from subscriptions.core.streams import Reading, happenings, states


async def leaderboard(context: Context, question: Question) -> AsyncGenerator[Board, None]:
    """Yield the present leaderboard, and again after each change of it."""

    began = False

    async def read() -> Reading[Board]:
        nonlocal began
        await again(context)
        # Later reads need only the changes that the hub has reported. The first one reads up to the newest commit,
        # since a new subscriber may just have written a change that the hub has not seen yet.
        board = await leaderboards.answer(context, question, hub(context).position if began else None)
        began = True
        topics = everything(context, leaderboards.topics(question, board))
        return Reading(board, topics, (board.period.start, board.period.end), await until_tomorrow(context))

    topics = everything(context, ("goals",))
    async for board in states(
        hub(context),
        topics,
        read,
        key=lambda board: (board.shown, board.version, turn(context)),
        transient=PASSING,
    ):
        yield board


async def deal_won(context: Context, scope: str | None, after: str | None) -> AsyncGenerator[Bell, None]:
    """Yield each announced and each revoked win. Raises CursorUnknown if `after` is not the id of a win."""
    if context.start is None:
        position = await wins.newest_bell() if after is None else await wins.bell_position(after)
    else:
        position = await wins.newest_bell() if context.start == NOW else context.start
    if position is None:
        raise CursorUnknown("`after` is not the id of a known win: subscribe without it.", field="after")
    await wins.bells_after(context, scope, position, 1)  # raises at once if the viewer may not see the scope

    async def read_after(position: int) -> Sequence[Bell]:
        await again(context)
        return await wins.bells_after(context, scope, position, 100)

    async for bell in happenings(
        hub(context),
        everything(context, ("wins",)),
        read_after,
        position,
        at=lambda bell: bell.id,
        transient=PASSING,
        caught_up=context.caught_up,
    ):
        yield bell
