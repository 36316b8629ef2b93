"""Tests of model averaging by past errors."""

import numpy as np
import pytest

from domain.forecasting.model_averaging import NOTHING_SEEN, errors

LUCK = np.random.default_rng(5)
CAME = [LUCK.poisson([60.0, 40.0, 20.0]).astype(float) for _ in range(6)]


def off_by(share):
    return [each * (1 + share) for each in CAME]


def test_without_anything_to_look_back_at_both_count_alike():
    assert errors([], [], [], 1) == NOTHING_SEEN
    assert NOTHING_SEEN.weight == 0.5


def test_the_model_that_erred_less_weighs_more():
    assert errors(off_by(0.4), off_by(0.05), CAME, 1).weight > 0.75
    assert errors(off_by(0.05), off_by(0.4), CAME, 1).weight < 0.25


def test_few_month_ends_hold_the_weights_back():
    few, many = errors(off_by(0.4)[:1], off_by(0.05)[:1], CAME[:1], 1), errors(off_by(0.4), off_by(0.05), CAME, 1)

    assert 0.5 < few.weight < many.weight


def test_windows_that_overlap_say_less():
    assert errors(off_by(0.3), off_by(0.3), CAME, 3).effective < errors(off_by(0.3), off_by(0.3), CAME, 1).effective


def test_the_width_is_that_of_the_errors_made_and_not_of_chance():
    right, wrong = errors(CAME, CAME, CAME, 1), errors(off_by(0.4), off_by(0.4), CAME, 1)

    assert right.common(0.05) < 0.06
    assert wrong.common(0.05) == pytest.approx(0.22, abs=0.06)


def test_one_month_that_went_all_wrong_does_not_rule():
    expected = [*CAME[:5], CAME[5] / 50]

    assert errors(expected, expected, CAME, 1).common(0.1) < 0.25


def test_sellers_who_differ_from_what_is_expected_widen_their_own():
    wild = [each * np.array([1.5, 0.5, 0.5]) for each in CAME]

    assert errors(CAME, CAME, wild, 1).own > 2 * errors(CAME, CAME, CAME, 1).own
