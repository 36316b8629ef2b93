"""The employee card: everything about one seller in one request, with a fixed number of SQL statements."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.ledger.record_facts import CallDirection, DealStatus, LeadStatus
from resolvers.crm import calls, clients, deals, leads, stage_history, tasks
from tests.resolvers.two_sellers import goal
from tests.statement_counter import counted
from tests.world import START, World, opened

MOST = 20  # statements
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


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with opened(database_url) as world:
        await world.team("Sales")
        await world.team("North", "Sales")
        await world.hire("Meg", "Sales", role="MANAGER")
        await world.act("updateTeam", id=world.ids["Sales"], manager=world.ids["Meg"])
        await world.hire("Ann", "North")
        await world.hire("Bob", "North")
        pipeline = (await world.ask("{ pipelines { stages { id } } }"))["pipelines"][0]
        world.stages = [stage["id"] for stage in pipeline["stages"]]
        await goal(world, "Ann", "deals_won_amount", "120")
        await goal(world, "Ann", "calls_made", "10")
        yield world


async def year(world: World, size: int, start: int = 0) -> None:
    """Record `size` clients, deals, calls, leads and tasks of Ann, spread over a year; one in six deals is Bob's."""
    context = await world.admitted("admin")
    ann, bob = world.ids["Ann"], world.ids["Bob"]

    def at(n: int) -> Any:
        return START - timedelta(days=n * 17 % 360, hours=n % 9)

    numbers = range(start, start + size)
    async with context.unit():
        await clients.record(
            context, [{"name": f"Client {n}", "owner": ann, "externalId": f"c{n}", "createdAt": at(n)} for n in numbers]
        )
        people = [{"name": f"Vera {n}", "owner": ann, "client": f"ext:c{n}"} for n in numbers]
        await clients.record_contacts(context, people)
        recorded = [
            {
                "title": f"Chairs {n}", "externalId": f"d{n}", "owner": bob if n % 6 == 0 else ann, "client": f"ext:c{n // 2 * 2}",
                "createdAt": at(n) - timedelta(days=n % 40 + 1), "stage": world.stages[n % 5], "amount": {"amount": Decimal(n + 1)},
                "entered": None, "status": (DealStatus.WON, DealStatus.OPEN, DealStatus.LOST)[n % 3],
                **({"closedAt": at(n)} if n % 3 != 1 else {}),
            }
            for n in numbers
        ]  # fmt: skip
        made, _ = await deals.record(context, recorded)
        moves = [
            stage_history.Visit(f"ext:d{n}", stage, deal.created_at + timedelta(days=2 * step))
            for n, deal in zip(numbers, made, strict=True)
            for step, stage in enumerate(range(deal.stage_id - n % 5, deal.stage_id + 1))
            if deal.created_at + timedelta(days=2 * step) <= START
        ]
        await stage_history.bring_in(context, moves)
        spoken = [
            {"employee": ann, "direction": CallDirection.OUTBOUND, "startedAt": at(n), "durationSeconds": n, "client": f"ext:c{n}",
             "deal": f"ext:d{n}"}
            for n in numbers
        ]  # fmt: skip
        await calls.record(context, spoken)
        asked = [{"title": f"Asks {n}", "owner": ann, "createdAt": at(n), "status": LeadStatus.NEW} for n in numbers]
        await leads.record(context, asked)
        given = [
            {"title": f"Ring {n}", "assignee": ann, "dueAt": START + timedelta(days=n % 7 - 3), "deal": f"ext:d{n if n % 6 else n + 1}",
             **({"completedAt": START} if n % 3 == 0 else {})}
            for n in numbers
        ]  # fmt: skip
        await tasks.record(context, given)
    world.later(minutes=1)
    await world.ask("mutation { heartbeat { online } }", "Ann")


async def card(world: World, who: str) -> tuple[dict[str, Any], int]:
    world.services.forecaster = None  # as in a new process: the forecast of goals then reads all deals
    with counted() as statements:
        found = await world.ask(CARD, who, id=world.ids["Ann"], year=YEAR)
    assert len(statements) <= MOST, f"{who}: {len(statements)}\n" + "\n".join(statements)
    return found["employee"], len(statements)


async def test_two_thousand_records_take_as_many_statements_as_sixty(world: World) -> None:
    counts: dict[str, list[int]] = {who: [] for who in ("Ann", "Meg", "Bob", "admin")}
    for start, size in ((0, 10), (10, 330)):
        await year(world, size, start)
        for who, found in counts.items():
            found.append((await card(world, who))[1])
    shown, _ = await card(world, "Meg")

    assert {who: many <= few <= 20 for who, (few, many) in counts.items()} == dict.fromkeys(counts, True), counts
    assert shown["tasks"]["totalCount"] == shown["calls"]["totalCount"] == shown["leads"]["totalCount"] == 340
    assert sum(shown[name]["totalCount"] for name in ("tasks", "calls", "leads", "clients", "deals")) > 1600


async def test_the_employee_and_who_stands_above_see_the_same_card(world: World) -> None:
    await year(world, 12)
    own, above, director = [(await card(world, who))[0] for who in ("Ann", "Meg", "admin")]

    assert own == above == director
    assert own["manager"] == {"name": "Meg"}
    assert len(own["activities"]["edges"]) == 20
    assert own["standing"]["target"] == "120.00"
    assert {goal["metric"]["key"] for goal in own["goals"]} == {"deals_won_amount", "calls_made"}
    assert own["clients"]["edges"][0]["node"]["contacts"] != []


async def test_a_colleague_sees_what_colleagues_see_and_no_error(world: World) -> None:
    await year(world, 12)
    seen, _ = await card(world, "Bob")
    empty = ("goals", "activities", "tasks", "calls", "leads", "clients", "deals")

    assert (seen["name"], seen["role"], seen["team"]["name"], seen["active"], seen["online"]) == (
        "Ann", "EMPLOYEE", "North", True, True,
    )  # fmt: skip
    assert seen["standing"]["rank"] == 2
    assert [seen[name] for name in ("externalId", "email", "manager", "statistics", "funnel", "workTime")] == [None] * 6
    assert {name: seen[name] if name == "goals" else seen[name]["edges"] for name in empty} == {
        name: [] for name in empty
    }
    assert {seen[name]["totalCount"] for name in ("tasks", "calls", "leads", "clients", "deals")} == {0}


async def test_open_tasks_come_first_the_soonest_due_first_and_what_is_overdue_is_marked(world: World) -> None:
    for title, due, done in (
        ("late", "2026-11-17T10:00:00Z", False),
        ("done", "2026-11-10T10:00:00Z", True),
        ("no day", None, False),
        ("soon", "2026-11-19T10:00:00Z", False),
        ("now", "2026-11-18T09:00:00Z", False),
    ):
        task = await world.act("createTask", "Ann", title=title, dueAt=due)
        if done:
            await world.ask(
                "mutation($id: ID!) { completeTask(id: $id) { userErrors { code } } }", "Ann", id=task["task"]["id"]
            )
    found = (await card(world, "Meg"))[0]["tasks"]["edges"]

    assert [(edge["node"]["title"], edge["node"]["overdue"]) for edge in found] == [
        ("late", True), ("now", True), ("soon", False), ("no day", False), ("done", False)
    ]  # fmt: skip


async def test_a_deleted_deal_or_client_is_not_brought_along(world: World) -> None:
    client = (await world.act("recordClient", "Ann", name="Romashka"))["client"]["id"]
    deal = (await world.act("recordDeal", "Ann", title="Chairs", client=client))["deal"]["id"]
    await world.act("createTask", "Ann", title="Ring", deal=deal, client=client)
    await world.act("recordCall", "Ann", direction="OUTBOUND", client=client)
    delete = "mutation($id: ID!) { %s(id: $id) { userErrors { code } } }"
    await world.ask(delete % "deleteDeal", id=deal)
    await world.ask(delete % "deleteRecord", id=client)
    shown, _ = await card(world, "Ann")

    [task] = [edge["node"] for edge in shown["tasks"]["edges"]]
    assert (task["deal"], task["client"], shown["calls"]["edges"][0]["node"]["client"]) == (None, None, None)
    assert (shown["deals"]["edges"], shown["clients"]["edges"]) == ([], [])
    assert {edge["node"]["subject"] and edge["node"]["subject"]["__typename"] for edge in shown["activities"]["edges"]} == {
        None, "Task", "Call", "Goal"
    }  # fmt: skip


async def test_pages_of_all_lists_go_on_where_they_ended(world: World) -> None:
    await year(world, 30)
    document = """query($id: ID!, $after: String) { employee(id: $id) {
      calls(first: 20, after: $after) { edges { cursor node { id } } pageInfo { hasNextPage } }
      deals(first: 7) { edges { node { id title } } pageInfo { hasNextPage } } } }"""
    first = (await world.ask(document, "Ann", id=world.ids["Ann"]))["employee"]
    cursor = first["calls"]["edges"][-1]["cursor"]
    second = (await world.ask(document, "Ann", id=world.ids["Ann"], after=cursor))["employee"]

    ids = [edge["node"]["id"] for page in (first, second) for edge in page["calls"]["edges"]]
    assert len(set(ids)) == len(ids) == 30
    assert [page["calls"]["pageInfo"]["hasNextPage"] for page in (first, second)] == [True, False]
    wrong = await world.execute(document, "Ann", id=world.ids["Ann"], after="nonsense")
    assert [error.original_error.code for error in wrong.errors] == ["BAD_USER_INPUT"]
    assert wrong.data["employee"] is None or len(wrong.data["employee"]["deals"]["edges"]) == 7
