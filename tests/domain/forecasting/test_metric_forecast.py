"""Tests of the metric forecast: calls, hours and the like."""

from datetime import date

import numpy as np
import pytest

from domain.forecasting.cooperative import run_to_completion
from domain.forecasting.forecast import Confidence
from domain.forecasting.metric_forecast import FittedMetricModel
from domain.forecasting.seasonality import last_day, month_of
from tests.domain.forecasting.synthetic_companies import CALENDAR, START

NAMES = ("ann", "bob", "cem")
END = last_day(month_of(START) + 7)


def fit_metric_model(daily_rates, day=END, is_count=True, active=(True, True, True), size=1.0, seed=1):
    """Return a model fitted to sellers with these mean numbers per working day."""
    rng = np.random.default_rng(seed)
    days = [d for d in range(START, day + 1) if date.fromordinal(d).weekday() < 5]
    daily_counts = np.stack([rng.poisson(rate, len(days)) for rate in daily_rates], axis=1)
    day_index, seller = np.nonzero(daily_counts)
    amounts = daily_counts[day_index, seller] * size if is_count else rng.gamma(4, size / 4, len(day_index))
    return FittedMetricModel(
        np.array(days)[day_index], seller, amounts, is_count=is_count, day=day, calendar=CALENDAR, names=NAMES,
        active=np.array(active),
    )  # fmt: skip


def forecast(model, members, first, last, presence=(1.0, 1.0, 1.0)):
    """Return the distribution of the members' amount."""
    window = run_to_completion(model.compute_window(first, last, np.array(presence)))
    run_to_completion(window.draw(members))
    return window.aggregate(members)


def select_seller(seller):
    return np.arange(3) == seller


def test_metric_forecast_continues_the_rate_of_calls():
    model = fit_metric_model((4.0, 1.0, 0.2))
    first, last = END + 1, last_day(month_of(END) + 1)

    all_forecast, ann_forecast = (
        forecast(model, np.ones(3, bool), first, last),
        forecast(model, select_seller(0), first, last),
    )

    assert float(all_forecast.mean) == pytest.approx(5.2 * 21, rel=0.15)
    assert float(ann_forecast.mean) == pytest.approx(4 * 21, rel=0.15)
    assert all_forecast.probability_of_at_least(60) > 0.95
    assert all_forecast.probability_of_at_least(180) < 0.05


def test_metric_forecast_scales_to_a_week():
    model = fit_metric_model((4.0, 1.0, 0.2))

    week_forecast = forecast(model, np.ones(3, bool), END + 1, END + 7)

    assert float(week_forecast.mean) == pytest.approx(5.2 * 5, rel=0.2)


def test_metric_forecasts_of_sellers_sum_to_the_company():
    model = fit_metric_model((4.0, 1.0, 0.2))

    parts = [forecast(model, select_seller(n), END + 1, END + 30).mean for n in range(3)]

    assert sum(parts) == forecast(model, np.ones(3, bool), END + 1, END + 30).mean


def test_metric_forecast_is_proportional_to_the_time_that_sellers_are_present():
    model = fit_metric_model((4.0, 4.0, 4.0))

    whole = [float(forecast(model, select_seller(n), END + 1, END + 30).mean) for n in range(3)]
    reduced = [float(forecast(model, select_seller(n), END + 1, END + 30, (1.0, 0.25, 0.0)).mean) for n in range(3)]

    assert reduced[0] == whole[0]
    assert reduced[1] == pytest.approx(whole[1] / 4, rel=0.02)
    assert reduced[2] == 0


def test_metric_forecast_of_hours_multiplies_days_by_daily_amount():
    model = fit_metric_model((0.8, 0.5, 0.5), is_count=False, size=3600.0)
    first, last = END + 1, last_day(month_of(END) + 1)

    mean = float(forecast(model, select_seller(0), first, last).mean)

    assert mean == pytest.approx((1 - np.exp(-0.8)) * 21 * 3600, rel=0.25)


def test_metric_forecast_is_zero_for_inactive_sellers():
    model = fit_metric_model((4.0, 1.0, 0.2), active=(False, True, True))

    assert forecast(model, select_seller(0), END + 1, END + 30).mean == 0


def test_metric_confidence_is_none_with_little_history():
    assert fit_metric_model((4.0, 1.0, 1.0), day=START + 20).confidence is Confidence.NONE
    assert fit_metric_model((0.1, 0.0, 0.0)).confidence is Confidence.NONE
    assert fit_metric_model((0.0, 0.0, 0.0)).confidence is Confidence.NONE
    assert fit_metric_model((4.0, 1.0, 1.0)).confidence is Confidence.NORMAL


def fit_history(history, is_count, before=None):
    """Return a model fitted to amounts by day and seller."""
    keys = sorted(history)
    days, sellers = np.array(keys).T
    return FittedMetricModel(
        days, sellers, np.array([history[key] for key in keys], dtype=float), is_count=is_count, day=END,
        calendar=CALENDAR, names=NAMES, active=np.ones(3, bool), before=before,
    )  # fmt: skip


def random_history(generator):
    counts = generator.poisson(6.0, (END - START + 1, 3))
    return {(START + day, seller): int(counts[day, seller]) for day, seller in zip(*np.nonzero(counts), strict=True)}


def change_history(history, generator):
    """Add, correct or remove the record of a random day and seller."""
    key = int(generator.integers(START + 1, END + 1)), int(generator.integers(3))
    if generator.random() < 0.3:
        history.pop(key, None)
    else:
        history[key] = int(generator.integers(1, 15))
    return key[0]


def draws_of(model):
    windows = [(END + 1, END + 20), (END + 1, END + 90)]
    return [forecast(model, np.ones(3, bool), *days).draws.tolist() for days in windows]


@pytest.mark.parametrize("is_count", [True, False])
def test_updated_metric_model_equals_a_new_one_after_random_changes(is_count):
    generator = np.random.default_rng(5)
    history = random_history(generator)
    model = fit_history(history, is_count)
    draws = draws_of(model)
    for _ in range(6):
        change_history(history, generator)
        model = fit_history(history, is_count, model)

        assert draws_of(model) == draws_of(fit_history(history, is_count))
    assert draws_of(model) != draws


def test_updated_metric_model_keeps_what_was_learnt_of_earlier_month_ends():
    history = random_history(np.random.default_rng(5))
    before = fit_history(history, is_count=True)
    draws_of(before)
    changed = END - 40
    history[changed, 1] = history.get((changed, 1), 0) + 1

    after = fit_history(history, True, before)
    draws_of(after)

    earlier = [key for key in before._expected_events if key[0] < changed]
    assert len(earlier) > 2
    assert all(after._expected_events[key] is before._expected_events[key] for key in earlier)
    assert all(
        after._expected_events[key] is not before._expected_events[key]
        for key in before._expected_events.keys() - earlier
    )


def test_metric_models_of_other_sellers_are_not_taken_over():
    history = random_history(np.random.default_rng(5))
    before = fit_history(history, is_count=True)
    draws_of(before)

    other = FittedMetricModel(
        *before._history, is_count=True, day=END, calendar=CALENDAR, names=NAMES, active=np.array([True, True, False]),
        before=before,
    )  # fmt: skip

    assert other._expected_events == {}


def test_metric_window_refuses_to_aggregate_sellers_without_draws():
    window = run_to_completion(fit_metric_model((4.0, 1.0, 0.2)).compute_window(END + 1, END + 30, np.ones(3)))
    run_to_completion(window.draw(select_seller(1)))

    assert window.aggregate(select_seller(1)).mean > 0
    with pytest.raises(ValueError, match="draw the sellers"):
        window.aggregate(np.ones(3, bool))
