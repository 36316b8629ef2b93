"""Two weeks of an employee hour by hour, with an absence, a working Saturday and a clock change (rules 3 and 4).

The table of docs/goals.md shows the same replay. In none of its lines does a figure say anything that a sales manager
would not say of that hour.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise

import pytest

from tests import goal_replay
from tests.goal_replay import ABSENCE, CLOCK_CHANGE, FIRST_DAY, LAST_DAY, SLOW_DAY, GoalFigures, ReplayedHour

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def hours() -> list[ReplayedHour]:
    return asyncio.run(goal_replay.replay())


def is_worked(day: date) -> bool:
    return bool(goal_replay.calls_on(day))


def goals_of(hours: list[ReplayedHour]) -> Iterator[tuple[str, ReplayedHour, GoalFigures]]:
    for hour in hours:
        for kind, goal in hour.goals.items():
            yield kind, hour, goal


def test_replay_has_every_hour_but_the_one_that_the_clock_skips(hours: list[ReplayedHour]) -> None:
    assert len(hours) == 14 * 24 - 1
    assert [hour.at.hour for hour in hours if hour.day == CLOCK_CHANGE] == [0, 1, *range(3, 24)]
    assert (hours[0].day, hours[-1].day) == (FIRST_DAY, LAST_DAY)


def test_expected_value_rises_from_zero_to_the_target_within_own_working_hours_only(hours: list[ReplayedHour]) -> None:
    for before, hour in pairwise(hours):
        for kind, goal in hour.goals.items():
            earlier = before.goals[kind]
            if goal.start != earlier.start:
                assert goal.expected == goal.value == 0, hour
            elif is_worked(hour.day) and 9 < hour.at.hour <= 18:
                assert earlier.expected < goal.expected <= goal.target, hour
            else:
                assert earlier.expected == goal.expected, hour
    for hour in hours:
        if is_worked(hour.day) and hour.at.hour >= 18:
            assert hour.goals["DAY"].expected == hour.goals["DAY"].target == 40
    assert {hour.goals["WEEK"].target for hour in hours if hour.day < CLOCK_CHANGE} == {200}
    assert {hour.goals["WEEK"].target for hour in hours if hour.day > CLOCK_CHANGE} == {120}  # 3 of 5 days
    assert {hour.goals["MONTH"].target for hour in hours} == {880}  # 22 of 24 days
    ends_of_weeks = (hour for hour in hours if hour.day in (CLOCK_CHANGE, LAST_DAY) and hour.at.hour == 23)
    assert [hour.goals["WEEK"].expected for hour in ends_of_weeks] == [200, 120]


def test_only_the_goal_of_the_slow_day_is_behind_and_from_its_first_hour_on(hours: list[ReplayedHour]) -> None:
    behind = [(kind, hour.day, hour.at.hour) for kind, hour, goal in goals_of(hours) if goal.pace == "BEHIND"]

    assert behind == [("DAY", SLOW_DAY, hour) for hour in range(10, 24)]
    assert {goal.pace for _, _, goal in goals_of(hours)} == {"ON_TRACK", "AHEAD", "BEHIND", "ACHIEVED"}
    for kind, _, goal in goals_of(hours):
        if kind == "DAY" and goal.pace == "AHEAD":
            assert goal.start == SLOW_DAY + DAY  # on which the calls are made up for


def test_projection_begins_with_the_first_half_day_and_is_near_what_comes(hours: list[ReplayedHour]) -> None:
    for kind, hour, goal in goals_of(hours):
        has_half_day = hour.day > goal.start or (is_worked(hour.day) and hour.at.hour >= 14)
        assert (goal.projected is not None) == has_half_day, (kind, hour)
        if goal.projected is None:
            continue
        if kind == "DAY" and goal.start not in (SLOW_DAY, SLOW_DAY + DAY):
            assert 37 <= goal.projected <= 40, hour
        if kind == "WEEK":
            assert (188 <= goal.projected <= 248) if hour.day <= CLOCK_CHANGE else (112 <= goal.projected <= 125), hour
        if kind == "MONTH":
            assert 814 <= goal.projected <= 888, hour


def test_vacation_changes_no_figure_of_week_and_month(hours: list[ReplayedHour]) -> None:
    first, last = ABSENCE
    evening, morning = (
        next(hour for hour in hours if (hour.day, hour.at.hour) == at) for at in ((first - DAY, 18), (last + DAY, 9))
    )

    for hour in hours[hours.index(evening) : hours.index(morning) + 1]:
        assert (hour.goals["WEEK"], hour.goals["MONTH"]) == (evening.goals["WEEK"], evening.goals["MONTH"])
        if hour.day in ABSENCE:
            assert hour.goals["DAY"].expected == 0
            assert hour.goals["DAY"].pace == "ON_TRACK"


def count_calls(day: date, until_hour: int) -> int:
    return sum(goal_replay.calls_on(day)[: max(0, until_hour - 9)])


def own_workdays(first: date, last: date) -> list[date]:
    """Return the days with calls, of which the history begins on 1 February."""
    days = (first + n * DAY for n in range((last - first).days + 1))
    history = goal_replay.history_days()
    return [day for day in days if (is_worked(day) if day >= FIRST_DAY else day in history)]


def recount_previous(kind: str, hour: ReplayedHour) -> int:
    """Return the calls of the counterpart: of as many own working days, the last of them until this hour."""
    if kind == "DAY":
        return count_calls(own_workdays(FIRST_DAY - 7 * DAY, hour.day - DAY)[-1], hour.at.hour)
    if kind == "WEEK":
        start = hour.day - hour.day.weekday() * DAY
        previous = own_workdays(start - 7 * DAY, start - DAY)
    else:
        start = hour.day.replace(day=1)
        previous = own_workdays(date(2027, 2, 1), date(2027, 2, 28))
    finished = len(own_workdays(start, hour.day - DAY))
    running = previous[finished : finished + 1] if is_worked(hour.day) else []
    return sum(count_calls(day, 18) for day in previous[:finished]) + sum(
        count_calls(day, hour.at.hour) for day in running
    )


def test_every_figure_is_compared_with_as_much_working_time(hours: list[ReplayedHour]) -> None:
    for kind, hour, goal in goals_of(hours):
        assert goal.previous == recount_previous(kind, hour), (kind, hour)
