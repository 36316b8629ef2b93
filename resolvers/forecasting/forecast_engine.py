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
from collections.abc import Callable, Collection, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from typing import Final, Protocol, TypeVar, cast

from domain.forecasting.arrays import Bools, Ints
from domain.forecasting.cooperative import Steps
from domain.forecasting.deal_table import DealTable
from domain.forecasting.forecast import FittedModel, ForecastWindow, SellerForecasts
from domain.forecasting.metric_forecast import MetricWindow
from domain.forecasting.past_goals import calibrate_goals
from domain.forecasting.training import ModelTrainer
from domain.primitives.calendar import Calendar
from domain.primitives.working_time import share_of_day_left
from models.db.json_aggregates import JsonChunks
from models.forecasting import amount_history, deal_columns, deal_data, deal_tables
from models.forecasting.deal_columns import DealColumns
from models.forecasting.deal_tables import Basis, Pricing, StageEntries
from models.live import change_log
from models.organization.company import ExchangeRateTable
from resolvers.forecasting.deal_snapshot import (
    DealSnapshot,
    TrainedPast,
    build_model,
    build_trainer,
    has_same_names_and_teams,
    has_same_past,
    has_same_sellers,
    sellers_of,
)
from resolvers.forecasting.metric_history import MetricHistory, MetricHistoryCache
from resolvers.request.context import RequestContext

Result = TypeVar("Result")
TaskKey = tuple[object, ...]  # what is computed, then all that the result depends on
_MAX_RESULTS: Final = 256  # memoized results
_MAX_DRAWS_SIZE: Final = (
    2**30
)  # bytes of draws that are kept: those of all sellers for three windows, at 10,000 sellers
_SNAPSHOT_TOPICS: Final = frozenset({"*", "deals", "people", "company"})  # change log topics that change the snapshot
_PRESENT_KEYS: Final = frozenset({"open", "outlook", "ever"})  # task keys (kind, present version, ...)
_PAST_KEYS: Final = frozenset(
    {"learner", "fit", "window", "past", "origin", "accuracy"}
)  # task keys (kind, past version, day, ...)


class Drawable(Protocol):
    """A forecast whose draws are made for some of the sellers."""

    def has_draws(self, members: Bools) -> bool: ...

    def draw(self, members: Bools) -> Steps[None]: ...


class ForecastEngine:
    """Computes and caches forecasts; one per process.

    Must not be called within a unit of work: its results are shared by all viewers, so it may read committed data only.
    """

    def __init__(self) -> None:
        self._read_lock = asyncio.Lock()
        self._snapshot: DealSnapshot | None = None
        # ids of employees with changed deals; None if all sellers may be affected
        self._changed_sellers: set[int] | None = set()
        self._last_news: tuple[int, date] | None = None  # news counter and day for which the snapshot is up to date
        self._tasks: OrderedDict[TaskKey, asyncio.Task[object]] = OrderedDict()
        # the keys of the sellers and the latest trainer, from which the next one takes over what still holds
        self._last_trainer: tuple[tuple[str, ...], ModelTrainer] | None = None
        self._last_models: dict[Basis, FittedModel] = {}  # likewise
        self._last_results: dict[TaskKey, object] = {}  # by slot, see `compute_from_last`
        self._worker = ThreadPoolExecutor(1, "forecast")
        self._metric_histories = MetricHistoryCache()

    async def snapshot(self, context: RequestContext) -> DealSnapshot:
        """Return the current snapshot, updated if needed.

        A live stream carries a counter of the deal news received so far. While it stands where the snapshot was last
        read, the snapshot is returned without a statement: many streams are woken by one change, and only the first
        has to look. The lock makes concurrent callers wait for one read.
        """
        today = await context.today()
        async with self._read_lock:
            news = (context.reference_cache.deals_version, today) if context.reference_cache else None
            if news is not None and news == self._last_news and self._snapshot is not None:
                return self._snapshot
            snapshot = await self._read_snapshot(context)
            if snapshot is not self._snapshot:
                if self._snapshot is None or not snapshot.differs_only_in_deals(self._snapshot):
                    self._changed_sellers = None
                self._snapshot = snapshot
                self._drop_outdated(snapshot)
            self._last_news = news or self._last_news
            return snapshot

    async def get_metric_histories(
        self, context: RequestContext, snapshot: DealSnapshot, metrics: Collection[str]
    ) -> Mapping[str, MetricHistory]:
        """Return the daily history of each metric up to the end of yesterday."""
        async with self._read_lock:
            if context.reference_cache is not None:  # `snapshot` may have returned without reading the change log
                self._metric_histories.mark_doubtful({"*"})
            return await self._metric_histories.load_until(snapshot.today - 1, metrics, self.run_in_worker)

    def take_changed_sellers(self) -> set[int] | None:
        """Return the ids of the owners of deals that changed since the last call; None if all may be affected."""
        changed, self._changed_sellers = self._changed_sellers, set()
        return changed

    def _drop_outdated(self, snapshot: DealSnapshot) -> None:
        """Drop memoized results of earlier versions, which can no longer be requested."""
        for key in list(self._tasks):
            is_outdated = key[0] in _PRESENT_KEYS and key[1] != snapshot.present_version
            if is_outdated or (key[0] in _PAST_KEYS and key[1:3] != (snapshot.past_version, snapshot.today)):
                del self._tasks[key]

    async def get_trainer(self, snapshot: DealSnapshot) -> TrainedPast:
        """Return the model trainer of the deals up to the end of yesterday; memoized."""

        async def build() -> TrainedPast:
            keys, before = self._last_trainer or (None, None)
            past = await self.run_chunked(build_trainer(snapshot, before if keys == snapshot.sellers.keys else None))
            if isinstance(snapshot.past_version, int):  # not a scenario
                self._last_trainer = snapshot.sellers.keys, past.trainer
            return past

        return await self.memoize(("learner", snapshot.past_version, snapshot.today), build)

    async def fit_model(self, snapshot: DealSnapshot, basis: Basis) -> FittedModel:
        """Return the fitted model of the basis; memoized."""

        async def fit() -> FittedModel:
            past = await self.get_trainer(snapshot)
            before = self._last_models.get(basis)
            if before is not None and before.sellers != snapshot.sellers.keys:
                before = None
            model = await self.run_chunked(build_model(snapshot, past, basis, before))
            if isinstance(snapshot.past_version, int):  # not a scenario
                self._last_models[basis] = model
            return model

        return await self.memoize(("fit", snapshot.past_version, snapshot.today, basis), fit)

    async def get_open_deals(self, snapshot: DealSnapshot, basis: Basis) -> DealTable:
        """Return the table of the deals that are open now; memoized."""
        key = ("open", snapshot.present_version, snapshot.today, basis)
        return await self.memoize(key, lambda: self.run_in_worker(partial(snapshot.build_open_deals, basis)))

    async def forecast_sellers(
        self, snapshot: DealSnapshot, basis: Basis, first: int, last: int, now: datetime, members: Bools
    ) -> SellerForecasts:
        """Return the sellers' forecasts of the days from `first` to `last` from the deals open now; memoized.

        now      says what part of the running day is still ahead; results for an earlier part are dropped
        members  the sellers that need draws, booleans of shape (sellers,); those drawn before keep theirs

        The window is memoized by the past version and the forecast by the present version: a changed deal repeats only
        the last step.
        """
        day_left = share_of_day_left(now, snapshot.calendar)
        window_slot = "window", snapshot.past_version, snapshot.today, basis, first, last
        slot = "outlook", snapshot.present_version, snapshot.today, basis, first, last

        async def compute_window() -> ForecastWindow:
            model = await self.fit_model(snapshot, basis)
            calibration = await self.run_chunked(calibrate_goals(model, first, last))
            return await self.run_chunked(model.compute_window(first, last, day_left, calibration))

        async def forecast() -> SellerForecasts:
            open_deals = await self.get_open_deals(snapshot, basis)
            window = await self._memoize_latest(window_slot, day_left, compute_window)
            return await self.run_in_worker(partial(window.forecast_sellers, open_deals))

        forecasts = await self._memoize_latest(slot, day_left, forecast)
        await self.draw(forecasts, members)
        return forecasts

    async def compute(self, key: TaskKey, function: Callable[[], Result]) -> Result:
        """Return the result of `function`, run in the worker thread once per key."""
        return await self.memoize(key, lambda: self.run_in_worker(function))

    async def compute_latest(self, slot: TaskKey, version: object, function: Callable[[], Steps[Result]]) -> Result:
        """Compute the steps with a key of slot and version, and drop the results of other versions of the slot."""
        return await self._memoize_latest(slot, version, lambda: self.run_chunked(function()))

    async def compute_from_last(
        self, slot: TaskKey, version: TaskKey, function: Callable[[Result | None], Result]
    ) -> Result:
        """Do the same with a function that is given the last result of the slot, if there is one."""

        async def compute() -> Result:
            last = cast("Result | None", self._last_results.get(slot))
            result = await self.run_in_worker(partial(function, last))
            self._last_results[slot] = result
            return result

        return await self._memoize_latest(slot, version, compute)

    async def draw(self, window: Drawable, members: Bools) -> None:
        """Make the draws of those of the sellers that `members` selects which have none yet."""
        if not window.has_draws(members):
            await self.run_chunked(window.draw(members))
            self._limit_draws()

    def _limit_draws(self) -> None:
        """Drop the windows that were used least recently if there are too many draws; the last one always stays."""
        kept: list[ForecastWindow | MetricWindow] = []
        total = 0
        for key, task in reversed(list(self._tasks.items())):
            window = _find_window(task)
            if window is None or any(window is other for other in kept):
                continue
            total += window.size
            if kept and total > _MAX_DRAWS_SIZE:
                del self._tasks[key]
            else:
                kept.append(window)

    async def _memoize_latest(
        self, slot: TaskKey, version: object, factory: Callable[[], Coroutine[object, None, Result]]
    ) -> Result:
        key = (*slot, version)
        if key not in self._tasks:
            for other_key in [other_key for other_key in self._tasks if other_key[:-1] == slot]:
                del self._tasks[other_key]
        return await self.memoize(key, factory)

    async def memoize(self, key: TaskKey, factory: Callable[[], Coroutine[object, None, Result]]) -> Result:
        """Return the result of the coroutine that `factory` makes, run once per key.

        Concurrent callers with the same key wait for one task. A failed or cancelled task is replaced.
        """
        task = self._tasks.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception())):
            task = self._tasks[key] = asyncio.create_task(factory())
        self._tasks.move_to_end(key)
        while len(self._tasks) > _MAX_RESULTS:
            self._tasks.popitem(last=False)
        if task.done():
            return cast(Result, task.result())
        return cast(Result, await asyncio.shield(task))  # a cancelled caller must not cancel the task of the others

    async def run_in_worker(self, function: Callable[[], Result]) -> Result:
        """Run `function` in the worker thread, after what is queued there."""
        return await asyncio.get_running_loop().run_in_executor(self._worker, function)

    async def run_chunked(self, steps: Steps[Result]) -> Result:
        """Run a computation in the worker thread step by step, so that other computations get turns in between."""

        def step() -> tuple[Result] | None:  # a StopIteration cannot be raised into a future, hence the tuple
            try:
                next(steps)
            except StopIteration as stop:
                return (stop.value,)
            return None

        while (result := await self.run_in_worker(step)) is None:
            pass
        return result[0]

    async def _read_snapshot(self, context: RequestContext) -> DealSnapshot:
        calendar, currency = await context.calendar(), (await context.company()).currency
        today = (await context.today()).toordinal()
        snapshot = self._snapshot
        if snapshot is None or (snapshot.calendar, snapshot.currency) != (calendar, currency):
            return await self._read_all(calendar, currency, today, snapshot.past_version + 1 if snapshot else 0)
        position, topics = await change_log.topics_since(snapshot.position)
        self._metric_histories.mark_doubtful(topics)
        if topics & _SNAPSHOT_TOPICS:
            return await self._read_changes(snapshot, position, today)
        if today != snapshot.today:
            pricing = _build_pricing(snapshot.rates, snapshot.deals, snapshot.pricing.prices, today)
            return replace(snapshot, position=position, today=today, pricing=pricing)
        return snapshot if position == snapshot.position else replace(snapshot, position=position)

    async def _read_all(self, calendar: Calendar, currency: str, today: int, past_version: int) -> DealSnapshot:
        texts = await deal_data.fetch_deal_data(None)
        deals, stage_entries, _ = await self._parse(
            texts, deal_columns.empty_columns(), deal_tables.empty_stage_entries()
        )
        amounts = await self.run_in_worker(partial(amount_history.parse_amount_history, texts, calendar))
        sellers, prices, rates = (
            deal_tables.parse_sellers(texts),
            deal_tables.parse_prices(texts),
            deal_tables.parse_rates(texts, currency),
        )
        position = int(texts["position"][0])
        pricing = _build_pricing(rates, deals, prices, today)
        return DealSnapshot(
            position,
            position,
            _last_ids(texts),
            past_version,
            today,
            calendar,
            currency,
            deals,
            stage_entries,
            amounts,
            sellers,
            rates,
            pricing,
        )

    async def _read_changes(self, snapshot: DealSnapshot, position: int, today: int) -> DealSnapshot:
        """Return the snapshot updated by the deals that changed after the last activities read.

        The data may be newer than `position`, which was read before it. What changed in between is then read twice, and
        nothing is missed.
        """
        texts = await deal_data.fetch_deal_data(snapshot.last_ids)
        deals, stage_entries, changed_ids = await self._parse(texts, snapshot.deals, snapshot.all_stage_entries)
        amount_updates = await self.run_in_worker(
            partial(amount_history.parse_amount_history, texts, snapshot.calendar)
        )
        sellers, prices = deal_tables.parse_sellers(texts), deal_tables.parse_prices(texts)
        if has_same_names_and_teams(sellers, snapshot.sellers):
            sellers = snapshot.sellers  # keep the identical object: caches compare it by identity
        if self._changed_sellers is not None:
            self._changed_sellers |= sellers_of(snapshot.deals, changed_ids.tolist()) | sellers_of(
                deals, changed_ids.tolist()
            )
        rates = deal_tables.parse_rates(texts, snapshot.currency)
        updated = replace(
            snapshot, position=position, present_version=position, last_ids=_last_ids(texts), today=today, deals=deals, all_stage_entries=stage_entries,
            amount_history=snapshot.amount_history.merge(amount_updates, changed_ids), sellers=sellers,
            rates=rates, pricing=_build_pricing(rates, deals, prices, today),
        )  # fmt: skip
        is_past_unchanged = (
            prices == snapshot.pricing.prices
            and has_same_sellers(sellers, snapshot.sellers)
            and await self.run_in_worker(partial(has_same_past, snapshot, updated, changed_ids))
        )
        return updated if is_past_unchanged else replace(updated, past_version=snapshot.past_version + 1)

    async def _parse(
        self, texts: JsonChunks, deals: DealColumns, stage_entries: StageEntries
    ) -> tuple[DealColumns, StageEntries, Ints]:
        """Parse what was read; return the updated deals and stage entries, and the ids of the deals read."""
        updates = deal_columns.DealUpdates([*deals.currencies], [*deals.products])
        for text in texts.get("deal", ()):
            await self.run_in_worker(partial(updates.add_chunk, text))
        entry_updates = [
            await self.run_in_worker(partial(deal_tables.parse_stage_entries, text)) for text in texts.get("visit", ())
        ]
        ids = updates.ids
        deals = await self.run_in_worker(partial(deals.merge, updates))
        return deals, await self.run_in_worker(partial(stage_entries.merge, entry_updates, ids)), ids


def _find_window(task: asyncio.Task[object]) -> ForecastWindow | MetricWindow | None:
    """Return the window that the result of a task is, or is made from; None if it is another result, or failed."""
    if not task.done() or task.cancelled() or task.exception() is not None:
        return None
    result = task.result()
    if isinstance(result, SellerForecasts):
        return result.window
    return result if isinstance(result, ForecastWindow | MetricWindow) else None


def _last_ids(texts: JsonChunks) -> tuple[int, int]:
    """Return the ids of the last activity, and of the last one that was taken back, from what was read."""
    return int(texts["line"][0]), int(texts["undone"][0])


def _build_pricing(
    rates: ExchangeRateTable, deals: DealColumns, prices: Mapping[str, tuple[int, str]], today: int
) -> Pricing:
    return deal_tables.build_pricing(rates.company_currency, rates, deals.currencies, prices, date.fromordinal(today))


def get_forecast_engine(context: RequestContext) -> ForecastEngine:
    """Return the engine of this process."""
    engine = context.services.state.forecast_engine
    assert isinstance(engine, ForecastEngine)  # the request layer lies below and knows only a protocol
    return engine
