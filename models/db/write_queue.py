"""Order of the writers of one process before they wait for the lock of the ledger.

Only the first of them waits in the database. So a frozen process keeps the lock once, not once for each write that it
has begun, and waiting writes occupy no connections. Batches, which hold the lock for seconds, also wait for each other:
at most one of them, over all processes, is in the queue for the lock, so a single write waits for one batch at most.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from models.db.errors import LockTimeout

MAX_WAITING_BATCHES: Final = 8  # in one process; more are refused at once


@dataclass(frozen=True)
class TimeLimits:
    """Seconds that the database may take; None: without limit.

    statement            for one statement
    lock                 for the lock of the ledger, in the queue of the process and again in the database
    batch                for the turn of a batch
    idle_in_transaction  between two statements of a transaction: a frozen process must not keep its locks
    """

    statement: float | None
    lock: float | None
    batch: float | None
    idle_in_transaction: float | None


SERVER_LIMITS: Final = TimeLimits(statement=10, lock=4.5, batch=5, idle_in_transaction=3)
COMMAND_LIMITS: Final = TimeLimits(statement=None, lock=None, batch=None, idle_in_transaction=60)


class BatchQueueFull(LockTimeout):
    """Other batches were recorded for too long, or too many of them wait."""


class WriteQueue:
    """The order of the writers.

    is_private    whether the database is a private copy, which no other process writes to
    pause_seconds how long the lock is free between two batches, for writers that try for it from time to time
    """

    def __init__(self, limits: TimeLimits = SERVER_LIMITS, pause_seconds: float = 0) -> None:
        self.limits, self.is_private, self.pause_seconds = limits, False, pause_seconds
        self._batch_ended_at = -1e9
        self._writer_lock, self._batch_lock = asyncio.Lock(), asyncio.Lock()
        self._waiting_batches = 0

    @asynccontextmanager
    async def writer_turn(self) -> AsyncIterator[None]:
        """Hold the process's place in the queue for the lock of the ledger. Raises LockTimeout."""
        await _acquire(self._writer_lock, self.limits.lock, LockTimeout("The writes before this one take too long."))
        try:
            yield
        finally:
            self._writer_lock.release()

    @asynccontextmanager
    async def batch_turn(self) -> AsyncIterator[float | None]:
        """Run the block as the only batch of the process. Raises BatchQueueFull.

        yields  seconds that remain to wait for the batches of other processes; None: without limit
        """
        if self.limits.batch is not None and self._waiting_batches >= MAX_WAITING_BATCHES:
            raise BatchQueueFull("Too many batches wait.")
        started_at = asyncio.get_running_loop().time()
        self._waiting_batches += 1
        try:
            await _acquire(
                self._batch_lock, self.limits.batch, BatchQueueFull("The batches before this one take too long.")
            )
        finally:
            self._waiting_batches -= 1
        try:
            await asyncio.sleep(max(0, self._batch_ended_at + self.pause_seconds - asyncio.get_running_loop().time()))
            waited = asyncio.get_running_loop().time() - started_at
            yield None if self.limits.batch is None else max(0.1, self.limits.batch - waited)
        finally:
            self._batch_ended_at = asyncio.get_running_loop().time()
            self._batch_lock.release()


async def _acquire(lock: asyncio.Lock, seconds: float | None, timeout_error: LockTimeout) -> None:
    try:
        async with asyncio.timeout(seconds):
            await lock.acquire()
    except TimeoutError:
        raise timeout_error from None
