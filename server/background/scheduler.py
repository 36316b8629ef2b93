"""The clock: what happens because time passes, done by one of the servers, whichever lives.

Every server keeps looking at a lease in the database. The one that holds it does what time
brings and sends what is in the outbox; when it dies, another takes over within half a
minute. The lease saves work and keeps messages from leaving twice, but nothing that is
decided rests on it: two holders at once, each under the ledger's lock, do nothing twice.
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
BEAT: Final = 3.0  # seconds between two signs of life of the holder
HOLDS: Final = 12.0  # seconds without one, after which another takes the lease over

log = logging.getLogger(__name__)


class Holding:
    """This process's part in a lease. `time` is any clock of this machine that never jumps."""

    def __init__(self, name: str, time: Callable[[], float]) -> None:
        self.me = uuid4().hex
        self._name, self._time = name, time
        self._seen: tuple[str, int] | None = None
        self._since = 0.0
        self._kept: float | None = None

    @property
    def held(self) -> bool:
        """Whether this process holds the lease; one that could not say so for too long no longer believes it."""
        return self._kept is not None and self._time() - self._kept < HOLDS

    async def look(self) -> None:
        """Give a sign of life, take the lease over from one who gives none, or wait."""
        now = self._time()
        seen = await leases.seen(self._name)
        holder, beat = seen
        if seen != self._seen:
            self._seen, self._since = seen, now
        mine, free = holder == self.me, holder == "" or now - self._since >= HOLDS
        taken = (mine or free) and await leases.take(self._name, self.me, beat)
        if taken and not mine:
            log.info("This server keeps the clock now.")
        self._kept = now if taken else None

    async def release(self) -> None:
        if self._kept is not None:
            self._kept = None
            await leases.release(self._name, self.me)


class Timekeeper:
    """The clock of one process.

    context   what a job works with, new for each
    deliver   sends what is in the outbox
    jobs      what is done every so often; `each_day` when the company's day begins, and every so often until it succeeds
    pace      seconds between two looks at what time has brought
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
        jobs = {"lease": self._hold, "hand": self._go_round}
        jobs |= {f"post to {channel}": partial(self._post, channel) for channel in self._deliver.channels}
        self._tasks = [asyncio.create_task(self._keep(name, job), name=f"clock {name}") for name, job in jobs.items()]

    async def stop(self) -> None:
        """Stop, and let another server have the lease at once."""
        await ended(*self._tasks)
        try:
            async with asyncio.timeout(2):
                await self.holding.release()
        except (*AWAY, TimeoutError) as error:
            log.warning("The lease could not be given back (%r); another server takes it over by itself.", error)

    @property
    def tick(self) -> Tick:
        turned = None if self._turned is None else time.monotonic() - self._turned
        return Tick(self.holding.held, turned, self._deaths, self._failures)

    @property
    def healthy(self) -> bool:
        """Whether time passes: every task is at work, and the clock went round lately, here or elsewhere."""
        turned = self.tick.turned
        alive = bool(self._tasks) and not self._down and not any(task.done() for task in self._tasks)
        return alive and turned is not None and turned < 3 * HOLDS

    async def _keep(self, name: str, job: Callable[[], Awaitable[NoReturn]]) -> NoReturn:
        waits = pauses(first=0.5)
        while True:
            try:
                await job()
            except Exception:  # whatever it was, nobody else would start it again
                log.exception("The clock's %s died and begins again.", name)
            self._deaths += 1
            self._down.add(name)
            await asyncio.sleep(next(waits))
            self._down.discard(name)

    async def _hold(self) -> NoReturn:
        while True:
            try:
                await self.holding.look()
                if not self.holding.held:
                    self._turned = time.monotonic()  # another keeps the clock, or will in a moment
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
            else:
                self._next.clear()
                self._day = None
            await asyncio.sleep(self._pace)

    def _told_away(self, error: Exception) -> None:
        if not self._away:
            log.warning("The database is away (%r): time passes again when it is back.", error)
        self._away = True

    async def turn(self) -> None:
        """Do what is due by now. Raises what the database raises while it is away."""
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
        return not timedelta(0) < left <= job.every  # more is left only after the clock was set back

    async def _run(self, job: Job, now: datetime, context: Context) -> bool:
        """Do a job, its first part with this context; return whether it came to its end."""
        ended = False
        try:
            while await job.run(context):
                if not self.holding.held:
                    return False
                context = await self._context()
            ended = True
        except AWAY:
            raise
        except Exception:  # the other jobs go on; this one is tried again when its time comes
            self._failures += 1
            log.exception("The clock's job “%s” failed.", job.name)
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
