"""Tests of the hazard model: known hazards are recovered from complete, truncated and censored data."""

from dataclasses import replace

import numpy as np
import pytest

from domain.forecasting.arrays import NEVER
from domain.forecasting.hazard_model import AGES, Hazards, exposure, hazards
from domain.forecasting.seasonality import Rhythm, first_day, last_day, month_of
from tests.domain.forecasting.synthetic_companies import OFFICE, START, Law, world

EVEN = Rhythm(OFFICE)
MONTH = month_of(START)


def constant(n=40_000, win=0.01, lose=0.02, seed=1):
    """Return deals with constant daily probabilities of a win and a loss, whatever their age."""
    table = world(Law(a_month=n / 24))
    luck = np.random.default_rng(seed)
    life = luck.geometric(win + lose, table.size)
    won = luck.random(table.size) < win / (win + lose)
    return replace(table, closed=table.created + life - 1, won=won)


def test_constant_hazards_are_found_at_every_age():
    table = constant()
    first, last = START, last_day(MONTH + 23)

    found = hazards(exposure(table, EVEN, first, last), EVEN, MONTH + 23)

    assert found.won[:8] == pytest.approx(0.01, rel=0.2)
    assert found.lost[:8] == pytest.approx(0.02, rel=0.2)


def test_deals_that_were_open_before_the_first_day_do_not_distort_it():
    table = constant()
    late = first_day(MONTH + 12)
    seen = table.rows(table.closed >= late)  # deals closed before are missing, as in an export

    found = hazards(exposure(seen, EVEN, late, last_day(MONTH + 23)), EVEN, MONTH + 23)

    assert (found.won + found.lost)[:8] == pytest.approx(0.03, rel=0.2)


def test_open_deals_count_as_at_risk():
    table = constant()
    last = last_day(MONTH + 11)
    seen = replace(table, closed=np.where(table.closed > last, NEVER, table.closed)).rows(table.created <= last)

    found = hazards(exposure(seen, EVEN, START, last), EVEN, MONTH + 11)

    assert found.won[2:7] == pytest.approx(0.01, rel=0.2)


def test_what_was_learnt_by_a_month_is_not_changed_by_what_came_after():
    table = constant(5000)
    month = MONTH + 8
    whole = hazards(exposure(table, EVEN, START, last_day(MONTH + 23)), EVEN, month)
    cut = hazards(exposure(table, EVEN, START, last_day(month)), EVEN, month)

    assert whole.won.tolist() == cut.won.tolist()


def even_hazards(win=0.01, lose=0.02):
    shape = (len(AGES), 3)
    return Hazards(np.full(shape, win), np.full(shape, lose), EVEN)


def test_the_probability_to_win_in_time_is_that_of_the_running_survival():
    first = first_day(MONTH)

    found = even_hazards().win_by_age(first, first, first + 29)

    assert found == pytest.approx(0.01 / 0.03 * (1 - 0.97**30))


def test_for_a_window_that_lies_ahead_a_deal_must_last_until_then():
    first = first_day(MONTH)

    found = even_hazards().win_by_age(first, first + 30, first + 59)

    assert found == pytest.approx(0.97**30 * 0.01 / 0.03 * (1 - 0.97**30))


def test_a_deal_to_come_has_only_the_days_that_are_left():
    first = first_day(MONTH)

    found = even_hazards().win_by_arrival(first, first, first + 9)

    assert found == pytest.approx([0.01 / 0.03 * (1 - 0.97 ** (10 - n)) for n in range(10)])


def test_no_day_ends_more_deals_than_there_are():
    found = even_hazards(5.0, 5.0).win_by_age(START, START, START + 3)

    assert ((found > 0) & (found < 1)).all()
