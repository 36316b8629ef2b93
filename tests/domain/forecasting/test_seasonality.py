"""Tests of month numbers and day weights."""

from datetime import date

import numpy as np
import pytest

from domain.forecasting.seasonality import first_day, last_day, month_of, months_of, rhythm
from tests.domain.forecasting.synthetic_companies import OFFICE


def day(text):
    return date.fromisoformat(text).toordinal()


def test_months_follow_each_other_by_one_over_the_turn_of_the_year():
    days = [day("2023-12-31"), day("2024-01-01"), day("2024-02-29")]

    assert np.diff(months_of(days)).tolist() == [1, 1]
    assert [month_of(each) for each in days] == months_of(days).tolist()


def test_a_month_begins_and_ends_on_its_own_days():
    february = month_of(day("2024-02-10"))

    assert (first_day(february), last_day(february)) == (day("2024-02-01"), day("2024-02-29"))


def test_days_off_weigh_little_where_nothing_happens_on_them():
    first, last = day("2024-01-01"), day("2024-12-31")
    worked = np.array([d for d in range(first, last + 1) if date.fromordinal(d).weekday() < 5] * 3)

    learnt = rhythm(OFFICE, worked, first, last)

    assert learnt.free < 0.05
    assert learnt.weights(first, last).mean() == pytest.approx(1)


def test_every_day_weighs_the_same_where_every_day_is_the_same():
    first, last = day("2024-01-01"), day("2024-12-31")

    weights = rhythm(OFFICE, np.repeat(np.arange(first, last + 1), 4), first, last).weights(first, last)

    assert weights.min() > 0.97
    assert weights.max() < 1.03


def test_a_busy_end_of_the_month_is_learnt():
    first, last = day("2024-01-01"), day("2024-12-31")
    days = [d for d in range(first, last + 1) for _ in range(9 if date.fromordinal(d).day > 20 else 3)]

    early, _, late = rhythm(OFFICE, np.array(days), first, last).thirds

    assert late / early == pytest.approx(3, rel=0.15)


def test_exposure_is_shared_out_over_the_months():
    first, last = day("2024-01-16"), day("2024-03-31")
    learnt = rhythm(OFFICE, np.arange(first, last + 1), first, last)
    months = np.arange(month_of(first), month_of(last) + 1)

    exposure = learnt.exposure(months, first, last)

    assert exposure.sum() == pytest.approx(learnt.weights(first, last).sum() / (365.25 / 12))
    assert exposure[0] < 0.6 < exposure[1]
    assert learnt.exposure(months, last, first).tolist() == [0, 0, 0]
