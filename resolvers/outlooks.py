"""What a process knows for its forecasts: the deals as columns, and what was learnt from them today.

Reading goes on in pages and counting in a thread of its own, so nothing here keeps the
event loop. Both are shared by everybody who asks: whoever asks while something is being
worked out waits for the same answer. The past is learnt once a day and again only when the
past itself is changed; a deal that is won, moved or recorded today is but an entry of today.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from typing import Any, Final, TypeVar, cast

import numpy as np

from domain.calendar import Calendar
from domain.columns import Ints
from domain.deal_table import DealTable, known_at
from domain.forecasting import Fit, Outlook
from domain.learning import Learner
from models import activities, changes, deal_tables, known_deals
from models.deal_tables import Basis, Market, Staff, Stays
from models.known_deals import Book
from resolvers.context import Context

Result = TypeVar("Result")
_KEPT: Final = 256  # answers that may be asked for again
_OF_NOW: Final = frozenset({"open", "outlook", "ever"})  # their keys go on with the number of the present
_MOVING: Final = frozenset({"*", "deals", "people", "company"})  # the news after which something else is known
_OF_PAST: Final = frozenset({"learner", "fit", "window", "origin"})  # theirs with the number of the past and the day


@dataclass(frozen=True)
class Known:
    """All that is known at a position of the change log.

    present  what tells one present from another: the position at which it last changed
    line     the last of the history that has been read;  past  what tells one past from another: it changes with it
    Of what is only supposed, present and past are those of no real one.
    """

    position: int
    present: Any
    line: int
    past: Any
    today: int
    calendar: Calendar
    currency: str
    book: Book
    stays: Stays
    staged: bool
    staff: Staff
    market: Market

    def table(self, basis: Basis) -> DealTable:
        return deal_tables.table(self.book, self.stays, self.staff, self.market, basis)

    def open_now(self, basis: Basis) -> DealTable:
        """Return the deals that are open at this moment."""
        book = self.book.open_ones()
        use = np.isin(self.stays.deal, book.id)
        stays = Stays(self.stays.deal[use], self.stays.stage[use], self.stays.day[use])
        return known_at(deal_tables.table(book, stays, self.staff, self.market, basis), self.today)


class Forecaster:
    """One per process. Must not be asked within a unit of work: it reads what is committed, for everybody."""

    def __init__(self) -> None:
        self._reading = asyncio.Lock()
        self._known: Known | None = None
        self._heard: tuple[int, date] | None = None  # the news and the day at which that was all there was to know
        self._tasks: OrderedDict[Any, asyncio.Task[Any]] = OrderedDict()
        self._worker = ThreadPoolExecutor(1, "forecast")
        self.metrics: dict[tuple[str, int], tuple[datetime, int]] = {}  # by day: learnt when, and how often

    async def known(self, context: Context) -> Known:
        """Return what is known now; to a live stream, what is known by the news that it has heard of."""
        today = await context.today()
        async with self._reading:
            heard = (context.known.deals_heard, today) if context.known else None
            if heard is not None and heard == self._heard and self._known is not None:
                return self._known
            found = await self._read(context)
            if found is not self._known:
                self._known = found
                self._forget(found)
            self._heard = heard or self._heard
            return found

    def _forget(self, known: Known) -> None:
        """Let go of what nobody can ask for any more."""
        for key in list(self._tasks):
            of_now = key[0] in _OF_NOW and key[1] != known.present
            if of_now or (key[0] in _OF_PAST and key[1:3] != (known.past, known.today)):
                del self._tasks[key]

    async def learner(self, known: Known) -> Learner:
        """Return what the past teaches, up to the end of yesterday."""
        return await self.once(("learner", known.past, known.today), lambda: self.in_thread(partial(_learner, known)))

    async def fit(self, known: Known, basis: Basis) -> Fit:
        async def work() -> Fit:
            learner = await self.learner(known)
            return await self.in_thread(partial(_fit, known, learner, basis))

        return await self.once(("fit", known.past, known.today, basis), work)

    async def open_now(self, known: Known, basis: Basis) -> DealTable:
        key = ("open", known.present, known.today, basis)
        return await self.once(key, lambda: self.in_thread(partial(known.open_now, basis)))

    async def outlook(self, known: Known, basis: Basis, first: int, last: int) -> Outlook:
        """Return the forecast of the days from `first` to `last`, by seller, from the deals open now."""

        async def work() -> Outlook:
            fit, then = await self.fit(known, basis), await self.open_now(known, basis)
            window = await self.once(
                ("window", known.past, known.today, basis, first, last),
                lambda: self.in_thread(partial(fit.window, first, last)),
            )
            return await self.in_thread(partial(window.outlook, then))

        return await self.once(("outlook", known.present, known.today, basis, first, last), work)

    async def work(self, key: Any, count: Callable[[], Result]) -> Result:
        """Return what `count` gives, worked out in the thread, once for all who ask by the same key."""
        return await self.once(key, lambda: self.in_thread(count))

    async def once(self, key: Any, make: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """Return what `make` gives, made once for all who ask by the same key."""
        task = self._tasks.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception())):
            task = self._tasks[key] = asyncio.create_task(make())
        self._tasks.move_to_end(key)
        while len(self._tasks) > _KEPT:
            self._tasks.popitem(last=False)
        return cast(Result, await asyncio.shield(task))  # who leaves must not take the work of the others along

    async def in_thread(self, count: Callable[[], Result]) -> Result:
        """Count in the thread, after whatever is being counted there."""
        return await asyncio.get_running_loop().run_in_executor(self._worker, count)

    # reading

    async def _read(self, context: Context) -> Known:
        known = self._known
        calendar, currency = await context.calendar(), (await context.company()).currency
        today = (await context.today()).toordinal()
        if known is None or (known.calendar, known.currency) != (calendar, currency):
            position = await changes.newest()  # before the reads: they may be newer than it, never older
            moved = frozenset("*")
        else:
            position, moved = await changes.since(known.position)
            if today == known.today and not moved & _MOVING:
                return known if position == known.position else replace(known, position=position)
        line, book, stays, staged, past = await self._read_deals(known, calendar, currency, moved)
        staff, prices = known.staff if known else None, known.market.prices if known else None
        if staff is None or moved & {"*", "people"}:
            staff = await deal_tables.staff()
        if prices is None or moved & {"*", "company"}:
            prices = await known_deals.prices()
        market = deal_tables.market(currency, await context.rates(), book.currencies, prices, date.fromordinal(today))
        if known and (prices != known.market.prices or not _same_staff(staff, known.staff)):
            past += 1
        return Known(position, position, line, past, today, calendar, currency, book, stays, staged, staff, market)

    async def _read_deals(
        self, known: Known | None, calendar: Calendar, currency: str, moved: frozenset[str]
    ) -> tuple[int, Book, Stays, bool, int]:
        if known and not moved & {"*", "deals"}:
            return known.line, known.book, known.stays, known.staged, known.past
        line = await activities.newest_id()
        same = known is not None and (known.calendar, known.currency) == (calendar, currency)
        ids = await known_deals.changed_after(known.line) if known and same else None
        if known is None or ids is None:
            return line, *await self._read_all(known, calendar)
        return line, *await self._read_some(known, ids, calendar)

    async def _read_all(self, known: Known | None, calendar: Calendar) -> tuple[Book, Stays, bool, int]:
        book, stays = known_deals.empty(), deal_tables.no_stays()
        async for page in known_deals.pages():
            book = await self.in_thread(partial(book.with_rows, page))
        staged = await known_deals.have_moved()
        if staged:
            async for page in known_deals.visits():
                stays = await self.in_thread(partial(stays.with_rows, page, calendar))
        return book, stays, staged, known.past + 1 if known else 0

    async def _read_some(self, known: Known, ids: list[int], calendar: Calendar) -> tuple[Book, Stays, bool, int]:
        staged = known.staged or (bool(ids) and await known_deals.have_moved())
        if staged and not known.staged:
            return await self._read_all(known, calendar)
        book, stays = known.book, known.stays
        async for page in known_deals.pages(ids):
            book = await self.in_thread(partial(book.with_rows, page))
        if staged and ids:
            async for page in known_deals.visits(ids):
                stays = await self.in_thread(partial(stays.with_rows, page, calendar, ids))
        before = past_of(known.book, known.stays, ids, known.today - 1)
        changed = before != past_of(book, stays, ids, known.today - 1)
        return book, stays, staged, known.past + changed


def _same_staff(one: Staff, other: Staff) -> bool:
    return one.keys == other.keys and one.ids == other.ids and bool((one.active == other.active).all())


def past_of(book: Book, stays: Stays, ids: list[int], day: int) -> list[tuple[Any, ...]]:
    """Return what of these deals the past up to the end of the day is made of."""
    there = np.array([id_ for id_, known in zip(ids, book.has(ids), strict=True) if known], dtype=np.int64)
    at = book.places(there.tolist())
    at = at[(book.created[at] <= day) & (book.deleted[at] > day)]
    over = book.closed[at] <= day
    columns: list[Ints | Any] = [
        book.id[at],
        book.created[at],
        np.where(over, book.closed[at], 0),
        np.where(over, book.state[at], 0),
        np.where(over, book.winner[at], 0),
        book.owner[at],
        book.product[at],
        np.where(over, np.nan_to_num(book.value[at]), 0),
        np.where(over, np.nan_to_num(book.profit[at]), 0),
    ]
    use = np.isin(stays.deal, there) & (stays.day <= day)
    entered = sorted(zip(stays.deal[use].tolist(), stays.day[use].tolist(), stays.stage[use].tolist(), strict=True))
    return [*zip(*(column.tolist() for column in columns), strict=True), *entered]


def _learner(known: Known) -> Learner:
    day = known.today - 1
    return Learner(known_at(known.table(Basis.COUNT), day), day, known.calendar, known.staff.active)


def _fit(known: Known, learner: Learner, basis: Basis) -> Fit:
    fit = Fit(learner, known_at(known.table(basis), known.today - 1), known.staff.keys)
    _ = fit.means  # worked out here, in the thread
    return fit


def forecaster(context: Context) -> Forecaster:
    """Return the process's."""
    services = context.services
    if services.forecaster is None:
        services.forecaster = Forecaster()
    return cast(Forecaster, services.forecaster)
