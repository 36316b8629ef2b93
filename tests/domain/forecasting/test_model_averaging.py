"""Tests of model averaging by past errors."""

import numpy as np
import pytest

from domain.forecasting.model_averaging import NO_EVIDENCE, measure_errors

RNG = np.random.default_rng(5)
ACTUAL = [RNG.poisson([60.0, 40.0, 20.0]).astype(float) for _ in range(6)]


def off_by(share):
    return [wins * (1 + share) for wins in ACTUAL]


def test_models_have_equal_weights_without_month_ends():
    assert measure_errors([], [], [], 1) == NO_EVIDENCE
    assert NO_EVIDENCE.weight == 0.5


def test_model_with_smaller_errors_has_larger_weight():
    assert measure_errors(off_by(0.4), off_by(0.05), ACTUAL, 1).weight > 0.75
    assert measure_errors(off_by(0.05), off_by(0.4), ACTUAL, 1).weight < 0.25


def test_weight_is_shrunk_to_one_half_with_few_month_ends():
    few, many = (
        measure_errors(off_by(0.4)[:1], off_by(0.05)[:1], ACTUAL[:1], 1),
        measure_errors(off_by(0.4), off_by(0.05), ACTUAL, 1),
    )

    assert 0.5 < few.weight < many.weight


def test_overlapping_windows_count_as_fewer_month_ends():
    assert (
        measure_errors(off_by(0.3), off_by(0.3), ACTUAL, 3).effective_count
        < measure_errors(off_by(0.3), off_by(0.3), ACTUAL, 1).effective_count
    )


def test_common_sd_reflects_errors_beyond_chance():
    right, wrong = measure_errors(ACTUAL, ACTUAL, ACTUAL, 1), measure_errors(off_by(0.4), off_by(0.4), ACTUAL, 1)

    assert right.common_sd(0.05) < 0.06
    assert wrong.common_sd(0.05) == pytest.approx(0.22, abs=0.06)


def test_common_sd_is_limited_with_one_outlier_month():
    expected = [*ACTUAL[:5], ACTUAL[5] / 50]

    assert measure_errors(expected, expected, ACTUAL, 1).common_sd(0.1) < 0.25


def test_seller_sd_grows_when_sellers_deviate():
    wild = [wins * np.array([1.5, 0.5, 0.5]) for wins in ACTUAL]

    assert measure_errors(ACTUAL, ACTUAL, wild, 1).seller_sd > 2 * measure_errors(ACTUAL, ACTUAL, ACTUAL, 1).seller_sd


def test_dispersion_is_below_one_for_wins_that_are_more_even_than_chance():
    even = [np.array([60.0, 40.0, 20.0]) + noise for noise in (-1.0, 0.0, 1.0)] * 4
    shares = [np.array([60.0, 40.0, 20.0])] * 12
    lumpy = [np.array([60.0, 40.0, 20.0]) * factor for factor in ([0.5, 1.5, 1.5], [1.5, 0.5, 0.5])] * 6

    assert measure_errors(shares, shares, even, 1).dispersion < 0.5
    assert measure_errors(shares, shares, lumpy, 1).dispersion == 1.0
