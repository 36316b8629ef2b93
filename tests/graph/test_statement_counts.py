"""The hot queries take a fixed number of SQL statements, however many rows there are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from domain.ledger.record_facts import DealStatus
from domain.primitives.global_ids import encode_global_id
from domain.primitives.periods import PeriodKind
from resolvers.crm.deals import DealType
from resolvers.crm.inputs import DealInput
from resolvers.crm.record_type import upsert_records
from resolvers.goals import goals
from resolvers.goals.inputs import GoalInput, GoalUpdateInput
from resolvers.leaderboards.leaderboard_cache import LeaderboardCache
from resolvers.organization import people
from resolvers.organization.inputs import EmployeeInput
from resolvers.request.inputs import Money
from resolvers.request.periods import PeriodKey
from tests.statement_counter import count_statements
from tests.world import World, open_world

LEADERBOARD = (
    "{ leaderboard { total standings { rank previousRank employee { name avatarUrl online } value target } } }"
)
FORECASTS = """{ employees(first: 50) { edges { node { name forecast { expected low high target } } } } }"""
GOALS = """{ goals { name owner { name } metric { name } target allocated createdBy { name } period { label workdaysLeft }
  progress { value pace projected } changes { field by { name } } } }"""
MAX_STATEMENTS = {
    LEADERBOARD: 8,
    GOALS: 11,
    FORECASTS: 8,
}  # including the reference data, schedule and deals, which have changed and are read again


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with open_world(database_url) as world:
        await world.create_team("Sales")
        yield world


async def add_sellers(world: World, size: int) -> None:
    """Add `size` sellers, each with deals and updated goals, in one unit of work."""
    admin = await world.authenticated_context("admin")
    async with admin.unit_of_work():
        for number in range(size):
            employee_input = EmployeeInput(name=f"Seller {number} of {size}", team=world.global_ids["Sales"])
            owner = encode_global_id("Employee", (await people.create_employee(admin, employee_input)).id)
            for metric in ("deals_won_amount", "deals_won"):
                goal_input = GoalInput(
                    owner=owner, metric=metric, period=PeriodKey(PeriodKind.MONTH), target=Decimal(100)
                )
                goal = await goals.set_goal(admin, goal_input)
                goal_id = encode_global_id("Goal", goal.id)
                await goals.update_goal(admin, GoalUpdateInput(id=goal_id, target=Decimal(120), name="More"))
            deals = [
                DealInput(title="Chairs", owner=owner, status=status, amount=Money(Decimal(5 + number)))
                for status in (DealStatus.WON, DealStatus.OPEN)
            ]
            await upsert_records(admin, DealType(), deals, path=("inputs",))


async def statements_of(world: World, document: str) -> list[str]:
    world.services.state.leaderboard_cache = LeaderboardCache()  # a cached leaderboard takes fewer statements
    with count_statements() as statements:
        await world.query(document)
    return statements


@pytest.mark.timeout(600)  # it records thousands of rows, on a machine that may be busy
async def test_statement_count_does_not_depend_on_the_number_of_rows(world: World) -> None:
    await add_sellers(world, 10)
    statements_before = await statements_of_documents(world)
    await add_sellers(world, 290)
    statements_after = await statements_of_documents(world)

    for document, maximum in MAX_STATEMENTS.items():
        before, after = statements_before[document], statements_after[document]
        assert len(after) == len(before), "\n".join(sorted(after))
        assert len(after) <= maximum, document


async def statements_of_documents(world: World) -> dict[str, list[str]]:
    """Return the statements of each document when the data that are cached have changed before it."""
    statements = {}
    for document in MAX_STATEMENTS:
        await add_sellers(world, 1)
        statements[document] = await statements_of(world, document)
    return statements


async def test_statement_count_of_a_win_does_not_depend_on_the_number_of_sellers(
    world: World,
) -> None:
    await world.create_team("North", "Sales")
    await world.create_employee("Ann", "North")
    for owner in ("Ann", "North", "Sales", "company"):
        goal_input = {"owner": world.global_ids[owner], "metric": "deals_won_amount", "target": "1000000"}
        await world.mutate("setGoal", **goal_input, period={"kind": "MONTH"})
    statements_before = await statements_of_win(world)
    await add_sellers(world, 100)
    statements_after = await statements_of_win(world)

    assert len(statements_after) == len(statements_before) == 16, "\n".join(statements_after)


async def statements_of_win(world: World) -> list[str]:
    """Return the statements of a win of Ann, with the reference data already cached."""
    for _ in range(2):
        with count_statements() as statements:
            await world.mutate("recordDeal", "Ann", title="Chairs", status="WON", amount={"amount": "5"})
    return [statement for statement in statements if "pg_advisory_xact_lock" not in statement]
