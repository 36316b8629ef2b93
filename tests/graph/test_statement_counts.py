"""The hot queries take a fixed number of SQL statements, however many rows there are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from domain.ledger.record_facts import DealStatus
from domain.primitives.global_ids import encoded
from domain.primitives.periods import PeriodKind
from resolvers.crm.deals import Deals
from resolvers.crm.record_type import record_many
from resolvers.goals import goals
from resolvers.organization import people
from tests.statement_counter import counted
from tests.world import World, opened

BOARD = "{ leaderboard { total standings { rank previousRank employee { name avatarUrl online } value target } } }"
FORECASTS = """{ employees(first: 50) { edges { node { name forecast { expected low high target } } } } }"""
GOALS = """{ goals { name owner { name } metric { name } target allocated createdBy { name } period { label workdaysLeft }
  progress { value pace projected } changes { field by { name } } } }"""
MOST = {
    BOARD: 8,
    GOALS: 10,
    FORECASTS: 8,
}  # including the reference data and deals, which have changed and are read again


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with opened(database_url) as world:
        await world.team("Sales")
        yield world


async def grown(world: World, size: int) -> None:
    """Add `size` sellers, each with deals and updated goals, in one unit of work."""
    admin = await world.admitted("admin")
    async with admin.unit():
        for number in range(size):
            given = {"name": f"Seller {number} of {size}", "email": None, "team": world.ids["Sales"]}
            owner = encoded("Employee", (await people.create_employee(admin, given)).id)
            for metric in ("deals_won_amount", "deals_won"):
                aim = {"owner": owner, "metric": metric, "period": {"kind": PeriodKind.MONTH}, "target": Decimal(100)}
                goal = await goals.set_goal(admin, aim)
                await goals.update_goal(admin, {"id": encoded("Goal", goal.id), "target": Decimal(120), "name": "More"})
            deals = [
                {"title": "Chairs", "owner": owner, "status": status, "amount": {"amount": Decimal(5 + number)}}
                for status in (DealStatus.WON, DealStatus.OPEN)
            ]
            await record_many(admin, Deals(), deals, path=("inputs",))


async def asked(world: World, document: str) -> list[str]:
    world.services.boards = None  # a cached leaderboard takes fewer statements
    with counted() as statements:
        await world.ask(document)
    return statements


@pytest.mark.parametrize("document", MOST, ids=["board", "goals", "forecasts"])
async def test_the_number_of_statements_does_not_depend_on_the_number_of_rows(world: World, document: str) -> None:
    await grown(world, 10)
    few = await asked(world, document)
    await grown(world, 290)
    many = await asked(world, document)

    print(f"{len(many)} statements")
    assert len(many) == len(few), "\n".join(sorted(many))
    assert len(many) <= MOST[document]


async def test_a_win_that_moves_goals_of_a_team_and_the_company_takes_as_many_statements_however_many_sell(
    world: World,
) -> None:
    await world.team("North", "Sales")
    await world.hire("Ann", "North")
    for owner in ("Ann", "North", "Sales", "company"):
        aim = {"owner": world.ids[owner], "metric": "deals_won_amount", "target": "1000000"}
        await world.act("setGoal", **aim, period={"kind": "MONTH"})
    few = await won(world)
    await grown(world, 100)
    many = await won(world)

    assert len(many) == len(few) == 15, "\n".join(many)


async def won(world: World) -> list[str]:
    """Return the statements of a win of Ann, with the reference data already cached."""
    for _ in range(2):
        with counted() as statements:
            await world.act("recordDeal", "Ann", title="Chairs", status="WON", amount={"amount": "5"})
    return [each for each in statements if "pg_advisory_xact_lock" not in each]
