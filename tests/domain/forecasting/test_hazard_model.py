"""Tests of the hazard model: known hazards are recovered from complete, truncated and censored data."""

from dataclasses import replace

import numpy as np
import pytest

from domain.forecasting.arrays import NEVER
from domain.forecasting.deal_table import known_at
from domain.forecasting.hazard_model import AGE_BIN_STARTS, Hazards, count_exposure, fit_hazards
from domain.forecasting.seasonality import DayWeights, first_day, last_day, month_of
from tests.domain.forecasting.synthetic_companies import CALENDAR, START, CompanyLaw, simulate_company

EVEN_WEIGHTS = DayWeights(CALENDAR)
FIRST_MONTH = month_of(START)


def constant_hazard_deals(n=40_000, win=0.01, lose=0.02, seed=1):
    """Return deals with constant daily probabilities of a win and a loss, whatever their age."""
    table = simulate_company(CompanyLaw(deals_per_month=n / 24))
    rng = np.random.default_rng(seed)
    lifetime = rng.geometric(win + lose, table.size)
    won = rng.random(table.size) < win / (win + lose)
    return replace(table, closed=table.created + lifetime - 1, won=won)


def test_fit_hazards_recovers_constant_hazards_at_every_age():
    table = constant_hazard_deals()
    first, last = START, last_day(FIRST_MONTH + 23)

    fitted = fit_hazards(count_exposure(table, EVEN_WEIGHTS, first, last), EVEN_WEIGHTS, FIRST_MONTH + 23)

    assert fitted.won[:8] == pytest.approx(0.01, rel=0.2)
    assert fitted.lost[:8] == pytest.approx(0.02, rel=0.2)


def test_fit_hazards_is_unbiased_with_delayed_entry():
    table = constant_hazard_deals()
    late_start = first_day(FIRST_MONTH + 12)
    visible = table.select_rows(table.closed >= late_start)  # deals closed before are missing, as in an export

    fitted = fit_hazards(
        count_exposure(visible, EVEN_WEIGHTS, late_start, last_day(FIRST_MONTH + 23)), EVEN_WEIGHTS, FIRST_MONTH + 23
    )

    assert (fitted.won + fitted.lost)[:8] == pytest.approx(0.03, rel=0.2)


def test_fit_hazards_counts_open_deals_as_at_risk():
    table = constant_hazard_deals()
    last = last_day(FIRST_MONTH + 11)
    visible = replace(table, closed=np.where(table.closed > last, NEVER, table.closed)).select_rows(
        table.created <= last
    )

    fitted = fit_hazards(count_exposure(visible, EVEN_WEIGHTS, START, last), EVEN_WEIGHTS, FIRST_MONTH + 11)

    assert fitted.won[2:7] == pytest.approx(0.01, rel=0.2)


def test_hazards_as_of_a_month_ignore_later_data():
    table = constant_hazard_deals(5000)
    month = FIRST_MONTH + 8
    from_all = fit_hazards(count_exposure(table, EVEN_WEIGHTS, START, last_day(FIRST_MONTH + 23)), EVEN_WEIGHTS, month)
    from_early = fit_hazards(count_exposure(table, EVEN_WEIGHTS, START, last_day(month)), EVEN_WEIGHTS, month)

    assert from_all.won.tolist() == from_early.won.tolist()


def constant_hazards(win=0.01, lose=0.02):
    shape = (len(AGE_BIN_STARTS), 3)
    return Hazards(np.full(shape, win), np.full(shape, lose), EVEN_WEIGHTS)


def test_win_probability_follows_the_survival_function():
    first = first_day(FIRST_MONTH)

    probabilities = constant_hazards().win_probability_by_age(first, first, first + 29)

    assert probabilities == pytest.approx(0.01 / 0.03 * (1 - 0.97**30))


def test_win_probability_of_a_later_window_requires_survival_until_then():
    first = first_day(FIRST_MONTH)

    probabilities = constant_hazards().win_probability_by_age(first, first + 30, first + 59)

    assert probabilities == pytest.approx(0.97**30 * 0.01 / 0.03 * (1 - 0.97**30))


def test_win_probability_by_arrival_uses_only_the_remaining_days():
    first = first_day(FIRST_MONTH)

    probabilities = constant_hazards().win_probability_by_arrival(first, first, first + 9)

    assert probabilities == pytest.approx([0.01 / 0.03 * (1 - 0.97 ** (10 - n)) for n in range(10)])


def test_win_probability_counts_of_the_running_day_only_what_is_left():
    first = first_day(FIRST_MONTH)

    half_left, over = (
        constant_hazards().win_probability_by_age(first, first, first + 29, day_left) for day_left in (0.5, 0.0)
    )
    by_arrival = constant_hazards().win_probability_by_arrival(first, first, first + 1, 0.5)

    assert half_left == pytest.approx(0.005 + 0.985 * 0.01 / 0.03 * (1 - 0.97**29))
    assert over == pytest.approx(0.01 / 0.03 * (1 - 0.97**29))
    assert by_arrival == pytest.approx([0.005 + 0.985 * 0.01, 0.01])


def test_win_probability_stays_below_one_with_extreme_hazards():
    probabilities = constant_hazards(5.0, 5.0).win_probability_by_age(START, START, START + 3)

    assert ((probabilities > 0) & (probabilities < 1)).all()


def test_old_deals_of_which_none_was_won_are_promised_next_to_nothing():
    law = CompanyLaw(months=14, stuck=0.4, history=False)
    table = simulate_company(law)
    day = last_day(month_of(START) + 12)
    deals = known_at(table, day)
    hazards = fit_hazards(count_exposure(deals, EVEN_WEIGHTS, START, day), EVEN_WEIGHTS, month_of(day))

    probabilities = hazards.win_probability_by_age(day + 1, day + 1, day + 91)

    assert probabilities[20] > 0.1
    assert probabilities[271] < 0.02


def test_deals_of_five_months_are_promised_little_where_none_is_won_after_140_days():
    table = simulate_company(CompanyLaw(deals_per_month=1000))
    rng = np.random.default_rng(2)
    lifetime = np.where(rng.random(table.size) < 0.3, NEVER, rng.integers(0, 140, table.size))
    closed = np.where(lifetime == NEVER, NEVER, table.created + lifetime)
    table = replace(table, closed=closed, won=(closed != NEVER) & (rng.random(table.size) < 0.5))
    last = last_day(FIRST_MONTH + 11)

    fitted = fit_hazards(count_exposure(table, EVEN_WEIGHTS, START, last), EVEN_WEIGHTS, FIRST_MONTH + 11)

    by_age = fitted.win_probability_by_age(last + 1, last + 1, last + 30)
    assert by_age[160] < 0.005
    assert by_age[100] > 0.1
