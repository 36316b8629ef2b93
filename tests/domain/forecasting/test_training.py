"""Tests of model training: what a changed deal does not touch is taken over, and equals what a new trainer learns."""

from dataclasses import replace

import numpy as np
import pytest

from domain.forecasting.arrays import NEVER
from domain.forecasting.cooperative import run_to_completion
from domain.forecasting.deal_table import FirstDifferences, find_first_differences, known_at, sort_canonically
from domain.forecasting.seasonality import last_day, month_of
from domain.forecasting.training import ModelTrainer
from tests.domain.forecasting.synthetic_companies import CALENDAR, START, CompanyLaw, simulate_company

LAW = CompanyLaw(months=12, deals_per_month=1000)
DAY = last_day(month_of(START) + 10) + 18
WIN_DAY = DAY - 40


@pytest.fixture(scope="module")
def table():
    return known_at(simulate_company(LAW), DAY)


def train(table, before=None):
    """Return a trainer that has learnt all that a forecast of the next weeks needs, and the forecast of wins."""
    trainer = ModelTrainer(table, DAY, CALENDAR, np.ones(LAW.sellers, dtype=bool), before)
    errors = run_to_completion(trainer.compute_errors(30, trainer.day))
    return trainer, errors, trainer.compute_expected_wins(DAY, DAY + 1, DAY + 30)


def win_dated_back(table):
    """Return the deals with one, open until then, won on WIN_DAY."""
    deal = np.flatnonzero(table.open & (table.created < WIN_DAY - 10))[0]
    closed, won = table.closed.copy(), table.won.copy()
    closed[deal], won[deal] = WIN_DAY, True
    return sort_canonically(replace(table, closed=closed, won=won))


def created_back(table):
    """Return the deals with one created 20 days earlier."""
    created = table.created.copy()
    created[np.flatnonzero(table.created == WIN_DAY)[0]] -= 20
    return sort_canonically(replace(table, created=created))


def handed_over(table):
    seller = table.seller.copy()
    deal = np.flatnonzero(table.won & (table.closed == WIN_DAY))[0]
    seller[deal] = (seller[deal] + 1) % LAW.sellers
    return sort_canonically(replace(table, seller=seller))


def deleted(table):
    return table.select_rows(np.arange(table.size) != np.flatnonzero(table.won & (table.closed == WIN_DAY))[0])


CHANGES = (win_dated_back, created_back, handed_over, deleted)


@pytest.mark.parametrize("change", CHANGES)
def test_updated_trainer_equals_a_new_one(table, change):
    changed = change(table)

    _, errors, expected = train(changed, train(table)[0])
    _, new_errors, new_expected = train(changed)

    assert errors == new_errors
    assert expected.log_sd == new_expected.log_sd
    for name in ("by_counts", "from_open", "from_new"):
        assert getattr(expected, name).tolist() == getattr(new_expected, name).tolist()


def test_win_dated_back_leaves_what_was_learnt_of_earlier_month_ends(table):
    before = train(table)[0]

    after = train(win_dated_back(table), before)[0]

    assert after.wins.day_weights == before.wins.day_weights  # rounded, so that one win rarely changes them
    origins = [key for key in before._expected_wins if key[0] < WIN_DAY]
    assert len(origins) > 3
    assert all(after._expected_wins[key] is before._expected_wins[key] for key in origins)
    assert after.wins._posteriors[DAY] is not before.wins._posteriors[DAY]
    assert after.arrivals._posteriors[DAY] is before.arrivals._posteriors[DAY]


def test_first_differences_are_the_days_from_which_tables_differ(table):
    assert find_first_differences(table, table) == FirstDifferences(NEVER, NEVER, NEVER)
    assert find_first_differences(table, win_dated_back(table)) == FirstDifferences(NEVER, WIN_DAY, WIN_DAY)
    assert find_first_differences(created_back(table), table).arrivals == WIN_DAY - 20
    without = deleted(table)
    [missing] = np.flatnonzero(~np.isin(table.key, without.key))
    created, closed = int(table.created[missing]), int(table.closed[missing])
    assert find_first_differences(without, table) == FirstDifferences(created, closed, created)


def test_first_differences_include_entries_into_stages(table):
    entry = np.flatnonzero(table.visits.day == WIN_DAY)[0]
    stage = table.visits.stage.copy()
    stage[entry] += 1

    other_stages = replace(table, visits=replace(table.visits, stage=stage))

    assert find_first_differences(table, other_stages) == FirstDifferences(NEVER, NEVER, WIN_DAY)
