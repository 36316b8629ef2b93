"""Queries of rows return the same as Tortoise's, by constant statements, and their conditions combine as in logic."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from tortoise.expressions import Q
from tortoise.models import Model

from models.alerts import alerts
from models.crm import tasks
from models.crm.activities import Activity
from models.crm.clients import Client
from models.crm.deals import Deal, DealStatus
from models.crm.tasks import Task
from models.db import connection, row_store
from models.db.conditions import EVERY_ROW, NO_ROW, Condition, contains, equals, is_between, is_one_of
from models.db.consistent_read import fetch_all_at_once
from models.db.keyset_pagination import PageArguments, PagedQuery
from models.db.row_query import CountQuery, RowQuery, fetch_all
from models.goals.goals import Goal
from models.organization.company import Company, ExchangeRate
from models.organization.employee_conditions import match_members, match_reports
from models.organization.people import Employee, Team
from tests.resolvers.two_sellers import open_world_with_two_sellers, record_won_deal, set_goal
from tests.statement_counter import count_statements
from tests.world import World, cache_company

MODELS: list[type[Model]] = [Company, Employee, Team, Client, Deal, Task, Goal, Activity, ExchangeRate]


@cache_company
async def open_company(url: str) -> AsyncIterator[World]:
    async with open_world_with_two_sellers(url) as world:
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


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with open_company(database_url) as world:
        yield world


def typed_values(row: Any) -> dict[str, Any]:
    return {name: (getattr(row, name), type(getattr(row, name))) for name in row._meta.fields_db_projection}


async def test_rows_equal_those_of_tortoise(world: World) -> None:
    batches = await fetch_all([RowQuery(model).order_by("-id") for model in MODELS])

    for model, rows in zip(MODELS, batches, strict=True):
        expected = await model.all().order_by("-id")
        assert rows, model
        assert [typed_values(row) for row in rows] == [typed_values(row) for row in expected], model
        assert [set(vars(row)) for row in rows] == [set(vars(row)) for row in expected], model
    assert batches[-1][0].rate == Decimal("0.912345678901")


async def test_rows_read_at_once_equal_those_of_tortoise(world: World) -> None:
    with count_statements() as statements:
        batches = await fetch_all_at_once(
            [
                *(RowQuery(model).order_by("-id") for model in MODELS),
                RowQuery(Team, equals("id", 2)),
                RowQuery(Team).none(),
            ]
        )

    assert len(statements) == 1
    for model, rows in zip(MODELS, batches[:-2], strict=True):
        expected = await model.all().order_by("-id")
        assert [typed_values(row) for row in rows] == [typed_values(row) for row in expected], model
    assert ([team.id for team in batches[-2]], batches[-1]) == ([2], [])


async def test_rows_of_plain_sql_and_by_ids_equal_those_of_tortoise(world: World) -> None:
    [expected] = await Deal.filter(title="Tables")

    [record] = await connection.fetch_rows("SELECT deal.*, 1 AS other FROM deal WHERE title = ?", ["Tables"])
    rows_by_id = await connection.fetch_by_ids(Deal, [expected.id, expected.id, 0])

    assert typed_values(row_store.from_columns(Deal, record)) == typed_values(expected)
    assert {row_id: typed_values(row) for row_id, row in rows_by_id.items()} == {expected.id: typed_values(expected)}


async def test_row_is_updated_when_saved(world: World) -> None:
    [deal] = await RowQuery(Deal, equals("title", "Tables")).fetch()

    deal.status, deal.lost_reason = DealStatus.LOST, "price"
    await row_store.save(deal)
    deal.set_title("Chairs and tables")
    await row_store.save(deal, "title", "search_key")

    stored = await row_store.get(Deal, deal.id)
    assert typed_values(stored) == typed_values(deal)
    assert (stored.status, stored.title) == (DealStatus.LOST, "Chairs and tables")
    assert await RowQuery(Deal, contains("needle", "and tables")).count() == 1


async def test_joined_relations_are_rows_of_their_own(world: World) -> None:
    names = ["deal", "assignee", "created_by", "client"]
    rows = await RowQuery(Task).order_by("-id").limit(5).with_relations(names).fetch()
    expected = await Task.all().order_by("-id").select_related(*names)

    for row, expected_row in zip(rows, expected, strict=True):
        assert typed_values(row) == typed_values(expected_row)
        for name in names:
            related, expected_related = getattr(row, name), getattr(expected_row, name)
            assert (related and typed_values(related)) == (expected_related and typed_values(expected_related))
    assert [(row.title, row.deal and row.deal.title, row.created_by.name, row.client) for row in rows] == [
        ("Write", None, "Bob", None),
        ("Ring", "Chairs", "Ada Admin", None),
    ]


CONDITIONS: list[tuple[Condition, Q]] = [
    (equals("expected_close_on", None), Q(expected_close_on=None)),
    (~equals("title", "Tables"), ~Q(title="Tables")),
    (is_one_of("title", ["Tables", "x"]) | equals("id", 1), Q(title__in=["Tables", "x"]) | Q(id=1)),
    (
        equals("title", "Tables") & (equals("id", 0) | equals("problem", None)),
        Q(title="Tables") & (Q(id=0) | Q(problem=None)),
    ),
    (
        ~(equals("id", 1) | equals("title", "Chairs")) & is_one_of("status", [DealStatus.OPEN]),
        ~(Q(id=1) | Q(title="Chairs")) & Q(status=DealStatus.OPEN),
    ),
    (is_one_of("id", set[int]()), Q(id=0)),
    (is_between("created_on", date(2026, 1, 1), date(2027, 1, 1)), Q(created_on__gte=date(2026, 1, 1))),
    (contains("needle", "b%e"), Q(search_key__contains="b%e")),
    (contains("needle", "ab_es"), Q(search_key__contains="ab_es")),
    (contains("needle", "able"), Q(search_key__contains="able")),
]


EMPLOYEE_CONDITIONS = [
    (match_members("owner", [1, 2, 3]), Q(owner__team_id__in=[1, 2, 3])),
    (match_reports("owner", 1), Q(owner__manager_id=1)),
    (match_reports("owner", None), Q(owner__manager_id=None)),
]


async def test_conditions_select_the_rows_of_the_same_filters(world: World) -> None:
    negated_conditions = [(~condition, ~filter_) for condition, filter_ in CONDITIONS]
    for selected, expected in [*CONDITIONS, *negated_conditions, *EMPLOYEE_CONDITIONS]:
        ids = [row_id for (row_id,) in await RowQuery(Deal, selected).order_by("id").fetch_values("id")]

        assert ids == [row.id for row in await Deal.filter(expected).order_by("id")], selected
        assert await RowQuery(Deal, selected).count() == len(ids)


async def test_special_characters_of_a_search_stand_for_themselves(world: World) -> None:
    for text in ("100%", "\\", "$1 ?", "«ромашка"):
        assert await RowQuery(Client, contains("needle", text)).count() == 1, text
        assert await RowQuery(Client, contains("needle", f"{text}_")).count() == 0, text


def test_conditions_that_hold_for_every_row_or_none_are_left_out() -> None:
    condition = equals("id", 1)

    assert condition & EVERY_ROW == EVERY_ROW & condition == condition | NO_ROW == NO_ROW | condition == condition
    assert condition & NO_ROW == NO_ROW & condition == NO_ROW
    assert condition | EVERY_ROW == EVERY_ROW | condition == EVERY_ROW


async def test_statements_of_the_same_shape_have_the_same_text(world: World) -> None:
    def page(size: int, *ids: int) -> RowQuery[Task]:
        query = tasks.narrow(tasks.select_existing(), is_overdue=True, now=world.now)
        query = query.where(is_one_of("assignee_id", ids)).with_relations(["deal"])
        return PagedQuery(query, ("place", "id"), PageArguments(first=size)).build_query()

    assert page(10, 1).statement()[0] == page(10, 1, 2, 3).statement()[0] == page(10).statement()[0]
    assert page(10, 1).statement()[0] != page(11, 1).statement()[0]


@pytest.mark.parametrize(
    "order",
    [("created_at", "id"), ("-created_at", "-id"), ("search_key", "-id"), ("-search_key", "id")],
    ids=lambda order: ",".join(order),
)
@pytest.mark.parametrize("is_backward", [False, True])
async def test_pages_are_the_parts_of_the_whole_list(world: World, order: tuple[str, ...], is_backward: bool) -> None:
    for number in range(7):
        await world.mutate("recordDeal", "Bob", title=f"Lamp {number % 3}")
    expected = [row.id for row in await Deal.all().order_by(*order)]
    ids, cursor = list[int](), None
    while True:
        arguments = PageArguments(last=2, before=cursor) if is_backward else PageArguments(first=2, after=cursor)
        paged = PagedQuery(RowQuery(Deal), order, arguments)
        page = paged.build_page(await paged.build_query().fetch())
        page_ids = [row.id for row in page.rows]
        ids = [*page_ids, *ids] if is_backward else [*ids, *page_ids]
        if not (page.has_previous if is_backward else page.has_next):
            break
        cursor = paged.encode_cursor(page.rows[0 if is_backward else -1])

    assert ids == expected
    assert len(ids) == 9


async def test_batch_of_queries_is_run_on_one_connection(world: World) -> None:
    queries = [RowQuery(Team).order_by("id").limit(2), CountQuery(RowQuery(Team)), RowQuery(Team).none()]

    with count_statements() as statements:
        teams, team_count, no_teams = await fetch_all(queries)

    assert ([row.id for row in teams], team_count, no_teams) == ([1, 2], 3, [])
    assert len(statements) == 3
    assert await fetch_all([]) == []


async def test_query_within_a_transaction_sees_its_changes(world: World) -> None:
    async with connection.transaction():
        await connection.execute("UPDATE team SET name = ? WHERE id = ?", ["Renamed", 1])
        [team] = await RowQuery(Team, equals("id", 1)).fetch()

    assert team.name == "Renamed"


@pytest.mark.parametrize(
    ("count_rows", "most_rows"),
    [(lambda: alerts.select_inbox(None).count(), 0), (lambda: RowQuery(Team).count(), 3)],
    ids=["inbox of a device", "teams"],
)
async def test_count_is_a_number(world: World, count_rows: Callable[[], Any], most_rows: int) -> None:
    assert await count_rows() == most_rows
