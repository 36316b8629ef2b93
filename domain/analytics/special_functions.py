"""Special functions that the standard library lacks: the regularised incomplete beta and gamma functions.

They are the cumulative distribution functions of the Beta and the Gamma distribution. Both are computed by continued
fractions (the gamma function also by a series), which end when the next term no longer changes the result. About
twelve digits are correct.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import count
from typing import Final

_TOLERANCE: Final = 1e-15
_TINY: Final = 1e-300  # replaces a denominator of zero
_MAX_TERMS: Final = 10_000  # realistic arguments need a few dozen terms


def beta_cdf(x: float, a: float, b: float) -> float:
    """Return the probability that a Beta(a, b) variable is below x: the regularised incomplete beta function.

    Raises ValueError unless a and b are above zero.

    Source: NIST Digital Library of Mathematical Functions, 8.17.22 (continued fraction) and 8.17.4 (symmetry).
    """
    if a <= 0 or b <= 0:
        raise ValueError("The parameters of a Beta distribution are above zero.")
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):  # the fraction converges slowly here, that of the mirrored arguments does not
        return 1 - beta_cdf(1 - x, b, a)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(log_front) / (a * _continued_fraction(_beta_terms(x, a, b)))


def gamma_cdf(x: float, shape: float) -> float:
    """Return the probability that a Gamma variable of this shape and rate 1 is below x.

    Raises ValueError unless the shape is above zero.

    Source: NIST Digital Library of Mathematical Functions, 8.11.4 (series) and 8.9.2 (continued fraction).
    """
    if shape <= 0:
        raise ValueError("The shape of a Gamma distribution is above zero.")
    if x <= 0:
        return 0.0
    front = math.exp(shape * math.log(x) - x - math.lgamma(shape))
    if x < shape + 1:
        term = total = 1 / shape
        for n in count(1):
            term *= x / (shape + n)
            total += term
            if term < total * _TOLERANCE or n > _MAX_TERMS:
                return min(1.0, front * total)
    return 1 - front / _continued_fraction(_gamma_terms(x, shape), x + 1 - shape)


def _beta_terms(x: float, a: float, b: float) -> Iterator[tuple[float, float]]:
    """Yield numerator and denominator of each level of the fraction after the first, which is 1."""
    for m in count():
        if m:
            yield m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)), 1.0
        yield -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)), 1.0


def _gamma_terms(x: float, shape: float) -> Iterator[tuple[float, float]]:
    for n in count(1):
        yield -n * (n - shape), x + 2 * n + 1 - shape


def _continued_fraction(terms: Iterator[tuple[float, float]], first: float = 1.0) -> float:
    """Return first + n1 / (d1 + n2 / (d2 + …)) by the modified Lentz method.

    Source: NIST Digital Library of Mathematical Functions, 3.10(iii).
    """
    value = c = first or _TINY
    d = 0.0
    for n, (numerator, denominator) in enumerate(terms):
        d = 1 / (denominator + numerator * d or _TINY)
        c = denominator + numerator / c or _TINY
        value *= c * d
        if abs(c * d - 1) < _TOLERANCE or n > _MAX_TERMS:
            break
    return value
