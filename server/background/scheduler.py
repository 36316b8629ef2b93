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

from domain.errors.operation_errors import ServiceUnavailable
from models.db.errors import DatabaseUnavailable
from models.live import leases
from resolvers.request.context import RequestContext
from resolvers.scheduled_jobs import SCHEDULED_JOBS, ScheduledJob
from server.background.notification_worker import NotificationWorker
from server.background.password_mail_worker import PasswordMailWorker
from server.observability.scheduler_status import SchedulerStatus
from subscriptions.core.tasks import Loop, TaskSupervisor

LEASE_NAME: Final = "clock"
HEARTBEAT_SECONDS: Final = 3.0  # between two heartbeats of the holder
LEASE_SECONDS: Final = 12.0  # without heartbeat, after which another server takes the lease over

log = logging.getLogger(__name__)


class LeaseHolder:
    """The part of this process in a lease. `monotonic_clock` is any clock of this machine that never jumps."""

    def __init__(self, name: str, monotonic_clock: Callable[[], float]) -> None:
        self.holder_id = uuid4().hex
        self._name, self._monotonic_clock = name, monotonic_clock
        self._last_lease: tuple[str, int] | None = None
        self._unchanged_since = 0.0
        self._renewed_at: float | None = None

    @property
    def is_held(self) -> bool:
        """Whether this process holds the lease.

        A holder that could not renew for `LEASE_SECONDS` (a paused process, an unreachable database) counts
        itself out, since another may have taken over by then.
        """
        return self._renewed_at is not None and self._monotonic_clock() - self._renewed_at < LEASE_SECONDS

    async def acquire_or_renew(self) -> None:
        """Renew the lease, or acquire it if it is free or its holder has sent no heartbeat for too long.

        Expiry is measured from when this process first saw the current heartbeat, on its own clock, so
        clocks of different machines need not agree. The update succeeds only at the heartbeat that was
        read, so of several processes one acquires the lease.
        """
        now = self._monotonic_clock()
        lease = await leases.read(self._name)
        holder, heartbeat = lease
        if lease != self._last_lease:
            self._last_lease, self._unchanged_since = lease, now
        is_holder, is_free = holder == self.holder_id, holder == "" or now - self._unchanged_since >= LEASE_SECONDS
        is_acquired = (is_holder or is_free) and await leases.acquire(self._name, self.holder_id, heartbeat)
        if is_acquired and not is_holder:
            log.info("This server is the scheduler leader now.")
        self._renewed_at = now if is_acquired else None

    async def release(self) -> None:
        if self._renewed_at is not None:
            self._renewed_at = None
            await leases.release(self._name, self.holder_id)


class Scheduler:
    """The scheduler of one process.

    create_context        creates the context of a job
    clock                 the current time
    notification_worker   sends the messages of the outbox
    password_mail_worker  sends password links; None if this server sends no mail
    jobs                  run one after another if due, the slow ones apart from the others
    interval              seconds between two checks for due jobs; for slow ones it is ten times as long
    """

    def __init__(
        self,
        create_context: Callable[[], Awaitable[RequestContext]],
        clock: Callable[[], datetime],
        notification_worker: NotificationWorker,
        *,
        password_mail_worker: PasswordMailWorker | None = None,
        jobs: Sequence[ScheduledJob] = SCHEDULED_JOBS,
        interval: float = 1.0,
    ) -> None:
        self._create_context, self._clock, self._notification_worker = create_context, clock, notification_worker
        self._password_mail_worker = password_mail_worker
        self._jobs, self._interval = jobs, interval
        self._supervisor = TaskSupervisor("scheduler", initial_delay=0.5)
        self._next_runs: dict[str, datetime] = {}
        self._completed_days: dict[str, date] = {}  # by name of a daily job
        self._job_failures = 0
        self._last_run_at: float | None = None
        self._is_database_down = False
        self._lease_acquired = asyncio.Event()
        self.lease_holder = LeaseHolder(LEASE_NAME, time.monotonic)

    async def start(self) -> None:
        loops: dict[str, Loop] = {
            "lease": self._hold_lease,
            "job loop": partial(self._run_loop, slow=False),
            "slow job loop": partial(self._run_loop, slow=True),
        }
        loops |= {
            f"sending to {channel}": partial(self._send_messages, partial(self._notification_worker.send_next, channel))
            for channel in self._notification_worker.channel_names
        }
        if self._password_mail_worker is not None:
            loops["sending password links"] = partial(self._send_messages, self._password_mail_worker.send_next)
        self._supervisor.start(loops)

    async def stop(self) -> None:
        """Stop the tasks and release the lease, so that another server takes over at once."""
        await self._supervisor.stop()
        try:
            async with asyncio.timeout(2):
                await self.lease_holder.release()
        except (DatabaseUnavailable, TimeoutError) as error:
            log.warning("The scheduler lease could not be released (%r) and expires by itself.", error)

    @property
    def status(self) -> SchedulerStatus:
        last_run_age = None if self._last_run_at is None else time.monotonic() - self._last_run_at
        return SchedulerStatus(self.lease_holder.is_held, last_run_age, self._supervisor.restarts, self._job_failures)

    @property
    def is_healthy(self) -> bool:
        """Whether jobs are run: all tasks of this process are running, and a run was recent, here or elsewhere."""
        last_run_age = self.status.last_run_age
        return self._supervisor.all_running and last_run_age is not None and last_run_age < 3 * LEASE_SECONDS

    async def _hold_lease(self) -> NoReturn:
        while True:
            try:
                await self.lease_holder.acquire_or_renew()
                if self.lease_holder.is_held:
                    self._lease_acquired.set()
                else:
                    self._lease_acquired.clear()
                    self._last_run_at = time.monotonic()  # another server is the leader, or will be in a moment
            except DatabaseUnavailable as error:
                self._log_database_down(error)
            await asyncio.sleep(HEARTBEAT_SECONDS)

    async def _run_loop(self, *, slow: bool) -> NoReturn:
        while True:
            is_leader = self.lease_holder.is_held
            if is_leader:
                try:
                    await self.run_due_jobs(slow=slow)
                    self._is_database_down = False
                    if not slow:
                        self._last_run_at = time.monotonic()
                except DatabaseUnavailable as error:
                    self._log_database_down(error)
            else:  # so that every job, the daily ones included, runs at once when this server becomes the leader
                self._next_runs.clear()
                self._completed_days.clear()
                await self._lease_acquired.wait()
            if self.lease_holder.is_held is is_leader:  # it has not just become the leader, nor lost the lease
                await asyncio.sleep(self._interval * (10 if slow and is_leader else 1))

    def _log_database_down(self, error: Exception) -> None:
        if not self._is_database_down:
            log.warning("The database cannot be reached (%r): scheduled jobs continue when it is back.", error)
        self._is_database_down = True

    async def run_due_jobs(self, *, slow: bool = False) -> None:
        """Run the slow or the other jobs that are due. Raises the errors of an unreachable database."""
        context = await self._create_context()
        try:
            today = await context.today()
        except ServiceUnavailable:  # there is no company yet
            return
        now = self._clock()
        due = [job for job in self._jobs if job.is_slow is slow and self._is_due(job, now, today)]
        for job in due:
            is_finished = await self._run_job(job, now, context if job is due[0] else await self._create_context())
            if job.daily and is_finished:
                self._completed_days[job.name] = today

    def _is_due(self, job: ScheduledJob, now: datetime, today: date) -> bool:
        if self._completed_days.get(job.name) == today:
            return False
        remaining = self._next_runs.get(job.name, now) - now
        return (
            not timedelta(0) < remaining <= job.every
        )  # more than the interval remains only after the clock was set back

    async def _run_job(self, job: ScheduledJob, now: datetime, context: RequestContext) -> bool:
        """Run a job to its end, its first batch with this context; return False if it failed or the lease was lost."""
        is_finished = False
        try:
            while await job.run(context):
                if not self.lease_holder.is_held:
                    return False
                context = await self._create_context()
            is_finished = True
        except DatabaseUnavailable:
            raise
        except Exception:  # the other jobs go on; this one is retried at its next time
            self._job_failures += 1
            log.exception("The scheduled job “%s” failed.", job.name)
        self._next_runs[job.name] = now + job.every
        return is_finished

    async def _send_messages(self, send_next: Callable[[], Awaitable[bool]]) -> NoReturn:
        while True:
            try:
                while self.lease_holder.is_held and await send_next():
                    continue
            except DatabaseUnavailable as error:
                self._log_database_down(error)
            await asyncio.sleep(self._interval)
