"""A company with records of every type, and helpers that compare its ledger with the records."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from models.db import connection
from resolvers.ledger.reconciliation import DifferenceLocation, Findings, reconcile
from tests.world import World, cache_company, open_world

DAY = "2026-11-18"


@cache_company
async def open_recorded_company(database_url: str) -> AsyncIterator[World]:
    """Yield a company in which records of every type were created, changed, reassigned and deleted."""
    async with open_world(database_url) as world:
        await record_history(world)
        yield world


async def record_history(world: World) -> None:
    await world.mutate("setExchangeRate", currency="USD", rate="0.9", **{"from": "2026-09-01"})
    await world.mutate("createMetric", key="demos_held", name="Demos held")
    await world.create_team("North")
    await world.create_team("South")
    await world.create_employee("Ann", "North")
    await world.create_employee("Bob", "South")
    client = (await world.mutate("recordClient", "Ann", name="Romashka"))["client"]["id"]
    await world.mutate("recordContact", "Ann", name="Vera", client=client)
    for seller, amount, closed in (("Ann", "100", "2026-11-17"), ("Ann", "30.05", "2026-11-12"), ("Bob", "7", DAY)):
        await record_win(world, seller, amount, client=client, closedAt=f"{closed}T08:00:00Z")
    dollar_deal = await record_win(world, "Bob", "19.99", "USD", cost={"amount": "3.33", "currency": "USD"})
    await world.mutate("updateDeal", id=dollar_deal, amount={"amount": "21.01", "currency": "USD"})
    reassigned_deal = await record_win(world, "Ann", "11")
    await world.mutate("updateDeal", id=reassigned_deal, owner=world.global_ids["Bob"], moveCredit=True)
    await world.mutate("reopenDeal", id=await record_win(world, "Bob", "500"))
    deleted_deal = await record_win(world, "Ann", "13")
    await world.query("mutation($id: ID!) { deleteDeal(id: $id) { userErrors { code } } }", id=deleted_deal)
    await world.mutate("updateEmployee", id=world.global_ids["Ann"], team=world.global_ids["South"])
    await record_win(world, "Ann", "17")
    call: dict[str, Any] = {"direction": "OUTBOUND", "durationSeconds": 61, "externalId": "call-1"}
    await world.mutate("recordCall", "Ann", **call)
    await world.mutate("recordCall", "Ann", **(call | {"durationSeconds": 90}))
    await world.mutate("recordResult", "Bob", metric="demos_held", value="3")
    lead = (await world.mutate("recordLead", "Bob", title="Asks for chairs"))["lead"]["id"]
    await world.mutate("convertLead", "Bob", id=lead, deal={"title": "Chairs"})
    task = (await world.mutate("createTask", "Ann", title="Ring back"))["task"]["id"]
    for step in ("completeTask", "reopenTask", "completeTask"):
        await world.query(f"mutation($id: ID!) {{ {step}(id: $id) {{ userErrors {{ code }} }} }}", "Ann", id=task)


async def record_win(world: World, seller: str, amount: str, currency: str = "EUR", **input: Any) -> str:
    money = {"amount": amount, "currency": currency}
    owner = world.global_ids[seller]
    payload = await world.mutate("recordDeal", title="Chairs", status="WON", owner=owner, amount=money, **input)
    return payload["deal"]["id"]


def messages(findings: Findings) -> list[str]:
    return [str(difference) for difference in findings.differences]


def messages_beyond_totals(findings: Findings) -> list[str]:
    return [
        str(difference)
        for difference in findings.differences
        if difference.location not in (DifferenceLocation.TOTAL, DifferenceLocation.TEAM)
    ]


async def repair(world: World) -> Findings:
    return await reconcile(repair_clock=lambda: world.now)


async def fetch_number(sql: str, *values: Any) -> int:
    [row] = await connection.fetch_rows(sql, values)
    return int(next(iter(row.values())))
