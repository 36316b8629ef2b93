"""The scheduler: runs scheduled jobs and sends notifications on one elected server.

Every server watches a lease in the database. Its holder, the leader, runs the due jobs and sends the
messages of the outbox; if it dies, another server takes over within half a minute. The lease saves
work and keeps messages from being sent twice, but correctness does not depend on it: two leaders at
once do nothing twice, since each job decides under the lock of the ledger.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from typing import Final, NoReturn
from uuid import uuid4

from domain.errors.operation_errors import Unavailable
from models.db.connection import AWAY
from models.live import leases
from resolvers.request.context import Context
from resolvers.scheduled_jobs import EACH_DAY, JOBS, Job
from server.background.notification_worker import Delivering
from server.observability.scheduler_status import Tick
from subscriptions.core.hub import ended, pauses

LEASE: Final = "clock"
BEAT: Final = 3.0  # between two heartbeats of the holder
HOLDS: Final = 12.0  # without heartbeat, after which another server takes the lease over

log = logging.getLogger(__name__)


class Holding:
    """The part of this process in a lease. `monotonic_clock` is any clock of this machine that never jumps."""

    def __init__(self, name: str, time: Callable[[], float]) -> None:
        self.me = uuid4().hex
        self._name, self._time = name, time
        self._seen: tuple[str, int] | None = None
        self._since = 0.0
        self._kept: float | None = None

    @property
    def held(self) -> bool:
        """Whether this process holds the lease.

        A holder that could not renew for `LEASE_SECONDS` (a paused process, an unreachable database) counts
        itself out, since another may have taken over by then.
        """
        return self._kept is not None and self._time() - self._kept < HOLDS

    async def look(self) -> None:
        """Renew the lease, or acquire it if it is free or its holder has sent no heartbeat for too long.

        Expiry is measured from when this process first saw the current heartbeat, on its own clock, so
        clocks of different machines need not agree. The update succeeds only at the heartbeat that was
        read, so of several processes one acquires the lease.
        """
        now = self._time()
        seen = await leases.seen(self._name)
        holder, beat = seen
        if seen != self._seen:
            self._seen, self._since = seen, now
        mine, free = holder == self.me, holder == "" or now - self._since >= HOLDS
        taken = (mine or free) and await leases.take(self._name, self.me, beat)
        if taken and not mine:
            log.info("This server is the scheduler leader now.")
        self._kept = now if taken else None

    async def release(self) -> None:
        if self._kept is not None:
            self._kept = None
            await leases.release(self._name, self.me)


class Timekeeper:
    """The scheduler of one process.

    create_context       creates the context of a job
    clock                the current time
    notification_worker  sends the messages of the outbox
    jobs                 the jobs that are due every so often
    daily_job            runs when the company's day begins, and is retried at its interval until it succeeds
    interval             seconds between two checks for due jobs
    """

    def __init__(
        self,
        context: Callable[[], Awaitable[Context]],
        clock: Callable[[], datetime],
        deliver: Delivering,
        *,
        jobs: Sequence[Job] = JOBS,
        each_day: Job = EACH_DAY,
        pace: float = 1.0,
    ) -> None:
        self._context, self._clock, self._deliver = context, clock, deliver
        self._jobs, self._each_day, self._pace = jobs, each_day, pace
        self._tasks: list[asyncio.Task[NoReturn]] = []
        self._next: dict[str, datetime] = {}
        self._day: date | None = None
        self._down: set[str] = set()
        self._deaths = self._failures = 0
        self._turned: float | None = None
        self._away = False
        self.holding = Holding(LEASE, time.monotonic)

    async def start(self) -> None:
        jobs = {"lease": self._hold, "job loop": self._go_round}
        jobs |= {f"sending to {channel}": partial(self._post, channel) for channel in self._deliver.channels}
        self._tasks = [
            asyncio.create_task(self._keep(name, job), name=f"scheduler {name}") for name, job in jobs.items()
        ]

    async def stop(self) -> None:
        """Stop the tasks and release the lease, so that another server takes over at once."""
        await ended(*self._tasks)
        try:
            async with asyncio.timeout(2):
                await self.holding.release()
        except (*AWAY, TimeoutError) as error:
            log.warning("The scheduler lease could not be released (%r) and expires by itself.", error)

    @property
    def tick(self) -> Tick:
        turned = None if self._turned is None else time.monotonic() - self._turned
        return Tick(self.holding.held, turned, self._deaths, self._failures)

    @property
    def healthy(self) -> bool:
        """Whether jobs are run: all tasks of this process are running, and a run was recent, here or elsewhere."""
        turned = self.tick.turned
        alive = bool(self._tasks) and not self._down and not any(task.done() for task in self._tasks)
        return alive and turned is not None and turned < 3 * HOLDS

    async def _keep(self, name: str, job: Callable[[], Awaitable[NoReturn]]) -> NoReturn:
        waits = pauses(first=0.5)
        while True:
            try:
                await job()
            except Exception:  # of any kind, since nothing else would restart the task
                log.exception("The scheduler task “%s” failed and is restarted.", name)
            self._deaths += 1
            self._down.add(name)
            await asyncio.sleep(next(waits))
            self._down.discard(name)

    async def _hold(self) -> NoReturn:
        while True:
            try:
                await self.holding.look()
                if not self.holding.held:
                    self._turned = time.monotonic()  # another server is the leader, or will be in a moment
            except AWAY as error:
                self._told_away(error)
            await asyncio.sleep(BEAT)

    async def _go_round(self) -> NoReturn:
        while True:
            if self.holding.held:
                try:
                    await self.turn()
                    self._turned, self._away = time.monotonic(), False
                except AWAY as error:
                    self._told_away(error)
            else:  # so that every job, the daily one included, runs at once when this server becomes the leader
                self._next.clear()
                self._day = None
            await asyncio.sleep(self._pace)

    def _told_away(self, error: Exception) -> None:
        if not self._away:
            log.warning("The database cannot be reached (%r): scheduled jobs continue when it is back.", error)
        self._away = True

    async def turn(self) -> None:
        """Run the jobs that are due. Raises the errors of an unreachable database."""
        context = await self._context()
        try:
            today = await context.today()
        except Unavailable:  # there is no company yet
            return
        now = self._clock()
        due = [job for job in self._jobs if self._is_due(job, now)]
        for job in due:
            await self._run(job, now, context if job is due[0] else await self._context())
        dawned = today != self._day and self._is_due(self._each_day, now)
        if dawned and await self._run(self._each_day, now, await self._context()):
            self._day = today

    def _is_due(self, job: Job, now: datetime) -> bool:
        left = self._next.get(job.name, now) - now
        return not timedelta(0) < left <= job.every  # more than the interval remains only after the clock was set back

    async def _run(self, job: Job, now: datetime, context: Context) -> bool:
        """Run a job to its end, its first batch with this context; return False if it failed or the lease was lost."""
        ended = False
        try:
            while await job.run(context):
                if not self.holding.held:
                    return False
                context = await self._context()
            ended = True
        except AWAY:
            raise
        except Exception:  # the other jobs go on; this one is retried at its next time
            self._failures += 1
            log.exception("The scheduled job “%s” failed.", job.name)
        self._next[job.name] = now + job.every
        return ended

    async def _post(self, channel: str | None) -> NoReturn:
        while True:
            try:
                while self.holding.held and await self._deliver.turn(channel):
                    continue
            except AWAY as error:
                self._told_away(error)
            await asyncio.sleep(self._pace)
