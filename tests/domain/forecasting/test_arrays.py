"""Tests of sums grouped by an index."""

import numpy as np

from domain.forecasting.arrays import summed


def test_amounts_are_summed_by_their_index():
    assert summed(np.array([2, 0, 2]), np.array([1.5, 2.0, 3.0]), 4).tolist() == [2.0, 0.0, 4.5, 0.0]


def test_without_amounts_each_counts_once():
    assert summed(np.array([2, 0, 2]), None, 3).tolist() == [1.0, 0.0, 2.0]
