"""Tests of the calibration by recent month ends, and of its shrinkage with little data."""

import numpy as np
import pytest

from domain.forecasting.calibration import Landmark, calibration, cells
from domain.forecasting.deal_table import Visits

NOW = 24_312


def mark(month, expected, won, seller=None, cell=None, new=(20.0, 20.0)):
    size = len(expected)
    return Landmark(
        month,
        np.full(size, -1) if cell is None else np.array(cell),
        np.zeros(size, dtype=np.int64) if seller is None else np.array(seller),
        np.array(expected, dtype=float),
        np.array(won, dtype=bool),
        *new,
    )


def half_won(n, ratio):
    """Return n win probabilities of 0.5, and outcomes with n / 2 × ratio wins."""
    return [0.5] * n, [k < n * 0.5 * ratio for k in range(n)]


def test_without_a_month_end_nothing_is_corrected():
    found = calibration([], NOW, 3, 8)

    assert (found.open, found.new) == (1, 1)
    assert found.sellers.tolist() == [1, 1, 1]


def test_dead_deals_lower_the_level_of_all():
    marks = [mark(NOW - n, *half_won(1000, 0.4)) for n in range(1, 7)]

    assert calibration(marks, NOW, 1, 0).open == pytest.approx(0.5, abs=0.08)


def test_one_month_end_of_however_many_deals_does_not_decide():
    assert calibration([mark(NOW - 1, *half_won(20_000, 0.2))], NOW, 1, 0).open > 0.4


def test_a_few_deals_change_little():
    assert calibration([mark(NOW - 1, *half_won(6, 0.0))], NOW, 1, 0).open > 0.9


def test_the_recent_counts_more_than_the_past():
    rising = [mark(NOW - n, *half_won(400, 1.6 - 0.2 * n)) for n in range(1, 7)]
    falling = [mark(NOW - n, *half_won(400, 0.2 + 0.2 * n)) for n in range(1, 7)]

    assert calibration(rising, NOW, 1, 0).open > calibration(falling, NOW, 1, 0).open


def test_what_is_older_than_six_month_ends_is_forgotten():
    assert calibration([mark(NOW - 7, *half_won(1000, 0.2))], NOW, 1, 0).open == 1


def test_sellers_are_told_apart_without_changing_the_sum():
    expected, won = [0.5] * 400, [k % 4 != 3 if k < 200 else k % 4 == 0 for k in range(400)]
    marks = [mark(NOW - n, expected, won, seller=[0] * 200 + [1] * 200) for n in range(1, 7)]

    found = calibration(marks, NOW, 2, 0)

    assert found.sellers[0] > 1.25
    assert found.sellers[1] < 0.75
    assert found.sellers.mean() == pytest.approx(1, abs=0.02)


def test_stages_have_their_own_level_and_times_within_them_lean_on_it():
    expected = [0.3] * 600
    cell = [0] * 300 + [4] * 300
    won = [k % 10 < 1 for k in range(300)] + [k % 10 < 6 for k in range(300)]
    marks = [mark(NOW - n, expected, won, cell=cell) for n in range(1, 4)]

    found = calibration(marks, NOW, 1, 12)

    assert found.cells[0] < 0.5
    assert found.cells[4] > 1.7
    assert found.cells[5] == pytest.approx(found.cells[4], rel=0.1)  # no deals in this cell: its stage's ratio
    assert found.cells[8] == pytest.approx(found.open)  # no deals in this stage: the ratio of all


def test_corrected_probabilities_stay_between_nothing_and_certainty():
    found = calibration([mark(NOW - n, *half_won(1000, 2.0)) for n in range(1, 7)], NOW, 1, 0)

    corrected = found.of(np.array([0.0, 0.5, 1.0]), np.zeros(3, dtype=np.int64), np.full(3, -1))

    assert (corrected > 0).all()
    assert (corrected < 1).all()
    assert corrected[1] > 0.5


def test_the_stage_is_the_last_one_entered_with_the_time_in_it():
    visits = Visits(np.array([0, 0, 2]), np.array([0, 1, 0]), np.array([100, 150, 100]))

    assert cells(visits, 3, 160, 160).tolist() == [4, -1, 4 * 0 + 2]
    assert cells(visits, 3, 149, 150).tolist() == [2, -1, 2]
