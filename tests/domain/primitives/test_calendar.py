"""Company calendar: days in a time zone, and working days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.primitives.calendar import Calendar, Weekday, is_known_zone
from domain.primitives.public_holidays import is_known_country, list_regions

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


@for_all(instants, st.sampled_from(ZONES))
def test_instant_lies_between_start_of_its_day_and_of_the_next(instant, zone):
    zone_calendar = calendar(zone)

    day = zone_calendar.day_of(instant)

    assert zone_calendar.start_of(day) <= instant < zone_calendar.start_of(day + DAY)


@for_all(days, st.sampled_from(ZONES))
def test_days_follow_each_other_without_gap_or_overlap(day, zone):
    zone_calendar = calendar(zone)

    start, next_start = zone_calendar.start_of(day), zone_calendar.start_of(day + DAY)

    assert start <= next_start
    if start < next_start:
        assert zone_calendar.day_of(start) == day
        assert zone_calendar.day_of(next_start - timedelta(microseconds=1)) == day


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
def test_day_length_follows_clock_changes(zone, day, hours):
    zone_calendar = calendar(zone)

    assert zone_calendar.start_of(day + DAY) - zone_calendar.start_of(day) == timedelta(hours=hours)


def test_day_without_midnight_starts_when_the_clock_gap_ends():
    assert calendar("America/Sao_Paulo").start_of(date(2018, 11, 4)) == datetime(2018, 11, 4, 3, tzinfo=UTC)


def test_clock_gap_around_midnight_ends_at_start_of_day():
    zone_calendar = calendar("America/Toronto")  # clocks go forward from 23:30 to 0:30

    assert zone_calendar.start_of(date(1919, 3, 31)) == datetime(1919, 3, 31, 4, 30, tzinfo=UTC)


def test_day_with_two_midnights_starts_at_the_first():
    assert calendar("America/Havana").start_of(date(2026, 11, 1)) == datetime(2026, 11, 1, 4, tzinfo=UTC)


def test_day_does_not_go_back_when_clocks_fall_back_over_midnight():
    zone_calendar = calendar("America/St_Johns")  # clocks go back from 0:01 to 23:01
    repeated = datetime(2009, 11, 1, 2, 45, tzinfo=UTC)

    assert zone_calendar.day_of(repeated) == date(2009, 11, 1)


def test_naive_instant_raises_value_error():
    with pytest.raises(ValueError, match="has a zone"):
        calendar().day_of(datetime(2026, 11, 23, 9))


def test_day_of_instant_depends_on_zone():
    instant = datetime(2026, 11, 22, 22, tzinfo=UTC)

    assert calendar("Europe/Moscow").day_of(instant) == date(2026, 11, 23)
    assert calendar("UTC").day_of(instant) == date(2026, 11, 22)


@for_all(days, st.integers(-5, 900), weeks, countries)
def test_count_workdays_equals_counting_one_by_one(first, length, working, country):
    company_calendar = calendar(country=country, working=working)
    last = min(first + timedelta(days=length), date(2038, 1, 1))

    counted = sum(company_calendar.is_workday(first + timedelta(days=n)) for n in range((last - first).days + 1))

    assert company_calendar.count_workdays(first, last) == counted


@for_all(days, st.integers(1, 200), weeks, countries)
def test_add_workdays_returns_nth_working_day(day, n, working, country):
    company_calendar = calendar(country=country, working=working)

    after, before = company_calendar.add_workdays(day, n), company_calendar.add_workdays(day, -n)

    assert company_calendar.is_workday(after)
    assert company_calendar.count_workdays(day + DAY, after) == n
    assert company_calendar.is_workday(before)
    assert company_calendar.count_workdays(before, day - DAY) == n


def test_add_zero_workdays_returns_the_day_itself():
    sunday = date(2026, 11, 22)

    assert calendar().add_workdays(sunday, 0) == sunday


def test_add_workdays_raises_without_working_days():
    with pytest.raises(ValueError, match="at least one working day"):
        calendar(working=frozenset()).add_workdays(date(2026, 11, 23), 1)


def test_public_holiday_is_not_a_workday():
    unity_day = date(2026, 11, 4)

    assert not calendar(country="RU").is_workday(unity_day)
    assert calendar(country="DE").is_workday(unity_day)
    assert calendar(country=None).is_workday(unity_day)


def test_regional_holiday_is_a_workday_without_the_region():
    epiphany = date(2026, 1, 6)  # a holiday in some states only

    assert calendar(country="DE").is_workday(epiphany)
    assert Calendar("UTC", Weekday.MONDAY, MONDAY_TO_FRIDAY, "DE", "BE").is_workday(epiphany)
    assert not Calendar("UTC", Weekday.MONDAY, MONDAY_TO_FRIDAY, "DE", "BY").is_workday(epiphany)


def test_year_without_known_holidays_has_none():
    assert calendar(country="IN").count_workdays(date(2199, 1, 1), date(2199, 12, 31)) > 200


def test_working_week_is_configurable():
    sunday_to_thursday = frozenset({Weekday.SUNDAY, *(Weekday(n) for n in range(4))})

    assert calendar(working=sunday_to_thursday).is_workday(date(2026, 11, 22))
    assert not calendar(working=sunday_to_thursday).is_workday(date(2026, 11, 20))


def test_leap_year_counts_29_february():
    everyday = frozenset(Weekday)

    assert calendar(working=everyday).count_workdays(date(2028, 2, 28), date(2028, 3, 1)) == 3
    assert calendar(working=everyday).count_workdays(date(2026, 1, 1), date(2028, 12, 31)) == 365 + 365 + 366


def test_equal_calendars_have_equal_hash():
    assert {calendar("Europe/Moscow", "RU"): 1}[calendar("Europe/Moscow", "RU")] == 1


@pytest.mark.parametrize("name", ["Europe/Moscow", "UTC", "Asia/Kathmandu", "America/Argentina/Ushuaia"])
def test_iana_zone_is_known(name):
    assert is_known_zone(name)


@pytest.mark.parametrize("name", ["", "Moscow", "europe/moscow", "localtime", "Factory", "../etc/passwd", "Mars/Base"])
def test_other_zone_name_is_unknown(name):
    assert not is_known_zone(name)


def test_countries_are_known_by_two_letter_code():
    assert [code for code in ("RU", "DE", "GB", "ru", "RUS", "UK", "XX", "") if is_known_country(code)] == [
        "RU",
        "DE",
        "GB",
    ]


def test_regions_of_a_country_are_listed():
    assert {"BY", "BE", "SN"} <= set(list_regions("DE"))
    assert list_regions("RU") == ()


# The company's own days and settings that held earlier


def test_own_day_on_is_worked_whatever_the_weekday_and_holidays():
    saturday, unity_day = date(2026, 11, 21), date(2026, 11, 4)
    company_calendar = Calendar("UTC", Weekday.MONDAY, MONDAY_TO_FRIDAY, "RU", days_on=frozenset({saturday, unity_day}))

    assert company_calendar.is_workday(saturday)
    assert company_calendar.is_workday(unity_day)
    assert company_calendar.count_workdays(date(2026, 11, 1), date(2026, 11, 30)) == 22


def test_own_day_off_is_not_worked():
    company_calendar = Calendar("UTC", Weekday.MONDAY, MONDAY_TO_FRIDAY, None, days_off=frozenset({date(2026, 11, 23)}))

    assert company_calendar.list_workdays(date(2026, 11, 20), date(2026, 11, 24)) == [
        date(2026, 11, 20),
        date(2026, 11, 24),
    ]
    assert company_calendar.count_quarters(date(2026, 11, 20), date(2026, 11, 24)) == 2 * 36


def test_earlier_settings_hold_for_the_days_before():
    plain = calendar()
    changed = Calendar(
        "UTC",
        Weekday.MONDAY,
        frozenset({Weekday.SATURDAY}),
        None,
        workday_start=10 * 60,
        workday_end=12 * 60,
        earlier=((date(2026, 11, 2), calendar(country="RU")), (date(2026, 11, 16), plain)),
    )

    assert changed.count_workdays(date(2025, 11, 1), date(2025, 11, 30)) == 19  # Russia's
    assert changed.count_workdays(date(2026, 11, 2), date(2026, 11, 15)) == 10
    assert changed.list_workdays(date(2026, 11, 16), date(2026, 11, 30)) == [date(2026, 11, 21), date(2026, 11, 28)]
    assert changed.count_quarters(date(2026, 11, 9), date(2026, 11, 22)) == 5 * 36 + 1 * 8
    assert changed.elapsed_quarters(datetime(2026, 11, 13, 12, tzinfo=UTC)) == 12
    assert changed.elapsed_quarters(datetime(2026, 11, 21, 23, tzinfo=UTC)) == 8


# Working hours


@pytest.mark.parametrize(
    ("clock", "quarters"),
    [("00:00", 0), ("09:00", 0), ("09:14:59", 0), ("09:15", 1), ("13:30", 18), ("17:59", 35), ("18:00", 36), ("23:59", 36)],
)  # fmt: skip
@pytest.mark.parametrize(("zone", "offset"), [("Asia/Vladivostok", "+10:00"), ("America/New_York", "-05:00")])
def test_elapsed_quarters_follow_the_local_clock(clock, quarters, zone, offset):
    instant = datetime.fromisoformat(f"2026-11-23T{clock}{offset}")

    assert calendar(zone).elapsed_quarters(instant) == quarters


def test_no_quarter_elapses_on_a_day_off():
    assert calendar().elapsed_quarters(datetime(2026, 11, 22, 15, tzinfo=UTC)) == 0


@pytest.mark.parametrize(
    ("zone", "instant", "quarters"),
    [
        ("America/New_York", "2026-03-08T06:59:00+00:00", 7),  # 1:59 local; clocks go forward from 2:00 to 3:00
        ("America/New_York", "2026-03-08T07:00:00+00:00", 12),  # 3:00 local: what the clock skips is over, too
        ("America/New_York", "2026-11-01T05:59:00+00:00", 7),  # 1:59 local, for the first time
        ("America/New_York", "2026-11-01T06:30:00+00:00", 7),  # 1:30 local again: counted once
        ("America/New_York", "2026-11-01T07:00:00+00:00", 8),  # 2:00 local
    ],
)
def test_quarters_of_a_clock_change_count_by_the_clock_and_once(zone, instant, quarters):
    around_the_clock = Calendar(zone, Weekday.MONDAY, frozenset(Weekday), None, workday_start=0, workday_end=24 * 60)

    assert around_the_clock.elapsed_quarters(datetime.fromisoformat(instant)) == quarters


hours = st.tuples(st.integers(0, 95), st.integers(0, 95)).filter(lambda pair: pair[0] != pair[1]).map(sorted)


@for_all(instants, st.timedeltas(timedelta(0), timedelta(days=2)), st.sampled_from(ZONES), hours)
def test_elapsed_quarters_never_fall_and_end_with_the_whole_day(instant, step, zone, hours):
    start, end = hours
    zone_calendar = Calendar(
        zone, Weekday.MONDAY, frozenset(Weekday), None, workday_start=start * 15, workday_end=end * 15
    )
    day, later = zone_calendar.day_of(instant), instant + step

    def elapsed_since(first, at):
        last = zone_calendar.day_of(at)
        return zone_calendar.count_quarters(first, last - DAY) + zone_calendar.elapsed_quarters(at)

    assert elapsed_since(day, zone_calendar.start_of(day)) == 0
    assert 0 <= elapsed_since(day, instant) <= elapsed_since(day, later)
    end_of_day = zone_calendar.start_of(day + DAY) - timedelta(microseconds=1)
    assert zone_calendar.elapsed_quarters(end_of_day) <= end - start
    assert elapsed_since(day, zone_calendar.start_of(day + DAY)) == end - start


@for_all(days, st.integers(1, 36), st.sampled_from(ZONES))
def test_instant_of_quarter_is_the_first_at_which_it_is_over(day, quarters, zone):
    zone_calendar = calendar(zone, working=frozenset(Weekday))

    at = zone_calendar.instant_of_quarter(day, quarters)

    if zone_calendar.start_of(day) < zone_calendar.start_of(day + DAY):  # the zone has that day
        assert zone_calendar.elapsed_quarters(at) >= quarters
        assert zone_calendar.elapsed_quarters(at - timedelta(microseconds=1)) < quarters


# From one instant to another


@pytest.mark.parametrize(
    ("start", "quarters", "end"),
    [
        ("23T12:04", 4, "23T13:04"),
        ("23T17:04", 8, "24T10:04"),  # over the night
        ("23T17:04", 4, "24T09:04"),  # 18:04 would be after the working hours
        ("23T17:00", 4, "23T18:00"),
        ("23T06:30", 4, "23T10:00"),  # before the working hours
        ("23T21:00", 1, "24T09:15"),
        ("20T16:00", 12, "23T10:00"),  # over a weekend
        ("21T12:00", 36, "23T18:00"),  # from a Saturday
    ],
)
def test_working_hours_after_an_instant_end_in_working_hours(start, quarters, end):
    def at(text):
        return datetime.fromisoformat(f"2026-11-{text}+01:00")

    zone_calendar = calendar("Europe/Berlin")

    assert zone_calendar.add_quarters(at(start), quarters) == at(end)
    assert zone_calendar.quarters_between(at(start), at(end)) == quarters


@for_all(instants, st.integers(1, 200), st.sampled_from(ZONES), hours)
def test_working_time_that_is_added_lies_between(instant, quarters, zone, hours):
    start, end = hours
    zone_calendar = Calendar(
        zone, Weekday.MONDAY, MONDAY_TO_FRIDAY, None, workday_start=start * 15, workday_end=end * 15
    )

    later = zone_calendar.add_quarters(instant, quarters)

    assert later > instant
    assert zone_calendar.quarters_between(instant, later) >= quarters  # more where clocks skip some at once
    ended_before = zone_calendar.quarters_between(instant, later - timedelta(minutes=15))
    carries_rest = zone_calendar.elapsed_quarters(later) == 0  # the started part of a quarter, over to another day
    assert ended_before == quarters if carries_rest else ended_before < quarters
