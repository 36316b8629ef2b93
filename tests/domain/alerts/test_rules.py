"""Alert rules: alert kinds, matching, deduplication, recipients and inactivity deadlines."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from domain.alerts import rules
from domain.alerts.rules import (
    AlertCandidate,
    AlertDeduplicator,
    AlertKind,
    Event,
    Recipient,
    Rule,
    alert_kinds_of,
    inactivity_deadline,
    is_behind,
    matches,
    select_recipients,
    subjects_of,
)
from domain.goals.progress import calculate_progress
from domain.primitives.calendar import Calendar, Weekday
from domain.primitives.periods import Period, PeriodKind
from domain.primitives.working_time import company_working_time

AT = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)  # a Wednesday
WEEK = frozenset(Weekday(day) for day in range(5))
BERLIN = Calendar("Europe/Berlin", Weekday.MONDAY, WEEK, "DE")
DEAL, TASK = ("Deal", 7), ("Task", 3)


def build_candidate(kind=AlertKind.DEAL_LOST, subject=DEAL, at=AT, employee=1, team=2, amount=None):
    return AlertCandidate(kind, subject, at, employee, frozenset({team}), amount)


def build_event(event_kind, /, *, subject=DEAL, employee=1, actor=None, **data):
    return Event(event_kind, subject, AT, employee, actor, None, data)


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (build_event("DEAL_LOST"), AlertKind.DEAL_LOST),
        (build_event("DEAL_FLAGGED", problem="late"), AlertKind.DEAL_HAS_PROBLEMS),
        (build_event("DEAL_FLAGGED", problem="later", was="late"), None),
        (build_event("DEAL_FLAGGED", problem=None, was="late"), None),
        (build_event("TASK_OVERDUE", subject=TASK, kind="TASK"), AlertKind.TASK_OVERDUE),
        (build_event("TASK_OVERDUE", subject=TASK, kind="ASSIGNMENT"), AlertKind.ASSIGNMENT_OVERDUE),
        (build_event("GOAL_ACHIEVED", subject=("Goal", 1)), AlertKind.GOAL_ACHIEVED),
        (build_event("DEAL_WON"), AlertKind.DEAL_WON),
        (build_event("DEAL_STAGE_CHANGED", to=3, status="OPEN"), AlertKind.DEAL_ENTERED_STAGE),
        (build_event("DEAL_CREATED", to=3, status="OPEN"), AlertKind.DEAL_ENTERED_STAGE),
        (build_event("DEAL_CREATED", to=3, status="WON"), None),
        (build_event("DEAL_REOPENED"), None),
        (build_event("CALL_MADE", subject=("Call", 1)), None),
    ],
)
def test_alert_kinds_of_event_match_event_kind(event, kind):
    assert alert_kinds_of(event) == ([kind] if kind else [])


def test_event_raises_every_kind_whose_condition_holds(monkeypatch):
    kinds = [AlertKind.DEAL_LOST, AlertKind.DEAL_HAS_PROBLEMS]
    monkeypatch.setitem(rules._KINDS_BY_EVENT, "DEAL_LOST", kinds)

    assert alert_kinds_of(build_event("DEAL_LOST", problem="late")) == kinds
    assert alert_kinds_of(build_event("DEAL_LOST")) == [AlertKind.DEAL_LOST]


def test_only_kinds_for_which_the_event_is_recent_are_raised():
    assert alert_kinds_of(build_event("DEAL_WON"), AT + timedelta(days=1)) == [AlertKind.DEAL_WON]
    assert alert_kinds_of(build_event("DEAL_WON"), AT + timedelta(days=1, seconds=1)) == []
    assert alert_kinds_of(build_event("DEAL_LOST"), AT + timedelta(days=400)) == [AlertKind.DEAL_LOST]


@pytest.mark.parametrize(
    ("event", "subjects"),
    [
        (build_event("DEAL_STAGE_CHANGED"), {DEAL, ("Employee", 1)}),
        (build_event("DEAL_STAGE_CHANGED", actor=9), {DEAL, ("Employee", 1), ("Employee", 9)}),
        (build_event("CALL_MADE", subject=("Call", 1), deal=7), {DEAL, ("Employee", 1)}),
        (build_event("CALL_MADE", subject=("Call", 1)), {("Employee", 1)}),
        (build_event("TASK_CREATED", subject=TASK, actor=9, kind="ASSIGNMENT"), {("Employee", 9)}),
        (build_event("TASK_COMPLETED", subject=TASK, actor=1, kind="ASSIGNMENT"), {("Employee", 1)}),
        (build_event("TASK_OVERDUE", subject=TASK, kind="TASK", deal=7), set()),
        (build_event("GOAL_SET", subject=("Goal", 1), actor=9), {("Employee", 9)}),
        (build_event("GOAL_ACHIEVED", subject=("Goal", 1)), set()),
    ],
)
def test_subjects_of_event_are_deal_owner_and_actor(event, subjects):
    assert subjects_of(event) == subjects


def test_rule_matches_candidates_by_kind_scope_and_minimum_amount():
    kind = AlertKind.DEAL_LOST

    assert matches(Rule(1, kind), build_candidate())
    assert not matches(Rule(1, AlertKind.DEAL_STALLED), build_candidate())
    assert matches(Rule(1, kind, employee_id=1), build_candidate())
    assert not matches(Rule(1, kind, employee_id=2), build_candidate())
    assert matches(Rule(1, kind, team_ids=frozenset({2, 3})), build_candidate())
    assert not matches(Rule(1, kind, team_ids=frozenset({3})), build_candidate())
    assert matches(Rule(1, kind, min_amount=100), build_candidate(amount=100))
    assert not matches(Rule(1, kind, min_amount=100), build_candidate(amount=99))
    assert not matches(Rule(1, kind, min_amount=0), build_candidate(amount=None))


def test_active_alert_is_not_repeated_until_resolved():
    deduplicator, rule = AlertDeduplicator(), Rule(1, AlertKind.DEAL_LOST)

    assert deduplicator.register(rule, build_candidate()) is True
    assert deduplicator.register(rule, build_candidate(at=AT + timedelta(days=3))) is None
    deduplicator.resolve(DEAL)
    assert deduplicator.register(rule, build_candidate(at=AT + timedelta(days=3))) is True


def test_deduplication_is_separate_for_each_rule_and_subject():
    deduplicator, first, second = AlertDeduplicator(), Rule(1, AlertKind.DEAL_LOST), Rule(2, AlertKind.DEAL_LOST)

    assert [
        deduplicator.register(first, build_candidate()),
        deduplicator.register(second, build_candidate()),
        deduplicator.register(first, build_candidate(subject=TASK)),
    ] == [True] * 3


def test_candidate_within_cool_down_is_registered_without_notification():
    rule = Rule(1, AlertKind.DEAL_LOST, cool_down=timedelta(hours=24))
    deduplicator = AlertDeduplicator(last_notified={(1, DEAL): AT})

    notified = []
    for hours in (23, 24, 30):
        notified.append(deduplicator.register(rule, build_candidate(at=AT + timedelta(hours=hours))))
        deduplicator.resolve(DEAL)

    assert notified == [False, True, False]  # an alert without notification does not restart the cool-down


def test_candidate_registered_within_cool_down_stays_active():
    rule = Rule(1, AlertKind.DEAL_LOST, cool_down=timedelta(hours=24))
    deduplicator = AlertDeduplicator(last_notified={(1, DEAL): AT})

    assert deduplicator.register(rule, build_candidate(at=AT + timedelta(hours=1))) is False
    assert deduplicator.register(rule, build_candidate(at=AT + timedelta(hours=48))) is None


@pytest.mark.parametrize(
    ("recipients", "employee_id", "manager_ids", "expected"),
    [
        ([Recipient.MANAGER], 1, [5, 6], [5]),
        ([Recipient.MANAGER], 1, [], [8, 9]),
        ([Recipient.EMPLOYEE], 1, [5], [1]),
        ([Recipient.EMPLOYEE], None, [5], [5]),
        ([Recipient.DIRECTORS], 1, [5], [8, 9]),
        ([Recipient.DIRECTORS, Recipient.MANAGER], 1, [8], [8, 9]),
        ([Recipient.MANAGER, Recipient.EMPLOYEE], 1, [5], [5, 1]),
        ([Recipient.MANAGER, Recipient.ASSIGNER], 1, [5], [5, 4]),
    ],
)
def test_recipients_are_selected_once_each(recipients, employee_id, manager_ids, expected):
    assert select_recipients(recipients, employee_id, [manager_ids], [8, 9], assigner_id=4) == expected


def test_managers_of_all_teams_at_the_top_of_a_group_are_alerted():
    assert select_recipients([Recipient.MANAGER], None, [[5, 6], [], [7, 6], [5]], [8, 9]) == [5, 7]
    assert select_recipients([Recipient.MANAGER], None, [], [8, 9]) == [8, 9]


def test_rule_of_a_group_matches_goals_of_groups_within_it():
    rule = Rule(1, AlertKind.GOAL_ACHIEVED, team_ids=frozenset({2, 3, 4}))

    def is_matched(*team_ids):
        return matches(rule, AlertCandidate(rule.kind, ("Goal", 1), AT, None, frozenset(team_ids)))

    assert (is_matched(2, 3), is_matched(2, 5), is_matched()) == (True, False, False)


def test_manager_is_alerted_in_place_of_an_assigner_who_is_gone():
    assert select_recipients([Recipient.ASSIGNER], 1, [[5]], [8, 9]) == [5]


def test_occurrence_that_had_its_alert_is_not_registered_again():
    deduplicator, rule = AlertDeduplicator(), Rule(1, AlertKind.TASK_OVERDUE)
    candidates = [
        AlertCandidate(AlertKind.TASK_OVERDUE, TASK, AT, 1, frozenset({2}), occurrence=occurrence)
        for occurrence in ("Monday", "Tuesday", "Monday")
    ]

    registered = []
    for candidate in candidates:
        registered.append(deduplicator.register(rule, candidate))
        deduplicator.resolve(TASK)

    assert registered == [True, True, None]


def test_lead_inactivity_is_counted_in_working_hours():
    rule = Rule(1, AlertKind.LEAD_UNTOUCHED, hours=4)
    friday_evening = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)  # 16:00 in Berlin, two hours before the end

    assert inactivity_deadline(rule, friday_evening, BERLIN) == datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


def test_deal_inactivity_is_counted_in_days_of_24_hours():
    rule = Rule(1, AlertKind.DEAL_STALLED, days=14)
    before_clocks_change = datetime(2026, 10, 20, 8, tzinfo=UTC)

    assert inactivity_deadline(rule, before_clocks_change, BERLIN) == before_clocks_change + timedelta(days=14)


@pytest.mark.parametrize(
    ("since", "days", "deadline"),
    [
        (datetime(2026, 11, 18, 9, tzinfo=UTC), 2, datetime(2026, 11, 20, 9, tzinfo=UTC)),  # Wednesday to Friday
        (datetime(2026, 11, 20, 16, tzinfo=UTC), 1, datetime(2026, 11, 23, 16, tzinfo=UTC)),  # over a weekend
        (datetime(2026, 11, 21, 12, tzinfo=UTC), 1, datetime(2026, 11, 23, 23, tzinfo=UTC)),  # Saturday: all of Monday
        (datetime(2026, 12, 23, 9, tzinfo=UTC), 2, datetime(2026, 12, 28, 9, tzinfo=UTC)),  # Christmas is a holiday
        (datetime(2026, 10, 23, 9, tzinfo=UTC), 1, datetime(2026, 10, 26, 10, tzinfo=UTC)),  # clocks go back between
    ],
)
def test_employee_inactivity_is_counted_in_working_days(since, days, deadline):
    assert inactivity_deadline(Rule(1, AlertKind.NO_ACTIVITY, days=days), since, BERLIN) == deadline


NOVEMBER = Period(date(2026, 11, 2), date(2026, 11, 27), PeriodKind.CUSTOM)  # 20 working days


def november_progress(value, today):
    time = company_working_time(NOVEMBER, BERLIN.start_of(today), BERLIN)
    return calculate_progress(value, 100, NOVEMBER, time, today=today)


@pytest.mark.parametrize(
    ("value", "percent", "expected"),
    [(39, 10, True), (40, 10, False), (44, 5, True), (45, 5, False), (100, 5, False)],
)
def test_goal_is_behind_when_more_points_than_allowed_are_missing(value, percent, expected):
    halfway = november_progress(value, date(2026, 11, 16))

    assert is_behind(halfway, percent) is expected


def test_goal_of_ended_period_is_not_behind():
    assert not is_behind(november_progress(0, date(2026, 12, 1)), 10)
