"""Tests of the count model: level, seasons, growth, and uncertainty with few months."""

import numpy as np
import pytest

from domain.forecasting.count_model import blocks, counts

JANUARY = 2024 * 12


def series(rates, seed=1):
    luck = np.random.default_rng(seed)
    months = np.arange(JANUARY, JANUARY + len(rates))
    return months, luck.poisson(rates).astype(float), np.ones(len(rates))


def ahead(rates, horizon=1, seed=1, **how):
    months, seen, exposure = series(rates, seed)
    next_ = np.arange(months[-1] + 1, months[-1] + 1 + horizon)
    return counts(months, seen, exposure, **how).ahead(next_, np.ones(horizon))


def test_a_steady_pace_goes_on():
    found = [ahead([100] * 12, seed=seed).total for seed in range(8)]

    assert np.mean(found) == pytest.approx(100, rel=0.05)


def test_two_months_give_their_mean_and_little_certainty():
    few, many = ahead([100, 100]), ahead([100] * 24)

    assert few.total == pytest.approx(100, rel=0.15)
    assert few.log_sd > 2 * many.log_sd


def test_a_pattern_of_the_quarter_is_found_where_there_is_one():
    rates = [60, 90, 150] * 4

    assert ahead(rates).total == pytest.approx(60, rel=0.2)
    assert ahead(rates[:-1]).total == pytest.approx(150, rel=0.2)


def test_no_pattern_is_made_up_where_there_is_none():
    found = ahead([100] * 24, horizon=3).means

    assert found.max() / found.min() < 1.1


def test_a_pattern_of_the_year_is_found_after_two_years():
    year = [100, 100, 100, 100, 100, 100, 60, 30, 100, 100, 100, 160]
    months, seen, exposure = series(year * 2)
    learnt = counts(months, seen, exposure)

    found = learnt.ahead(months[-12:] + 12, np.ones(12)).means

    assert found[7] < 0.6 * found[0]
    assert found[11] > 1.2 * found[0]


def test_growth_is_followed():
    rates = [50 * 1.05**n for n in range(24)]

    assert ahead(rates).total == pytest.approx(50 * 1.05**24, rel=0.12)


def test_part_of_a_month_counts_as_what_it_is():
    months, seen, exposure = series([100] * 12)
    seen[-1], exposure[-1] = 40, 0.4

    found = counts(months, seen, exposure).ahead(months[-1:], np.array([0.6]))

    assert found.total == pytest.approx(60, rel=0.1)


def test_nothing_at_all_gives_next_to_nothing():
    assert ahead([0] * 6).total < 1


def test_uneven_months_are_told_from_a_steady_pace():
    wild = np.array([20.0, 200, 90, 15, 160, 110, 30, 180, 60, 140])
    months = np.arange(JANUARY, JANUARY + len(wild))

    found = counts(months, wild, np.ones(len(wild))).ahead(months[-1:] + 1, np.ones(1))

    assert found.log_sd > 0.35


def test_blocks_end_with_the_last_day_and_leave_out_what_is_too_old():
    days = np.array([1, 2, 3, 8, 9, 10, 10])

    seen, exposure = blocks(days, np.ones(7), np.ones(10), 1, 4)

    assert seen.tolist() == [1, 4]  # days 3 to 6, and 7 to 10
    assert exposure[0] == exposure[1]
