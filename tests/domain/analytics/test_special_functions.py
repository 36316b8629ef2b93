"""Tests of the incomplete beta and gamma functions against values known from other formulas and tables."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.analytics.special_functions import beta_cdf, gamma_cdf

SHAPES = st.floats(0.05, 2000)


def binomial_tail(x, a, b):
    """Return P(Beta(a, b) < x) for whole a and b: the probability that at least a of a + b − 1 trials succeed."""
    trials, chance = a + b - 1, Fraction(x)
    return float(sum(math.comb(trials, k) * chance**k * (1 - chance) ** (trials - k) for k in range(a, trials + 1)))


@pytest.mark.parametrize(("a", "b"), [(1, 1), (2, 3), (10, 10), (50, 7), (200, 300), (1, 40), (400, 3)])
@pytest.mark.parametrize("x", [0.01, 0.1, 0.25, 0.5, 0.55, 0.9, 0.99])
def test_beta_cdf_equals_binomial_tail_for_whole_parameters(a, b, x):
    assert beta_cdf(x, a, b) == pytest.approx(binomial_tail(x, a, b), rel=1e-11, abs=1e-300)


@pytest.mark.parametrize(
    ("x", "a", "b", "expected"),
    [
        (0.5, 0.5, 0.5, 0.5),  # the arcsine law: 2/π · asin(√x)
        (0.25, 0.5, 0.5, 1 / 3),
        (0.1, 0.5, 0.5, 2 / math.pi * math.asin(math.sqrt(0.1))),
        (0.3, 1, 4.5, 1 - 0.7**4.5),
        (0.3, 4.5, 1, 0.3**4.5),
        (1 - 1 / (1 + 4.96460274 / 10), 0.5, 5, 0.95),  # F with 1 and 10 degrees of freedom, from the tables: 4.9646
        (1 - 1 / (1 + 2 * 4.10282102 / 10), 1, 5, 0.95),  # 2 and 10: 4.1028
        (0.5, 1000, 1000, 0.5),
    ],
)
def test_beta_cdf_matches_known_values(x, a, b, expected):
    assert beta_cdf(x, a, b) == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("shape", [1, 2, 5, 10, 30, 100])
@pytest.mark.parametrize("x", [0.1, 1.0, 4.0, 10.0, 29.0, 30.5, 90.0, 120.0])
def test_gamma_cdf_equals_poisson_tail_for_whole_shape(shape, x):
    poisson = math.fsum(math.exp(k * math.log(x) - x - math.lgamma(k + 1)) for k in range(shape))

    assert gamma_cdf(x, shape) == pytest.approx(1 - poisson, abs=1e-13)


@pytest.mark.parametrize(
    ("x", "shape", "expected"),
    [
        (3.841458820694124 / 2, 0.5, 0.95),  # chi-square, from the tables: 1 degree of freedom
        (18.307038053275146 / 2, 5, 0.95),  # 10
        (124.34211340400407 / 2, 50, 0.95),  # 100
        (23.20925115895436 / 2, 5, 0.99),
        (3.940299136119060 / 2, 5, 0.05),
        (0.25, 0.5, math.erf(0.5)),
    ],
)
def test_gamma_cdf_matches_known_values(x, shape, expected):
    assert gamma_cdf(x, shape) == pytest.approx(expected, rel=1e-10)


@for_all(st.floats(0.001, 0.999), SHAPES, SHAPES)
def test_beta_cdf_and_its_mirror_image_sum_to_one(x, a, b):
    assert beta_cdf(x, a, b) + beta_cdf(1 - x, b, a) == pytest.approx(1, abs=1e-9)


@for_all(st.floats(0.001, 0.5), st.floats(0.001, 0.499), SHAPES, SHAPES)
def test_cdfs_never_decrease(x, more, a, b):
    assert -1e-12 <= beta_cdf(x, a, b) <= beta_cdf(x + more, a, b) + 1e-12 <= 1 + 2e-12
    assert -1e-12 <= gamma_cdf(x * a, a) <= gamma_cdf((x + more) * a, a) + 1e-12 <= 1 + 2e-12


def test_cdfs_are_zero_or_one_outside_the_support():
    assert (beta_cdf(-1, 2, 3), beta_cdf(2, 2, 3), gamma_cdf(-1, 2)) == (0, 1, 0)


@pytest.mark.parametrize("ask", [lambda: beta_cdf(0.5, 0, 1), lambda: beta_cdf(0.5, 1, -1), lambda: gamma_cdf(1, 0)])
def test_cdfs_raise_value_error_for_invalid_parameters(ask):
    with pytest.raises(ValueError):
        ask()
