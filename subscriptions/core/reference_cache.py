"""Cache of reference data (company, metrics, employees, work schedule) for live streams, dropped on news that it changed.

Without it, a subscription to a thousand goals would read company, metrics and people again for each goal. The cache is
dropped by the same news that wakes the streams, so no stream is left with an old value. Queries and mutations do not
use it: they must see everything committed before them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Final, TypeVar, cast

from domain.goals.work_schedule import WorkSchedule
from domain.ledger.metrics import Metric
from domain.primitives.calendar import Calendar
from models.crm import custom_metrics
from models.goals.goals import Goal
from models.ledger import scores
from models.organization import absences, company, people
from models.organization.company import Company
from models.organization.people import Employee
from subscriptions.core.hub import Hub

T = TypeVar("T")
_MAX_EMPLOYEES: Final = 20_000  # upper bound for memory


class ReferenceCache:
    """Cached reference data of the process.

    version        grows whenever the cache is dropped, as anything shown of people, company and metrics may change
    deals_version  grows with news of the data that forecasts are made of
    """

    def __init__(self, hub: Hub) -> None:
        self._hub, self._values = hub, dict[str, object]()
        self._employees: dict[int, Employee | None] = {}
        self.version = 0
        self.deals_version = 0
        self._goal_requests: dict[
            asyncio.Future[dict[int, tuple[Goal, int]]], Iterable[int]
        ] = {}  # goal ids by waiting read
        self._read_tasks: set[asyncio.Task[None]] = set()
        hub.watch(("company", "metrics", "people", "absences"), self._invalidate)
        hub.watch(("company", "deals", "people"), self._on_deal_news)

    @property
    def news_position(self) -> int:
        return max(self._hub.position or 0, self._hub.committed_position)

    def _on_deal_news(self) -> None:
        self.deals_version += 1

    def _invalidate(self) -> None:
        self._values, self._employees = {}, {}
        self.version += 1

    async def company(self) -> Company | None:
        return await self._get_or_read("company", company.find_company)

    async def metrics(self) -> dict[str, Metric]:
        return await self._get_or_read("metrics", custom_metrics.fetch_metrics)

    def cached_company(self) -> Company | None:
        """Return the company, or None if it must be read."""
        return cast("Company | None", self._values.get("company"))

    def cached_metrics(self) -> dict[str, Metric] | None:
        """Return the metrics, or None if they must be read."""
        return cast("dict[str, Metric] | None", self._values.get("metrics"))

    async def work_schedule(self, calendar: Calendar) -> WorkSchedule:
        return await self._get_or_read("work schedule", partial(absences.load_work_schedule, calendar))

    async def _get_or_read(self, key: str, read: Callable[[], Awaitable[T]]) -> T:
        """Return the cached value, reading it if necessary."""
        if key not in self._values:
            version, value = self.version, await read()
            if version != self.version:
                return value  # news arrived during the read: the value may be outdated, so it is not cached
            self._values[key] = value
        return cast(T, self._values[key])

    def employee(self, employee_id: int) -> Employee | None:
        """Return a cached employee (None: there is none). Raises KeyError if the id is not cached."""
        return self._employees[employee_id]

    async def employees(self, employee_ids: Sequence[int]) -> list[Employee | None]:
        """Return the employees of these ids, in their order, reading those that are not cached."""
        missing = [employee_id for employee_id in set(employee_ids) if employee_id not in self._employees]
        cached, version = self._employees, self.version
        if missing:
            read_employees = dict(zip(missing, await people.load_by_ids(missing), strict=True))
            if version != self.version or len(cached) + len(read_employees) > _MAX_EMPLOYEES:
                return [
                    read_employees[employee_id] if employee_id in read_employees else cached[employee_id]
                    for employee_id in employee_ids
                ]
            cached.update(read_employees)
        return [cached[employee_id] for employee_id in employee_ids]

    async def goals(self, goal_ids: Iterable[int]) -> dict[int, tuple[Goal, int]]:
        """Return goals with their current values, by id, read in one query with all calls of the same moment.

        News that affects several subscriptions wakes them together, so their calls are collected until the event loop
        runs the reading task. The result is shared and may contain goals of other callers.
        """
        if not self._goal_requests:
            task = asyncio.create_task(self._read_goals(), name="goal batch")
            self._read_tasks.add(task)
            task.add_done_callback(self._read_tasks.discard)
        waiter: asyncio.Future[dict[int, tuple[Goal, int]]] = asyncio.get_running_loop().create_future()
        self._goal_requests[waiter] = goal_ids
        return await waiter

    async def _read_goals(self) -> None:
        requests, self._goal_requests = self._goal_requests, {}
        try:
            goals = await scores.goals_with_values({goal_id for goal_ids in requests.values() for goal_id in goal_ids})
        except Exception as error:  # noqa: BLE001 - passed on to all callers
            for waiter in requests:
                if not waiter.done():
                    waiter.set_exception(error)
        else:
            for waiter in requests:
                if not waiter.done():
                    waiter.set_result(goals)
