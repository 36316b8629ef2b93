"""The demo company's market: its pipeline tells what will be won, and the forecast makes use of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime
from statistics import median
from typing import Any

import numpy as np
import pytest

from demo import company_data
from demo.history_generator import CALENDAR, CompanyHistory
from domain.forecasting.arrays import NEVER
from domain.forecasting.backtest import (
    MODEL_NAME,
    Horizon,
    Level,
    SellerGroup,
    completed,
    error_metrics_by_method,
    forecast_origin,
)
from domain.forecasting.baselines import WEIGHTED_PIPELINE
from domain.forecasting.cooperative import run_to_completion
from domain.forecasting.deal_table import DealTable, StageVisits, empty_undo_log, sort_canonically
from domain.forecasting.error_metrics import ErrorMetrics
from domain.forecasting.seasonality import last_day, month_of
from domain.ledger.record_facts import DealStatus
from resolvers.crm.inputs import DealInput

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
LAST_DAY = date(2026, 11, 23).toordinal()


@pytest.fixture(scope="module")
def history() -> CompanyHistory:
    return CompanyHistory(20, NOW)


def test_deals_win_more_often_and_sooner_the_later_their_stage(history: CompanyHistory) -> None:
    outcomes = read_outcomes(history)
    for number, pipeline in enumerate(company_data.PIPELINES):
        by_stage = [outcomes[number, position] for position in range(len(pipeline.stages))]
        win_rates = [sum(won for won, _ in stage) / len(stage) for stage in by_stage]
        days_to_win = [median(days for won, days in stage if won) for stage in by_stage]
        assert win_rates == sorted(win_rates)
        assert win_rates[-1] > win_rates[0] + 0.1
        assert days_to_win == sorted(days_to_win, reverse=True)


@pytest.mark.parametrize("seed", [20, pytest.param(1, marks=pytest.mark.long)])
def test_forecast_misses_far_less_than_the_weighted_pipeline(seed: int) -> None:
    metrics = backtest_months(CompanyHistory(seed, NOW))

    assert metrics[MODEL_NAME].count >= 8
    assert metrics[MODEL_NAME].wape < 0.2
    assert metrics[MODEL_NAME].wape < 0.5 * metrics[WEIGHTED_PIPELINE].wape


def read_outcomes(history: CompanyHistory) -> dict[tuple[int, int], list[tuple[bool, int]]]:
    """Return for each stage whether the closed deals that entered it were won, and the days until they were closed."""
    entries: dict[str, list[tuple[tuple[int, int], datetime]]] = defaultdict(list)
    outcomes: dict[tuple[int, int], list[tuple[bool, int]]] = defaultdict(list)
    for event in history.events:
        input = event.input
        if not isinstance(input, DealInput):
            continue
        key = input.external_id
        if event.stage:
            entries[key].append((event.stage, input.created_at or event.at))
        if input.status:
            for stage, entered_at in entries[key]:
                outcomes[stage].append((input.status is DealStatus.WON, (event.at - entered_at).days))
    return outcomes


def backtest_months(history: CompanyHistory) -> dict[str, ErrorMetrics]:
    """Return the errors of the company's forecasts of each month of the year, by method."""
    keys = [person.key for person in history.people]
    table = build_table(history, keys)
    everyone = np.ones(len(keys), dtype=np.bool_)
    groups = [SellerGroup("company", Level.COMPANY, everyone)]
    last_month = month_of(LAST_DAY) - 1
    forecasts = [
        forecast
        for month in range(last_month - 11, last_month)
        for forecast in run_to_completion(forecast_origin(table, last_day(month), CALENDAR, keys, everyone, groups))
    ]
    return error_metrics_by_method(table, completed(table, forecasts, LAST_DAY), Level.COMPANY, Horizon.MONTH)


def build_table(history: CompanyHistory, keys: Sequence[str]) -> DealTable:
    """Return the deals of the history as the forecast reads them."""
    sellers = {f"ext:{key}": index for index, key in enumerate(keys)}
    products = {product.name: index for index, product in enumerate(company_data.PRODUCTS)}
    first_stages = np.cumsum([0, *(len(pipeline.stages) for pipeline in company_data.PIPELINES)])
    rows: dict[str, dict[str, Any]] = {}
    visits = []
    for event in history.events:
        key, input = event.input.external_id, event.input
        if not isinstance(input, DealInput):
            continue
        if input.title:
            rate = float(history.rates.get(input.amount.currency, 1))
            rows[key] = {
                "index": len(rows),
                "created": CALENDAR.day_of(input.created_at).toordinal(),
                "seller": sellers[input.owner],
                "product": products[input.product],
                "amount": 100 * float(input.amount.amount) * rate,
                "expected": input.expected_close_on.toordinal(),
                "closed": NEVER,
                "won": False,
            }
        if event.stage:
            pipeline, position = event.stage
            day = CALENDAR.day_of(event.at).toordinal()
            visits.append((rows[key]["index"], day, first_stages[pipeline] + position))
        if input.status:
            rows[key]["closed"] = CALENDAR.day_of(input.closed_at).toordinal()
            rows[key]["won"] = input.status is DealStatus.WON
    size = len(rows)

    def column(name: str) -> np.ndarray:
        return np.array([row[name] for row in rows.values()])

    visit_rows, days, stages = (np.array(part, dtype=np.int64) for part in zip(*sorted(visits), strict=True))
    prices = np.array([100.0 * product.price for product in company_data.PRODUCTS])
    won, amount = column("won"), column("amount")
    return sort_canonically(
        DealTable(
            key=np.arange(size),
            stable_hash=np.arange(size),
            created=column("created"),
            closed=column("closed"),
            deleted=np.full(size, NEVER),
            won=won,
            seller=column("seller"),
            product=column("product"),
            worth=np.where(won, amount, np.nan),
            stated_worth=amount,
            gross=np.full(size, np.nan),
            price=prices[column("product")],
            stated_before_close=np.ones(size, dtype=np.bool_),
            expected_close=column("expected"),
            visits=StageVisits(visit_rows, stages, days),
            undo=empty_undo_log(),
        )
    )
