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
from models.db.query_batch import CountQuery, fetch_all_batched
from models.goals.goals import Goal
from models.organization.company import Company, ExchangeRate
from models.organization.people import Employee, Team
from tests.resolvers.two_sellers import open_world_with_two_sellers, record_won_deal, set_goal
from tests.statement_counter import count_statements
from tests.world import World


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with open_world_with_two_sellers(database_url) as world:
        await world.mutate("setExchangeRate", currency="USD", rate="0.912345678901")
        client = (await world.mutate("recordClient", "Ann", name="«Ромашка» 100% \\ $1 ?"))["client"]["id"]
        expensive_deal_id = await record_won_deal(
            world, "Ann", "123456789.01", currency="USD", client=client, saleKind="REPEAT"
        )
        await world.mutate("flagDeal", "Ann", id=expensive_deal_id, problem="Two\nlines and a \"quote\" and a 'quote'")
        await world.mutate("recordDeal", "Bob", title="Tables", expectedCloseOn="2026-12-01")
        await world.mutate(
            "createTask", "admin", title="Ring", assignee=world.global_ids["Ann"], deal=expensive_deal_id
        )
        await world.mutate("createTask", "Bob", title="Write", dueAt="2026-11-20T10:00:00Z")
        await set_goal(world, "Ann", "deals_won")
        yield world


def typed_values(row: Any) -> dict[str, Any]:
    return {name: (getattr(row, name), type(getattr(row, name))) for name in row._meta.fields_db_projection}


async def test_batched_rows_equal_rows_fetched_alone(world: World) -> None:
    models: list[type[Model]] = [Company, Employee, Team, Client, Deal, Task, Goal, Activity, ExchangeRate]
    with count_statements() as statements:
        batches = await fetch_all_batched([model.all().order_by("-id") for model in models])

    assert len(statements) == 1
    for model, rows in zip(models, batches, strict=True):
        alone = await model.all().order_by("-id")
        assert [typed_values(row) for row in rows] == [typed_values(row) for row in alone], model
    assert batches[-1][0].rate == Decimal("0.912345678901")


async def test_batched_queries_keep_their_own_filters_orders_and_limits(world: World) -> None:
    tasks = Task.filter(assignee__team_id__in=[2, 3], title__contains="i").order_by("-title").limit(1)
    deals = Deal.filter(search_key__contains="100%", created_at__lte=datetime(2030, 1, 1, tzinfo=UTC))
    clients = Client.filter(name="«Ромашка» 100% \\ $1 ?")
    batches = await fetch_all_batched(
        [tasks, CountQuery(Deal.filter(title="Tables")), deals, clients, CountQuery(Task.all())]
    )

    assert [row.title for row in batches[0]] == ["Write"]
    assert batches[1] == 1
    assert [list(map(typed_values, rows)) for rows in batches[2:4]] == [
        list(map(typed_values, await query)) for query in (deals, clients)
    ]
    assert batches[4] == 2


async def test_batched_query_hydrates_joined_relations(world: World) -> None:
    query = Task.filter(assignee__active=True).order_by("id").select_related("deal", "assignee", "created_by", "client")
    [rows, _] = await fetch_all_batched([query, Team.all()])
    alone = await query

    for row, row_alone in zip(rows, alone, strict=True):
        assert typed_values(row) == typed_values(row_alone)
        assert typed_values(row.assignee) == typed_values(row_alone.assignee)
        assert (row.deal and typed_values(row.deal)) == (row_alone.deal and typed_values(row_alone.deal))
    assert [(row.title, row.deal and row.deal.title, row.created_by.name, row.client) for row in rows] == [
        ("Ring", "Chairs", "Ada Admin", None),
        ("Write", None, "Bob", None),
    ]


async def test_single_query_runs_alone_and_no_query_runs_nothing(world: World) -> None:
    [teams], [team_count] = await fetch_all_batched([Team.all()]), await fetch_all_batched([CountQuery(Team.all())])

    assert (len(teams), team_count) == (3, 3)
    assert await fetch_all_batched([]) == []


async def test_too_many_queries_are_split_into_several_statements(world: World) -> None:
    with count_statements() as statements:
        batches = await fetch_all_batched([Team.filter(id=number % 4) for number in range(250)])

    assert len(statements) == 3
    assert [bool(rows) for rows in batches] == [number % 4 > 0 for number in range(250)]
