"""Delivery policy: quiet hours, digests and retry delays, on days of any length."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.alerts.delivery_policy import FIRST_PAUSE, LONGEST_PAUSE, leaves_at, pause
from domain.primitives.calendar import Calendar, Weekday

BERLIN = Calendar("Europe/Berlin", Weekday.MONDAY, frozenset(Weekday), None)
NIGHT = (22 * 60, 7 * 60)


def berlin(day: int, hour: int, minute: int = 0, month: int = 11, fold: int = 0) -> datetime:
    from zoneinfo import ZoneInfo

    return datetime(2026, month, day, hour, minute, tzinfo=ZoneInfo("Europe/Berlin"), fold=fold).astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "leaves"),
    [
        (berlin(18, 12), berlin(18, 12)),
        (berlin(18, 21, 59), berlin(18, 21, 59)),
        (berlin(18, 22), berlin(19, 7)),
        (berlin(19, 3), berlin(19, 7)),
        (berlin(19, 7), berlin(19, 7)),
    ],
)
def test_quiet_hours_go_across_midnight(now, leaves):
    assert leaves_at(now, BERLIN, quiet=NIGHT) == leaves


def test_quiet_hours_within_a_day():
    assert leaves_at(berlin(18, 13, 30), BERLIN, quiet=(13 * 60, 14 * 60)) == berlin(18, 14)
    assert leaves_at(berlin(18, 14), BERLIN, quiet=(13 * 60, 14 * 60)) == berlin(18, 14)


def test_quiet_hours_of_no_length_are_none():
    assert leaves_at(berlin(18, 13), BERLIN, quiet=(13 * 60, 13 * 60)) == berlin(18, 13)


def test_a_digest_leaves_at_its_minute_today_or_tomorrow():
    assert leaves_at(berlin(18, 8), BERLIN, digest=9 * 60) == berlin(18, 9)
    assert leaves_at(berlin(18, 9), BERLIN, digest=9 * 60) == berlin(19, 9)


def test_a_digest_within_quiet_hours_waits_for_their_end():
    assert leaves_at(berlin(18, 12), BERLIN, quiet=NIGHT, digest=23 * 60) == berlin(19, 7)


def test_a_minute_that_clocks_leap_over_and_one_that_they_show_twice():
    assert leaves_at(berlin(29, 1, month=3), BERLIN, digest=150) == berlin(29, 3, 30, month=3)  # there is no 02:30
    assert leaves_at(berlin(25, 2, 10, month=10, fold=1), BERLIN, digest=150) == berlin(25, 2, 30, month=10, fold=1)


@given(st.integers(0, 366 * 1440), st.integers(0, 1439), st.integers(0, 1439))
def test_a_message_leaves_within_a_day_and_never_in_quiet_hours(minutes, start, end):
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)

    leaves = leaves_at(now, BERLIN, quiet=(start, end))

    assert now <= leaves <= now + timedelta(hours=25)
    assert leaves_at(leaves, BERLIN, quiet=(start, end)) == leaves


def test_pauses_double_up_to_the_longest_and_are_jittered():
    whole = [pause(attempts, 0.0) for attempts in range(1, 30)]

    assert whole[:3] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert whole[-1] == LONGEST_PAUSE
    assert pause(1, 1.0) == FIRST_PAUSE / 2
