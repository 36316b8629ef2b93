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
    """What is kept of the company between the reads of live streams.

    turn         how often there was news of the company, its metrics or its people
    deals_heard  how often there was news of what forecasts are made of
    """

    turn: int
    deals_heard: int

    async def company(self) -> Company | None: ...

    async def metrics(self) -> dict[str, Metric]: ...

    def employee(self, number: int) -> Employee | None: ...

    async def employees(self, numbers: Sequence[int]) -> list[Employee | None]: ...

    async def goals(self, numbers: Sequence[int]) -> dict[int, tuple[Goal, int]]: ...


class Throttle(Protocol):
    """Counts attempts; hands back the seconds to wait once there were too many, else 0."""

    async def hit(self, *key: str) -> float: ...

    async def clear(self, *key: str) -> None: ...


@dataclass
class Services:
    """What the process lends to every operation."""

    secret: str
    throttle: Throttle
    ring: Callable[[], None]  # look at the change log: called after each commit, never waited for
    hub: Any = None  # subscriptions.hub.Hub; resolvers never touch it
    known: Known | None = None
    idle: timedelta = timedelta(minutes=5)  # of silence, after which somebody counts as not at work
    forecaster: Any = None  # resolvers.outlooks.Forecaster, made when it is first asked
    boards: Any = None  # resolvers.boards.Boards, the same
    access_seconds: int = 900
    refresh_days: int = 30
    demo: bool = False
    tell: Callable[[int, Collection[str]], None] | None = (
        None  # in place of that, where it is at hand: what it says there
    )
    channels: frozenset[str] = frozenset()  # the names of the outside channels that alerts may go through
    shared: frozenset[str] = frozenset()  # those of them that are one place, whoever is told: a chat
    office: Office | None = None  # as it was when it was last read
    silences_by: Any = None  # the rules and the calendar by which the clock last looked at everybody's silence

    async def office_at(self, position: offices.Position) -> Office:
        """Return the office, which was just seen to be at that position of the change log."""
        kept = self.office
        if kept is None or kept.position != position:
            kept = await offices.read()
            self.office = kept if kept.company else None
        return kept
