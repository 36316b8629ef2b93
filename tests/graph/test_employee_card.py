"""The employee card: everything about one seller in one request, with a fixed number of SQL statements."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.ledger.record_facts import CallDirection, DealStatus, LeadStatus
from domain.primitives.unset import UNSET
from resolvers.crm import calls, clients, deals, leads, stage_history, tasks
from resolvers.crm.inputs import CallInput, ClientInput, ContactInput, DealInput, LeadInput, TaskInput
from resolvers.forecasting.forecast_engine import ForecastEngine
from resolvers.request.inputs import Money
from tests.databases import on_both_databases
from tests.resolvers.two_sellers import set_goal
from tests.statement_counter import count_statements
from tests.world import START, World, cache_company, open_world

MAX_STATEMENTS = 33  # a statement for each list and each number of rows, all of constant text
CARD = """query($id: ID!, $year: PeriodInput) {
  employee(id: $id) {
    id externalId name email role avatarUrl active online team { name parent { name } } manager { name }
    standing { rank previousRank value target attainmentPercent gapToNext }
    goals { name target metric { key name } period { label workdaysLeft } progress { value attainmentPercent pace projected version } }
    activities(first: 20) { edges { node { kind at summary actor { name } subject { __typename
      ... on Deal { title } ... on Call { direction } ... on Task { title } ... on Client { name } } } } }
    tasks(first: 20) { totalCount edges { node { title kind dueAt completedAt overdue deal { title } client { name } createdBy { name } } } }
    calls(first: 20) { totalCount edges { node { direction outcome startedAt durationSeconds client { name } } } }
    leads(first: 20) { totalCount edges { node { title status source client { name } deal { title } } } }
    clients(first: 20) { totalCount edges { node { name wonAmount lastActivityAt contacts { name } } } }
    deals(first: 20) { totalCount edges { node {
      title status saleKind hasProblems amount { amount currency } client { name } stage { name } owner { name } } } }
    statistics(period: $year, interval: MONTH) { period { label } winRatePercent averageDealAmount medianSalesCycleDays
      series { metric { key name } total previousTotal points { start value } } }
    funnel(period: $year) { scope { name } weakest { stage { name } } stages { stage { name position } openDeals openAmount clients
      entered advanced lost conversionPercent benchmarkPercent medianDaysInStage weak slow } }
    workTime { totalHours days { date hours firstSeenAt lastSeenAt } }
  }
}"""
YEAR = {"kind": "CUSTOM", "start": "2025-11-19", "end": "2026-11-18"}


@cache_company
async def open_company(url: str) -> AsyncIterator[World]:
    async with open_world(url) as world:
        await world.create_team("Sales")
        await world.create_team("North", "Sales")
        await world.create_employee("Meg", "Sales", role="MANAGER")
        await world.mutate("updateTeam", id=world.global_ids["Sales"], manager=world.global_ids["Meg"])
        await world.create_employee("Ann", "North")
        await world.create_employee("Bob", "North")
        pipeline = (await world.query("{ pipelines { stages { id } } }"))["pipelines"][0]
        world.stage_ids = [stage["id"] for stage in pipeline["stages"]]
        await set_goal(world, "Ann", "deals_won_amount", "120")
        await set_goal(world, "Ann", "calls_made", "10")
        yield world


@pytest.fixture
async def world(usual_database_url: str) -> AsyncIterator[World]:
    async with open_company(usual_database_url) as world:
        yield world


async def record_year(world: World, size: int, start: int = 0) -> None:
    """Record `size` clients, deals, calls, leads and tasks of Ann, spread over a year; one in six deals is Bob's."""
    context = await world.authenticated_context("admin")
    ann, bob = world.global_ids["Ann"], world.global_ids["Bob"]

    def days_before_start(n: int) -> Any:
        return START - timedelta(days=n * 17 % 360, hours=n % 9)

    numbers = range(start, start + size)
    async with context.unit_of_work():
        await clients.upsert_clients(
            context,
            [
                ClientInput(name=f"Client {n}", owner=ann, external_id=f"c{n}", created_at=days_before_start(n))
                for n in numbers
            ],
        )
        contacts = [ContactInput(name=f"Vera {n}", owner=ann, client=f"ext:c{n}") for n in numbers]
        await clients.upsert_contacts(context, contacts)
        deal_inputs = [
            DealInput(
                title=f"Chairs {n}", external_id=f"d{n}", owner=bob if n % 6 == 0 else ann, client=f"ext:c{n // 2 * 2}",
                created_at=days_before_start(n) - timedelta(days=n % 40 + 1), stage=world.stage_ids[n % 5], amount=Money(Decimal(n + 1)),
                stage_entered_at=None, status=(DealStatus.WON, DealStatus.OPEN, DealStatus.LOST)[n % 3],
                closed_at=days_before_start(n) if n % 3 != 1 else None,
            )
            for n in numbers
        ]  # fmt: skip
        recorded_deals, _ = await deals.upsert_deals(context, deal_inputs)
        stage_visits = [
            stage_history.ImportedStageEntry(f"ext:d{n}", stage, deal.created_at + timedelta(days=2 * step))
            for n, deal in zip(numbers, recorded_deals, strict=True)
            for step, stage in enumerate(range(deal.stage_id - n % 5, deal.stage_id + 1))
            if deal.created_at + timedelta(days=2 * step) <= START
        ]
        await stage_history.import_stage_entries(context, stage_visits)
        call_inputs = [
            CallInput(employee=ann, direction=CallDirection.OUTBOUND, started_at=days_before_start(n), duration_seconds=n, client=f"ext:c{n}",
                      deal=f"ext:d{n}")
            for n in numbers
        ]  # fmt: skip
        await calls.upsert_calls(context, call_inputs)
        lead_inputs = [
            LeadInput(title=f"Asks {n}", owner=ann, created_at=days_before_start(n), status=LeadStatus.NEW)
            for n in numbers
        ]
        await leads.upsert_leads(context, lead_inputs)
        task_inputs = [
            TaskInput(title=f"Ring {n}", assignee=ann, due_at=START + timedelta(days=n % 7 - 3), deal=f"ext:d{n if n % 6 else n + 1}",
                      completed_at=START if n % 3 == 0 else UNSET)
            for n in numbers
        ]  # fmt: skip
        await tasks.upsert_tasks(context, task_inputs)
    world.advance(minutes=1)
    await world.query("mutation { heartbeat { online } }", "Ann")


async def query_card(world: World, viewer: str) -> tuple[dict[str, Any], int]:
    world.services.state.forecast_engine = (
        ForecastEngine()
    )  # as in a new process: the forecast of goals then reads all deals
    with count_statements() as statements:
        data = await world.query(CARD, viewer, id=world.global_ids["Ann"], year=YEAR)
    assert len(statements) <= MAX_STATEMENTS, f"{viewer}: {len(statements)}\n" + "\n".join(statements)
    return data["employee"], len(statements)


@on_both_databases
async def test_card_takes_no_more_statements_for_hundreds_of_records(world: World) -> None:
    counts: dict[str, list[int]] = {name: [] for name in ("Ann", "Meg", "Bob", "admin")}
    for start, size in ((0, 10), (10, 90)):
        await record_year(world, size, start)
        for viewer, viewer_counts in counts.items():
            viewer_counts.append((await query_card(world, viewer))[1])
    employee, _ = await query_card(world, "Meg")

    # reads that begin together share a statement: how many do depends on when PostgreSQL answers
    assert {name: many <= few + 2 for name, (few, many) in counts.items()} == dict.fromkeys(counts, True), counts
    assert employee["tasks"]["totalCount"] == employee["calls"]["totalCount"] == employee["leads"]["totalCount"] == 100
    assert sum(employee[name]["totalCount"] for name in ("tasks", "calls", "leads", "clients", "deals")) > 450


async def test_employee_manager_and_admin_see_the_same_card(world: World) -> None:
    await record_year(world, 12)
    employee_view, manager_view, admin_view = [
        (await query_card(world, viewer))[0] for viewer in ("Ann", "Meg", "admin")
    ]

    assert manager_view == admin_view
    assert without_colleagues(employee_view) == without_colleagues(manager_view)
    assert employee_view["manager"] == {"name": "Meg"}
    assert len(employee_view["activities"]["edges"]) == 20
    assert employee_view["standing"]["target"] == "120.00"
    assert {goal["metric"]["key"] for goal in employee_view["goals"]} == {"deals_won_amount", "calls_made"}
    assert employee_view["clients"]["edges"][0]["node"]["contacts"] != []


def without_colleagues(card: dict[str, Any]) -> dict[str, Any]:
    """Return a card without the figures that include records of other sellers, as far as the viewer may see these."""
    stage_names = ("benchmarkPercent", "weak", "slow")
    stages = [
        {name: value for name, value in stage.items() if name not in stage_names} for stage in card["funnel"]["stages"]
    ]
    clients = [
        {name: value for name, value in edge["node"].items() if name not in ("wonAmount", "lastActivityAt")}
        for edge in card["clients"]["edges"]
    ]
    return card | {"funnel": stages, "clients": clients}


async def test_colleague_sees_only_public_fields_without_an_error(world: World) -> None:
    await record_year(world, 12)
    employee, _ = await query_card(world, "Bob")
    empty_fields = ("goals", "activities", "tasks", "calls", "leads", "clients", "deals")

    assert (employee["name"], employee["role"], employee["team"]["name"], employee["active"], employee["online"]) == (
        "Ann", "EMPLOYEE", "North", True, True,
    )  # fmt: skip
    assert employee["standing"]["rank"] == 2
    assert [employee[name] for name in ("externalId", "email", "manager", "statistics", "funnel", "workTime")] == [
        None
    ] * 6
    assert {name: employee[name] if name == "goals" else employee[name]["edges"] for name in empty_fields} == {
        name: [] for name in empty_fields
    }
    assert {employee[name]["totalCount"] for name in ("tasks", "calls", "leads", "clients", "deals")} == {0}


async def test_tasks_list_open_by_due_date_then_completed_and_mark_overdue(world: World) -> None:
    for title, due, is_completed in (
        ("late", "2026-11-17T10:00:00Z", False),
        ("done", "2026-11-10T10:00:00Z", True),
        ("no day", None, False),
        ("soon", "2026-11-19T10:00:00Z", False),
        ("now", "2026-11-18T09:00:00Z", False),
    ):
        task = await world.mutate("createTask", "Ann", title=title, dueAt=due)
        if is_completed:
            await world.query(
                "mutation($id: ID!) { completeTask(id: $id) { userErrors { code } } }", "Ann", id=task["task"]["id"]
            )
    task_edges = (await query_card(world, "Meg"))[0]["tasks"]["edges"]

    assert [(edge["node"]["title"], edge["node"]["overdue"]) for edge in task_edges] == [
        ("late", True), ("now", True), ("soon", False), ("no day", False), ("done", False)
    ]  # fmt: skip


async def test_deleted_deal_and_client_read_as_null(world: World) -> None:
    client = (await world.mutate("recordClient", "Ann", name="Romashka"))["client"]["id"]
    deal = (await world.mutate("recordDeal", "Ann", title="Chairs", client=client))["deal"]["id"]
    task = (await world.mutate("createTask", "Ann", title="Ring", deal=deal, client=client))["task"]["id"]
    await world.mutate("recordCall", "Ann", direction="OUTBOUND", client=client)
    call = "mutation($id: ID!) { %s(id: $id) { userErrors { code } } }"
    changes = {"completeTask": task, "deleteDeal": deal, "deleteRecord": client}
    for mutation, record in changes.items():  # a client with open tasks is not deleted
        assert (await world.query(call % mutation, id=record))[mutation] == {"userErrors": []}
    employee, _ = await query_card(world, "Ann")

    [shown_task] = [edge["node"] for edge in employee["tasks"]["edges"]]
    assert (shown_task["deal"], shown_task["client"], employee["calls"]["edges"][0]["node"]["client"]) == (
        None,
        None,
        None,
    )
    assert (employee["deals"]["edges"], employee["clients"]["edges"]) == ([], [])
    assert {edge["node"]["subject"] and edge["node"]["subject"]["__typename"] for edge in employee["activities"]["edges"]} == {
        None, "Task", "Call", "Goal"
    }  # fmt: skip


@on_both_databases
async def test_nested_list_continues_after_its_cursor(world: World) -> None:
    await record_year(world, 30)
    document = """query($id: ID!, $after: String) { employee(id: $id) {
      calls(first: 20, after: $after) { edges { cursor node { id } } pageInfo { hasNextPage } }
      deals(first: 7) { edges { node { id title } } pageInfo { hasNextPage } } } }"""
    first = (await world.query(document, "Ann", id=world.global_ids["Ann"]))["employee"]
    cursor = first["calls"]["edges"][-1]["cursor"]
    second = (await world.query(document, "Ann", id=world.global_ids["Ann"], after=cursor))["employee"]

    ids = [edge["node"]["id"] for page in (first, second) for edge in page["calls"]["edges"]]
    assert len(set(ids)) == len(ids) == 30
    assert [page["calls"]["pageInfo"]["hasNextPage"] for page in (first, second)] == [True, False]
    wrong = await world.execute(document, "Ann", id=world.global_ids["Ann"], after="nonsense")
    assert [error.original_error.code for error in wrong.errors] == ["BAD_USER_INPUT"]
    assert wrong.data["employee"] is None or len(wrong.data["employee"]["deals"]["edges"]) == 7
