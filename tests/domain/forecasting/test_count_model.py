"""Tests of the count model: level, seasons, growth, and uncertainty with few months."""

import numpy as np
import pytest

from domain.forecasting.count_model import Staff, fit_counts, measure_dispersion

JANUARY = 2024 * 12


def series(rates, seed=1):
    rng = np.random.default_rng(seed)
    months = np.arange(JANUARY, JANUARY + len(rates))
    return months, rng.poisson(rates).astype(float), np.ones(len(rates))


def forecast(rates, horizon=1, seed=1):
    months, observed, exposure = series(rates, seed)
    next_months = np.arange(months[-1] + 1, months[-1] + 1 + horizon)
    return fit_counts(months, observed, exposure).forecast(next_months, np.ones(horizon))


def test_forecast_continues_a_steady_rate():
    forecasts = [forecast([100] * 12, seed=seed).total for seed in range(8)]

    assert np.mean(forecasts) == pytest.approx(100, rel=0.05)


def test_forecast_from_two_months_is_their_mean_with_wide_uncertainty():
    few, many = forecast([100, 100]), forecast([100] * 24)

    assert few.total == pytest.approx(100, rel=0.15)
    assert few.log_sd > 2 * many.log_sd


def test_forecast_follows_a_quarterly_pattern():
    rates = [60, 90, 150] * 4

    assert forecast(rates).total == pytest.approx(60, rel=0.2)
    assert forecast(rates[:-1]).total == pytest.approx(150, rel=0.2)


def test_forecast_is_flat_without_a_quarterly_pattern():
    means = forecast([100] * 24, horizon=3).means

    assert means.max() / means.min() < 1.1


def test_forecast_follows_a_yearly_pattern_after_two_years():
    year = [100, 100, 100, 100, 100, 100, 60, 30, 100, 100, 100, 160]
    months, observed, exposure = series(year * 2)
    posterior = fit_counts(months, observed, exposure)

    means = posterior.forecast(months[-12:] + 12, np.ones(12)).means

    assert means[7] < 0.6 * means[0]
    assert means[11] > 1.2 * means[0]


def test_forecast_follows_growth():
    rates = [50 * 1.05**n for n in range(24)]

    assert forecast(rates).total == pytest.approx(50 * 1.05**24, rel=0.12)


def test_growth_that_has_held_for_two_years_is_followed_for_a_quarter():
    rates = 100 * 2.0 ** (np.arange(27) / 12)

    forecasts = [forecast(rates[:24], horizon=3, seed=seed).total for seed in range(8)]

    assert np.mean(forecasts) == pytest.approx(rates[24:].sum(), rel=0.04)


def test_uncertainty_is_smaller_where_counts_are_more_even_than_chance():
    months = np.arange(JANUARY, JANUARY + 24)
    even = 100 + np.array([-3.0, 2, 4, -1, 0, -2] * 4)

    log_sds = [
        fit_counts(months, even, np.ones(24), dispersion).forecast(months[-1:] + 1, np.ones(1)).log_sd
        for dispersion in (0.1, 1.0)
    ]

    assert log_sds[0] < 0.7 * log_sds[1]


def test_first_wins_of_a_new_record_are_no_growth():
    rates = 100 * np.array([0.35, 0.78, 0.93, *[1.0] * 13])

    results = [forecast(rates, horizon=3, seed=seed) for seed in range(8)]

    assert np.mean([result.total for result in results]) == pytest.approx(300, rel=0.03)
    assert np.mean([result.log_sd for result in results]) < 0.08


def test_yearly_wave_is_recognized_in_its_second_year():
    rates = 200 * (1 + 0.3 * np.sin(np.arange(23) * np.pi / 6))

    total = np.mean([forecast(rates[:20], horizon=3, seed=seed).total for seed in range(8)])

    assert total == pytest.approx(rates[20:].sum(), rel=0.12)


def by_month(rng, rates, fano):
    """Draw counts with the given expectations, binomial so that their variance is `fano` of those."""
    trials = np.rint(rates / (1 - fano)).astype(int)
    return rng.binomial(trials, 1 - fano).astype(float) if fano < 1 else rng.poisson(rates).astype(float)


@pytest.mark.parametrize("curve", [np.ones(24), 1.06 ** np.arange(24), np.tile([0.8, 0.9, 1.3], 8)])
def test_dispersion_is_that_of_the_sellers_with_any_growth_and_season(curve):
    rng = np.random.default_rng(3)
    rates = np.outer(curve, np.linspace(6, 25, 12))
    chance = np.mean([measure_dispersion(rng.poisson(rates).astype(float)) for _ in range(20)])
    even = np.mean([measure_dispersion(by_month(rng, rates, 0.3)) for _ in range(20)])

    assert chance == pytest.approx(0.95, abs=0.05)  # it is never above 1
    assert even == pytest.approx(0.35, abs=0.05)


def test_dispersion_is_that_of_chance_with_lumps_and_with_little_data():
    lumps = np.where(np.arange(24)[:, None] % 4 == np.arange(4), 40.0, 2.0)

    assert measure_dispersion(lumps) == 1.0
    assert measure_dispersion(np.full((1, 5), 30.0)) == 1.0
    assert measure_dispersion(np.full((2, 3), 30.0)) > 0.8
    assert measure_dispersion(np.zeros((12, 3))) == 1.0


def test_forecast_scales_with_exposure_of_a_partial_month():
    months, observed, exposure = series([100] * 12)
    observed[-1], exposure[-1] = 40, 0.4

    result = fit_counts(months, observed, exposure).forecast(months[-1:], np.array([0.6]))

    assert result.total == pytest.approx(60, rel=0.1)


def test_forecast_is_near_zero_without_events():
    assert forecast([0] * 6).total < 1


def test_forecast_is_uncertain_after_uneven_months():
    uneven = np.array([20.0, 200, 90, 15, 160, 110, 30, 180, 60, 140])
    months = np.arange(JANUARY, JANUARY + len(uneven))

    result = fit_counts(months, uneven, np.ones(len(uneven))).forecast(months[-1:] + 1, np.ones(1))

    assert result.log_sd > 0.35


def test_totals_that_are_more_even_than_their_parts_are_recognized():
    months, chance, exposure = series([100] * 24)
    planned = np.random.default_rng(2).normal(100, 4, 24).round()

    dispersions = [fit_counts(months, counts, exposure).dispersion for counts in (planned, chance)]

    assert dispersions[0] < 0.5
    assert dispersions[1] > 0.9


def test_total_follows_the_sellers_where_it_did_so_far():
    months = np.arange(24)
    staff = np.where(months < 8, 1.0, np.where(months < 16, 1.5, 1.2))
    rng = np.random.default_rng(3)
    ahead = Staff(np.array([1.8]), 0.0)

    by_sellers, by_market = (
        fit_counts(months, rng.poisson(100 * factor).astype(float), np.ones(24), 1.0, staff)
        for factor in (staff, np.ones(24))
    )
    followed, not_followed = (fit.forecast(np.array([24]), np.ones(1), ahead).total for fit in (by_sellers, by_market))

    assert followed == pytest.approx(180, rel=0.08)
    assert not_followed == pytest.approx(100, rel=0.08)


def test_unknown_staff_ahead_widens_the_total_only_where_it_follows_the_sellers():
    months, staff = np.arange(24), np.where(np.arange(24) < 12, 1.0, 1.5)
    fits = [fit_counts(months, 100 * factor, np.ones(24), 1.0, staff) for factor in (staff, np.ones(24))]

    widths = [
        [fit.forecast(np.array([24]), np.ones(1), Staff(np.array([1.5]), variance)).log_sd for variance in (0, 0.04)]
        for fit in fits
    ]

    assert widths[0][1] > widths[0][0] + 0.1
    assert widths[1][1] < widths[1][0] + 0.02


@pytest.mark.parametrize("after", [2, 4, 8])
def test_level_after_a_step_is_known_soon_and_without_the_width_of_a_drift(after):
    months = np.arange(14 + after)
    counts = np.where(months < 14, 100.0, 145.0)

    result = fit_counts(months, counts, np.ones(len(months))).forecast(months[-1:] + 1, np.ones(1))
    steady = fit_counts(months, np.full(len(months), 145.0), np.ones(len(months))).forecast(months[-1:] + 1, np.ones(1))

    assert result.total == pytest.approx(145, rel=0.05)
    assert result.log_sd < 1.6 * steady.log_sd + 0.05
