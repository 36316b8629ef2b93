"""Tests of the error metrics against numbers computed by hand."""

import pytest

from domain.forecasting.error_metrics import ForecastOutcome, compute_error_metrics


def test_correct_forecast_is_scored_by_its_width():
    metrics = compute_error_metrics([ForecastOutcome(80, 100, 120, 100, 100)])

    assert (metrics.wape, metrics.bias, metrics.coverage) == (0, 0, 1)
    assert metrics.wis == pytest.approx(2 / 3 * (0.1 * 20 + 0.1 * 20) / 100)


def test_wis_adds_ten_times_the_distance_outside_the_interval():
    inside, outside = (compute_error_metrics([ForecastOutcome(80, 100, 120, 100, actual)]) for actual in (120, 130))

    assert outside.coverage == 0
    assert outside.wis * 130 - inside.wis * 120 == pytest.approx(2 / 3 * (0.5 * 10 + 0.1 * 10 + 0.9 * 10))


def test_wape_and_bias_are_relative_to_the_actual_sum():
    metrics = compute_error_metrics([ForecastOutcome(0, 90, 200, 110, 100), ForecastOutcome(0, 30, 99, 20, 50)])

    assert metrics.wape == pytest.approx((10 + 30) / 150)
    assert metrics.wape_median == pytest.approx((10 + 20) / 150)
    assert metrics.bias == pytest.approx((10 - 30) / 150)


def test_wis_equals_wape_for_a_point_forecast():
    metrics = compute_error_metrics([ForecastOutcome(70, 70, 70, 70, 100)])

    assert metrics.wis == pytest.approx(metrics.wape) == pytest.approx(0.3)


def test_error_metrics_are_none_without_actual_values():
    assert compute_error_metrics([]) is None
    assert compute_error_metrics([ForecastOutcome(0, 0, 0, 0, 0)]) is None
