"""Helpers for tests of alerts: a company with two teams, inboxes, a single rule, dry runs and lost deals."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.world import World, opened

EVERYBODY = ("Ann", "Bob", "Mia", "Max", "Dora", "admin")
INBOX = """query($unread: Boolean!) { alerts(first: 100, unreadOnly: $unread) {
  edges { node { id kind message readAt resolvedAt raisedAt employee { name }
                 subject { __typename ... on Deal { title } ... on Task { title } ... on Goal { name } } } } } }"""


@asynccontextmanager
async def office(url: str = "sqlite://:memory:") -> AsyncIterator[World]:
    """Open a company: Ann sells in North under Mia, Bob in South under Max; Dora is director, Ada administrator."""
    async with opened(url) as world:
        await world.team("Sales")
        for team, manager, seller in (("North", "Mia", "Ann"), ("South", "Max", "Bob")):
            await world.team(team, "Sales")
            await world.hire(manager, team, role="MANAGER")
            await world.act("updateTeam", id=world.ids[team], manager=world.ids[manager])
            await world.hire(seller, team)
        await world.hire("Dora", role="DIRECTOR")
        yield world


async def inbox(world: World, who: str, *, unread: bool = False) -> list[dict[str, Any]]:
    """Return the alerts of an employee, the oldest first."""
    data = await world.ask(INBOX, who, unread=unread)
    return [edge["node"] for edge in data["alerts"]["edges"]][::-1]


async def told(world: World) -> dict[str, list[str]]:
    """Return the kinds of alerts in each inbox, by employee; empty inboxes are left out."""
    found = {who: [alert["kind"] for alert in await inbox(world, who)] for who in EVERYBODY}
    return {who: kinds for who, kinds in found.items() if kinds}


async def only(world: World, kind: str, **given: Any) -> str:
    """Replace all rules by one of this kind, and return its id."""
    for rule in (await world.ask("{ alertRules { id } }"))["alertRules"]:
        await world.ask("mutation($id: ID!) { deleteAlertRule(id: $id) { userErrors { code } } }", id=rule["id"])
    payload = await world.act("createAlertRule", kind=kind, **({"recipients": ["MANAGER"]} | given))
    return payload["rule"]["id"]


async def rehearsed(world: World, kind: str, /, past: int = 365, **given: Any) -> int:
    """Return how many alerts a rule would have raised over the past days."""
    document = "query($input: AlertRuleInput!, $days: Int!) { testAlertRule(input: $input, days: $days) { alerts } }"
    asked = {"kind": kind, "recipients": ["MANAGER"], **given}
    return (await world.ask(document, input=asked, days=past))["testAlertRule"]["alerts"]


async def lost(world: World, who: str = "Ann", amount: str = "100", title: str = "Chairs", **given: Any) -> str:
    deal = await world.act("recordDeal", who, title=title, amount={"amount": amount})
    await world.act("loseDeal", who, id=deal["deal"]["id"], **given)
    return deal["deal"]["id"]
