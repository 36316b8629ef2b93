"""Helpers for tests of alerts: a company with two teams, inboxes, a single rule, dry runs and lost deals."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from tests.world import World, cache_company, open_world

EMPLOYEE_NAMES = ("Ann", "Bob", "Mia", "Max", "Dora", "admin")
INBOX_QUERY = """query($unread: Boolean!) { alerts(first: 100, unreadOnly: $unread) {
  edges { node { id kind message readAt resolvedAt raisedAt employee { name }
                 subject { __typename ... on Deal { title } ... on Task { title } ... on Goal { name } } } } } }"""


@cache_company
async def open_company(url: str = "sqlite://:memory:") -> AsyncIterator[World]:
    """Open a company: Ann sells in North under Mia, Bob in South under Max; Dora is director, Ada administrator."""
    async with open_world(url) as world:
        await world.create_team("Sales")
        for team, manager, seller in (("North", "Mia", "Ann"), ("South", "Max", "Bob")):
            await world.create_team(team, "Sales")
            await world.create_employee(manager, team, role="MANAGER")
            await world.mutate("updateTeam", id=world.global_ids[team], manager=world.global_ids[manager])
            await world.create_employee(seller, team)
        await world.create_employee("Dora", role="DIRECTOR")
        yield world


async def fetch_inbox(world: World, employee: str, *, unread: bool = False) -> list[dict[str, Any]]:
    """Return the alerts of an employee, the oldest first."""
    data = await world.query(INBOX_QUERY, employee, unread=unread)
    return [edge["node"] for edge in data["alerts"]["edges"]][::-1]


async def fetch_alert_kinds(world: World) -> dict[str, list[str]]:
    """Return the kinds of alerts in each inbox, by employee; empty inboxes are left out."""
    kinds_by_employee = {
        employee: [alert["kind"] for alert in await fetch_inbox(world, employee)] for employee in EMPLOYEE_NAMES
    }
    return {employee: kinds for employee, kinds in kinds_by_employee.items() if kinds}


async def set_only_rule(world: World, kind: str, **fields: Any) -> str:
    """Replace all rules by one of this kind, and return its id."""
    for rule in (await world.query("{ alertRules { id } }"))["alertRules"]:
        await world.query("mutation($id: ID!) { deleteAlertRule(id: $id) { userErrors { code } } }", id=rule["id"])
    payload = await world.mutate("createAlertRule", kind=kind, **({"recipients": ["MANAGER"]} | fields))
    return payload["rule"]["id"]


async def count_dry_run_alerts(world: World, kind: str, /, past_days: int = 365, **fields: Any) -> int:
    """Return how many alerts a rule would have raised over the past days."""
    document = "query($input: AlertRuleInput!, $days: Int!) { testAlertRule(input: $input, days: $days) { alerts } }"
    input = {"kind": kind, "recipients": ["MANAGER"], **fields}
    return (await world.query(document, input=input, days=past_days))["testAlertRule"]["alerts"]


async def lose_deal(
    world: World, employee: str = "Ann", amount: str = "100", title: str = "Chairs", **fields: Any
) -> str:
    deal = await world.mutate("recordDeal", employee, title=title, amount={"amount": amount})
    await world.mutate("loseDeal", employee, id=deal["deal"]["id"], **fields)
    return deal["deal"]["id"]
