"""Tests of the Monte Carlo draws: correct distributions, reproducible, and independent between sellers."""

import math

import numpy as np
import pytest

from domain.forecasting import monte_carlo, random_variates
from domain.forecasting.cooperative import run_to_completion
from domain.forecasting.deal_value_model import TABLE_SIZE
from domain.forecasting.random_variates import DRAWS, OpenDeals, RandomStreams

SELLER_HASHES = np.array([monte_carlo.hash_seller_key(name) for name in ("ann", "bob", "cem")], dtype=np.uint64)
STREAMS = RandomStreams(7, SELLER_HASHES)
ALL_SELLERS = np.arange(3)


def open_deals(probabilities, amounts, row=None, amount_is_guess=False):
    size = len(probabilities)
    return OpenDeals(
        np.zeros(size, dtype=np.int64) if row is None else np.array(row),
        np.array(probabilities, dtype=float),
        np.array(amounts, dtype=float),
        np.full(size, amount_is_guess),
        random_variates.mix_bits(np.arange(size, dtype=np.uint64)),
    )


def flat_table(amount=1.0, rows=1):
    return np.full((rows, TABLE_SIZE), amount)


def test_uniform_numbers_are_even_and_uncorrelated():
    numbers = random_variates.to_uniform(STREAMS.seller_bits(1, ALL_SELLERS))

    assert numbers.mean() == pytest.approx(0.5, abs=0.02)
    assert abs(np.corrcoef(numbers)[0, 1]) < 0.1
    assert ((numbers > 0) & (numbers < 1)).all()


def test_levels_are_evenly_spaced_in_a_different_order_per_row():
    result = random_variates.stratified_levels(STREAMS.seller_bits(1, ALL_SELLERS))

    assert np.sort(result[0]).tolist() == np.sort(result[1]).tolist()
    assert result[0].tolist() != result[1].tolist()
    assert result.mean() == pytest.approx(0.5)


@pytest.mark.parametrize("mean", [0.0, 0.3, 4.0, 29.0, 31.0, 400.0])
def test_poisson_quantiles_have_correct_mean_and_variance(mean):
    level = (np.arange(20_000) + 0.5) / 20_000

    result = random_variates.poisson_quantiles(np.full(20_000, mean), level)

    assert result.mean() == pytest.approx(mean, rel=0.01, abs=0.01)
    assert result.var() == pytest.approx(mean, rel=0.02, abs=0.01)


def test_poisson_quantiles_are_exact_for_small_means():
    level = (np.arange(10_000) + 0.5) / 10_000
    result = np.bincount(random_variates.poisson_quantiles(np.full(10_000, 2.0), level), minlength=8) / 10_000

    exact = [math.exp(-2) * 2**k / math.factorial(k) for k in range(6)]

    assert result[:6] == pytest.approx(exact, abs=2e-4)


@pytest.mark.parametrize(("level", "z"), [(0.5, 0), (0.9, 1.2815515655), (0.001, -3.0902323062), (0.975, 1.959963985)])
def test_normal_quantiles_match_known_values(level, z):
    assert float(random_variates.normal_quantiles(np.array(level))) == pytest.approx(z, abs=1e-8)


def test_open_deal_is_won_in_its_share_of_draws():
    draws = random_variates.sum_open_deals(open_deals([0.25], [80.0]), flat_table())

    assert sorted(set(draws[0].tolist())) == [0.0, 80.0]
    assert (draws[0] > 0).mean() == pytest.approx(0.25, abs=1 / DRAWS)


def test_open_deals_vary_like_independent_ones():
    probabilities = np.random.default_rng(3).uniform(0.05, 0.6, 200)

    draws = random_variates.sum_open_deals(open_deals(probabilities, np.ones(200)), flat_table())

    assert draws.mean() == pytest.approx(probabilities.sum(), rel=0.01)
    assert draws.std() == pytest.approx(math.sqrt((probabilities * (1 - probabilities)).sum()), rel=0.15)


def test_giant_open_deal_is_won_whole_or_not_at_all():
    draws = random_variates.sum_open_deals(open_deals([0.3, *[0.3] * 50], [1e6, *[1.0] * 50]), flat_table())

    giant = draws[0] >= 1e6
    assert giant.mean() == pytest.approx(0.3, abs=1 / DRAWS)
    assert draws[0][~giant].max() < 60


def test_guessed_amounts_vary_like_wins():
    amounts = np.exp(np.random.default_rng(4).normal(0, 1, TABLE_SIZE))[None]

    draws = random_variates.sum_open_deals(open_deals([0.5] * 40, [10.0] * 40, amount_is_guess=True), amounts)

    assert draws.mean() == pytest.approx(200, rel=0.1)
    assert draws.std() > 1.5 * random_variates.sum_open_deals(open_deals([0.5] * 40, [10.0] * 40), amounts).std()


def test_new_wins_take_amounts_from_the_table():
    tables = np.stack([np.full(TABLE_SIZE, 5.0), np.linspace(0, 2, TABLE_SIZE), flat_table()[0]])[
        :, random_variates.TABLE_ORDER
    ]
    counts = np.full((3, DRAWS), 12)

    draws = random_variates.sum_new_wins(counts, tables, STREAMS.seller_bits(2, ALL_SELLERS))

    assert set(draws[0]) == {60.0}
    assert draws[1].mean() == pytest.approx(12, rel=0.03)
    assert draws[1].std() == pytest.approx(math.sqrt(12 / 3), rel=0.15)
    assert draws[2].tolist() == counts[2].tolist()


def draw_multipliers(common_sd, seller_sd):
    common = monte_carlo.common_multipliers(STREAMS, common_sd)
    return monte_carlo.error_multipliers(STREAMS, common, seller_sd, ALL_SELLERS)


def test_draws_of_a_seller_do_not_depend_on_other_sellers():
    expected, tables = np.array([3.0, 5.0, 2.0]), np.stack([np.linspace(1, 9, TABLE_SIZE)] * 3)
    multipliers = draw_multipliers(0.1, 0.1)
    with_more_wins = monte_carlo.sample_wins(expected * [1, 9, 1], multipliers, tables, STREAMS, 1, ALL_SELLERS)

    draws = monte_carlo.sample_wins(expected, multipliers, tables, STREAMS, 1, ALL_SELLERS)
    alone = monte_carlo.sample_wins(expected[1:2], multipliers[1:2], tables[1:2], STREAMS, 1, ALL_SELLERS[1:2])

    assert draws[0].tolist() == with_more_wins[0].tolist()
    assert draws[1].tolist() == alone[0].tolist()
    assert draws[2].tolist() == with_more_wins[2].tolist()


def test_draws_are_whole_numbers_with_the_expected_mean():
    multipliers = draw_multipliers(0.1, 0.2)
    draws = monte_carlo.sample_wins(
        np.array([3.0, 0.0, 40.0]), multipliers, flat_table(250.0, 3), STREAMS, 1, ALL_SELLERS
    )

    assert (draws == np.rint(draws)).all()
    assert draws.mean(axis=1) == pytest.approx([750, 0, 10_000], abs=0.5)


def test_error_multipliers_have_the_given_sd():
    result = draw_multipliers(0.2, 0.0)

    assert result.std() == pytest.approx(0.2, rel=0.05)
    assert result.mean() == pytest.approx(1)
    assert result[0].tolist() == result[1].tolist()


def test_total_can_be_more_even_than_its_sellers_who_stay_as_they_are():
    sellers = np.arange(20)
    streams = RandomStreams(7, np.array([monte_carlo.hash_seller_key(f"seller {n}") for n in sellers], dtype=np.uint64))
    expected = np.linspace(40.0, 80.0, 20)
    even = run_to_completion(monte_carlo.compute_even_total(streams, expected, 0.25, (1,)))
    ones = np.ones((20, DRAWS))

    independent, dependent = (
        monte_carlo.sample_wins(expected, ones, None, streams, 1, sellers, even_total=total) for total in (None, even)
    )
    alone = monte_carlo.sample_wins(expected[3:4], ones[3:4], None, streams, 1, sellers[3:4], even_total=even)

    assert dependent.sum(axis=0).var() == pytest.approx(0.25 * independent.sum(axis=0).var(), rel=0.2)
    assert dependent.var(axis=1) == pytest.approx(independent.var(axis=1), rel=0.1)
    assert (alone[0] == dependent[3]).all()


def test_sellers_are_independent_where_the_total_is_not_more_even():
    assert run_to_completion(monte_carlo.compute_even_total(STREAMS, np.ones(3), 1.0, (1,))) is None
