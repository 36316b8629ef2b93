"""Services that the process lends to each operation: settings, caches, rate limiter, notification of changes.

Objects of the process that are defined in higher layers are typed by protocols.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Protocol, TypeVar

from domain.alerts.rules import Rule
from domain.goals.work_schedule import WorkSchedule
from domain.ledger.metrics import Metric, Score
from domain.primitives.calendar import Calendar
from models.edits.goal_values import GoalValueCache
from models.goals.goals import Goal
from models.organization import absences
from models.organization import reference_data as reference_models
from models.organization.company import Company
from models.organization.people import Employee
from models.organization.reference_data import ChangeLogPosition, ReferenceData
from resolvers.request.edit_groups import EditGroups
from resolvers.request.import_files import ImportableFiles, ImportPreview, ImportSource
from resolvers.request.kept_answers import KeptAnswers
from resolvers.request.rate_limits import RateLimiterProtocol
from resolvers.request.viewer_cache import ViewerCache

Result = TypeVar("Result")


class ChangeNotifier(Protocol):
    """Tells this process and the others what has been committed: `subscriptions.core.hub.Hub`.

    Its methods return at once.
    """

    @property
    def committed_position(self) -> int:
        """A position of the change log that is known to be committed; 0 if none is."""

    def notify(self) -> None:
        """Have the change log read: something was committed."""

    def publish(self, position: int, topics: Collection[str]) -> None:
        """Announce a committed row of the change log."""


class NullNotifier:
    """The notifier of a process without live streams, such as a command. Servers poll the change log."""

    committed_position = 0

    def notify(self) -> None: ...

    def publish(self, position: int, topics: Collection[str]) -> None: ...


@dataclass(frozen=True)
class CommittedChange:
    """An entry of the change log that this process has committed.

    previous_position  of the entry before it
    topics             that have changed
    scores             all that were posted with it, unless the topics are "*"
    """

    position: int
    previous_position: int
    topics: Collection[str]
    scores: Sequence[Score]


class ForecastEngineProtocol(Protocol):
    """`resolvers.forecasting.forecast_engine.ForecastEngine`, to which `get_forecast_engine` narrows it."""

    async def compute(self, key: tuple[object, ...], function: Callable[[], Result]) -> Result: ...

    def take_changed_sellers(self) -> set[int] | None: ...


class LeaderboardCacheProtocol(Protocol):
    """`resolvers.leaderboards.leaderboard_cache.LeaderboardCache`, to which the leaderboards narrow it."""

    async def get_base_version(self) -> int: ...

    def apply_committed(self, change: CommittedChange) -> None: ...


class ReferenceCacheProtocol(Protocol):
    """Cache of company data between the reads of live streams, dropped on news of a change.

    version          counts the changes of the company, its metrics and its people
    deals_version    counts the changes of the data that forecasts are made from
    """

    version: int
    deals_version: int

    @property
    def news_position(self) -> int:
        """The position of the change log of the newest change that streams have been told of."""

    async def company(self) -> Company | None: ...

    async def metrics(self) -> dict[str, Metric]: ...

    def cached_company(self) -> Company | None: ...

    def cached_metrics(self) -> dict[str, Metric] | None: ...

    async def work_schedule(self, calendar: Calendar) -> WorkSchedule: ...

    def employee(self, employee_id: int) -> Employee | None: ...

    async def employees(self, employee_ids: Sequence[int]) -> list[Employee | None]: ...

    async def goals(self, goal_ids: Sequence[int]) -> dict[int, tuple[Goal, int]]: ...


class ImportRunnerProtocol(Protocol):
    """Reads files and runs imports outside of requests: `server.background.import_processes.ImportProcesses`.

    Its methods raise user errors with paths in the input for files and maps that cannot be used.
    """

    async def check(self, source: ImportSource) -> ImportableFiles:
        """Return what an import would read; nothing is stored."""

    async def preview(self, source: ImportSource, zone: str) -> ImportPreview:
        """Return the heads of the files as the map reads them, with times in the company's zone."""

    def start(self, job_id: int, source: ImportSource, language: str) -> None:
        """Run the import in the background; its row is committed."""


class ReferenceDataCache:
    """The reference data and the work schedule as last read; current exactly at the position they were read at."""

    def __init__(self) -> None:
        self._reference_data: ReferenceData | None = None
        self._work_schedule: tuple[ChangeLogPosition, WorkSchedule] | None = None

    def find_at(self, position: ChangeLogPosition) -> ReferenceData | None:
        """Return the reference data as of a position, which the caller has just read; None if it must be read anew."""
        cached = self._reference_data
        return cached if cached is not None and cached.position == position else None

    async def at(self, position: ChangeLogPosition) -> ReferenceData:
        """Return the reference data as of a position of the change log, which the caller has just read.

        Without a company nothing is cached.
        """
        cached = self._reference_data
        if cached is None or cached.position != position:
            cached = await reference_models.load_reference_data()
            self._reference_data = cached if cached.company else None
        return cached

    async def work_schedule_at(self, position: ChangeLogPosition, calendar: Calendar) -> WorkSchedule:
        """Return the work schedule as of a position of the reference data, with its calendar."""
        if self._work_schedule is None or self._work_schedule[0] != position:
            self._work_schedule = position, await absences.load_work_schedule(calendar)
        return self._work_schedule[1]


@dataclass
class SchedulerState:
    """What the scheduled jobs of this process have done.

    inactivity_basis      rules and calendar for which all inactivity timers were last rescheduled
    day_goals_checked_on  the day for which the goals of one day were last checked
    last_checked_goal     id of the last goal that today's check has come to; None between two checks
    last_checked_day_goal the same for the check of the goals of one day
    """

    inactivity_basis: tuple[Sequence[Rule], Calendar] | None = None
    day_goals_checked_on: date | None = None
    last_checked_goal: int | None = None
    last_checked_day_goal: int | None = None


@dataclass
class ProcessState:
    """All that the process remembers of the database. It belongs to one epoch and is built anew for the next."""

    forecast_engine: ForecastEngineProtocol
    leaderboard_cache: LeaderboardCacheProtocol
    reference_data: ReferenceDataCache = field(default_factory=ReferenceDataCache)
    scheduler: SchedulerState = field(default_factory=SchedulerState)
    viewers: ViewerCache = field(default_factory=ViewerCache)
    kept_answers: KeptAnswers = field(default_factory=KeptAnswers)
    goal_values: GoalValueCache = field(default_factory=GoalValueCache)
    edit_groups: EditGroups = field(default_factory=EditGroups)


@dataclass(slots=True)
class Services:
    """Objects and settings of the process that every operation uses.

    signing_secret         signs access tokens
    old_secrets            earlier signing secrets; their tokens are still accepted
    build_state            builds an empty process state
    refresh_token_days     how long a session lasts
    session_idle_days      how long it lasts without being refreshed
    idle_timeout           time without a heartbeat after which an employee is no longer at work
    notification_channels  names of the channels through which alerts may be sent
    shared_channels        those of them that reach one place for all recipients, such as a chat
    public_url             the address at which people reach the server, for links; None if it is not configured
    mails_links            whether password links can be sent by mail
    import_runner          runs imports in the background; None in a process that cannot
    state                  the state of the present epoch
    epoch                  epoch of the database's history, a part of cursors; empty until it has been read
    rewind_count           how often the epoch has changed: how often the database has gone back in time
    """

    signing_secret: str
    rate_limiter: RateLimiterProtocol
    notifier: ChangeNotifier
    build_state: Callable[[], ProcessState]
    idle_timeout: timedelta = timedelta(minutes=5)
    access_token_seconds: int = 900
    refresh_token_days: int = 30
    session_idle_days: int = 14
    notification_channels: frozenset[str] = frozenset()
    shared_channels: frozenset[str] = frozenset()
    old_secrets: tuple[str, ...] = ()
    public_url: str | None = None
    mails_links: bool = False
    import_runner: ImportRunnerProtocol | None = None
    state: ProcessState = field(init=False)
    epoch: str = field(default="", init=False)
    rewind_count: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.state = self.build_state()

    def set_epoch(self, epoch: str) -> None:
        """Set the epoch of the database's history; if another one was set before, drop all data read in it."""
        if self.epoch not in ("", epoch):
            self.rewind_count += 1
            self.state = self.build_state()
        self.epoch = epoch

    @property
    def verifying_secrets(self) -> tuple[str, ...]:
        return (self.signing_secret, *self.old_secrets)
