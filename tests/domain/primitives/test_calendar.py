"""Company calendar: days in a time zone, and working days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.primitives.calendar import Calendar, Weekday, known_country, known_zone

DAY = timedelta(days=1)
MONDAY_TO_FRIDAY = frozenset(Weekday(n) for n in range(5))
ZONES = (
    "Europe/Moscow",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Havana",
    "America/New_York",
    "Africa/Cairo",
    "Asia/Beirut",
    "America/Asuncion",
)


def calendar(zone="UTC", country=None, working=MONDAY_TO_FRIDAY, week_start=Weekday.MONDAY):
    return Calendar(zone, week_start, working, country)


days = st.dates(date(1975, 1, 1), date(2037, 12, 30))
instants = st.datetimes(datetime(1975, 1, 2), datetime(2037, 12, 30), timezones=st.just(UTC))
weeks = st.frozensets(st.sampled_from(Weekday), min_size=1)
countries = st.sampled_from([None, "RU", "DE", "US", "JP", "IN"])


@given(instants, st.sampled_from(ZONES))
def test_every_instant_lies_between_the_start_of_its_day_and_that_of_the_next(instant, zone):
    here = calendar(zone)

    day = here.day_of(instant)

    assert here.start_of(day) <= instant < here.start_of(day + DAY)


@given(days, st.sampled_from(ZONES))
def test_days_follow_each_other_without_gap_or_overlap(day, zone):
    here = calendar(zone)

    start, following = here.start_of(day), here.start_of(day + DAY)

    assert start <= following
    if start < following:
        assert here.day_of(start) == day
        assert here.day_of(following - timedelta(microseconds=1)) == day


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("America/New_York", date(2026, 3, 8), 23),
        ("America/New_York", date(2026, 11, 1), 25),
        ("America/New_York", date(2026, 11, 2), 24),
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
        ("America/Sao_Paulo", date(2018, 11, 4), 23),
        ("Pacific/Apia", date(2011, 12, 30), 0),
    ],
)
def test_a_day_has_as_many_hours_as_its_clocks_show(zone, day, hours):
    here = calendar(zone)

    assert here.start_of(day + DAY) - here.start_of(day) == timedelta(hours=hours)


def test_a_day_whose_midnight_does_not_exist_starts_when_the_leap_ends():
    assert calendar("America/Sao_Paulo").start_of(date(2018, 11, 4)) == datetime(2018, 11, 4, 3, tzinfo=UTC)


def test_a_leap_that_begins_before_midnight_and_ends_after_it_is_the_start_of_the_day():
    here = calendar("America/Toronto")  # clocks go forward from 23:30 to 0:30

    assert here.start_of(date(1919, 3, 31)) == datetime(1919, 3, 31, 4, 30, tzinfo=UTC)


def test_where_midnight_comes_twice_the_day_starts_with_the_first():
    assert calendar("America/Havana").start_of(date(2026, 11, 1)) == datetime(2026, 11, 1, 4, tzinfo=UTC)


def test_clocks_that_fall_back_over_midnight_do_not_bring_the_old_day_back():
    here = calendar("America/St_Johns")  # clocks go back from 0:01 to 23:01
    repeated = datetime(2009, 11, 1, 2, 45, tzinfo=UTC)

    assert here.day_of(repeated) == date(2009, 11, 1)


def test_an_instant_without_a_zone_is_no_instant():
    with pytest.raises(ValueError, match="has a zone"):
        calendar().day_of(datetime(2026, 11, 23, 9))


def test_the_same_instant_is_another_day_elsewhere():
    instant = datetime(2026, 11, 22, 22, tzinfo=UTC)

    assert calendar("Europe/Moscow").day_of(instant) == date(2026, 11, 23)
    assert calendar("UTC").day_of(instant) == date(2026, 11, 22)


@given(days, st.integers(-5, 900), weeks, countries)
def test_working_days_are_what_counting_them_one_by_one_gives(first, length, working, country):
    here = calendar(country=country, working=working)
    last = min(first + timedelta(days=length), date(2038, 1, 1))

    counted = sum(here.is_working(first + timedelta(days=n)) for n in range((last - first).days + 1))

    assert here.workdays(first, last) == counted


@given(days, st.integers(1, 200), weeks, countries)
def test_the_nth_working_day_is_one_and_has_n_up_to_it(day, n, working, country):
    here = calendar(country=country, working=working)

    after, before = here.add_workdays(day, n), here.add_workdays(day, -n)

    assert here.is_working(after)
    assert here.workdays(day + DAY, after) == n
    assert here.is_working(before)
    assert here.workdays(before, day - DAY) == n


def test_no_working_days_on_are_the_day_itself():
    sunday = date(2026, 11, 22)

    assert calendar().add_workdays(sunday, 0) == sunday


def test_a_week_without_working_days_has_no_next_one():
    with pytest.raises(ValueError, match="at least one working day"):
        calendar(working=frozenset()).add_workdays(date(2026, 11, 23), 1)


def test_a_public_holiday_is_not_worked():
    unity_day = date(2026, 11, 4)

    assert not calendar(country="RU").is_working(unity_day)
    assert calendar(country="DE").is_working(unity_day)
    assert calendar(country=None).is_working(unity_day)


def test_holidays_of_single_regions_are_worked():
    assert calendar(country="DE").is_working(date(2026, 1, 6))  # a holiday in some states only


def test_years_for_which_no_holidays_are_known_have_none():
    assert calendar(country="IN").workdays(date(2199, 1, 1), date(2199, 12, 31)) > 200


def test_the_working_week_is_the_companys_own():
    sunday_to_thursday = frozenset({Weekday.SUNDAY, *(Weekday(n) for n in range(4))})

    assert calendar(working=sunday_to_thursday).is_working(date(2026, 11, 22))
    assert not calendar(working=sunday_to_thursday).is_working(date(2026, 11, 20))


def test_a_leap_year_has_its_29th_of_february():
    everyday = frozenset(Weekday)

    assert calendar(working=everyday).workdays(date(2028, 2, 28), date(2028, 3, 1)) == 3
    assert calendar(working=everyday).workdays(date(2026, 1, 1), date(2028, 12, 31)) == 365 + 365 + 366


def test_equal_calendars_are_the_same_key():
    assert {calendar("Europe/Moscow", "RU"): 1}[calendar("Europe/Moscow", "RU")] == 1


@pytest.mark.parametrize("name", ["Europe/Moscow", "UTC", "Asia/Kathmandu", "America/Argentina/Ushuaia"])
def test_iana_names_are_known(name):
    assert known_zone(name)


@pytest.mark.parametrize("name", ["", "Moscow", "europe/moscow", "localtime", "Factory", "../etc/passwd", "Mars/Base"])
def test_other_names_of_zones_are_not(name):
    assert not known_zone(name)


def test_countries_go_by_their_two_letters():
    assert [code for code in ("RU", "DE", "GB", "ru", "RUS", "UK", "XX", "") if known_country(code)] == [
        "RU",
        "DE",
        "GB",
    ]
