"""The generated history of the demo company is deterministic and plausible."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from demo import company_data
from demo.goals import plan_goals
from demo.history_generator import CALENDAR, CompanyHistory, activity_level
from domain.ledger.metrics import METRICS
from domain.ledger.record_facts import DealStatus
from domain.permissions import Role
from domain.primitives.periods import PeriodKind
from resolvers.crm.inputs import CallInput, DealInput

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def history() -> CompanyHistory:
    return CompanyHistory(7, NOW)


def test_history_is_equal_for_same_seed_and_time(history: CompanyHistory) -> None:
    assert CompanyHistory(7, NOW).events == history.events
    assert plan_goals(CompanyHistory(7, NOW)) == plan_goals(history)


def test_history_differs_for_another_seed(history: CompanyHistory) -> None:
    assert CompanyHistory(8, NOW).events != history.events


def test_history_events_lie_between_start_and_now(history: CompanyHistory) -> None:
    assert history.start <= history.events[0].at <= history.events[-1].at <= NOW
    assert history.events[0].at < NOW - timedelta(days=360)


def test_history_events_refer_only_to_earlier_records(history: CompanyHistory) -> None:
    existing_references = {f"ext:{person.key}" for person in history.people}
    for event in history.events:
        input = event.input
        references = {id for kind, id in input.references().items() if id and kind in ("Employee", "Client")}
        assert references <= existing_references, event
        if input.external_id:
            existing_references.add(f"ext:{input.external_id}")


def test_days_off_have_few_calls(history: CompanyHistory) -> None:
    days = [history.today - timedelta(days=number) for number in range(1, 365)]
    calls = Counter(CALENDAR.day_of(event.at) for event in history.events if isinstance(event.input, CallInput))
    working = [calls[day] for day in days if CALENDAR.is_workday(day)]
    off = [calls[day] for day in days if not CALENDAR.is_workday(day)]
    assert sum(off) / len(off) < sum(working) / len(working) / 10


def test_activity_level_of_public_holiday_equals_weekend() -> None:
    holiday, sunday = datetime(2026, 11, 18).date(), datetime(2026, 11, 22).date()
    assert activity_level(holiday) == activity_level(sunday)


def test_activity_level_is_low_in_august_and_early_january_and_high_in_december() -> None:
    august, january, ordinary, december = (
        activity_level(datetime(2026, month, day).date()) for month, day in ((8, 12), (1, 7), (5, 20), (12, 16))
    )
    assert max(august, january) < ordinary < december


def test_teams_form_three_levels_below_the_company(history: CompanyHistory) -> None:
    parents = {team.key: team.parent for team in company_data.TEAMS}

    def level_of(team: str | None) -> int:
        return 0 if team is None else 1 + level_of(parents[team])

    assert Counter(level_of(team) for team in parents) == {1: 1, 2: 3, 3: 8}


def test_demo_company_has_forty_people_with_names_in_two_scripts(history: CompanyHistory) -> None:
    assert Counter(person.role for person in history.people) == {
        Role.ADMIN: 1,
        Role.DIRECTOR: 2,
        Role.MANAGER: 11,
        Role.EMPLOYEE: 26,
    }
    assert Counter(person.name.isascii() for person in history.people) == {True: 20, False: 20}
    assert len({person.name for person in history.people}) == len({person.email for person in history.people}) == 40


def test_every_selling_team_has_employees(history: CompanyHistory) -> None:
    assert {person.team for person in history.people if person.role is Role.EMPLOYEE} == set(company_data.SELLING_TEAMS)


def test_history_has_won_lost_and_open_deals_in_several_currencies(history: CompanyHistory) -> None:
    deals = [event.input for event in history.events if isinstance(event.input, DealInput)]
    closed_counts = Counter(input.status for input in deals if input.status)
    created = [input for input in deals if input.title]
    assert min(closed_counts[DealStatus.WON], closed_counts[DealStatus.LOST], len(created) - closed_counts.total()) > 50
    assert {input.amount.currency for input in created} == {"EUR", "USD", "RUB"}


def test_lost_deals_have_reasons(history: CompanyHistory) -> None:
    deals = [event.input for event in history.events if isinstance(event.input, DealInput)]

    reasons = {input.lost_reason for input in deals if input.status is DealStatus.LOST}

    assert reasons == set(company_data.LOST_REASONS)


def test_planned_goals_cover_counted_metrics_period_kinds_and_owners(history: CompanyHistory) -> None:
    goals = plan_goals(history)
    assert {aim.metric for aim in goals} >= set(METRICS) - {"hours_worked", "first_deals_won_amount"} - {
        "repeat_deals_won_amount"
    }
    assert {aim.kind for aim in goals} == set(PeriodKind) - {PeriodKind.DAY}
    owners = {aim.owner for aim in goals}
    assert {
        "company",
        *(team.key for team in company_data.TEAMS),
        *(person.key for person in history.sellers),
    } == owners


def test_planned_goals_are_unique_by_owner_metric_and_period(history: CompanyHistory) -> None:
    goals = plan_goals(history)
    assert len({(aim.owner, aim.metric, aim.period) for aim in goals}) == len(goals)
