"""Boards that move, and the bell for wins."""

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
    """Yield the board as it is now, and again after each change that moves it."""

    began = False

    async def read() -> Reading[Board]:
        nonlocal began
        await again(context)
        # what has moved is known from the news; but who has just come may have written what is not told yet
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
    """Yield each win and each taking back as the bell rings. Raises CursorUnknown for an `after` that is no win's."""
    if context.start is None:
        position = await wins.newest_bell() if after is None else await wins.bell_position(after)
    else:
        position = await wins.newest_bell() if context.start == NOW else context.start
    if position is None:
        raise CursorUnknown("`after` is not the id of a win that was heard: subscribe without it.", field="after")
    await wins.bells_after(context, scope, position, 1)  # who may not hear is told at once

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
