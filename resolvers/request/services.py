"""Services that the process lends to each operation: settings, caches, rate limiter, notification of changes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Protocol

from domain.goals.work_schedule import WorkSchedule
from domain.ledger.metrics import Metric
from domain.primitives.calendar import Calendar
from models.goals.goals import Goal
from models.organization import absences
from models.organization import reference_data as reference_models
from models.organization.company import Company
from models.organization.people import Employee
from models.organization.reference_data import ReferenceData
from resolvers.request.rate_limits import RateLimiterProtocol


class ReferenceCacheProtocol(Protocol):
    """Cache of company data between the reads of live streams, dropped on news of a change.

    version          counts the changes of the company, its metrics and its people
    deals_version    counts the changes of the data that forecasts are made from
    """

    version: int
    deals_version: int

    async def company(self) -> Company | None: ...

    async def metrics(self) -> dict[str, Metric]: ...

    async def work_schedule(self, calendar: Calendar) -> WorkSchedule: ...

    def employee(self, employee_id: int) -> Employee | None: ...

    async def employees(self, employee_ids: Sequence[int]) -> list[Employee | None]: ...

    async def goals(self, goal_ids: Sequence[int]) -> dict[int, tuple[Goal, int]]: ...


@dataclass
class Services:
    """Objects and settings of the process that every operation uses.

    signing_secret         signs access tokens
    old_secrets            earlier signing secrets, whose tokens are still accepted
    notify_change_log      makes the hub read the change log; called after each commit, returns at once
    publish_change         replaces it where the change is known: takes its position and topics
    hub                    subscriptions.hub.Hub; resolvers never use it
    idle_timeout           time without a heartbeat after which an employee is no longer at work
    forecast_engine        created on first use
    leaderboard_cache      created on first use
    notification_channels  names of the channels through which alerts may be sent
    shared_channels        those of them that reach one place for all recipients, such as a chat
    reference_data         as last read
    work_schedule          as last loaded, with the position of the reference data it belongs to
    committed_position     returns a position of the change log that is known to be committed
    epoch                  epoch of the database's history, a part of cursors; empty until it has been read
    rewind_count           how often the epoch has changed: how often the database has gone back in time
    public_url             the address at which people reach the server, for links; None if it is not configured
    mails_links            whether password links can be sent by mail
    inactivity_basis       rules and calendar for which the scheduler last rescheduled all inactivity timers
    day_goals_checked_on   the day for which the scheduler last checked the goals of one day
    """

    signing_secret: str
    rate_limiter: RateLimiterProtocol
    notify_change_log: Callable[[], None]
    hub: Any = None
    reference_cache: ReferenceCacheProtocol | None = None
    idle_timeout: timedelta = timedelta(minutes=5)
    forecast_engine: Any = None
    leaderboard_cache: Any = None
    access_token_seconds: int = 900
    refresh_token_days: int = 30
    publish_change: Callable[[int, Collection[str]], None] | None = None
    notification_channels: frozenset[str] = frozenset()
    shared_channels: frozenset[str] = frozenset()
    reference_data: ReferenceData | None = None
    work_schedule: tuple[reference_models.ChangeLogPosition, WorkSchedule] | None = None
    inactivity_basis: Any = None
    day_goals_checked_on: date | None = None
    old_secrets: tuple[str, ...] = ()
    public_url: str | None = None
    mails_links: bool = False
    committed_position: Callable[[], int] = lambda: 0
    epoch: str = ""
    rewind_count: int = 0

    def set_epoch(self, epoch: str) -> None:
        """Set the epoch of the database's history; if another one was set before, drop all data read in it."""
        if self.epoch not in ("", epoch):
            self.rewind_count += 1
            self.forecast_engine = self.leaderboard_cache = self.reference_data = self.inactivity_basis = None
            self.work_schedule = self.day_goals_checked_on = None
        self.epoch = epoch

    @property
    def verifying_secrets(self) -> tuple[str, ...]:
        return (self.signing_secret, *self.old_secrets)

    async def reference_data_at(self, position: reference_models.ChangeLogPosition) -> ReferenceData:
        """Return the reference data as of a position of the change log, which the caller has just read.

        The cached data is current exactly when its position is that one. Without a company nothing is cached.
        """
        cached = self.reference_data
        if cached is None or cached.position != position:
            cached = await reference_models.load_reference_data()
            self.reference_data = cached if cached.company else None
        return cached

    async def work_schedule_at(self, position: reference_models.ChangeLogPosition, calendar: Calendar) -> WorkSchedule:
        """Return the work schedule as of a position of the reference data, which have this calendar."""
        if self.work_schedule is None or self.work_schedule[0] != position:
            self.work_schedule = position, await absences.load_work_schedule(calendar)
        return self.work_schedule[1]
