"""Batched queries return the same as each query alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from tortoise.models import Model

from models.crm.activities import Activity
from models.crm.clients import Client
from models.crm.deals import Deal
from models.crm.tasks import Task
from models.db.query_batch import Count, together
from models.goals.goals import Goal
from models.organization.company import Company, ExchangeRate
from models.organization.people import Employee, Team
from tests.resolvers.two_sellers import goal, two_sellers, won
from tests.statement_counter import counted
from tests.world import World


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with two_sellers(database_url) as world:
        await world.act("setExchangeRate", currency="USD", rate="0.912345678901")
        client = (await world.act("recordClient", "Ann", name="«Ромашка» 100% \\ $1 ?"))["client"]["id"]
        dear = await won(world, "Ann", "123456789.01", currency="USD", client=client, saleKind="REPEAT")
        await world.act("flagDeal", "Ann", id=dear, problem="Two\nlines and a \"quote\" and a 'quote'")
        await world.act("recordDeal", "Bob", title="Tables", expectedCloseOn="2026-12-01")
        await world.act("createTask", "admin", title="Ring", assignee=world.ids["Ann"], deal=dear)
        await world.act("createTask", "Bob", title="Write", dueAt="2026-11-20T10:00:00Z")
        await goal(world, "Ann", "deals_won")
        yield world


def told(row: Any) -> dict[str, Any]:
    return {name: (getattr(row, name), type(getattr(row, name))) for name in row._meta.fields_db_projection}


async def test_rows_of_all_tables_are_what_they_are_by_themselves(world: World) -> None:
    models: list[type[Model]] = [Company, Employee, Team, Client, Deal, Task, Goal, Activity, ExchangeRate]
    with counted() as statements:
        found = await together([model.all().order_by("-id") for model in models])

    assert len(statements) == 1
    for model, rows in zip(models, found, strict=True):
        alone = await model.all().order_by("-id")
        assert [told(row) for row in rows] == [told(row) for row in alone], model
    assert found[-1][0].rate == Decimal("0.912345678901")


async def test_conditions_orders_and_limits_are_each_questions_own(world: World) -> None:
    tasks = Task.filter(assignee__team_id__in=[2, 3], title__contains="i").order_by("-title").limit(1)
    deals = Deal.filter(needle__contains="100%", created_at__lte=datetime(2030, 1, 1, tzinfo=UTC))
    clients = Client.filter(name="«Ромашка» 100% \\ $1 ?")
    found = await together([tasks, Count(Deal.filter(title="Tables")), deals, clients, Count(Task.all())])

    assert [row.title for row in found[0]] == ["Write"]
    assert found[1] == 1
    assert [list(map(told, rows)) for rows in found[2:4]] == [list(map(told, await each)) for each in (deals, clients)]
    assert found[4] == 2


async def test_what_a_question_joins_comes_with_its_rows(world: World) -> None:
    asked = Task.filter(assignee__active=True).order_by("id").select_related("deal", "assignee", "created_by", "client")
    [rows, _] = await together([asked, Team.all()])
    alone = await asked

    for row, other in zip(rows, alone, strict=True):
        assert told(row) == told(other)
        assert told(row.assignee) == told(other.assignee)
        assert (row.deal and told(row.deal)) == (other.deal and told(other.deal))
    assert [(row.title, row.deal and row.deal.title, row.created_by.name, row.client) for row in rows] == [
        ("Ring", "Chairs", "Ada Admin", None),
        ("Write", None, "Bob", None),
    ]


async def test_one_question_is_asked_by_itself_and_none_needs_no_statement(world: World) -> None:
    [teams], [number] = await together([Team.all()]), await together([Count(Team.all())])

    assert (len(teams), number) == (3, 3)
    assert await together([]) == []


async def test_more_questions_than_one_statement_takes_are_several(world: World) -> None:
    with counted() as statements:
        found = await together([Team.filter(id=number % 4) for number in range(250)])

    assert len(statements) == 3
    assert [bool(rows) for rows in found] == [number % 4 > 0 for number in range(250)]
