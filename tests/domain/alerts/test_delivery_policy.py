"""Delivery policy: quiet hours, digests and retry delays, on days of any length."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.alerts.delivery_policy import FIRST_RETRY_DELAY, MAX_RETRY_DELAY, compute_retry_delay, compute_send_time
from domain.primitives.calendar import Calendar, Weekday

BERLIN = Calendar("Europe/Berlin", Weekday.MONDAY, frozenset(Weekday), None)
NIGHT = (22 * 60, 7 * 60)


def berlin_time(day: int, hour: int, minute: int = 0, month: int = 11, fold: int = 0) -> datetime:
    from zoneinfo import ZoneInfo

    return datetime(2026, month, day, hour, minute, tzinfo=ZoneInfo("Europe/Berlin"), fold=fold).astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (berlin_time(18, 12), berlin_time(18, 12)),
        (berlin_time(18, 21, 59), berlin_time(18, 21, 59)),
        (berlin_time(18, 22), berlin_time(19, 7)),
        (berlin_time(19, 3), berlin_time(19, 7)),
        (berlin_time(19, 7), berlin_time(19, 7)),
    ],
)
def test_quiet_hours_may_span_midnight(now, expected):
    assert compute_send_time(now, BERLIN, quiet_hours=NIGHT) == expected


def test_message_in_quiet_hours_waits_until_their_end():
    assert compute_send_time(berlin_time(18, 13, 30), BERLIN, quiet_hours=(13 * 60, 14 * 60)) == berlin_time(18, 14)
    assert compute_send_time(berlin_time(18, 14), BERLIN, quiet_hours=(13 * 60, 14 * 60)) == berlin_time(18, 14)


def test_empty_quiet_hours_delay_nothing():
    assert compute_send_time(berlin_time(18, 13), BERLIN, quiet_hours=(13 * 60, 13 * 60)) == berlin_time(18, 13)


def test_digest_is_sent_at_its_minute_today_or_tomorrow():
    assert compute_send_time(berlin_time(18, 8), BERLIN, digest_minute=9 * 60) == berlin_time(18, 9)
    assert compute_send_time(berlin_time(18, 9), BERLIN, digest_minute=9 * 60) == berlin_time(19, 9)


def test_digest_in_quiet_hours_waits_until_their_end():
    assert compute_send_time(berlin_time(18, 12), BERLIN, quiet_hours=NIGHT, digest_minute=23 * 60) == berlin_time(
        19, 7
    )


def test_digest_minute_is_handled_when_clocks_change():
    assert compute_send_time(berlin_time(29, 1, month=3), BERLIN, digest_minute=150) == berlin_time(
        29, 3, 30, month=3
    )  # there is no 02:30
    assert compute_send_time(berlin_time(25, 2, 10, month=10, fold=1), BERLIN, digest_minute=150) == berlin_time(
        25, 2, 30, month=10, fold=1
    )


@for_all(st.integers(0, 366 * 1440), st.integers(0, 1439), st.integers(0, 1439))
def test_send_time_is_within_a_day_and_outside_quiet_hours(minutes, start, end):
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)

    send_at = compute_send_time(now, BERLIN, quiet_hours=(start, end))

    assert now <= send_at <= now + timedelta(hours=25)
    assert compute_send_time(send_at, BERLIN, quiet_hours=(start, end)) == send_at


def test_retry_delay_doubles_up_to_maximum_with_jitter():
    delays = [compute_retry_delay(attempts, 0.0) for attempts in range(1, 30)]

    assert delays[:3] == [FIRST_RETRY_DELAY, 2 * FIRST_RETRY_DELAY, 4 * FIRST_RETRY_DELAY]
    assert delays[-1] == MAX_RETRY_DELAY
    assert compute_retry_delay(1, 1.0) == FIRST_RETRY_DELAY / 2
