"""Request context: viewer, clock, company data, data loaders and the unit of work of one operation.

A context belongs to one operation and is never shared; on a WebSocket every operation gets its own. Objects of the
process (change notification, secrets, rate limiter) are passed in by the server as `Services`: this is the only
dependency inversion in the code base.
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
    """State of one operation.

    make_loader           creates a data loader, an object with `load(key)`, from a function that takes many keys
    current_viewer        None for an anonymous client
    current_unit_of_work  the open unit of work, if any
    goal_values           by goal id: values to which changes of this operation have brought goals
    loaded_employees      employees that this operation has read, by id

    Only in live streams:

    reference_cache       data that need not be read again for each event
    prefetched            values that the stream has just read, by loader function and key
    refresh_viewer        brings `current_viewer` up to date; set for a stream that several subscribers share
    active_state_ids      of a stream of several states: the ids of states that still belong to it
    start_position        of an event stream: the position after which it starts, overriding its arguments
    on_caught_up          of an event stream: called with the position when all events up to now were sent
    """

    caller: Caller
    services: Services
    clock: Callable[[], datetime]
    make_loader: Callable[[Any], Any]
    who: Viewer | None = None
    work: Work | None = None
    loaders: dict[Any, Any] = field(default_factory=dict)
    reached: dict[int, int] = field(default_factory=dict)
    met: dict[int, Employee] = field(default_factory=dict)
    known: Known | None = None
    ready: dict[Any, dict[Any, Any]] = field(default_factory=dict)
    settled: Callable[[], Awaitable[None]] | None = None
    standing: set[int] | None = None
    start: int | None = None
    caught_up: Callable[[int], None] = lambda position: None
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    _company: Company | None = None
    _metrics: dict[str, Metric] | None = None
    _rates: Rates | None = None
    _outdated: Viewer | None = None

    @property
    def viewer(self) -> Viewer:
        """The signed-in viewer. Raises Unauthenticated for an anonymous client."""
        if self.who is None:
            raise Unauthenticated("Sign in first: send an access token as `Authorization: Bearer …`.")
        return self.who

    @property
    def language(self) -> str:
        """Language of messages to the viewer, "en" or "ru": the client's, else that of the viewer's profile."""
        own = self.who.employee.language if self.who is not None and self.who.employee is not None else None
        return self.caller.language or own or "en"

    @property
    def tree(self) -> Tree:
        return self.viewer.tree

    def now(self) -> datetime:
        """Return the time of the unit of work, or the clock's outside of one."""
        return self.work.at if self.work else self.clock()

    async def company(self) -> Company:
        if self._company is None:
            async with self._reading:  # many fields need it at the same time; only one reads it
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
        """Drop the data read for this operation, because something has changed or the next event begins."""
        self._company = self._metrics = self._rates = None
        self._outdated = self.who

    async def first_stage(self) -> Stage | None:
        """Return the stage of new deals without a stage."""
        return self._office.first_stage if self._office else await pipelines.first_stage()

    def office_is_at(self, position: offices.Position) -> None:
        """Drop the data read with the viewer if the reference data now has another position in the change log."""
        if self._office and self._office.position != position:
            self.forget()

    @property
    def _office(self) -> Office | None:
        """The reference data read with the viewer; None after `invalidate`."""
        return self.who.office if self.who is not None and self.who is not self._outdated else None

    def sees(self, owner: int) -> bool | None:
        """Return whether the viewer may see the employee's records; None if the employee has not been read yet."""
        if self.viewer.reach(Action.VIEW_CARD) is Reach.COMPANY or owner == self.viewer.id:
            return True
        employee = self.met.get(owner)
        return None if employee is None else self.viewer.may(Action.VIEW_CARD, employee)

    async def people(self, numbers: Sequence[int]) -> list[Employee | None]:
        """Return the employees with these ids, in their order; None for a missing one."""
        return await (self.known.employees(numbers) if self.known else people.by_ids(numbers))

    def load(self, by_keys: Callable[[Sequence[Key]], Awaitable[Sequence[Value]]], key: Key) -> Awaitable[Value]:
        """Return the value of a key, loaded together with all keys requested in the same tick of the event loop.

        Values are not cached, so a mutation never sees a value from before its change. In a live stream, employees
        in the reference cache are returned directly, without waiting for the batch.
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
        """Do the same for a function that needs the context, unless the stream has prefetched the value."""
        if by_keys in self.ready and key in self.ready[by_keys]:
            return self.ready[by_keys][key]  # type: ignore[no-any-return]
        loader = self.loaders.get(by_keys)
        if loader is None:
            loader = self.loaders[by_keys] = self.make_loader(partial(by_keys, self))
        return loader.load(key)  # type: ignore[no-any-return]

    def rows(self, query: QuerySet[Row]) -> Awaitable[list[Row]]:
        """Return the rows of a query, run in one statement with all queries of the same tick of the event loop."""
        return self.load(together, query)

    def count(self, query: QuerySet[Any]) -> Awaitable[int]:
        """Do the same for the number of rows."""
        return self.load(together, Count(query))

    def announce(self, *topics: str) -> None:
        """Add topics that have changed; subscribers are notified when the unit of work commits."""
        if self.work is None:
            raise RuntimeError("published outside a unit of work")
        self.work.topics.update(topics)

    @asynccontextmanager
    async def unit(self) -> AsyncIterator[Work]:
        """Run one unit of work: one transaction with its entry in the change log, and a notification after the commit.

        The entry is written in the transaction of the change (an outbox), so a change is never committed without
        news of it; the notification afterwards only makes subscribers read the log sooner.
        """
        async with connection.writing():
            at = self.clock()  # read under the lock, so that times rise with the positions of the change log
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
        """Raise ForbiddenOperation with the message unless allowed, e.g. for a query only for administrators."""
        if not allowed:
            raise Forbidden(sentence)
