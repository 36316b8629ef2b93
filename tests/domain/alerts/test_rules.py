"""Alert rules: alert kinds, matching, deduplication, recipients and inactivity deadlines."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from domain.alerts.rules import (
    AlertKind,
    Case,
    Event,
    Memory,
    Recipient,
    Rule,
    concerns,
    heard_of,
    is_behind,
    opened,
    told,
)
from domain.alerts.rules import too_long as end_of_silence
from domain.goals.progress import progress
from domain.primitives.calendar import Calendar, Weekday
from domain.primitives.periods import Period, PeriodKind

AT = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)  # a Wednesday
WEEK = frozenset(Weekday(day) for day in range(5))
BERLIN = Calendar("Europe/Berlin", Weekday.MONDAY, WEEK, "DE")
DEAL, TASK = ("Deal", 7), ("Task", 3)


def case(kind=AlertKind.DEAL_LOST, subject=DEAL, at=AT, employee=1, team=2, amount=None):
    return Case(kind, subject, at, employee, team, amount)


def line(what, /, *, subject=DEAL, employee=1, actor=None, **data):
    return Event(what, subject, AT, employee, actor, None, data)


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (line("DEAL_LOST"), AlertKind.DEAL_LOST),
        (line("DEAL_FLAGGED", problem="late"), AlertKind.DEAL_HAS_PROBLEMS),
        (line("DEAL_FLAGGED", problem="later", was="late"), None),
        (line("DEAL_FLAGGED", problem=None, was="late"), None),
        (line("TASK_OVERDUE", subject=TASK, kind="TASK"), AlertKind.TASK_OVERDUE),
        (line("TASK_OVERDUE", subject=TASK, kind="ASSIGNMENT"), AlertKind.ASSIGNMENT_OVERDUE),
        (line("GOAL_ACHIEVED", subject=("Goal", 1)), AlertKind.GOAL_ACHIEVED),
        (line("DEAL_WON"), None),
        (line("CALL_MADE", subject=("Call", 1)), None),
    ],
)
def test_which_lines_of_the_history_are_cases(event, kind):
    assert opened(event) is kind


@pytest.mark.parametrize(
    ("event", "subjects"),
    [
        (line("DEAL_STAGE_CHANGED"), {DEAL, ("Employee", 1)}),
        (line("DEAL_STAGE_CHANGED", actor=9), {DEAL, ("Employee", 1), ("Employee", 9)}),
        (line("CALL_MADE", subject=("Call", 1), deal=7), {DEAL, ("Employee", 1)}),
        (line("CALL_MADE", subject=("Call", 1)), {("Employee", 1)}),
        (line("TASK_CREATED", subject=TASK, actor=9, kind="ASSIGNMENT"), {("Employee", 9)}),
        (line("TASK_COMPLETED", subject=TASK, actor=1, kind="ASSIGNMENT"), {("Employee", 1)}),
        (line("TASK_OVERDUE", subject=TASK, kind="TASK", deal=7), set()),
        (line("GOAL_SET", subject=("Goal", 1), actor=9), {("Employee", 9)}),
        (line("GOAL_ACHIEVED", subject=("Goal", 1)), set()),
    ],
)
def test_whose_silence_a_line_breaks(event, subjects):
    assert heard_of(event) == subjects


def test_a_rule_is_about_its_kind_its_scope_and_amounts_that_are_known_and_large_enough():
    kind = AlertKind.DEAL_LOST

    assert concerns(Rule(1, kind), case())
    assert not concerns(Rule(1, AlertKind.DEAL_STALLED), case())
    assert concerns(Rule(1, kind, employee=1), case())
    assert not concerns(Rule(1, kind, employee=2), case())
    assert concerns(Rule(1, kind, teams=frozenset({2, 3})), case())
    assert not concerns(Rule(1, kind, teams=frozenset({3})), case())
    assert concerns(Rule(1, kind, min_amount=100), case(amount=100))
    assert not concerns(Rule(1, kind, min_amount=100), case(amount=99))
    assert not concerns(Rule(1, kind, min_amount=0), case(amount=None))


def test_what_stands_is_not_told_again_until_it_is_resolved():
    memory, rule = Memory(), Rule(1, AlertKind.DEAL_LOST)

    assert memory.opens(rule, case()) is True
    assert memory.opens(rule, case(at=AT + timedelta(days=3))) is None
    memory.resolve(DEAL)
    assert memory.opens(rule, case(at=AT + timedelta(days=3))) is True


def test_two_rules_and_two_subjects_do_not_know_of_each_other():
    memory, first, second = Memory(), Rule(1, AlertKind.DEAL_LOST), Rule(2, AlertKind.DEAL_LOST)

    assert [memory.opens(first, case()), memory.opens(second, case()), memory.opens(first, case(subject=TASK))] == [
        True
    ] * 3


def test_within_the_cool_down_a_subject_is_noted_and_not_told():
    rule = Rule(1, AlertKind.DEAL_LOST, cool_down=timedelta(hours=24))
    memory = Memory(told={(1, DEAL): AT})

    found = []
    for hours in (23, 24, 30):
        found.append(memory.opens(rule, case(at=AT + timedelta(hours=hours))))
        memory.resolve(DEAL)

    assert found == [False, True, False]  # an alert without notification does not restart the cool-down


def test_what_was_noted_within_the_cool_down_stands():
    rule = Rule(1, AlertKind.DEAL_LOST, cool_down=timedelta(hours=24))
    memory = Memory(told={(1, DEAL): AT})

    assert memory.opens(rule, case(at=AT + timedelta(hours=1))) is False
    assert memory.opens(rule, case(at=AT + timedelta(hours=48))) is None


@pytest.mark.parametrize(
    ("recipients", "employee", "above", "hears"),
    [
        ([Recipient.MANAGER], 1, [5, 6], [5]),
        ([Recipient.MANAGER], 1, [], [8, 9]),
        ([Recipient.EMPLOYEE], 1, [5], [1]),
        ([Recipient.EMPLOYEE], None, [5], [5]),
        ([Recipient.DIRECTORS], 1, [5], [8, 9]),
        ([Recipient.DIRECTORS, Recipient.MANAGER], 1, [8], [8, 9]),
        ([Recipient.MANAGER, Recipient.EMPLOYEE], 1, [5], [5, 1]),
    ],
)
def test_who_hears_of_it_each_once(recipients, employee, above, hears):
    assert told(recipients, employee, above, [8, 9]) == hears


def test_a_deals_silence_is_counted_in_days_of_24_hours():
    rule = Rule(1, AlertKind.DEAL_STALLED, days=14)
    before_clocks_change = datetime(2026, 10, 20, 8, tzinfo=UTC)

    assert end_of_silence(rule, before_clocks_change, BERLIN) == before_clocks_change + timedelta(days=14)


@pytest.mark.parametrize(
    ("since", "days", "until"),
    [
        (datetime(2026, 11, 18, 9, tzinfo=UTC), 2, datetime(2026, 11, 20, 9, tzinfo=UTC)),  # Wednesday to Friday
        (datetime(2026, 11, 20, 16, tzinfo=UTC), 1, datetime(2026, 11, 23, 16, tzinfo=UTC)),  # over a weekend
        (datetime(2026, 11, 21, 12, tzinfo=UTC), 1, datetime(2026, 11, 23, 23, tzinfo=UTC)),  # Saturday: all of Monday
        (datetime(2026, 12, 23, 9, tzinfo=UTC), 2, datetime(2026, 12, 28, 9, tzinfo=UTC)),  # Christmas is a holiday
        (datetime(2026, 10, 23, 9, tzinfo=UTC), 1, datetime(2026, 10, 26, 10, tzinfo=UTC)),  # clocks go back between
    ],
)
def test_an_employees_silence_is_counted_in_working_days(since, days, until):
    assert end_of_silence(Rule(1, AlertKind.NO_ACTIVITY, days=days), since, BERLIN) == until


NOVEMBER = Period(date(2026, 11, 2), date(2026, 11, 27), PeriodKind.CUSTOM)  # 20 working days


@pytest.mark.parametrize(
    ("value", "percent", "behind"),
    [(39, 10, True), (40, 10, False), (44, 5, True), (45, 5, False), (100, 5, False)],
)
def test_a_goal_is_behind_when_more_than_so_many_points_are_missing(value, percent, behind):
    half = progress(value, 100, NOVEMBER, today=date(2026, 11, 16), calendar=BERLIN)

    assert is_behind(half, percent) is behind


def test_a_goal_whose_period_is_over_is_not_behind_but_missed():
    assert not is_behind(progress(0, 100, NOVEMBER, today=date(2026, 12, 1), calendar=BERLIN), 10)
