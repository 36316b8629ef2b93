"""Tests of sums grouped by an index."""

import numpy as np

from domain.forecasting.arrays import sum_by_index


def test_sum_by_index_sums_amounts_per_index():
    assert sum_by_index(np.array([2, 0, 2]), np.array([1.5, 2.0, 3.0]), 4).tolist() == [2.0, 0.0, 4.5, 0.0]


def test_sum_by_index_counts_occurrences_without_amounts():
    assert sum_by_index(np.array([2, 0, 2]), None, 3).tolist() == [1.0, 0.0, 2.0]
