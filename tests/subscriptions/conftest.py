"""Fixtures: an in-memory change log, and running hubs that read it."""

from __future__ import annotations

import asyncio
from bisect import bisect_right, insort
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from broadcaster import Broadcast

from subscriptions.core.hub import Hub
from subscriptions.core.redis_broadcast import broadcast

NEVER = 3600.0  # poll interval for tests of the announcements alone
PATIENCE = 30.0  # a wait that takes longer fails the test


class Away(Exception):
    """The test's database is down."""


class Log:
    """Rows (position, topics) that become visible in the order of their commits, not of their positions.

    taken  the last position handed out.
    """

    Away = Away

    def __init__(self, batch: int = 1000) -> None:
        self.rows: list[tuple[int, list[str]]] = []
        self.batch, self.away, self.taken = batch, False, 0

    def take(self) -> int:
        self.taken += 1
        return self.taken

    def commit(self, *topics: str, position: int | None = None) -> int:
        position = position or self.take()
        insort(self.rows, (position, list(topics)))
        return position

    async def after(self, position: int) -> Sequence[tuple[int, Sequence[str]]]:
        await asyncio.sleep(0)
        if self.away:
            raise Away
        start = bisect_right(self.rows, position, key=lambda row: row[0])
        return self.rows[start : start + self.batch]

    async def newest(self) -> int:
        if self.away:
            raise Away
        return self.rows[-1][0] if self.rows else 0


@pytest.fixture
def change_log() -> Log:
    return Log()


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await asyncio.sleep(0.01)


@pytest.fixture
def until() -> Callable[..., object]:
    return _until


@pytest.fixture
def running(change_log: Log) -> Callable[..., AbstractAsyncContextManager[Hub]]:
    """Return a context manager that runs a hub on the test's log; it has read the log once when the block starts."""

    @asynccontextmanager
    async def run(
        news: Broadcast | str | None = None, *, look_every: float = NEVER, overlap: int = 100
    ) -> AsyncIterator[Hub]:
        carrier = news if isinstance(news, Broadcast) else broadcast(news)
        hub = Hub(carrier, change_log.after, change_log.newest, look_every=look_every, overlap=overlap)
        await hub.start()
        try:
            if not change_log.away:
                await _until(lambda: hub.pulse.looked is not None)
            yield hub
        finally:
            await hub.stop()

    return run
