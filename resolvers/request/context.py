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
from typing import TYPE_CHECKING, Any, TypeVar

from tortoise.models import Model
from tortoise.queryset import QuerySet

from domain.errors.operation_errors import Forbidden, Unauthenticated, Unavailable
from domain.ledger.metrics import Metric
from domain.permissions import Action, Reach
from domain.primitives.calendar import Calendar
from models.crm import custom_metrics, pipelines
from models.crm.pipelines import Stage
from models.db import connection
from models.db.query_batch import Count, together
from models.goals import goals
from models.live import change_log
from models.organization import company, people
from models.organization import reference_data as offices
from models.organization.company import Company, Rates
from models.organization.people import Employee, Tree
from models.organization.reference_data import Office
from resolvers.request.client_info import Caller
from resolvers.request.services import Known, Services
from resolvers.request.unit_of_work import Work
from resolvers.request.viewer import Viewer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Key = TypeVar("Key")
Value = TypeVar("Value")
Row = TypeVar("Row", bound=Model)


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
                    self._metrics = self._office.metrics if self._office else await custom_metrics.catalogue()
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
        async with connection.writing():
            at = self.clock()  # under the lock, so that times of recording rise with positions
            work = self.work = Work(at)
            try:
                yield work
                if work.topics:
                    position = await change_log.note(work.topics, at)
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
        if self.services.tell is not None and connection.committed():
            self.services.tell(position, sorted(work.topics))
        else:
            self.services.ring()

    def require(self, allowed: bool, sentence: str) -> None:
        """Refuse an action outside mutations' inputs, e.g. a query only for administrators."""
        if not allowed:
            raise Forbidden(sentence)
