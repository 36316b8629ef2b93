"""Cache of reference data (company, metrics, employees) for live streams, dropped on news that it changed.

Without it, a subscription to a thousand goals would read company, metrics and people again for each goal. The cache is
dropped by the same news that wakes the streams, so no stream is left with an old value. Queries and mutations do not
use it: they must see everything committed before them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, TypeVar

from domain.ledger.metrics import Metric
from models.crm import custom_metrics
from models.goals.goals import Goal
from models.ledger import scores
from models.organization import company, people
from models.organization.company import Company
from models.organization.people import Employee
from subscriptions.core.hub import Hub

T = TypeVar("T")
_PEOPLE: Final = 20_000  # upper bound for memory


class Known:
    """Cached reference data of the process.

    version        grows whenever the cache is dropped, as anything shown of people, company and metrics may change
    deals_version  grows with news of the data that forecasts are made of
    """

    def __init__(self, hub: Hub) -> None:
        self._kept: dict[Any, Any] = {}
        self._people: dict[int, Employee | None] = {}
        self.turn = 0
        self.deals_heard = 0
        self._asking: dict[asyncio.Future[dict[int, tuple[Goal, int]]], Iterable[int]] = {}  # goal ids by waiting read
        self._reading: set[asyncio.Task[None]] = set()
        hub.watch(("company", "metrics", "people"), self._forget)
        hub.watch(("company", "deals", "people"), self._hear_of_deals)

    def _hear_of_deals(self) -> None:
        self.deals_heard += 1

    def _forget(self) -> None:
        self._kept, self._people = {}, {}
        self.turn += 1

    async def company(self) -> Company | None:
        return await self._once("company", company.the_company)

    async def metrics(self) -> dict[str, Metric]:
        return await self._once("metrics", custom_metrics.catalogue)

    async def _once(self, key: str, read: Callable[[], Awaitable[T]]) -> T:
        """Return the cached value, reading it if necessary."""
        if key not in self._kept:
            turn, found = self.turn, await read()
            if turn != self.turn:
                return found  # news arrived during the read: the value may be outdated, so it is not cached
            self._kept[key] = found
        return self._kept[key]  # type: ignore[no-any-return]

    def employee(self, number: int) -> Employee | None:
        """Return a cached employee (None: there is none). Raises KeyError if the id is not cached."""
        return self._people[number]

    async def employees(self, numbers: Any) -> list[Employee | None]:
        """Return the employees of these ids, in their order, reading those that are not cached."""
        missing = [number for number in set(numbers) if number not in self._people]
        kept, turn = self._people, self.turn
        if missing:
            found = dict(zip(missing, await people.by_ids(missing), strict=True))
            if turn != self.turn or len(kept) + len(found) > _PEOPLE:
                return [found[number] if number in found else kept[number] for number in numbers]
            kept.update(found)
        return [kept[number] for number in numbers]

    async def goals(self, numbers: Iterable[int]) -> dict[int, tuple[Goal, int]]:
        """Return goals with their current values, by id, read in one query with all calls of the same moment.

        News that affects several subscriptions wakes them together, so their calls are collected until the event loop
        runs the reading task. The result is shared and may contain goals of other callers.
        """
        if not self._asking:
            task = asyncio.create_task(self._read_goals(), name="goal batch")
            self._reading.add(task)
            task.add_done_callback(self._reading.discard)
        waiting: asyncio.Future[dict[int, tuple[Goal, int]]] = asyncio.get_running_loop().create_future()
        self._asking[waiting] = numbers
        return await waiting

    async def _read_goals(self) -> None:
        asking, self._asking = self._asking, {}
        try:
            found = await scores.goals_with_values({number for numbers in asking.values() for number in numbers})
        except Exception as error:  # noqa: BLE001 - passed on to all callers
            for waiting in asking:
                if not waiting.done():
                    waiting.set_exception(error)
        else:
            for waiting in asking:
                if not waiting.done():
                    waiting.set_result(found)
