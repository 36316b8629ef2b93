"""Services that the process lends to each operation, as protocols."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from domain.ledger.metrics import Metric
from models.goals.goals import Goal
from models.organization import reference_data as offices
from models.organization.company import Company
from models.organization.people import Employee
from models.organization.reference_data import Office


class Known(Protocol):
    """Cache of company data between the reads of live streams, dropped on news of a change.

    version          counts the changes of the company, its metrics and its people
    deal_news_count  counts the changes of the data that forecasts are made from
    """

    turn: int
    deals_heard: int

    async def company(self) -> Company | None: ...

    async def metrics(self) -> dict[str, Metric]: ...

    def employee(self, number: int) -> Employee | None: ...

    async def employees(self, numbers: Sequence[int]) -> list[Employee | None]: ...

    async def goals(self, numbers: Sequence[int]) -> dict[int, tuple[Goal, int]]: ...


class Throttle(Protocol):
    """Counts attempts by key; `hit` returns the seconds to wait after too many attempts, otherwise 0."""

    async def hit(self, *key: str) -> float: ...

    async def clear(self, *key: str) -> None: ...


@dataclass
class Services:
    """Objects and settings of the process that every operation uses.

    signing_secret         signs access tokens
    notify_change_log      makes the hub read the change log; called after each commit, returns at once
    publish_change         replaces it where the change is known: takes its position and topics
    hub                    subscriptions.hub.Hub; resolvers never use it
    idle_timeout           time without a heartbeat after which an employee is no longer at work
    forecast_engine        created on first use
    leaderboard_cache      created on first use
    notification_channels  names of the channels through which alerts may be sent
    shared_channels        those of them that reach one place for all recipients, such as a chat
    reference_data         as last read
    inactivity_basis       rules and calendar for which the scheduler last rescheduled all inactivity timers
    """

    secret: str
    throttle: Throttle
    ring: Callable[[], None]
    hub: Any = None
    known: Known | None = None
    idle: timedelta = timedelta(minutes=5)
    forecaster: Any = None
    boards: Any = None
    access_seconds: int = 900
    refresh_days: int = 30
    demo: bool = False
    tell: Callable[[int, Collection[str]], None] | None = None
    channels: frozenset[str] = frozenset()
    shared: frozenset[str] = frozenset()
    office: Office | None = None
    silences_by: Any = None

    async def office_at(self, position: offices.Position) -> Office:
        """Return the reference data as of a position of the change log, which the caller has just read.

        The cached data is current exactly when its position is that one. Without a company nothing is cached.
        """
        kept = self.office
        if kept is None or kept.position != position:
            kept = await offices.read()
            self.office = kept if kept.company else None
        return kept
