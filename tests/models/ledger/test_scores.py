"""Goal values of teams and the company equal the ledger after any postings and team moves."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import pytest

from domain.ledger.metrics import Score
from domain.primitives.global_ids import encode_global_id
from domain.primitives.periods import PeriodKind
from models.goals.goals import Goal
from models.ledger import posting, reconciliation, scores
from models.ledger.posting import Posting
from models.ledger.scores import ScoreEntry
from models.organization import people
from models.organization.people import Employee, Team
from models.organization.scopes import COMPANY, TeamScope
from resolvers.organization.inputs import TeamInput
from resolvers.organization.teams import update_team
from tests.seeds import each_seed
from tests.world import START, World, open_world

NOW = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)
FIRST, LAST = date(2026, 11, 1), date(2026, 11, 30)
DEMOS, TRIALS = "demos_held", "trials"


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with open_world(database_url) as world:
        yield world


async def create_goals(team_ids: list[int]) -> list[Goal]:
    """Create a goal of November for the company and each team, for both metrics."""
    owners = [COMPANY, *(TeamScope(team_id) for team_id in team_ids)]
    return [
        await Goal.create(
            name="Plan", owner_kind=owner.kind, owner_id=owner.id, metric=metric, target=1, kind=PeriodKind.MONTH,
            first_day=FIRST, last_day=LAST, created_at=NOW,
        )
        for metric in (DEMOS, TRIALS)
        for owner in owners
    ]  # fmt: skip


async def sum_entries_one_by_one(goal: Goal) -> int:
    """Add up the postings of a goal one by one."""
    tree = await people.load_team_tree()
    team_ids = tree.subtree_ids(goal.owner_id) if goal.owner_kind == "TEAM" else None
    return sum(
        entry.amount
        for entry in await ScoreEntry.filter(metric=goal.metric)
        if FIRST <= entry.effective_on <= LAST and (team_ids is None or entry.team_id in team_ids)
    )


@each_seed(1, 3)
async def test_goal_values_equal_ledger_sums_after_postings_and_team_moves(world: World, seed: int) -> None:
    dice = random.Random(seed)
    for number in range(6):
        await world.create_team(f"Team {number}")
    team_ids = [team.id for team in await Team.all().order_by("id")]
    goals = await create_goals(team_ids)
    [seller_id] = await Employee.all().values_list("id", flat=True)

    def random_posting() -> Posting:
        day = FIRST + timedelta(days=dice.randint(-5, 35))
        amount = dice.choice((-7, -1, 1, 7, 10**12))
        score = Score(dice.choice((DEMOS, TRIALS)), seller_id, dice.choice((0, *team_ids)), day, amount, START)
        return Posting(score, dice.random() < 0.2, "Result", dice.randint(1, 9))

    async def move_random_team() -> None:
        """Move a random team below another one, or to the top."""
        team_id = dice.choice(team_ids)
        below = (await people.load_team_tree()).subtree_ids(team_id)
        parent_id = dice.choice([None, *(other for other in team_ids if other not in below)])
        parent = None if parent_id is None else encode_global_id("Team", parent_id)
        await update_team(admin, TeamInput(id=encode_global_id("Team", team_id), parent=parent))

    admin = await world.authenticated_context("admin")
    for _ in range(10):
        async with admin.unit_of_work():
            for step in dice.choices("pm", k=dice.randint(1, 4)):
                if step == "p":
                    await posting.post([random_posting() for _ in range(dice.randint(1, 20))], NOW)
                else:
                    await move_random_team()

        expected = [await sum_entries_one_by_one(goal) for goal in goals]
        assert await scores.goal_values(goals) == expected
        values_by_id = await scores.goals_with_values([goal.id for goal in goals])
        assert [values_by_id[goal.id][1] for goal in goals] == expected
        assert [await reconciliation.mismatched_team_totals(metric) for metric in (DEMOS, TRIALS)] == [[], []]
