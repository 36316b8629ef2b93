"""Property tests: forecasts updated after any changes of the past equal those of an engine that starts anew."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from domain.forecasting.seasonality import last_day, month_of
from domain.ledger.metrics import METRICS
from domain.ledger.record_facts import DealStatus
from domain.primitives.global_ids import encode_global_id
from domain.primitives.periods import Period, PeriodKind
from models.crm.deals import Deal
from models.forecasting.deal_tables import Basis
from models.organization.scopes import COMPANY
from resolvers.forecasting.forecast_engine import ForecastEngine, get_forecast_engine
from resolvers.goals.projection import find_forecast_source
from tests.resolvers.forecasting.half_year_company import seasoned_company
from tests.world import World

CHANGES_PER_SEQUENCE = 12
DELETE = "mutation($id: ID!) { deleteDeal(id: $id) { userErrors { code } } }"
SELLERS = ("Ann", "Bob")
OTHER_METRICS = tuple(METRICS[key] for key in ("deals_created", "first_deals_won", "first_deals_won_amount"))


@pytest.fixture(autouse=True)
def past_goals_shared() -> None:
    """Share nothing: an updated engine is compared with a new one."""


class PastChanger:
    """Changes random deals of a company, most of them in its past."""

    def __init__(self, world: World, seed: int) -> None:
        self._world, self._random = world, random.Random(seed)
        self.changes: list[Callable[[], Awaitable[object]]] = [
            self.win, self.win, self.lose, self.create, self.create_won, self.delete, self.reopen, self.change_price,
            self.hand_over, self.hand_over_open, self.correct_closing, self.move, self.change_open_price,
            self.win_for_another_amount,
        ]  # fmt: skip

    async def change(self) -> str:
        """Make one change and return what it was."""
        change = self._random.choice(self.changes)
        await change()
        return change.__name__

    async def _deal(self, status: DealStatus) -> Deal:
        deals = await Deal.filter(status=status, deleted_at=None).order_by("id")
        return self._random.choice(deals)

    def _id(self, deal: Deal) -> str:
        return encode_global_id("Deal", deal.id)

    def _moment_after(self, deal: Deal) -> str:
        days = (self._world.now - deal.created_at).total_seconds() / 86_400
        return (self._world.now - timedelta(days=self._random.uniform(0, days))).isoformat()

    def _moment(self) -> str:
        return (self._world.now - timedelta(days=self._random.uniform(0, 220))).isoformat()

    def _money(self) -> dict[str, str]:
        return {"amount": str(self._random.randint(50, 1500))}

    async def win(self) -> None:
        deal = await self._deal(DealStatus.OPEN)
        await self._world.mutate("winDeal", id=self._id(deal), at=self._moment_after(deal))

    async def win_for_another_amount(self) -> None:
        deal = await self._deal(DealStatus.OPEN)
        await self._world.mutate("winDeal", id=self._id(deal), at=self._moment_after(deal), amount=self._money())

    async def change_open_price(self) -> None:
        await self._world.mutate("updateDeal", id=self._id(await self._deal(DealStatus.OPEN)), amount=self._money())

    async def lose(self) -> None:
        deal = await self._deal(DealStatus.OPEN)
        await self._world.mutate("loseDeal", id=self._id(deal), at=self._moment_after(deal), reason="Price")

    async def create(self) -> None:
        owner = self._random.choice(SELLERS)
        await self._world.mutate("recordDeal", owner, title="Late", createdAt=self._moment(), amount=self._money())

    async def create_won(self) -> None:
        owner, moment = self._random.choice(SELLERS), self._moment()
        await self._world.mutate(
            "recordDeal", owner, title="Won", createdAt=moment, closedAt=moment, status="WON", amount=self._money()
        )

    async def delete(self) -> None:
        await self._world.query(DELETE, id=self._id(await self._deal(DealStatus.WON)))

    async def reopen(self) -> None:
        await self._world.mutate("reopenDeal", id=self._id(await self._deal(DealStatus.WON)))

    async def change_price(self) -> None:
        await self._world.mutate("updateDeal", id=self._id(await self._deal(DealStatus.WON)), amount=self._money())

    async def hand_over(self) -> None:
        deal, owner = await self._deal(DealStatus.WON), self._random.choice(SELLERS)
        await self._world.mutate(
            "updateDeal", id=self._id(deal), owner=self._world.global_ids[owner], moveCredit=self._random.random() < 0.5
        )

    async def hand_over_open(self) -> None:
        deal, owner = await self._deal(DealStatus.OPEN), self._random.choice(SELLERS)
        await self._world.mutate("updateDeal", id=self._id(deal), owner=self._world.global_ids[owner])

    async def correct_closing(self) -> None:
        deal = await self._deal(DealStatus.WON)
        await self._world.mutate("updateDeal", id=self._id(deal), closedAt=self._moment_after(deal))

    async def move(self) -> None:
        deal, stage = await self._deal(DealStatus.OPEN), self._random.choice(self._world.stage_ids)
        await self._world.mutate("moveDeal", id=self._id(deal), stage=stage)


async def compute_numbers(world: World, engine: ForecastEngine, *, one_by_one: bool) -> dict[tuple[Any, ...], Any]:
    """Return all arrays of the forecasts of this month and the next three, on each basis.

    one_by_one  whether the draws of the sellers are asked for one seller at a time
    """
    context = await world.authenticated_context("admin")
    snapshot = await engine.snapshot(context)
    all_sellers = np.ones(len(snapshot.sellers.ids), dtype=bool)
    numbers: dict[tuple[Any, ...], Any] = {}
    for basis in Basis:
        for months in (0, 3):
            days = snapshot.today, last_day(month_of(snapshot.today) + months)
            for seller in np.flatnonzero(all_sellers) if one_by_one else ():
                only = np.arange(len(all_sellers)) == seller
                await engine.forecast_sellers(snapshot, basis, *days, context.now(), only)
            forecasts = await engine.forecast_sellers(snapshot, basis, *days, context.now(), all_sellers)
            window = forecasts.window
            arrays = (
                window.count_draws, window.new_draws, window.multipliers, forecasts.open_draws, forecasts.amounts,
                forecasts.win_probabilities, forecasts.contributions, forecasts.from_open, forecasts.deal_keys,
            )  # fmt: skip
            numbers[basis, months] = (
                [array.tolist() for array in arrays],
                window.pipeline_parts,
                window.goal_calibration,
            )
    return numbers


async def compute_metric_numbers(world: World, engine: ForecastEngine) -> dict[tuple[Any, ...], Any]:
    """Return history and draws of metrics that are not forecast by deals, for this month and the next three."""
    world.services.state.forecast_engine = engine
    context = await world.authenticated_context("admin")
    snapshot = await engine.snapshot(context)
    numbers: dict[tuple[Any, ...], Any] = {}
    for metric in OTHER_METRICS:
        histories = await engine.get_metric_histories(context, snapshot, [metric.key])
        history = histories[metric.key]
        numbers["history", metric.key] = [column.tolist() for column in (history.day, history.employee, history.amount)]
        for months in (0, 3):
            last = date.fromordinal(last_day(month_of(snapshot.today) + months))
            period = Period(date.fromordinal(snapshot.today), last, PeriodKind.CUSTOM)
            window = await find_forecast_source(
                context, snapshot, histories, metric.key, metric.unit, COMPANY, period, context.now()
            )
            numbers[metric.key, months] = (
                None if window is None else (window.draws_of_sellers(np.arange(2)).tolist(), window.goal_calibration)
            )
    return numbers


async def check_sequence(world: World, seed: int, change_count: int, changes_per_comparison: int) -> None:
    """Change the past and compare after every few changes: a new engine learns everything again, which takes long."""
    pipeline = (await world.query("{ pipelines { stages { id } } }"))["pipelines"][0]
    world.stage_ids = [stage["id"] for stage in pipeline["stages"]]
    engine, changer = get_forecast_engine(await world.authenticated_context("admin")), PastChanger(world, seed)
    before = await compute_numbers(world, engine, one_by_one=False)
    metrics_before = await compute_metric_numbers(world, engine)
    assert metrics_before["first_deals_won", 0] is not None
    comparisons = change_count // changes_per_comparison
    past_changes = metric_changes = 0
    for number in range(comparisons):
        changes = [await changer.change() for _ in range(changes_per_comparison)]
        if number == comparisons // 2:
            world.now += timedelta(days=1)
        updated = await compute_numbers(world, engine, one_by_one=number % 2 == 0)

        assert updated == await compute_numbers(world, ForecastEngine(), one_by_one=False), (number, changes)
        metrics_updated = await compute_metric_numbers(world, engine)
        assert metrics_updated == await compute_metric_numbers(world, ForecastEngine()), (number, changes)
        past_changes += updated != before
        metric_changes += metrics_updated != metrics_before
        before, metrics_before = updated, metrics_updated
    assert past_changes > comparisons // 2  # the changes do change forecasts
    assert metric_changes > comparisons // 3


@pytest.mark.parametrize(
    ("seed", "changes_per_comparison"),
    [(0, 3), *(pytest.param(seed, 1, marks=pytest.mark.long) for seed in range(4))],
)
async def test_updated_forecasts_equal_new_ones_after_random_changes(seed: int, changes_per_comparison: int) -> None:
    async with seasoned_company() as world:
        await check_sequence(world, seed, CHANGES_PER_SEQUENCE, changes_per_comparison)


@pytest.mark.parametrize("change_count", [6, pytest.param(CHANGES_PER_SEQUENCE, marks=pytest.mark.long)])
async def test_updated_forecasts_equal_new_ones_on_postgresql(postgres_tables_url: str, change_count: int) -> None:
    async with seasoned_company(postgres_tables_url) as world:
        await check_sequence(world, 11, change_count, 2)
