"""Tests of amounts that change at closing: what they were then, the ratio that is learnt, and no look-ahead."""

from dataclasses import replace

import numpy as np
import pytest

from domain.forecasting.arrays import NEVER
from domain.forecasting.backtest import forecast_origin
from domain.forecasting.cooperative import run_to_completion
from domain.forecasting.deal_table import empty_undo_log, known_at, sort_canonically
from domain.forecasting.deal_value_model import OpenDealEstimator
from domain.forecasting.seasonality import last_day, month_of
from tests.domain.forecasting.generated_pipelines import company_with_changing_amounts
from tests.domain.forecasting.oracle_backtests import world_groups
from tests.domain.forecasting.synthetic_companies import CALENDAR, START

ORIGIN = last_day(month_of(START) + 12)
SELLERS = 12


@pytest.fixture(scope="module")
def table():
    return company_with_changing_amounts(1).table


def test_open_deals_count_with_the_ratio_that_past_closings_had(table):
    deals = known_at(table, ORIGIN)
    rows = np.flatnonzero(deals.open)

    amounts, is_stated = OpenDealEstimator(deals, deals.visits).estimate(deals, rows, np.ones(len(rows)))

    law = 0.7 * np.exp(0.25**2 / 2)
    assert is_stated.all()
    assert (amounts / deals.stated_worth[rows]).mean() == pytest.approx(law, rel=0.03)


def test_amounts_that_never_changed_count_in_full(table):
    same = known_at(replace(table, undo=empty_undo_log()), ORIGIN)
    rows = np.flatnonzero(same.open)

    amounts, _ = OpenDealEstimator(same, same.visits).estimate(same, rows, np.ones(len(rows)))

    assert amounts == pytest.approx(same.stated_worth[rows])


def mask(table):
    """Return the table as it would be if nothing had been recorded after the origin, with its rows in another order."""
    undo, order = table.undo, np.random.default_rng(3).permutation(table.size)
    stated = table.stated_worth.copy()
    later = undo.day > ORIGIN
    stated[undo.row[later]] = undo.value[later]
    is_open = table.closed > ORIGIN
    masked = replace(
        table,
        stated_worth=stated,
        closed=np.where(is_open, NEVER, table.closed),
        won=table.won & ~is_open,
        worth=np.where(is_open, np.nan, table.worth),
        undo=undo.select(~later),
    ).select_rows(table.created <= ORIGIN)
    columns = {
        name: getattr(masked, name)[np.argsort(order[: masked.size])]
        for name in masked.__dataclass_fields__
        if name not in ("visits", "undo")
    }
    new_row = np.empty(masked.size, dtype=np.int64)
    new_row[np.argsort(order[: masked.size])] = np.arange(masked.size)
    return sort_canonically(replace(masked, **columns, undo=replace(masked.undo, row=new_row[masked.undo.row])))


def test_forecast_is_equal_from_a_table_masked_at_the_origin(table):
    def numbers(deals):
        forecasts = run_to_completion(
            forecast_origin(
                deals,
                ORIGIN,
                CALENDAR,
                [f"seller {n}" for n in range(SELLERS)],
                np.ones(SELLERS, bool),
                world_groups(SELLERS),
            )
        )
        return [(item.horizon, item.group.name, item.low, item.median, item.high, item.mean) for item in forecasts]

    assert numbers(mask(table)) == numbers(table)
