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

from domain.errors.operation_errors import ServiceUnavailable, Unauthenticated
from domain.goals.work_schedule import WorkSchedule
from domain.i18n.languages import DEFAULT_LANGUAGE
from domain.ledger.metrics import Metric
from domain.permissions import Action, Reach
from domain.primitives.calendar import Calendar
from models.crm import custom_metrics, pipelines
from models.crm.pipelines import Stage
from models.db import connection
from models.db.errors import DatabaseUnavailable
from models.db.query_batch import CountQuery, fetch_all_batched
from models.db.row_query import RowQuery
from models.db.row_store import TableRow
from models.goals import goals
from models.live import change_log
from models.organization import absences, company, people
from models.organization import reference_data as reference_models
from models.organization.company import Company, ExchangeRateTable
from models.organization.people import Employee, TeamTree
from models.organization.reference_data import ReferenceData
from resolvers.request.client_info import ClientInfo
from resolvers.request.services import ReferenceCacheProtocol, Services
from resolvers.request.unit_of_work import UnitOfWork
from resolvers.request.viewer import Viewer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Key = TypeVar("Key")
Value = TypeVar("Value")
Row = TypeVar("Row", bound=TableRow)


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

    client: ClientInfo
    services: Services
    clock: Callable[[], datetime]
    make_loader: Callable[[Any], Any]
    current_viewer: Viewer | None = None
    current_unit_of_work: UnitOfWork | None = None
    loaders: dict[Any, Any] = field(default_factory=dict)
    goal_values: dict[int, int] = field(default_factory=dict)
    loaded_employees: dict[int, Employee] = field(default_factory=dict)
    reference_cache: ReferenceCacheProtocol | None = None
    prefetched: dict[Any, dict[Any, Any]] = field(default_factory=dict)
    refresh_viewer: Callable[[], Awaitable[None]] | None = None
    active_state_ids: set[int] | None = None
    start_position: int | None = None
    on_caught_up: Callable[[int], None] = lambda position: None
    _load_lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _company: Company | None = None
    _metrics: dict[str, Metric] | None = None
    _rates: ExchangeRateTable | None = None
    _work_schedule: WorkSchedule | None = None
    _stale_viewer: Viewer | None = None

    @property
    def viewer(self) -> Viewer:
        """The signed-in viewer. Raises Unauthenticated for an anonymous client."""
        if self.current_viewer is None:
            raise Unauthenticated("Sign in first: send an access token as `Authorization: Bearer …`.")
        return self.current_viewer

    @property
    def language(self) -> str:
        """Code of the language of messages to the viewer: the client's, else that of the viewer's profile."""
        profile_language = (
            self.current_viewer.employee.language
            if self.current_viewer is not None and self.current_viewer.employee is not None
            else None
        )
        return self.client.language or profile_language or DEFAULT_LANGUAGE

    @property
    def tree(self) -> TeamTree:
        return self.viewer.tree

    def now(self) -> datetime:
        """Return the time of the unit of work, or the clock's outside of one."""
        return self.current_unit_of_work.started_at if self.current_unit_of_work else self.clock()

    async def company(self) -> Company:
        if self._company is None:
            async with self._load_lock:  # many fields need it at the same time; only one reads it
                if self._company is None:
                    if self.reference_cache is not None:
                        self._company = await self.reference_cache.company()
                    else:
                        self._company = (
                            self._reference_data.company if self._reference_data else await company.find_company()
                        )
        if self._company is None:
            raise ServiceUnavailable("There is no company yet: run `./run setup` on the server first.")
        return self._company

    async def calendar(self) -> Calendar:
        return (await self.company()).calendar

    async def today(self) -> date:
        return (await self.calendar()).day_of(self.now())

    async def metrics(self) -> dict[str, Metric]:
        if self._metrics is not None:
            return self._metrics
        async with self._load_lock:
            if self._metrics is None:
                if self.reference_cache is not None:
                    self._metrics = await self.reference_cache.metrics()
                else:
                    self._metrics = (
                        self._reference_data.metrics if self._reference_data else await custom_metrics.fetch_metrics()
                    )
            return self._metrics

    async def rates(self) -> ExchangeRateTable:
        company_currency = (await self.company()).currency
        async with self._load_lock:
            if self._rates is None:
                self._rates = ExchangeRateTable(
                    self._reference_data.rates if self._reference_data else await company.load_exchange_rates(),
                    company_currency,
                )
            return self._rates

    async def work_schedule(self) -> WorkSchedule:
        """Return the work schedule of the company's employees by its calendar."""
        calendar = await self.calendar()
        async with self._load_lock:
            if self._work_schedule is None:
                if self.reference_cache is not None:
                    self._work_schedule = await self.reference_cache.work_schedule(calendar)
                elif self._reference_data is not None:
                    self._work_schedule = await self.services.work_schedule_at(self._reference_data.position, calendar)
                else:
                    self._work_schedule = await absences.load_work_schedule(calendar)
            return self._work_schedule

    def invalidate(self) -> None:
        """Drop the data read for this operation, because something has changed or the next event begins."""
        self._company = self._metrics = self._rates = self._work_schedule = None
        self._stale_viewer = self.current_viewer

    async def first_stage(self) -> Stage | None:
        """Return the stage of new deals without a stage."""
        return self._reference_data.first_stage if self._reference_data else await pipelines.fetch_first_stage()

    def invalidate_if_changed(self, position: reference_models.ChangeLogPosition) -> None:
        """Drop the data read with the viewer if the reference data now has another position in the change log."""
        if self._reference_data and self._reference_data.position != position:
            self.invalidate()

    @property
    def _reference_data(self) -> ReferenceData | None:
        """The reference data read with the viewer; None after `invalidate`."""
        return (
            self.current_viewer.reference_data
            if self.current_viewer is not None and self.current_viewer is not self._stale_viewer
            else None
        )

    def can_see_records_of(self, owner_id: int) -> bool | None:
        """Return whether the viewer may see the employee's records; None if the employee has not been read yet."""
        if self.viewer.reach(Action.VIEW_CARD) is Reach.COMPANY or owner_id == self.viewer.id:
            return True
        employee = self.loaded_employees.get(owner_id)
        return None if employee is None else self.viewer.can(Action.VIEW_CARD, employee)

    async def employees(self, employee_ids: Sequence[int]) -> list[Employee | None]:
        """Return the employees with these ids, in their order; None for a missing one."""
        return await (
            self.reference_cache.employees(employee_ids) if self.reference_cache else people.load_by_ids(employee_ids)
        )

    def load(self, load_many: Callable[[Sequence[Key]], Awaitable[Sequence[Value]]], key: Key) -> Awaitable[Value]:
        """Return the value of a key, loaded together with all keys requested in the same tick of the event loop.

        Values are not cached, so a mutation never sees a value from before its change. In a live stream, employees
        in the reference cache are returned directly, without waiting for the batch.
        """
        loader_function: Any = load_many
        if self.reference_cache is not None and loader_function is people.load_by_ids:
            try:
                return self.reference_cache.employee(key)  # type: ignore[arg-type,return-value]
            except KeyError:
                loader_function = self.reference_cache.employees
        loader = self.loaders.get(load_many)
        if loader is None:
            loader = self.loaders[load_many] = self.make_loader(loader_function)
        return loader.load(key)  # type: ignore[no-any-return]

    def load_for_viewer(
        self, load_many: Callable[[Context, Sequence[Key]], Awaitable[Sequence[Value]]], key: Key
    ) -> Awaitable[Value]:
        """Do the same for a function that needs the context, unless the stream has prefetched the value."""
        if load_many in self.prefetched and key in self.prefetched[load_many]:
            return self.prefetched[load_many][key]  # type: ignore[no-any-return]
        loader = self.loaders.get(load_many)
        if loader is None:
            loader = self.loaders[load_many] = self.make_loader(partial(load_many, self))
        return loader.load(key)  # type: ignore[no-any-return]

    def fetch(self, query: RowQuery[Row]) -> Awaitable[list[Row]]:
        """Return the rows of a query, run in one statement with all queries of the same tick of the event loop."""
        return self.load(fetch_all_batched, query)

    def count(self, query: RowQuery[Any]) -> Awaitable[int]:
        """Do the same for the number of rows."""
        return self.load(fetch_all_batched, CountQuery(query))

    def publish(self, *topics: str) -> None:
        """Add topics that have changed; subscribers are notified when the unit of work commits."""
        if self.current_unit_of_work is None:
            raise RuntimeError("published outside a unit of work")
        self.current_unit_of_work.topics.update(topics)

    @asynccontextmanager
    async def unit_of_work(self, *, is_batch: bool = False) -> AsyncIterator[UnitOfWork]:
        """Run one unit of work: one transaction with its entry in the change log, and a notification after the commit.

        The entry is written in the transaction of the change (an outbox), so a change is never committed without
        news of it; the notification afterwards only makes subscribers read the log sooner.

        is_batch  whether it may take seconds: then it gives way to the other writers
        """
        async with connection.write_transaction(is_batch=is_batch):
            started_at = self.clock()  # read under the lock, so that times rise with the positions of the change log
            unit_of_work = self.current_unit_of_work = UnitOfWork(started_at)
            try:
                yield unit_of_work
                if unit_of_work.topics:
                    position = await change_log.append(unit_of_work.topics, started_at)
                    self._ensure_not_rewound(position)
                    if not reference_models.REFERENCE_TOPICS.isdisjoint(unit_of_work.topics):
                        await reference_models.set_position(position)
                        self._work_schedule = None
                    if unit_of_work.moved_goals:
                        await goals.set_version(unit_of_work.moved_goals, position)
                        for goal in unit_of_work.moved_goals.values():
                            goal.version = position
            finally:
                self.current_unit_of_work = None
        if connection.is_outside_transaction():  # not in a dry run, which is rolled back
            for report in unit_of_work.on_commit:
                report()
        if not unit_of_work.topics:
            return
        if self.services.publish_change is not None and connection.is_outside_transaction():
            self.services.publish_change(position, sorted(unit_of_work.topics))
        else:
            self.services.notify_change_log()

    def _ensure_not_rewound(self, position: int) -> None:
        """Raise DatabaseUnavailable if a position is assigned again: the database has gone back in time.

        A new epoch begins first, since clients may know the row that had this position before.
        """
        if 0 < position <= self.services.committed_position():
            self.services.notify_change_log()
            raise DatabaseUnavailable("The database has gone back in time.")
