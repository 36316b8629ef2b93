"""What one operation works with: who asks, the clock, the company, and what it may announce.

A context belongs to one operation and is never shared; over a socket every operation
gets its own. What belongs to the process (the hub's bell, secrets, throttles) is handed
in by the server: the only inversion.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from domain.calendar import Calendar
from domain.failures import Forbidden, Unauthenticated, Unavailable
from domain.scoring import Metric
from models import changes, company, database, metrics
from models.company import Company, Rates
from models.goals import Goal
from models.people import Tree
from resolvers.caller import Caller
from resolvers.viewer import Viewer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Key = TypeVar("Key")
Value = TypeVar("Value")


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
    forecaster: Any = None  # resolvers.outlooks.Forecaster, made when it is first asked
    access_seconds: int = 900
    refresh_days: int = 30
    demo: bool = False


@dataclass
class Work:
    """One unit of work: what it moved, so that it is told in the same transaction."""

    at: datetime
    topics: set[str] = field(default_factory=set)
    goals: dict[int, Goal] = field(default_factory=dict)  # touched; their version becomes the change's position


@dataclass
class Context:
    caller: Caller
    services: Services
    clock: Callable[[], datetime]
    make_loader: Callable[[Any], Any]  # from a function by keys to an object with `load(key)`
    who: Viewer | None = None
    work: Work | None = None
    loaders: dict[Any, Any] = field(default_factory=dict)
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    _company: Company | None = None
    _metrics: dict[str, Metric] | None = None
    _rates: Rates | None = None

    @property
    def viewer(self) -> Viewer:
        """Who asks. Raises Unauthenticated for a stranger."""
        if self.who is None:
            raise Unauthenticated("Sign in first: send an access token as `Authorization: Bearer …`.")
        return self.who

    @property
    def tree(self) -> Tree:
        return self.viewer.tree

    def now(self) -> datetime:
        """Return the moment of the unit of work, else of the clock."""
        return self.work.at if self.work else self.clock()

    async def company(self) -> Company:
        async with self._reading:  # many fields ask at the same moment; one reads
            if self._company is None:
                self._company = await company.the_company()
        if self._company is None:
            raise Unavailable("There is no company yet: run `./run setup` on the server first.")
        return self._company

    async def calendar(self) -> Calendar:
        return (await self.company()).calendar

    async def today(self) -> date:
        return (await self.calendar()).day_of(self.now())

    async def metrics(self) -> dict[str, Metric]:
        async with self._reading:
            if self._metrics is None:
                self._metrics = await metrics.catalogue()
            return self._metrics

    async def rates(self) -> Rates:
        own = (await self.company()).currency
        async with self._reading:
            if self._rates is None:
                self._rates = Rates(await company.rates(), own)
            return self._rates

    def forget(self) -> None:
        """Drop what was read for this operation: something has changed, or the next event begins."""
        self._company = self._metrics = self._rates = None

    def load(self, by_keys: Callable[[Sequence[Key]], Awaitable[Sequence[Value]]], key: Key) -> Awaitable[Value]:
        """Return the value for a key, asked for together with all others of this moment; nothing is remembered."""
        loader = self.loaders.get(by_keys)
        if loader is None:
            loader = self.loaders[by_keys] = self.make_loader(by_keys)
        return loader.load(key)  # type: ignore[no-any-return]

    def ask(
        self, by_keys: Callable[[Context, Sequence[Key]], Awaitable[Sequence[Value]]], key: Key
    ) -> Awaitable[Value]:
        """The same for a question that needs to know who asks."""
        loader = self.loaders.get(by_keys)
        if loader is None:
            loader = self.loaders[by_keys] = self.make_loader(partial(by_keys, self))
        return loader.load(key)  # type: ignore[no-any-return]

    def announce(self, *topics: str) -> None:
        """Say that something moved; told when the unit of work commits."""
        if self.work is None:
            raise RuntimeError("announced outside a unit of work")
        self.work.topics.update(topics)

    @asynccontextmanager
    async def unit(self) -> AsyncIterator[Work]:
        """Run one unit of work: one transaction, its news in the change log, the bell after the commit."""
        async with database.writing():
            at = self.clock()  # under the lock, so that times of recording rise with positions
            work = self.work = Work(at)
            try:
                yield work
                if work.topics:
                    position = await changes.note(work.topics, at)
                    if work.goals:
                        await Goal.filter(id__in=list(work.goals)).update(version=position)
                        for goal in work.goals.values():
                            goal.version = position
            finally:
                self.work = None
        if work.topics:
            self.services.ring()

    def require(self, allowed: bool, sentence: str) -> None:
        """Refuse an action outside mutations' inputs, e.g. a query only for administrators."""
        if not allowed:
            raise Forbidden(sentence)
