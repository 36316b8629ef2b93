"""Fixtures: an in-memory change log, and running hubs that read it."""

from __future__ import annotations

import asyncio
from bisect import bisect_right, insort
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from broadcaster import Broadcast

from subscriptions.core.hub import Hub
from subscriptions.core.redis_broadcast import create_broadcast

NEVER_SECONDS = 3600.0  # poll interval for tests of the announcements alone
TIMEOUT_SECONDS = 60.0  # a wait that takes longer fails the test


class DatabaseDown(Exception):
    """The test's database is down."""


class InMemoryChangeLog:
    """Rows (position, topics) that become visible in the order of their commits, not of their positions.

    taken  the last position handed out.
    """

    DatabaseDown = DatabaseDown

    def __init__(self, batch: int = 1000) -> None:
        self.rows: list[tuple[int, list[str]]] = []
        self.batch, self.is_down, self.reserved_position = batch, False, 0

    def reserve_position(self) -> int:
        self.reserved_position += 1
        return self.reserved_position

    def commit(self, *topics: str, position: int | None = None) -> int:
        position = position or self.reserve_position()
        insort(self.rows, (position, list(topics)))
        return position

    async def read_after(self, position: int) -> Sequence[tuple[int, Sequence[str]]]:
        await asyncio.sleep(0)
        if self.is_down:
            raise DatabaseDown
        start = bisect_right(self.rows, position, key=lambda row: row[0])
        return self.rows[start : start + self.batch]

    async def last_position(self) -> int:
        if self.is_down:
            raise DatabaseDown
        return self.rows[-1][0] if self.rows else 0


@pytest.fixture
async def virtual_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the clock of the test's event loop jump to the next timer when nothing else is to do.

    A sleep then takes no time and exactly as long as it says, however slow the machine is. For tests without I/O.
    """
    loop = asyncio.get_running_loop()
    now, select = loop.time(), loop._selector.select

    def skip_wait(timeout: float | None) -> object:
        nonlocal now
        now += timeout or 0
        return select(timeout and 0)

    monkeypatch.setattr(loop, "time", lambda: now)
    monkeypatch.setattr(loop._selector, "select", skip_wait)


@pytest.fixture
def change_log() -> InMemoryChangeLog:
    return InMemoryChangeLog()


async def _wait_until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture
def wait_until() -> Callable[..., object]:
    return _wait_until


@pytest.fixture
def running_hub(change_log: InMemoryChangeLog) -> Callable[..., AbstractAsyncContextManager[Hub]]:
    """Return a context manager that runs a hub on the test's log; it has read the log once when the block starts."""

    @asynccontextmanager
    async def run(
        transport: Broadcast | str | None = None,
        *,
        poll_interval: float = NEVER_SECONDS,
        overlap: int = 100,
        **options: Any,
    ) -> AsyncIterator[Hub]:
        hub_broadcast = transport if isinstance(transport, Broadcast) else create_broadcast(transport)
        hub = Hub(
            hub_broadcast,
            change_log.read_after,
            change_log.last_position,
            poll_interval=poll_interval,
            overlap=overlap,
            **options,
        )
        await hub.start()
        try:
            if not change_log.is_down:
                await _wait_until(lambda: hub.status.last_read_age is not None)
            yield hub
        finally:
            await hub.stop()

    return run
