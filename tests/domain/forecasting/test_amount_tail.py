"""Tests of the tail model of amounts."""

import numpy as np
import pytest

from domain.forecasting.amount_tail import fit_tail, smooth_tail

RNG = np.random.default_rng(11)
ORDINARY = np.sort(1000 * RNG.lognormal(0, 0.8, 1000))


def with_giants(*multiples):
    return np.sort(np.append(ORDINARY[: -len(multiples)], 1000.0 * np.array(multiples)))


def test_tail_of_ordinary_amounts_keeps_its_total():
    smooth = smooth_tail(ORDINARY)

    assert smooth.sum() == pytest.approx(ORDINARY.sum(), rel=0.02)
    assert (np.diff(smooth) >= 0).all()


def test_single_giant_hardly_raises_the_total():
    assert with_giants(700).sum() > 1.4 * ORDINARY.sum()
    assert smooth_tail(with_giants(700)).sum() < 1.1 * ORDINARY.sum()


def test_giants_that_come_again_and_again_stay_in_the_total():
    giants = with_giants(*[50] * 12)

    assert smooth_tail(giants).sum() > 0.85 * giants.sum()


@pytest.mark.parametrize("shape", [0.1, 0.3, 0.5])
def test_fit_finds_the_shape_and_scale_of_a_known_tail(shape):
    levels = (np.arange(2000) + 0.5) / 2000
    excess = 3.0 * ((1 - levels) ** -shape - 1) / shape

    assert fit_tail(excess) == pytest.approx((shape, 3.0), abs=0.1)


def test_few_wins_and_amounts_that_repeat_are_left_as_they_are():
    few, prices = ORDINARY[:90], np.repeat([100.0, 500.0, 900.0], 300)

    assert np.array_equal(smooth_tail(few), few)
    assert np.array_equal(smooth_tail(prices), prices)
