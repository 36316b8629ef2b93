"""Tests of model averaging by past errors."""

from dataclasses import replace

import numpy as np
import pytest

from domain.forecasting import model_averaging
from domain.forecasting.model_averaging import NO_EVIDENCE, ModelErrors

RNG = np.random.default_rng(5)
ACTUAL = [RNG.poisson([60.0, 40.0, 20.0]).astype(float) for _ in range(6)]


def measure_errors(first, second, actual, months, log_sd=0.05, dispersion=1.0, second_log_sd=None) -> ModelErrors:
    return model_averaging.measure_errors(
        first,
        second,
        actual,
        months,
        log_sds=[log_sd] * len(actual),
        second_log_sds=[log_sd if second_log_sd is None else second_log_sd] * len(actual),
        dispersion=dispersion,
        evenness=1.0,
    )


def off_by(share):
    return [wins * (1 + share) for wins in ACTUAL]


def test_second_model_has_less_weight_without_month_ends():
    assert measure_errors([], [], [], 1) == NO_EVIDENCE
    assert NO_EVIDENCE.weight(0.1, 0.1) == pytest.approx(1 / 3)
    assert NO_EVIDENCE.share_weight == 0.5


def test_model_with_smaller_errors_has_larger_weight():
    assert measure_errors(off_by(0.4), off_by(0.05), ACTUAL, 1).weight(0.05, 0.05) > 0.75
    assert measure_errors(off_by(0.05), off_by(0.4), ACTUAL, 1).weight(0.05, 0.05) < 0.25


def test_weight_is_shrunk_to_one_half_with_few_month_ends():
    few, many = (
        measure_errors(off_by(0.4)[:1], off_by(0.05)[:1], ACTUAL[:1], 1),
        measure_errors(off_by(0.4), off_by(0.05), ACTUAL, 1),
    )

    assert 0.5 < few.weight(0.05, 0.05) < many.weight(0.05, 0.05)


def test_model_that_claims_less_now_has_larger_weight_after_the_same_errors():
    errors = measure_errors(off_by(0.2), off_by(0.2), ACTUAL, 1, log_sd=0.2)

    assert errors.weight(0.2, 0.2) == pytest.approx(0.5)
    assert errors.weight(0.2, 0.1) > 0.7
    assert errors.weight(0.1, 0.2) < 0.3


def test_errors_count_relative_to_what_was_claimed_then():
    """A model that had claimed to know little, and knew more, is better than one that was as far off as it claimed."""
    modest = measure_errors(off_by(0.2), off_by(0.2), ACTUAL, 1, log_sd=0.2, second_log_sd=0.4)

    assert modest.weight(0.1, 0.1) > 0.6


def test_overlapping_windows_count_as_fewer_month_ends():
    assert (
        measure_errors(off_by(0.3), off_by(0.3), ACTUAL, 3).effective_count
        < measure_errors(off_by(0.3), off_by(0.3), ACTUAL, 1).effective_count
    )


def test_common_sd_reflects_errors_beyond_chance():
    right, wrong = measure_errors(ACTUAL, ACTUAL, ACTUAL, 1), measure_errors(off_by(0.4), off_by(0.4), ACTUAL, 1)

    assert right.common_sd(0.05, ACTUAL[0]) < 0.06
    assert wrong.common_sd(0.05, ACTUAL[0]) == pytest.approx(0.22, abs=0.06)


def test_common_sd_is_that_of_the_claim_for_errors_as_large_as_claimed():
    """Large errors of months in which nothing else was claimed say nothing of today's width."""
    errors = measure_errors(off_by(0.4), off_by(0.4), ACTUAL, 1, log_sd=0.35)
    few_wins = np.array([60.0, 40.0, 20.0])

    assert errors.common_sd(0.1, few_wins * 100) == pytest.approx(0.08, abs=0.03)


def test_common_sd_leaves_out_what_the_errors_of_the_sellers_bring_to_the_total():
    errors = replace(measure_errors(ACTUAL, ACTUAL, ACTUAL, 1), seller_sd=0.04)
    one, many = np.array([1200.0]), np.full(100, 12.0)

    assert errors.common_sd(0.1, one) < errors.common_sd(0.1, many)


def test_common_sd_is_limited_with_one_outlier_month():
    expected = [*ACTUAL[:5], ACTUAL[5] / 50]

    assert measure_errors(expected, expected, ACTUAL, 1).common_sd(0.1, ACTUAL[0]) < 0.25


def test_seller_sd_grows_when_sellers_deviate():
    wild = [wins * np.array([1.5, 0.5, 0.5]) for wins in ACTUAL]

    assert measure_errors(ACTUAL, ACTUAL, wild, 1).seller_sd > 2 * measure_errors(ACTUAL, ACTUAL, ACTUAL, 1).seller_sd


def test_sellers_that_are_more_even_than_chance_have_smaller_errors():
    wild = [wins * np.array([1.2, 0.8, 0.8]) for wins in ACTUAL]

    chance, even = (measure_errors(ACTUAL, ACTUAL, wild, 1, dispersion=d).seller_sd for d in (1.0, 0.2))

    assert even > chance  # deviations that even sellers do not have by chance
