"""How many SQL statements the hot queries take: a fixed number, however many rows there are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from decimal import Decimal

import pytest

from domain.ids import encoded
from domain.periods import PeriodKind
from domain.records import CallDirection, DealStatus
from domain.refusals import Conflict
from resolvers import goals, people
from resolvers.calls import Calls
from resolvers.clients import Clients, Contacts
from resolvers.deals import keeper as deals_keeper
from resolvers.keeping import Given, Keeper, record_many
from resolvers.leads import Leads
from resolvers.tasks import Tasks
from tests.counting import counted
from tests.world import World, opened

CARD = """query($id: ID!) {
  employee(id: $id) {
    name email online team { name } manager { name }
    standing { rank value gapToNext }
    goals { name metric { key } target period { label } progress { value attainmentPercent pace projected version } }
    activities(first: 20) { edges { node { kind at summary actor { name } subject { __typename ... on Deal { title } } } } }
    tasks(first: 20) { edges { node { title dueAt overdue deal { title } createdBy { name } } } }
    calls(first: 20) { edges { node { direction outcome startedAt client { name } } } }
    leads(first: 20) { edges { node { title status deal { title } } } }
    clients(first: 20) { edges { node { name wonAmount lastActivityAt contacts { name } } } }
    deals(first: 20) { totalCount edges { node { title status saleKind amount { amount } client { name } stage { name } } } }
  }
}"""
BOARD = "{ leaderboard { total standings { rank previousRank employee { name avatarUrl online } value target } } }"
GOALS = """{ goals { name owner { name } metric { name } target allocated createdBy { name } period { label workdaysLeft }
  progress { value pace projected } changes { field by { name } } } }"""


QUESTIONS = {"the card": (CARD, "Ann", 36), "the board": (BOARD, "Ann", 13), "the goals": (GOALS, "admin", 13)}


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with opened(database_url) as world:
        await world.team("Sales")
        await world.hire("Ann", "Sales")
        yield world


async def grown(world: World, size: int) -> None:
    """Add so many of everything to Ann, and so many colleagues with goals; through the resolvers, in one unit of work."""
    hers, everything = await world.admitted("Ann"), await world.admitted("admin")
    ann, numbers = world.ids["Ann"], range(size)

    async def recorded(keeper: Keeper, *givens: Given) -> list[str]:
        rows, _ = await record_many(hers, keeper, givens, path=("inputs",))
        return [encoded(keeper.kind, row.id) for row in rows]

    async with hers.unit():
        clients = await recorded(Clients(), *({"name": f"Client {n}"} for n in numbers))
        await recorded(Contacts(), *({"name": "Somebody", "client": client} for client in clients))
        won = {"title": "Chairs", "status": DealStatus.WON, "amount": {"amount": Decimal(5)}}
        deals = await recorded(await deals_keeper(), *({**won, "client": client} for client in clients))
        open_ = {"title": "Tables", "amount": {"amount": Decimal(7)}}
        await recorded(await deals_keeper(), *({**open_, "client": client} for client in clients))
        of_both = [{"client": client, "deal": deal} for client, deal in zip(clients, deals, strict=True)]
        await recorded(Calls(), *({"direction": CallDirection.OUTBOUND, **both} for both in of_both))
        await recorded(Leads(), *({"title": "A question", "client": client} for client in clients))
        await recorded(Tasks(), *({"title": "Call back", "assignee": ann, "deal": deal} for deal in deals))
    async with everything.unit():
        colleagues = [
            encoded(
                "Employee", (await people.create_employee(everything, {"name": f"Colleague {n}", "email": None})).id
            )
            for n in numbers
        ]
        month = {"kind": PeriodKind.MONTH}
        for owner in [ann, *colleagues]:
            for metric in ("deals_won_amount", "calls_made"):
                given = {"owner": owner, "metric": metric, "period": month, "target": Decimal(100)}
                with suppress(Conflict):  # Ann has hers from the first time
                    goal = await goals.set_goal(everything, given)
                    await goals.update_goal(
                        everything, {"id": encoded("Goal", goal.id), "target": Decimal(120), "name": "More"}
                    )


async def asked(world: World) -> dict[str, list[str]]:
    """Return the statements that each question takes."""
    found = {}
    for name, (document, who, _) in QUESTIONS.items():
        with counted() as found[name]:
            await world.ask(document, who, **({"id": world.ids["Ann"]} if "$id" in document else {}))
    return found


async def test_the_number_of_statements_does_not_depend_on_the_number_of_rows(world: World) -> None:
    await grown(world, 6)
    await grown(world, 4)
    few = await asked(world)
    await grown(world, 286)
    await grown(world, 4)  # the newest rows are as mixed as before
    many = await asked(world)

    for name, (_, _, most) in QUESTIONS.items():
        print(f"{name}: {len(many[name])} statements")
        assert len(many[name]) == len(few[name]), "\n".join(sorted(many[name]))
        assert len(many[name]) <= most
