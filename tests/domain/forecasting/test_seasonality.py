"""Tests of month numbers and day weights."""

from datetime import date

import numpy as np
import pytest

from domain.forecasting.seasonality import first_day, fit_day_weights, last_day, month_of, months_of
from tests.domain.forecasting.synthetic_companies import CALENDAR


def day(text):
    return date.fromisoformat(text).toordinal()


def test_month_numbers_are_consecutive_across_new_year():
    days = [day("2023-12-31"), day("2024-01-01"), day("2024-02-29")]

    assert np.diff(months_of(days)).tolist() == [1, 1]
    assert [month_of(ordinal) for ordinal in days] == months_of(days).tolist()


def test_first_and_last_day_of_a_month():
    february = month_of(day("2024-02-10"))

    assert (first_day(february), last_day(february)) == (day("2024-02-01"), day("2024-02-29"))


def test_day_off_weight_is_small_without_events_on_days_off():
    first, last = day("2024-01-01"), day("2024-12-31")
    working_days = np.array([d for d in range(first, last + 1) if date.fromordinal(d).weekday() < 5] * 3)

    day_weights = fit_day_weights(CALENDAR, working_days, first, last)

    assert day_weights.day_off_weight < 0.05
    assert day_weights.compute_weights(first, last).mean() == pytest.approx(1)


def test_day_weights_are_equal_for_uniform_events():
    first, last = day("2024-01-01"), day("2024-12-31")

    weights = fit_day_weights(CALENDAR, np.repeat(np.arange(first, last + 1), 4), first, last).compute_weights(
        first, last
    )

    assert weights.min() > 0.97
    assert weights.max() < 1.03


def test_month_third_weights_follow_a_busy_month_end():
    first, last = day("2024-01-01"), day("2024-12-31")
    days = [d for d in range(first, last + 1) for _ in range(9 if date.fromordinal(d).day > 20 else 3)]

    early, _, late = fit_day_weights(CALENDAR, np.array(days), first, last).month_third_weights

    assert late / early == pytest.approx(3, rel=0.15)


def test_exposure_is_split_by_month():
    first, last = day("2024-01-16"), day("2024-03-31")
    day_weights = fit_day_weights(CALENDAR, np.arange(first, last + 1), first, last)
    months = np.arange(month_of(first), month_of(last) + 1)

    exposure = day_weights.compute_exposure(months, first, last)

    assert exposure.sum() == pytest.approx(day_weights.compute_weights(first, last).sum() / (365.25 / 12))
    assert exposure[0] < 0.6 < exposure[1]
    assert day_weights.compute_exposure(months, last, first).tolist() == [0, 0, 0]
