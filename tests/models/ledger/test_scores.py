"""Goal values of teams and the company equal the ledger after any postings and team moves."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import pytest

from domain.ledger.metrics import Score
from domain.primitives.global_ids import encoded
from domain.primitives.periods import PeriodKind
from models.goals.goals import Goal, OwnerKind
from models.ledger import reconciliation, scores
from models.ledger.scores import ScoreEntry
from models.organization import people
from models.organization.people import Employee, Team
from resolvers.organization.people import update_team
from tests.world import World, opened

NOW = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)
FIRST, LAST = date(2026, 11, 1), date(2026, 11, 30)
DEMOS, TRIALS = "demos_held", "trials"


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with opened(database_url) as world:
        yield world


async def goals_of(teams: list[int]) -> list[Goal]:
    """Create a goal of November for the company and each team, for both metrics."""
    owners = [(OwnerKind.COMPANY, 0), *((OwnerKind.TEAM, team) for team in teams)]
    return [
        await Goal.create(
            name="Plan", owner_kind=kind, owner_id=owner, metric=metric, target=1, kind=PeriodKind.MONTH,
            first_day=FIRST, last_day=LAST, created_at=NOW,
        )
        for metric in (DEMOS, TRIALS)
        for kind, owner in owners
    ]  # fmt: skip


async def slow(goal: Goal) -> int:
    """Add up the postings of a goal one by one."""
    tree = await people.tree()
    teams = tree.below(goal.owner_id) if goal.owner_kind is OwnerKind.TEAM else None
    return sum(
        entry.amount
        for entry in await ScoreEntry.filter(metric=goal.metric)
        if FIRST <= entry.effective_on <= LAST and (teams is None or entry.team_id in teams)
    )


@pytest.mark.parametrize("seed", range(3))
async def test_goals_of_teams_and_the_company_are_the_sums_of_the_ledger(world: World, seed: int) -> None:
    dice = random.Random(seed)
    for number in range(6):
        await world.team(f"Team {number}")
    teams = [team.id for team in await Team.all().order_by("id")]
    goals = await goals_of(teams)
    [seller] = await Employee.all().values_list("id", flat=True)

    def posting() -> tuple[Score, bool, str, int]:
        day = FIRST + timedelta(days=dice.randint(-5, 35))
        amount = dice.choice((-7, -1, 1, 7, 10**12))
        score = Score(dice.choice((DEMOS, TRIALS)), seller, dice.choice((0, *teams)), day, amount)
        return score, dice.random() < 0.2, "Result", dice.randint(1, 9)

    async def move() -> None:
        """Move a random team below another one, or to the top."""
        team = dice.choice(teams)
        below = (await people.tree()).below(team)
        place = dice.choice([None, *(other for other in teams if other not in below)])
        await update_team(admin, {"id": encoded("Team", team), "parent": place and encoded("Team", place)})

    admin = await world.admitted("admin")
    for _ in range(10):
        async with admin.unit():
            for what in dice.choices("pm", k=dice.randint(1, 4)):
                if what == "p":
                    await scores.post([posting() for _ in range(dice.randint(1, 20))], NOW)
                else:
                    await move()

        due = [await slow(goal) for goal in goals]
        assert await scores.goal_values(goals) == due
        found = await scores.goals_with_values([goal.id for goal in goals])
        assert [found[goal.id][1] for goal in goals] == due
        assert [await reconciliation.wrong_team_totals(metric) for metric in (DEMOS, TRIALS)] == [[], []]
