"""Tests of the metric forecast: calls, hours and the like."""

from datetime import date

import numpy as np
import pytest

from domain.forecasting.forecast import Confidence
from domain.forecasting.metric_forecast import MetricFit
from domain.forecasting.seasonality import last_day, month_of
from tests.domain.forecasting.synthetic_companies import OFFICE, START

NAMES = ("ann", "bob", "cem")
END = last_day(month_of(START) + 7)


def fit(a_day, day=END, whole=True, active=(True, True, True), size=1.0, seed=1):
    """Return a model fitted to sellers with these mean numbers per working day."""
    luck = np.random.default_rng(seed)
    days = [d for d in range(START, day + 1) if date.fromordinal(d).weekday() < 5]
    made = np.stack([luck.poisson(rate, len(days)) for rate in a_day], axis=1)
    at, seller = np.nonzero(made)
    amounts = made[at, seller] * size if whole else luck.gamma(4, size / 4, len(at))
    return MetricFit(
        np.array(days)[at], seller, amounts, whole=whole, day=day, calendar=OFFICE, names=NAMES,
        active=np.array(active),
    )  # fmt: skip


def only(seller):
    return np.arange(3) == seller


def test_a_month_of_calls_goes_on_as_before():
    found = fit((4.0, 1.0, 0.2))
    first, last = END + 1, last_day(month_of(END) + 1)

    everybody, ann = found.of(np.ones(3, bool), first, last), found.of(only(0), first, last)

    assert float(everybody.mean) == pytest.approx(5.2 * 21, rel=0.15)
    assert float(ann.mean) == pytest.approx(4 * 21, rel=0.15)
    assert everybody.reaches(60) > 0.95
    assert everybody.reaches(180) < 0.05


def test_the_rest_of_a_week_is_a_part_of_that():
    found = fit((4.0, 1.0, 0.2))

    week = found.of(np.ones(3, bool), END + 1, END + 7)

    assert float(week.mean) == pytest.approx(5.2 * 5, rel=0.2)


def test_parts_add_up_to_the_whole():
    found = fit((4.0, 1.0, 0.2))

    parts = [found.of(only(n), END + 1, END + 30).mean for n in range(3)]

    assert sum(parts) == found.of(np.ones(3, bool), END + 1, END + 30).mean


def test_hours_are_compounds_of_days_with_something_recorded():
    found = fit((0.8, 0.5, 0.5), whole=False, size=3600.0)
    first, last = END + 1, last_day(month_of(END) + 1)

    mean = float(found.of(only(0), first, last).mean)

    assert mean == pytest.approx((1 - np.exp(-0.8)) * 21 * 3600, rel=0.25)


def test_who_has_left_brings_nothing_more():
    found = fit((4.0, 1.0, 0.2), active=(False, True, True))

    assert found.of(only(0), END + 1, END + 30).mean == 0


def test_little_history_says_nothing():
    assert fit((4.0, 1.0, 1.0), day=START + 20).confidence is Confidence.NONE
    assert fit((0.1, 0.0, 0.0)).confidence is Confidence.NONE
    assert fit((0.0, 0.0, 0.0)).confidence is Confidence.NONE
    assert fit((4.0, 1.0, 1.0)).confidence is Confidence.NORMAL
