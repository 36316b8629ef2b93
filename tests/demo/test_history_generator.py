"""The generated history of the demo company is deterministic and plausible."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from demo import company_data
from demo.goals import aims
from demo.history_generator import CALENDAR, Story, season
from domain.ledger.metrics import METRICS
from domain.ledger.record_facts import DealStatus
from domain.permissions import Role
from domain.primitives.periods import PeriodKind

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def story() -> Story:
    return Story(7, NOW)


def test_a_story_is_the_same_for_the_same_seed_and_moment(story: Story) -> None:
    assert Story(7, NOW).events == story.events
    assert aims(Story(7, NOW)) == aims(story)


def test_a_story_differs_for_another_seed(story: Story) -> None:
    assert Story(8, NOW).events != story.events


def test_nothing_happens_before_the_year_or_after_now(story: Story) -> None:
    assert story.start <= story.events[0].at <= story.events[-1].at <= NOW
    assert story.events[0].at < NOW - timedelta(days=360)


def test_every_record_refers_only_to_what_is_there_already(story: Story) -> None:
    known = {f"ext:{person.key}" for person in story.people}
    for event in story.events:
        given = event.given
        meant = {given[name] for name in ("owner", "employee", "assignee", "client") if name in given}
        assert meant <= known, event
        if "externalId" in given:
            known.add(f"ext:{given['externalId']}")


def test_days_off_are_quiet(story: Story) -> None:
    days = [story.today - timedelta(days=number) for number in range(1, 365)]
    calls = Counter(CALENDAR.day_of(event.at) for event in story.events if event.kind == "call")
    working = [calls[day] for day in days if CALENDAR.is_working(day)]
    off = [calls[day] for day in days if not CALENDAR.is_working(day)]
    assert sum(off) / len(off) < sum(working) / len(working) / 10


def test_a_public_holiday_is_as_quiet_as_a_weekend() -> None:
    holiday, sunday = datetime(2026, 11, 18).date(), datetime(2026, 11, 22).date()
    assert season(holiday) == season(sunday)


def test_august_and_early_january_are_weak_and_december_is_strong() -> None:
    august, january, ordinary, december = (
        season(datetime(2026, month, day).date()) for month, day in ((8, 12), (1, 7), (5, 20), (12, 16))
    )
    assert max(august, january) < ordinary < december


def test_teams_stand_on_three_levels_below_the_company(story: Story) -> None:
    parents = {team.key: team.parent for team in company_data.TEAMS}

    def level(team: str | None) -> int:
        return 0 if team is None else 1 + level(parents[team])

    assert Counter(level(team) for team in parents) == {1: 1, 2: 3, 3: 8}


def test_about_forty_people_with_names_in_two_scripts_work_there(story: Story) -> None:
    assert Counter(person.role for person in story.people) == {
        Role.ADMIN: 1,
        Role.DIRECTOR: 2,
        Role.MANAGER: 11,
        Role.EMPLOYEE: 26,
    }
    assert Counter(person.name.isascii() for person in story.people) == {True: 20, False: 20}
    assert len({person.name for person in story.people}) == len({person.email for person in story.people}) == 40


def test_every_team_that_sells_has_people(story: Story) -> None:
    assert {person.team for person in story.people if person.role is Role.EMPLOYEE} == set(company_data.SELLING)


def test_deals_are_won_lost_and_open_in_several_currencies(story: Story) -> None:
    deals = [event.given for event in story.events if event.kind == "deal"]
    ends = Counter(given["status"] for given in deals if "status" in given)
    begun = [given for given in deals if "title" in given]
    assert min(ends[DealStatus.WON], ends[DealStatus.LOST], len(begun) - ends.total()) > 50
    assert {given["amount"]["currency"] for given in begun} == {"EUR", "USD", "RUB"}


def test_every_lost_deal_has_a_reason(story: Story) -> None:
    lost = [event.given for event in story.events if event.given.get("status") is DealStatus.LOST]
    assert {given["lostReason"] for given in lost} == set(company_data.LOST)


def test_there_are_goals_for_every_metric_that_is_counted_and_every_kind_of_owner(story: Story) -> None:
    found = aims(story)
    assert {aim.metric for aim in found} >= set(METRICS) - {"hours_worked", "first_deals_won_amount"} - {
        "repeat_deals_won_amount"
    }
    assert {aim.kind for aim in found} == set(PeriodKind) - {PeriodKind.DAY}
    owners = {aim.owner for aim in found}
    assert {"company", *(team.key for team in company_data.TEAMS), *(person.key for person in story.sellers)} == owners


def test_no_two_goals_are_for_the_same_metric_owner_and_period(story: Story) -> None:
    found = aims(story)
    assert len({(aim.owner, aim.metric, aim.period) for aim in found}) == len(found)
