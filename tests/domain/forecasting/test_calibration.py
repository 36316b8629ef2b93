"""Tests of the calibration by recent month ends, and of its shrinkage with little data."""

import numpy as np
import pytest

from domain.forecasting.calibration import MonthEndSnapshot, fit_calibration, stage_cells
from domain.forecasting.deal_table import StageVisits

NOW = 24_312


def month_end(month, expected, won, seller=None, cell=None, new=(20.0, 20.0)):
    size = len(expected)
    return MonthEndSnapshot(
        month,
        1,
        np.full(size, -1) if cell is None else np.array(cell),
        np.zeros(size, dtype=np.int64) if seller is None else np.array(seller),
        np.array(expected, dtype=float),
        np.array(won, dtype=bool),
        *new,
    )


def half_won(n, ratio):
    """Return n win probabilities of 0.5, and outcomes with n / 2 × ratio wins."""
    return [0.5] * n, [k < n * 0.5 * ratio for k in range(n)]


def test_calibration_is_neutral_without_month_ends():
    result = fit_calibration([], NOW, 3, 8)

    assert (result.open, result.new) == (1, 1)
    assert result.sellers.tolist() == [1, 1, 1]


def test_open_ratio_falls_when_many_deals_are_dead():
    month_ends = [month_end(NOW - n, *half_won(1000, 0.4)) for n in range(1, 7)]

    assert fit_calibration(month_ends, NOW, 1, 0).open == pytest.approx(0.5, abs=0.08)


def test_open_ratio_is_shrunk_with_one_month_end_of_many_deals():
    assert fit_calibration([month_end(NOW - 1, *half_won(20_000, 0.2))], NOW, 1, 0).open > 0.4


def test_open_ratio_stays_near_one_with_few_deals():
    assert fit_calibration([month_end(NOW - 1, *half_won(6, 0.0))], NOW, 1, 0).open > 0.9


def test_open_ratio_weights_recent_month_ends_more():
    rising = [month_end(NOW - n, *half_won(400, 1.6 - 0.2 * n)) for n in range(1, 7)]
    falling = [month_end(NOW - n, *half_won(400, 0.2 + 0.2 * n)) for n in range(1, 7)]

    assert fit_calibration(rising, NOW, 1, 0).open > fit_calibration(falling, NOW, 1, 0).open


def test_calibration_ignores_month_ends_older_than_six_months():
    assert fit_calibration([month_end(NOW - 7, *half_won(1000, 0.2))], NOW, 1, 0).open == 1


def test_seller_ratios_differ_with_a_mean_of_one():
    expected, won = [0.5] * 400, [k % 4 != 3 if k < 200 else k % 4 == 0 for k in range(400)]
    month_ends = [month_end(NOW - n, expected, won, seller=[0] * 200 + [1] * 200) for n in range(1, 7)]

    result = fit_calibration(month_ends, NOW, 2, 0)

    assert result.sellers[0] > 1.25
    assert result.sellers[1] < 0.75
    assert result.sellers.mean() == pytest.approx(1, abs=0.02)


def test_cell_ratios_are_shrunk_towards_their_stage():
    expected = [0.3] * 600
    cell = [0] * 300 + [4] * 300
    won = [k % 10 < 1 for k in range(300)] + [k % 10 < 6 for k in range(300)]
    month_ends = [month_end(NOW - n, expected, won, cell=cell) for n in range(1, 4)]

    result = fit_calibration(month_ends, NOW, 1, 12)

    assert result.cells[0] < 0.5
    assert result.cells[4] > 1.7
    assert result.cells[5] == pytest.approx(result.cells[4], rel=0.1)  # no deals in this cell: its stage's ratio
    assert result.cells[8] == pytest.approx(result.open)  # no deals in this stage: the ratio of all


def test_corrected_probabilities_stay_between_zero_and_one():
    result = fit_calibration([month_end(NOW - n, *half_won(1000, 2.0)) for n in range(1, 7)], NOW, 1, 0)

    corrected = result.correct(np.array([0.0, 0.5, 1.0]), np.zeros(3, dtype=np.int64), np.full(3, -1))

    assert (corrected > 0).all()
    assert (corrected < 1).all()
    assert corrected[1] > 0.5


def test_stage_cell_is_the_last_entered_stage_and_time_in_it():
    visits = StageVisits(np.array([0, 0, 2]), np.array([0, 1, 0]), np.array([100, 150, 100]))

    assert stage_cells(visits, 3, 160, 160).tolist() == [4, -1, 4 * 0 + 2]
    assert stage_cells(visits, 3, 149, 150).tolist() == [2, -1, 2]


def test_best_deals_are_not_undersold():
    """A stage where 36 % were said and 60 % came: a ratio of 1.7 as exponent would say 53 %."""
    expected, won = [0.36] * 1000, [k % 10 < 6 for k in range(1000)]
    month_ends = [month_end(NOW - n, expected, won, cell=[0] * 1000) for n in range(1, 7)]

    result = fit_calibration(month_ends, NOW, 1, 4)

    corrected = result.correct(np.array([0.36]), np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64))
    assert corrected[0] == pytest.approx(0.6, abs=0.015)
