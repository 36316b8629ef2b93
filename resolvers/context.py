"""What one operation works with: who asks, the clock, the company, and what it may announce.

A context belongs to one operation and is never shared; over a socket every operation
gets its own. What belongs to the process (the hub's bell, secrets, throttles) is handed
in by the server: the only inversion.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from tortoise.models import Model
from tortoise.queryset import QuerySet

from domain.access import Action, Reach
from domain.calendar import Calendar
from domain.failures import Forbidden, Unauthenticated, Unavailable
from domain.scoring import Metric
from models import changes, company, database, goals, metrics, people, pipelines
from models import office as offices
from models.company import Company, Rates
from models.goals import Goal
from models.office import Office
from models.people import Employee, Tree
from models.pipelines import Stage
from models.together import Count, together
from resolvers.caller import Caller
from resolvers.viewer import Viewer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Key = TypeVar("Key")
Value = TypeVar("Value")
Row = TypeVar("Row", bound=Model)


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
    reached: dict[int, int] = field(default_factory=dict)  # by goal: what this operation's changes have brought it to
    met: dict[int, Employee] = field(default_factory=dict)  # employees that this operation has read
    known: Known | None = None  # of a live stream: what need not be read for each event
    ready: dict[Any, dict[Any, Any]] = field(default_factory=dict)  # of a live stream: what it has just found out
    settled: Callable[[], Awaitable[None]] | None = None  # of a stream that several hear: brings `who` up to date
    standing: set[int] | None = None  # of a stream of several states: those that still belong to it
    start: int | None = None  # of a stream of happenings: the position it begins after, whatever its arguments say
    caught_up: Callable[[int], None] = lambda position: None  # of such a stream: called when there are no more for now
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    _company: Company | None = None
    _metrics: dict[str, Metric] | None = None
    _rates: Rates | None = None
    _outdated: Viewer | None = None

    @property
    def viewer(self) -> Viewer:
        """Who asks. Raises Unauthenticated for a stranger."""
        if self.who is None:
            raise Unauthenticated("Sign in first: send an access token as `Authorization: Bearer …`.")
        return self.who

    @property
    def language(self) -> str:
        """What is spoken to who asks: "en" or "ru", as the client says, else as his profile does."""
        own = self.who.employee.language if self.who is not None and self.who.employee is not None else None
        return self.caller.language or own or "en"

    @property
    def tree(self) -> Tree:
        return self.viewer.tree

    def now(self) -> datetime:
        """Return the moment of the unit of work, else of the clock."""
        return self.work.at if self.work else self.clock()

    async def company(self) -> Company:
        if self._company is None:
            async with self._reading:  # many fields ask at the same moment; one reads
                if self._company is None:
                    if self.known is not None:
                        self._company = await self.known.company()
                    else:
                        self._company = self._office.company if self._office else await company.the_company()
        if self._company is None:
            raise Unavailable("There is no company yet: run `./run setup` on the server first.")
        return self._company

    async def calendar(self) -> Calendar:
        return (await self.company()).calendar

    async def today(self) -> date:
        return (await self.calendar()).day_of(self.now())

    async def metrics(self) -> dict[str, Metric]:
        if self._metrics is not None:
            return self._metrics
        async with self._reading:
            if self._metrics is None:
                if self.known is not None:
                    self._metrics = await self.known.metrics()
                else:
                    self._metrics = self._office.metrics if self._office else await metrics.catalogue()
            return self._metrics

    async def rates(self) -> Rates:
        own = (await self.company()).currency
        async with self._reading:
            if self._rates is None:
                self._rates = Rates(self._office.rates if self._office else await company.rates(), own)
            return self._rates

    def forget(self) -> None:
        """Drop what was read for this operation: something has changed, or the next event begins."""
        self._company = self._metrics = self._rates = None
        self._outdated = self.who

    async def first_stage(self) -> Stage | None:
        """Return where a deal begins unless told otherwise."""
        return self._office.first_stage if self._office else await pipelines.first_stage()

    def office_is_at(self, position: offices.Position) -> None:
        """Drop what was read with who asks if the office has moved since, as was just seen."""
        if self._office and self._office.position != position:
            self.forget()

    @property
    def _office(self) -> Office | None:
        """What was read with who asks, unless it has changed since."""
        return self.who.office if self.who is not None and self.who is not self._outdated else None

    def sees(self, owner: int) -> bool | None:
        """Return whether records of that employee are within the viewer's sight; None where he would have to be read."""
        if self.viewer.reach(Action.VIEW_CARD) is Reach.COMPANY or owner == self.viewer.id:
            return True
        employee = self.met.get(owner)
        return None if employee is None else self.viewer.may(Action.VIEW_CARD, employee)

    async def people(self, numbers: Sequence[int]) -> list[Employee | None]:
        """Return the employees of these numbers, in their order."""
        return await (self.known.employees(numbers) if self.known else people.by_ids(numbers))

    def load(self, by_keys: Callable[[Sequence[Key]], Awaitable[Sequence[Value]]], key: Key) -> Awaitable[Value]:
        """Return the value for a key, asked for together with all others of this moment; nothing is remembered.

        In a live stream what is known of people is there at once, without a wait.
        """
        ask: Any = by_keys
        if self.known is not None and ask is people.by_ids:
            try:
                return self.known.employee(key)  # type: ignore[arg-type,return-value]
            except KeyError:
                ask = self.known.employees
        loader = self.loaders.get(by_keys)
        if loader is None:
            loader = self.loaders[by_keys] = self.make_loader(ask)
        return loader.load(key)  # type: ignore[no-any-return]

    def ask(
        self, by_keys: Callable[[Context, Sequence[Key]], Awaitable[Sequence[Value]]], key: Key
    ) -> Awaitable[Value]:
        """The same for a question that needs to know who asks, unless the stream has just answered it."""
        if by_keys in self.ready and key in self.ready[by_keys]:
            return self.ready[by_keys][key]  # type: ignore[no-any-return]
        loader = self.loaders.get(by_keys)
        if loader is None:
            loader = self.loaders[by_keys] = self.make_loader(partial(by_keys, self))
        return loader.load(key)  # type: ignore[no-any-return]

    def rows(self, query: QuerySet[Row]) -> Awaitable[list[Row]]:
        """Return the rows of a question, asked in one statement with all others of this moment."""
        return self.load(together, query)

    def count(self, query: QuerySet[Any]) -> Awaitable[int]:
        """The same for how many there are."""
        return self.load(together, Count(query))

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
                    if not offices.TOPICS.isdisjoint(work.topics):
                        await offices.moved(position)
                    if work.goals:
                        await goals.versioned(work.goals, position)
                        for goal in work.goals.values():
                            goal.version = position
            finally:
                self.work = None
        if not work.topics:
            return
        if self.services.tell is not None and database.committed():
            self.services.tell(position, sorted(work.topics))
        else:
            self.services.ring()

    def require(self, allowed: bool, sentence: str) -> None:
        """Refuse an action outside mutations' inputs, e.g. a query only for administrators."""
        if not allowed:
            raise Forbidden(sentence)
