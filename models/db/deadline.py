"""Waits for something no longer than until a deadline, or until the database is known not to answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from models.db import connection

Result = TypeVar("Result")


class DeadlineExceeded(TimeoutError):
    """Raised when awaiting something with `with_deadline` took too long."""


async def with_deadline(seconds: float, awaitable: Awaitable[Result], *, while_available: bool = False) -> Result:
    """Return the result of an awaitable. After the time, cancel it without waiting and raise DeadlineExceeded.

    `asyncio.timeout` would wait for the cancelled task. The PostgreSQL driver waits in turn until the server has
    acknowledged the cancellation, which a frozen server never does.

    while_available  raise DatabaseUnavailable as soon as the database is known not to answer
    """
    task = asyncio.ensure_future(awaitable)
    loop = asyncio.get_running_loop()
    availability = connection.current_client().availability if while_available else None
    wake: asyncio.Future[None] = (
        loop.create_future()
    )  # done with the task, at the deadline, or when the database is away

    def end_wait(finished: asyncio.Future[Result] | None = None) -> None:
        if finished is not None and not finished.cancelled():
            finished.exception()  # marks it as retrieved
        if not wake.done():
            wake.set_result(None)

    task.add_done_callback(end_wait)
    timer = loop.call_later(seconds, end_wait)
    try:
        if availability is None:
            await wake
        else:
            with availability.watch(wake):
                await wake
            if not task.done():
                availability.check()
        if not task.done():
            raise DeadlineExceeded
        return task.result()
    finally:
        timer.cancel()
        task.cancel()
