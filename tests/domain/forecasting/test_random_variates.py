"""Tests of the Monte Carlo draws: correct distributions, reproducible, and independent between sellers."""

import math

import numpy as np
import pytest

from domain.forecasting import monte_carlo, random_variates
from domain.forecasting.cooperative import at_once
from domain.forecasting.deal_value_model import TABLE
from domain.forecasting.random_variates import DRAWS, Opened, Seeds

WORDS = np.array([monte_carlo.word(name) for name in ("ann", "bob", "cem")], dtype=np.uint64)
SEEDS = Seeds(7, WORDS)
EVERYBODY = np.arange(3)


def opened(chances, amounts, row=None, vague=False):
    size = len(chances)
    return Opened(
        np.zeros(size, dtype=np.int64) if row is None else np.array(row),
        np.array(chances, dtype=float),
        np.array(amounts, dtype=float),
        np.full(size, vague),
        random_variates.mixed(np.arange(size, dtype=np.uint64)),
    )


def flat(amount=1.0, rows=1):
    return np.full((rows, TABLE), amount)


def test_numbers_are_even_and_unrelated():
    numbers = random_variates.uniform(SEEDS.each(1, EVERYBODY))

    assert numbers.mean() == pytest.approx(0.5, abs=0.02)
    assert abs(np.corrcoef(numbers)[0, 1]) < 0.1
    assert ((numbers > 0) & (numbers < 1)).all()


def test_levels_cover_everything_evenly_in_an_order_of_their_own():
    found = random_variates.levels(SEEDS.each(1, EVERYBODY))

    assert np.sort(found[0]).tolist() == np.sort(found[1]).tolist()
    assert found[0].tolist() != found[1].tolist()
    assert found.mean() == pytest.approx(0.5)


@pytest.mark.parametrize("mean", [0.0, 0.3, 4.0, 29.0, 31.0, 400.0])
def test_poisson_quantiles_have_the_mean_and_the_variance(mean):
    level = (np.arange(20_000) + 0.5) / 20_000

    found = random_variates.poisson(np.full(20_000, mean), level)

    assert found.mean() == pytest.approx(mean, rel=0.01, abs=0.01)
    assert found.var() == pytest.approx(mean, rel=0.02, abs=0.01)


def test_poisson_quantiles_are_exact_for_small_means():
    level = (np.arange(10_000) + 0.5) / 10_000
    found = np.bincount(random_variates.poisson(np.full(10_000, 2.0), level), minlength=8) / 10_000

    exact = [math.exp(-2) * 2**k / math.factorial(k) for k in range(6)]

    assert found[:6] == pytest.approx(exact, abs=2e-4)


@pytest.mark.parametrize(("level", "z"), [(0.5, 0), (0.9, 1.2815515655), (0.001, -3.0902323062), (0.975, 1.959963985)])
def test_normal_quantiles(level, z):
    assert float(random_variates.quantile(np.array(level))) == pytest.approx(z, abs=1e-8)


def test_each_open_deal_is_won_as_often_as_its_probability():
    drawn = random_variates.of_open(opened([0.25], [80.0]), flat())

    assert sorted(set(drawn[0].tolist())) == [0.0, 80.0]
    assert (drawn[0] > 0).mean() == pytest.approx(0.25, abs=1 / DRAWS)


def test_many_open_deals_are_as_spread_as_independent_ones():
    chances = np.random.default_rng(3).uniform(0.05, 0.6, 200)

    drawn = random_variates.of_open(opened(chances, np.ones(200)), flat())

    assert drawn.mean() == pytest.approx(chances.sum(), rel=0.01)
    assert drawn.std() == pytest.approx(math.sqrt((chances * (1 - chances)).sum()), rel=0.15)


def test_one_giant_among_open_deals_is_won_whole_or_not_at_all():
    drawn = random_variates.of_open(opened([0.3, *[0.3] * 50], [1e6, *[1.0] * 50]), flat())

    giant = drawn[0] >= 1e6
    assert giant.mean() == pytest.approx(0.3, abs=1 / DRAWS)
    assert drawn[0][~giant].max() < 60


def test_a_deal_whose_amount_is_a_guess_is_as_spread_as_wins_are():
    amounts = np.exp(np.random.default_rng(4).normal(0, 1, TABLE))[None]

    drawn = random_variates.of_open(opened([0.5] * 40, [10.0] * 40, vague=True), amounts)

    assert drawn.mean() == pytest.approx(200, rel=0.1)
    assert drawn.std() > 1.5 * random_variates.of_open(opened([0.5] * 40, [10.0] * 40), amounts).std()


def test_new_wins_take_their_amounts_from_the_table():
    tables = np.stack([np.full(TABLE, 5.0), np.linspace(0, 2, TABLE), flat()[0]])[:, random_variates.SHUFFLED]
    counts = np.full((3, DRAWS), 12)

    drawn = random_variates.of_new(counts, tables, SEEDS.each(2, EVERYBODY))

    assert set(drawn[0]) == {60.0}
    assert drawn[1].mean() == pytest.approx(12, rel=0.03)
    assert drawn[1].std() == pytest.approx(math.sqrt(12 / 3), rel=0.15)
    assert drawn[2].tolist() == counts[2].tolist()


def test_nobody_s_draws_depend_on_anybody_else():
    expected, tables = np.array([3.0, 5.0, 2.0]), np.stack([np.linspace(1, 9, TABLE)] * 3)
    shocked = at_once(monte_carlo.shocks(SEEDS, 0.1, 0.1))
    more = at_once(monte_carlo.coming(expected * [1, 9, 1], shocked, tables, SEEDS, 1))

    drawn = at_once(monte_carlo.coming(expected, shocked, tables, SEEDS, 1))

    assert drawn[0].tolist() == more[0].tolist()
    assert drawn[2].tolist() == more[2].tolist()


def test_draws_are_whole_numbers_around_the_expected_mean():
    shocked = at_once(monte_carlo.shocks(SEEDS, 0.1, 0.2))
    drawn = at_once(monte_carlo.coming(np.array([3.0, 0.0, 40.0]), shocked, flat(250.0, 3), SEEDS, 1))

    assert (drawn == np.rint(drawn)).all()
    assert drawn.mean(axis=1) == pytest.approx([750, 0, 10_000], abs=0.5)


def test_shocks_have_the_width_they_are_given():
    found = at_once(monte_carlo.shocks(SEEDS, 0.2, 0.0))

    assert found.std() == pytest.approx(0.2, rel=0.05)
    assert found.mean() == pytest.approx(1)
    assert found[0].tolist() == found[1].tolist()
