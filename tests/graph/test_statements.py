"""How many SQL statements the hot queries take: a fixed number, however many rows there are."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.counting import counted
from tests.world import World, opened

BOARD = "{ leaderboard { total standings { rank previousRank employee { name avatarUrl online } value target } } }"
FORECAST = """{ employees(first: 50) { edges { node { name forecast { expected low high target } } } } }"""
GOALS = """{ goals { name owner { name } metric { name } target allocated createdBy { name } period { label workdaysLeft }
  progress { value pace projected } changes { field by { name } } } }"""


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with opened(database_url) as world:
        await world.team("Sales")
        await world.hire("Ann", "Sales")
        await with_goal(world, world.ids["Ann"])
        yield world


async def grown(world: World, size: int) -> None:
    """Add so many of everything to Ann, and so many colleagues with goals."""
    for number in range(size):
        client = await world.act("recordClient", "Ann", name=f"Client {number}")
        client_id = client["client"]["id"]
        await world.act("recordContact", "Ann", name="Somebody", client=client_id)
        deal = await world.act(
            "recordDeal", "Ann", title="Chairs", status="WON", amount={"amount": "5"}, client=client_id
        )
        await world.act("recordDeal", "Ann", title="Tables", amount={"amount": "7"}, client=client_id)
        await world.act("recordCall", "Ann", direction="OUTBOUND", client=client_id, deal=deal["deal"]["id"])
        await world.act("recordLead", "Ann", title="A question")
        await world.act("createTask", "admin", title="Call back", assignee=world.ids["Ann"], deal=deal["deal"]["id"])
        name = f"Colleague {number} of {size}"
        colleague = await world.act("createEmployee", name=name, email=f"{number}.{size}@example.com")
        await with_goal(world, colleague["employee"]["id"])


async def with_goal(world: World, owner: str) -> None:
    goal = await world.act("setGoal", owner=owner, metric="deals_won_amount", target="100", period={"kind": "MONTH"})
    await world.act("updateGoal", id=goal["goal"]["id"], target="120")


@pytest.mark.parametrize(
    ("document", "who", "most"),
    [(BOARD, "Ann", 8), (GOALS, "admin", 12)],
    ids=["board", "goals"],
)
async def test_the_number_of_statements_does_not_depend_on_the_number_of_rows(
    world: World, document: str, who: str, most: int
) -> None:
    variables = {"id": world.ids["Ann"]} if "$id" in document else {}
    await grown(world, 4)
    await world.ask(
        document, who, **variables
    )  # the first after a change has the forecast read the deals, for everybody
    with counted() as few:
        await world.ask(document, who, **variables)
    await grown(world, 12)
    await world.ask(document, who, **variables)
    with counted() as many:
        await world.ask(document, who, **variables)

    assert len(many) == len(few), "\n".join(sorted(many))
    assert len(many) <= most


async def test_the_forecasts_of_all_are_one_question(world: World) -> None:
    await world.ask(FORECAST)  # what is learnt once a day is learnt
    await grown(world, 4)
    with counted() as few:
        await world.ask(FORECAST)
    await grown(world, 12)
    with counted() as many:
        await world.ask(FORECAST)

    assert len(many) == len(few), "\n".join(sorted(many))
    assert len(many) <= 16
