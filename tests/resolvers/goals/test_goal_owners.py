"""Where the owners of goals stood within the goals' periods (rules 3 and 4): what is over stays as it was."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from domain.primitives.calendar import Calendar, Weekday
from domain.primitives.periods import PeriodKind
from models.goals.goals import Goal
from models.organization.memberships import Membership, MemberTeams
from models.organization.people import EarlierParent, Team, TeamTree
from models.organization.scopes import COMPANY, EmployeeScope, OwnerKind, ScopeKey, TeamScope
from resolvers.goals.goal_owners import GoalOwners, tree_at_end

SALES, NORTH, SOUTH = 1, 2, 3
ANN = 7
CALENDAR = Calendar("Europe/Berlin", Weekday.MONDAY, frozenset(Weekday), None)
NOW = datetime(2026, 11, 18, 9, tzinfo=UTC)
TODAY, YESTERDAY = date(2026, 11, 18), date(2026, 11, 17)
NOVEMBER, OCTOBER = (date(2026, 11, 1), date(2026, 11, 30)), (date(2026, 10, 1), date(2026, 10, 31))


def make_goal(kind: OwnerKind, owner_id: int, days: tuple[date, date]) -> Goal:
    first_day, last_day = days
    return Goal(owner_kind=kind, owner_id=owner_id, first_day=first_day, last_day=last_day, kind=PeriodKind.CUSTOM)


def make_membership(team_id: int, since: datetime, until: datetime | None = None) -> Membership:
    return Membership(employee_id=ANN, team_id=team_id, since=since, until=until)


@pytest.fixture
def tree() -> TeamTree:
    """North is below Sales; until the start of today it was below South."""
    teams = [Team(id=SALES, name="Sales"), Team(id=NORTH, name="North", parent_id=SALES), Team(id=SOUTH, name="South")]
    return TeamTree(teams, [EarlierParent(team_id=NORTH, parent_id=SOUTH, until=TODAY)])


def make_owners(tree: TeamTree, *memberships: Membership) -> GoalOwners:
    return GoalOwners(tree, MemberTeams(memberships), CALENDAR, NOW)


@pytest.mark.parametrize(
    ("last_day", "parent_id"),
    [
        pytest.param(YESTERDAY, SOUTH, id="over"),
        pytest.param(TODAY, SALES, id="last day runs"),
        pytest.param(date(2026, 12, 31), SALES, id="ends later"),
    ],
)
def test_team_stands_in_a_period_where_it_stood_at_its_end(tree: TeamTree, last_day: date, parent_id: int) -> None:
    owners, goal = make_owners(tree), make_goal(OwnerKind.TEAM, NORTH, (date(2026, 11, 1), last_day))

    assert owners.team_id(goal) == parent_id
    assert owners.tree_of(goal).parent_id(NORTH) == parent_id
    assert tree_at_end(tree, last_day, TODAY).parent_id(NORTH) == parent_id


def test_top_team_stands_below_the_company_and_the_company_below_nothing(tree: TeamTree) -> None:
    owners = make_owners(tree)

    assert owners.team_id(make_goal(OwnerKind.TEAM, SALES, NOVEMBER)) == 0
    assert owners.team_id(make_goal(OwnerKind.COMPANY, 0, NOVEMBER)) is None


MIDNIGHT_AFTER_OCTOBER = datetime(2026, 10, 31, 23, tzinfo=UTC)  # in Berlin, where it is winter


@pytest.mark.parametrize(
    ("moved_at", "team_id"),
    [
        pytest.param(MIDNIGHT_AFTER_OCTOBER - timedelta(microseconds=1), SOUTH, id="within its last day"),
        pytest.param(MIDNIGHT_AFTER_OCTOBER, NORTH, id="as it was over"),
    ],
)
def test_member_who_moves_stands_in_an_ended_period_where_they_were_at_its_end(
    tree: TeamTree, moved_at: datetime, team_id: int
) -> None:
    owners = make_owners(
        tree, make_membership(NORTH, datetime(2026, 9, 1, tzinfo=UTC), moved_at), make_membership(SOUTH, moved_at)
    )

    assert owners.team_id(make_goal(OwnerKind.EMPLOYEE, ANN, OCTOBER)) == team_id


def test_part_of_who_leaves_within_a_period_stays_in_their_team_and_in_later_ones_there_is_none(tree: TeamTree) -> None:
    left_at = datetime(2026, 11, 10, 12, tzinfo=UTC)
    owners = make_owners(tree, make_membership(NORTH, datetime(2026, 9, 1, tzinfo=UTC), left_at))
    rest_of_month = (date(2026, 11, 11), date(2026, 11, 30))

    assert owners.team_id(make_goal(OwnerKind.EMPLOYEE, ANN, NOVEMBER)) == NORTH
    assert owners.team_id(make_goal(OwnerKind.EMPLOYEE, ANN, rest_of_month)) is None


def test_present_team_counts_on_the_last_day_of_a_period(tree: TeamTree) -> None:
    moved_at = NOW - timedelta(hours=1)
    owners = make_owners(
        tree, make_membership(NORTH, datetime(2026, 9, 1, tzinfo=UTC), moved_at), make_membership(SOUTH, moved_at)
    )

    assert owners.team_id(make_goal(OwnerKind.EMPLOYEE, ANN, (TODAY, TODAY))) == SOUTH


def test_goal_of_a_period_ahead_stands_in_the_present_team(tree: TeamTree) -> None:
    left_at = NOW - timedelta(days=1)
    december = (date(2026, 12, 1), date(2026, 12, 31))
    member = make_owners(tree, make_membership(NORTH, datetime(2026, 9, 1, tzinfo=UTC)))
    leaver = make_owners(tree, make_membership(NORTH, datetime(2026, 9, 1, tzinfo=UTC), left_at))

    assert member.team_id(make_goal(OwnerKind.EMPLOYEE, ANN, december)) == NORTH
    assert leaver.team_id(make_goal(OwnerKind.EMPLOYEE, ANN, december)) is None


@pytest.mark.parametrize(
    ("scope", "kinds_within"),
    [
        (COMPANY, {OwnerKind.COMPANY, OwnerKind.TEAM, OwnerKind.EMPLOYEE}),
        (TeamScope(SALES), {OwnerKind.TEAM, OwnerKind.EMPLOYEE}),
        (TeamScope(NORTH), {OwnerKind.TEAM, OwnerKind.EMPLOYEE}),
        (TeamScope(SOUTH), set()),
        (EmployeeScope(ANN), {OwnerKind.EMPLOYEE}),
    ],
    ids=["company", "team", "team below", "team beside", "employee"],
)
def test_goal_is_within_the_scopes_above_its_owner(
    tree: TeamTree, scope: ScopeKey, kinds_within: set[OwnerKind]
) -> None:
    owners = make_owners(tree, make_membership(NORTH, datetime(2026, 9, 1, tzinfo=UTC)))
    goals = [
        make_goal(OwnerKind.COMPANY, 0, NOVEMBER),
        make_goal(OwnerKind.TEAM, NORTH, NOVEMBER),
        make_goal(OwnerKind.EMPLOYEE, ANN, NOVEMBER),
    ]

    assert {goal.owner_kind for goal in goals if owners.is_within(goal, scope)} == kinds_within
