"""Tasks that run as long as the process: cancelled for certain, retried with growing pauses, restarted when they fail."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Final, NoReturn

from models.db.errors import DatabaseUnavailable

HEALTHY_SECONDS: Final = 60.0  # a task that ran for so long before it failed is restarted after a short pause again

log = logging.getLogger(__name__)

Loop = Callable[[], Awaitable[NoReturn]]


def backoff_delays(initial: float = 0.1, maximum: float = 5.0) -> Iterator[float]:
    """Yield the seconds to wait before each retry, without end: doubling from `initial` to `maximum`, with jitter."""
    while True:
        yield random.uniform(initial / 2, initial)  # noqa: S311 - jitter, not a secret
        initial = min(maximum, initial * 2)


async def cancel_and_wait(*tasks: asyncio.Task[object]) -> None:
    """Cancel the tasks and wait until they are done.

    Cancels repeatedly: on Python 3.11 `asyncio.wait_for` inside a client library may swallow a cancellation.
    """
    remaining = set(tasks)
    while remaining:
        for task in remaining:
            task.cancel()
        _, remaining = await asyncio.wait(remaining, timeout=1)


class TaskSupervisor:
    """Runs endless loops as tasks, and restarts each that fails, with growing pauses.

    owner          named in the log and in the names of the tasks.
    initial_delay  seconds before the first restart of a task.
    on_restart     called when a task is restarted, after the pause.
    """

    def __init__(
        self, owner: str, *, initial_delay: float = 0.1, on_restart: Callable[[], None] = lambda: None
    ) -> None:
        self._owner, self._initial_delay, self._on_restart = owner, initial_delay, on_restart
        self._tasks: list[asyncio.Task[NoReturn]] = []
        self._pausing: set[str] = set()  # names of failed tasks that wait for their restart
        self.restarts = 0

    def start(self, loops: Mapping[str, Loop]) -> None:
        """Start a task for each loop, by name."""
        self._tasks = [
            asyncio.create_task(self._run(name, loop), name=f"{self._owner} {name}") for name, loop in loops.items()
        ]

    async def stop(self) -> None:
        await cancel_and_wait(*self._tasks)

    @property
    def all_running(self) -> bool:
        """Whether the tasks were started, and none has ended or waits for its restart."""
        return bool(self._tasks) and not self._pausing and not any(task.done() for task in self._tasks)

    async def _run(self, name: str, loop: Loop) -> NoReturn:
        delays = backoff_delays(self._initial_delay)
        while True:
            started_at = time.monotonic()
            try:
                await loop()
            except DatabaseUnavailable as error:  # a line is enough: the database comes back by itself
                log.warning("The task “%s” of the %s is restarted: %s", name, self._owner, error)
            except Exception:  # of any kind, since nothing else would restart the task
                log.exception("The task “%s” of the %s failed and is restarted.", name, self._owner)
            if time.monotonic() - started_at >= HEALTHY_SECONDS:
                delays = backoff_delays(self._initial_delay)
            self.restarts += 1
            self._pausing.add(name)
            await asyncio.sleep(next(delays))
            self._pausing.discard(name)
            self._on_restart()
