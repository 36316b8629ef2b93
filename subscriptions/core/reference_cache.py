"""What live reads need again and again, kept for as long as no news says that it has changed.

Who listens to a thousand goals would otherwise read the company, its metrics and its people anew
for each. What is kept is dropped at the news that also wakes whoever shows it, so a screen is never
left at what was; queries and mutations do not come here: they read what was written before them.
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
_PEOPLE: Final = 20_000  # rows that are kept, at most


class Known:
    """What is kept; `turn` grows whenever it is dropped, and with it whatever may be shown of people, company and metrics."""

    def __init__(self, hub: Hub) -> None:
        self._kept: dict[Any, Any] = {}
        self._people: dict[int, Employee | None] = {}
        self.turn = 0
        self.deals_heard = 0
        self._asking: dict[asyncio.Future[dict[int, tuple[Goal, int]]], Iterable[int]] = {}  # for goals, at this moment
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
        if key not in self._kept:
            turn, found = self.turn, await read()
            if turn != self.turn:
                return found  # news came meanwhile: it may be of before
            self._kept[key] = found
        return self._kept[key]  # type: ignore[no-any-return]

    def employee(self, number: int) -> Employee | None:
        """Return a person who is kept. Raises KeyError for another."""
        return self._people[number]

    async def employees(self, numbers: Any) -> list[Employee | None]:
        """Return the people of these numbers, in their order, and keep them."""
        missing = [number for number in set(numbers) if number not in self._people]
        kept, turn = self._people, self.turn
        if missing:
            found = dict(zip(missing, await people.by_ids(missing), strict=True))
            if turn != self.turn or len(kept) + len(found) > _PEOPLE:
                return [found[number] if number in found else kept[number] for number in numbers]
            kept.update(found)
        return [kept[number] for number in numbers]

    async def goals(self, numbers: Iterable[int]) -> dict[int, tuple[Goal, int]]:
        """Return goals by their numbers, with what each has reached: read now, once for all who ask at this moment.

        There may be others among them: news that moves several questions wakes them together.
        """
        if not self._asking:
            task = asyncio.create_task(self._read_goals(), name="goals of a moment")
            self._reading.add(task)
            task.add_done_callback(self._reading.discard)
        waiting: asyncio.Future[dict[int, tuple[Goal, int]]] = asyncio.get_running_loop().create_future()
        self._asking[waiting] = numbers
        return await waiting

    async def _read_goals(self) -> None:
        asking, self._asking = self._asking, {}
        try:
            found = await scores.goals_with_values({number for numbers in asking.values() for number in numbers})
        except Exception as error:  # noqa: BLE001 - whatever it was, it is theirs who asked
            for waiting in asking:
                if not waiting.done():
                    waiting.set_exception(error)
        else:
            for waiting in asking:
                if not waiting.done():
                    waiting.set_result(found)
