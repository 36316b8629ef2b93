"""Forecast engine of a process: caches the deals as columns and the models fitted to them.

All data is read in one statement. Parsing and computing run in one worker thread, in short steps, so the event loop is
never blocked for long. Results are memoized as tasks: requests that arrive while a result is being computed wait for
the same task. The models depend on the deals up to the end of yesterday, so they are fitted once a day, and again only
when the past itself is changed (a backdated or corrected record). A deal won, moved or recorded today invalidates only
the forecasts that use today's open deals.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Any, Final, TypeVar, cast

import numpy as np

from domain.forecasting.arrays import Ints
from domain.forecasting.cooperative import Steps
from domain.forecasting.deal_table import DealTable, in_order, known_at
from domain.forecasting.forecast import Fit, Outlook
from domain.forecasting.training import Learner
from domain.primitives.calendar import Calendar
from models.db.json_aggregates import Texts
from models.forecasting import deal_columns, deal_tables
from models.forecasting.deal_columns import Book
from models.forecasting.deal_tables import Basis, Market, Staff, Stays
from models.live import change_log
from models.organization.company import Rates
from resolvers.forecasting.metric_history import MetricPast, MetricPasts
from resolvers.request.context import Context

Result = TypeVar("Result")
_KEPT: Final = 256  # memoized results
_MANY: Final = 4000  # changed deals above which the past counts as changed without a comparison
_MOVING: Final = frozenset({"*", "deals", "people", "company"})  # change log topics that change the snapshot
_OF_NOW: Final = frozenset({"open", "outlook", "ever"})  # task keys (kind, present version, ...)
_OF_PAST: Final = frozenset(
    {"learner", "fit", "window", "past", "origin", "accuracy"}
)  # task keys (kind, past version, day, ...)


@dataclass(frozen=True)
class Known:
    """The data of forecasts as of a position of the change log; immutable.

    present_version   identifies the deals as they are now: the position at which they last changed
    last_activity_id  id of the last activity that has been read; later ones name the deals to read again
    past_version      identifies the deals as known at the end of yesterday; it changes only if those change
    today             ordinal of the company's day

    In a what-if scenario the versions are tuples that no real snapshot has, so that both share one cache.
    """

    position: int
    present: Any
    line: int
    past: Any
    today: int
    calendar: Calendar
    currency: str
    book: Book
    visits: Stays
    staff: Staff
    rates: Rates
    market: Market

    @property
    def stays(self) -> Stays:
        """The stage entries, or none if no deal has ever moved: then stages carry no information."""
        return self.visits if self.visits.moved else deal_tables.no_stays()

    def table(self, basis: Basis) -> Steps[DealTable]:
        found = deal_tables.table(self.book, self.stays, self.staff, self.market, basis)
        yield
        return in_order(found)

    def goes_on_from(self, before: Known) -> bool:
        """Return whether at most today's state of single deals differs from `before`, but not past, day or sellers."""
        same = before.past, before.today, before.calendar, before.currency, before.market
        same_now = self.past, self.today, self.calendar, self.currency, self.market
        return same == same_now and self.staff is before.staff

    def open_now(self, basis: Basis) -> DealTable:
        """Return the table of the deals that are open now."""
        book = self.book.open_ones()
        stays = self.stays.of(book.id)
        table = deal_tables.table(book, stays, self.staff, self.market, basis)
        return known_at(in_order(table), self.today)


class Forecaster:
    """Computes and caches forecasts; one per process.

    Must not be called within a unit of work: its results are shared by all viewers, so it may read committed data only.
    """

    def __init__(self) -> None:
        self._reading = asyncio.Lock()
        self._known: Known | None = None
        # ids of employees with changed deals; None if all sellers may be affected
        self._moved: set[int] | None = set()
        self._heard: tuple[int, date] | None = None  # news counter and day for which the snapshot is up to date
        self._tasks: OrderedDict[Any, asyncio.Task[Any]] = OrderedDict()
        self._worker = ThreadPoolExecutor(1, "forecast")
        self._metric_pasts = MetricPasts()

    async def known(self, context: Context) -> Known:
        """Return the current snapshot, updated if needed.

        A live stream carries a counter of the deal news received so far. While it stands where the snapshot was last
        read, the snapshot is returned without a statement: many streams are woken by one change, and only the first
        has to look. The lock makes concurrent callers wait for one read.
        """
        today = await context.today()
        async with self._reading:
            heard = (context.known.deals_heard, today) if context.known else None
            if heard is not None and heard == self._heard and self._known is not None:
                return self._known
            found = await self._read(context)
            if found is not self._known:
                if self._known is None or not found.goes_on_from(self._known):
                    self._moved = None
                self._known = found
                self._forget(found)
            self._heard = heard or self._heard
            return found

    async def metric_pasts(self, context: Context, known: Known, metrics: Collection[str]) -> Mapping[str, MetricPast]:
        """Return the daily history of each metric up to the end of yesterday."""
        async with self._reading:
            if context.known is not None:  # `snapshot` may have returned without reading the change log
                self._metric_pasts.doubt({"*"})
            return await self._metric_pasts.up_to(known.today - 1, metrics, self.in_thread)

    def whose_moved(self) -> set[int] | None:
        """Return the ids of employees whose deals have changed since the last call; None if all may be affected."""
        found, self._moved = self._moved, set()
        return found

    def _forget(self, known: Known) -> None:
        """Drop memoized results of earlier versions, which can no longer be requested."""
        for key in list(self._tasks):
            of_now = key[0] in _OF_NOW and key[1] != known.present
            if of_now or (key[0] in _OF_PAST and key[1:3] != (known.past, known.today)):
                del self._tasks[key]

    async def learner(self, known: Known) -> Learner:
        """Return the model trainer of the deals up to the end of yesterday; memoized."""
        return await self.once(("learner", known.past, known.today), lambda: self.in_steps(_learner(known)))

    async def fit(self, known: Known, basis: Basis) -> Fit:
        """Return the fitted model of the basis; memoized."""

        async def work() -> Fit:
            learner = await self.learner(known)
            return await self.in_steps(_fit(known, learner, basis))

        return await self.once(("fit", known.past, known.today, basis), work)

    async def open_now(self, known: Known, basis: Basis) -> DealTable:
        """Return the table of the deals that are open now; memoized."""
        key = ("open", known.present, known.today, basis)
        return await self.once(key, lambda: self.in_thread(partial(known.open_now, basis)))

    async def outlook(self, known: Known, basis: Basis, first: int, last: int) -> Outlook:
        """Return the sellers' forecasts of the days from `first` to `last` from the deals open now; memoized.

        The window is memoized by the past version and the forecast by the present version: a changed deal repeats only
        the last step.
        """

        async def work() -> Outlook:
            fit, then = await self.fit(known, basis), await self.open_now(known, basis)
            window = await self.once(
                ("window", known.past, known.today, basis, first, last),
                lambda: self.in_steps(fit.window(first, last)),
            )
            return await self.in_steps(window.outlook(then))

        return await self.once(("outlook", known.present, known.today, basis, first, last), work)

    async def work(self, key: Any, count: Callable[[], Result]) -> Result:
        """Return the result of `function`, run in the worker thread once per key."""
        return await self.once(key, lambda: self.in_thread(count))

    async def once(self, key: Any, make: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """Return the result of the coroutine that `factory` makes, run once per key.

        Concurrent callers with the same key wait for one task. A failed or cancelled task is replaced.
        """
        task = self._tasks.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception())):
            task = self._tasks[key] = asyncio.create_task(make())
        self._tasks.move_to_end(key)
        while len(self._tasks) > _KEPT:
            self._tasks.popitem(last=False)
        if task.done():
            return cast(Result, task.result())
        return cast(Result, await asyncio.shield(task))  # a cancelled caller must not cancel the task of the others

    async def in_thread(self, count: Callable[[], Result]) -> Result:
        """Run `function` in the worker thread, after what is queued there."""
        return await asyncio.get_running_loop().run_in_executor(self._worker, count)

    async def in_steps(self, steps: Steps[Result]) -> Result:
        """Run a computation in the worker thread step by step, so that other computations get turns in between."""

        def step() -> tuple[Result] | None:  # a StopIteration cannot be raised into a future, hence the tuple
            try:
                next(steps)
            except StopIteration as ended:
                return (ended.value,)
            return None

        while (found := await self.in_thread(step)) is None:
            pass
        return found[0]

    async def _read(self, context: Context) -> Known:
        calendar, currency = await context.calendar(), (await context.company()).currency
        today = (await context.today()).toordinal()
        known = self._known
        if known is None or (known.calendar, known.currency) != (calendar, currency):
            return await self._read_all(calendar, currency, today, known.past + 1 if known else 0)
        position, moved = await change_log.since(known.position)
        self._metric_pasts.doubt(moved)
        if moved & _MOVING:
            return await self._read_on(known, position, today)
        if today != known.today:
            market = _market(known.rates, known.book, known.market.prices, today)
            return replace(known, position=position, today=today, market=market)
        return known if position == known.position else replace(known, position=position)

    async def _read_all(self, calendar: Calendar, currency: str, today: int, past: int) -> Known:
        texts = await deal_tables.read(None)
        book, visits, _ = await self._taken_apart(texts, deal_columns.empty(), deal_tables.no_stays())
        staff, prices, rates = deal_tables.staff(texts), deal_tables.prices(texts), deal_tables.rates(texts, currency)
        position, line = (int(texts[name][0]) for name in ("position", "line"))
        market = _market(rates, book, prices, today)
        return Known(position, position, line, past, today, calendar, currency, book, visits, staff, rates, market)

    async def _read_on(self, known: Known, position: int, today: int) -> Known:
        """Return the snapshot updated by the deals that changed after the last activity read.

        The data may be newer than `position`, which was read before it. What changed in between is then read twice, and
        nothing is missed.
        """
        texts = await deal_tables.read(known.line)
        book, visits, ids = await self._taken_apart(texts, known.book, known.visits)
        staff, prices = deal_tables.staff(texts), deal_tables.prices(texts)
        if _same_places(staff, known.staff):
            staff = known.staff  # keep the identical object: caches compare it by identity
        if self._moved is not None:
            self._moved |= sellers_of(known.book, ids.tolist()) | sellers_of(book, ids.tolist())
        rates = deal_tables.rates(texts, known.currency)
        fresh = replace(
            known, position=position, present=position, line=int(texts["line"][0]), today=today, book=book, visits=visits, staff=staff,
            rates=rates, market=_market(rates, book, prices, today),
        )  # fmt: skip
        same = prices == known.market.prices and _same_staff(staff, known.staff)
        same = same and await self.in_thread(partial(_same_past, known, fresh, ids))
        return fresh if same else replace(fresh, past=known.past + 1)

    async def _taken_apart(self, texts: Texts, book: Book, visits: Stays) -> tuple[Book, Stays, Ints]:
        """Parse what was read; return the updated deals and stage entries, and the ids of the deals read."""
        fresh = deal_columns.Fresh([*book.currencies], [*book.products])
        for text in texts.get("deal", ()):
            await self.in_thread(partial(fresh.read, text))
        stays = [await self.in_thread(partial(deal_tables.stays, text)) for text in texts.get("visit", ())]
        ids = fresh.ids
        book = await self.in_thread(partial(book.with_fresh, fresh))
        return book, await self.in_thread(partial(visits.with_fresh, stays, ids)), ids


def _market(rates: Rates, book: Book, prices: Mapping[str, tuple[int, str]], today: int) -> Market:
    return deal_tables.market(rates.own, rates, book.currencies, prices, date.fromordinal(today))


def _same_staff(one: Staff, other: Staff) -> bool:
    return one.keys == other.keys and one.ids == other.ids and bool((one.active == other.active).all())


def _same_places(one: Staff, other: Staff) -> bool:
    """Return whether the sellers, their names, teams and active states are equal."""
    return _same_staff(one, other) and one.names == other.names and bool((one.teams == other.teams).all())


def _same_past(one: Known, other: Known, ids: Ints) -> bool:
    """Return whether two snapshots, which differ at most in these deals, have the same past."""
    if len(ids) > _MANY or one.visits.moved != other.visits.moved:
        return False
    yesterday = one.today - 1
    return past_of(one.book, one.stays, ids.tolist(), yesterday) == past_of(
        other.book, other.stays, ids.tolist(), yesterday
    )


def sellers_of(book: Book, ids: Sequence[int]) -> set[int]:
    """Return the ids of the owners and winners of these deals; unknown deals are ignored."""
    at = book.places([id_ for id_, known in zip(ids, book.has(ids), strict=True) if known])
    return {*book.owner[at].tolist(), *book.winner[at].tolist()}


def past_of(book: Book, stays: Stays, ids: Sequence[int], day: int) -> list[tuple[Any, ...]]:
    """Return all facts of these deals that training up to the end of `day` uses, for comparison."""
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


def _learner(known: Known) -> Steps[Learner]:
    day = known.today - 1
    table = yield from known.table(Basis.COUNT)
    yield
    then = known_at(table, day)
    yield
    return Learner(then, day, known.calendar, known.staff.active)


def _fit(known: Known, learner: Learner, basis: Basis) -> Steps[Fit]:
    table = yield from known.table(basis)
    yield
    fit = Fit(learner, known_at(table, known.today - 1), known.staff.keys)
    yield
    _ = fit.means  # compute the cached property here, in the worker thread
    return fit


def forecaster(context: Context) -> Forecaster:
    """Return the engine of this process, created on first use."""
    services = context.services
    if services.forecaster is None:
        services.forecaster = Forecaster()
    return cast(Forecaster, services.forecaster)
