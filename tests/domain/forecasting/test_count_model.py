"""Tests of the count model: level, seasons, growth, and uncertainty with few months."""

import numpy as np
import pytest

from domain.forecasting.count_model import fit_counts

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
    months, observed, exposure = series([100] * 24)
    even = 100 + np.array([-3.0, 2, 4, -1, 0, -2] * 4)

    log_sds = [
        fit_counts(months, counts, exposure).forecast(months[-1:] + 1, np.ones(1)).log_sd for counts in (even, observed)
    ]

    assert log_sds[0] < 0.7 * log_sds[1]


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
