"""Request context: viewer, clock, company data, data loaders and the unit of work of one operation.

A context belongs to one operation and is never shared; on a WebSocket every operation gets its own. Objects of the
process (change notification, secrets, rate limiter) are passed in by the server as `Services`: this is the only
dependency inversion in the code base.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from typing import TypeVar

from domain.errors.operation_errors import ServiceUnavailable, Unauthenticated
from domain.goals.work_schedule import WorkSchedule
from domain.i18n.languages import DEFAULT_LANGUAGE
from domain.ledger.metrics import Metric
from domain.permissions import Action, Reach
from domain.primitives.calendar import Calendar
from models.crm import custom_metrics, pipelines
from models.crm.pipelines import Stage
from models.db.row_query import AnyRowQuery, CountQuery, RowQuery, fetch_all
from models.db.row_store import TableRow
from models.organization import absences, company, people
from models.organization import reference_data as reference_models
from models.organization.company import Company, ExchangeRateTable
from models.organization.people import Employee, TeamTree
from models.organization.reference_data import ReferenceData
from resolvers.request.client_info import ClientInfo
from resolvers.request.kept_answers import AnswerBasis
from resolvers.request.loaders import Loaders, LoadMany
from resolvers.request.services import ReferenceCacheProtocol, Services
from resolvers.request.unit_of_work import UnitOfWork
from resolvers.request.viewer import Viewer

Key = TypeVar("Key")
Value = TypeVar("Value")
Row = TypeVar("Row", bound=TableRow)
LoadManyForViewer = Callable[["RequestContext", Sequence[Key]], Awaitable[Sequence[Value]]]


@dataclass(frozen=True, slots=True)
class Reference:
    """What the values of many fields are computed with.

    language  of the viewer
    """

    metrics: dict[str, Metric]
    currency: str
    calendar: Calendar
    today: date
    language: str


def choose_language(client: ClientInfo, viewer: Viewer | None) -> str:
    """Return the code of the client's language, else of the one in the viewer's profile."""
    profile_language = viewer.employee.language if viewer is not None and viewer.employee is not None else None
    return client.language or profile_language or DEFAULT_LANGUAGE


@dataclass
class RequestContext:
    """State of one operation.

    current_viewer        None for an anonymous client
    current_unit_of_work  the open unit of work, if any
    goal_values           by goal id: values to which changes of this operation have brought goals
    edited_employees      by id: the employees of the records that its last unit of work has edited, as they were then
    committed_position    of its last change in the change log; None before it has changed anything
    loaded_employees      employees that this operation has read, by id
    reference_cache       in a live stream: company data that need not be read again for each event
    log_position          position of the change log when the viewer was read; None without a viewer
    answer_basis          collects what the answer follows from, if it is to be kept
    """

    client: ClientInfo
    services: Services
    clock: Callable[[], datetime]
    loaders: Loaders
    current_viewer: Viewer | None = None
    current_unit_of_work: UnitOfWork | None = None
    goal_values: dict[int, int] = field(default_factory=dict)
    edited_employees: dict[int, Employee] = field(default_factory=dict)
    committed_position: int | None = None
    loaded_employees: dict[int, Employee] = field(default_factory=dict)
    reference_cache: ReferenceCacheProtocol | None = None
    log_position: int | None = None
    answer_basis: AnswerBasis | None = None
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
        return choose_language(self.client, self.current_viewer)

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

    def with_reference(self, compute: Callable[[Reference], Value]) -> Value | Awaitable[Value]:
        """Return what `compute` returns: at once if company and metrics have been read, else awaitable."""
        reference = self._reference
        return self._compute_with_reference(compute) if reference is None else compute(reference)

    async def _compute_with_reference(self, compute: Callable[[Reference], Value]) -> Value:
        return compute(self._build_reference(await self.company(), await self.metrics()))

    @property
    def _reference(self) -> Reference | None:
        data, cache = self._reference_data, self.reference_cache
        known_company = self._company or (cache.cached_company() if cache else data.company if data else None)
        known_metrics = self._metrics or (cache.cached_metrics() if cache else data.metrics if data else None)
        if known_company is None or known_metrics is None:
            return None
        return self._build_reference(known_company, known_metrics)

    def _build_reference(self, company_row: Company, metrics: dict[str, Metric]) -> Reference:
        calendar = company_row.calendar
        return Reference(metrics, company_row.currency, calendar, calendar.day_of(self.now()), self.language)

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
                    self._work_schedule = await self.services.state.reference_data.work_schedule_at(
                        self._reference_data.position, calendar
                    )
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

    def load(self, load_many: LoadMany[Key, Value], key: Key) -> Awaitable[Value]:
        """Return the value of a key, loaded together with all keys requested in the same tick of the event loop.

        Values are not cached, so a mutation never sees a value from before its change.
        """
        return self.loaders.load(load_many, load_many, key)

    def load_employee(self, employee_id: int) -> Awaitable[Employee | None] | Employee | None:
        """Return an employee: at once if the row was read for an edit or for a live stream, else awaitable."""
        if self.reference_cache is None:
            return self.edited_employees.get(employee_id) or self.load(people.load_by_ids, employee_id)
        try:
            return self.reference_cache.employee(employee_id)
        except KeyError:
            return self.loaders.load(people.load_by_ids, self.reference_cache.employees, employee_id)

    def load_for_viewer(self, load_many: LoadManyForViewer[Key, Value], key: Key) -> Awaitable[Value]:
        """Do the same as `load` for a function that needs the context."""
        return self.loaders.load(load_many, partial(load_many, self), key)

    def load_or_preloaded(self, load_many: LoadManyForViewer[Key, Value], key: Key) -> Awaitable[Value] | Value:
        """Do the same, but return a value that the stream has read ahead at once."""
        values = self.loaders.preloaded(load_many)
        return values[key] if key in values else self.load_for_viewer(load_many, key)

    def fetch(self, query: RowQuery[Row]) -> Awaitable[list[Row]]:
        """Return the rows of a query, run on one connection with all queries of the same tick of the event loop."""
        return self.load(fetch_all, query)

    def count(self, query: AnyRowQuery) -> Awaitable[int]:
        """Do the same for the number of rows."""
        return self.load(fetch_all, CountQuery(query))

    def adopt_edit(self, other: RequestContext) -> None:
        """Take over what the last unit of work of another context has done for this one."""
        self.goal_values = self.goal_values | other.goal_values
        self.loaded_employees = self.loaded_employees | other.edited_employees
        self.edited_employees, self.committed_position = other.edited_employees, other.committed_position

    @property
    def open_unit_of_work(self) -> UnitOfWork:
        """The unit of work that a change belongs to. Raises RuntimeError outside of one, which is a bug."""
        if self.current_unit_of_work is None:
            raise RuntimeError("a change outside a unit of work")
        return self.current_unit_of_work

    def publish(self, *topics: str) -> None:
        """Add topics that have changed; subscribers are notified when the unit of work commits."""
        self.open_unit_of_work.publish(*topics)

    @asynccontextmanager
    async def unit_of_work(
        self,
        *,
        is_batch: bool = False,
        edits_records: bool = False,
        prepare: Callable[[], Awaitable[None]] | None = None,
    ) -> AsyncIterator[UnitOfWork]:
        """Run one unit of work (see `UnitOfWork.run`), to which the changes made with this context belong."""
        self.edited_employees = {}
        try:
            async with UnitOfWork.run(
                self.services.notifier, self.clock, is_batch=is_batch, edits_records=edits_records, prepare=prepare
            ) as unit_of_work:
                self.current_unit_of_work = unit_of_work
                yield unit_of_work
        finally:
            self.current_unit_of_work = None
        if unit_of_work.committed is not None:
            self.committed_position = unit_of_work.committed.position
            self.services.state.leaderboard_cache.apply_committed(unit_of_work.committed)
            self.services.state.goal_values.apply_committed(
                unit_of_work.committed.position,
                unit_of_work.committed.previous_position,
                unit_of_work.list_goal_values(self.goal_values),
            )
        if unit_of_work.changes_reference_data:
            self._work_schedule = None
