"""Replays the life of a deal, and reads the ledger entries of each step, for docs/ledger.md."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from tests.markdown import format_table
from tests.world import World, open_world

STEPS: Final = (
    ("3 Nov", "Ann wins it for 10,000", (11, 3), "winDeal", "Ann", {"amount": {"amount": "10000"}}),
    ("5 Nov", "she had mistyped: it is 9,000", (11, 5), "updateDeal", "Ann", {"amount": {"amount": "9000"}}),
    ("9 Nov", "the client hesitates: reopened", (11, 9), "reopenDeal", "Ann", {}),
    ("12 Nov", "won after all, for 9,500", (11, 12), "winDeal", "Ann", {"amount": {"amount": "9500"}}),
    ("16 Nov", "Bob takes it over with the credit", (11, 16), "updateDeal", "admin", {"moveCredit": True}),
    ("10 Dec", "the invoice says 9,700; November is closed", (12, 10), "updateDeal", "admin",
     {"amount": {"amount": "9700"}}),
)  # fmt: skip


async def ledger_example() -> str:
    """Run the steps and return a table of the ledger entries that each one adds."""
    rows, shown_count = [], 0
    async with open_world("sqlite://:memory:") as world:
        world.now = datetime(2026, 11, 2, 9, tzinfo=UTC)
        for name, team in (("Ann", "North"), ("Bob", "South")):
            await world.create_team(team)
            await world.create_employee(name, team)
        await world.mutate("updateCompany", closeAfterWorkdays=5)
        world.global_ids["goal"] = await _set_yearly_goal(world)
        deal = (await world.mutate("recordDeal", "Ann", title="Cold room"))["deal"]["id"]
        for day, description, (month, date), mutation, actor, input in STEPS:
            world.now = datetime(2026, month, date, 12, tzinfo=UTC)
            owner = {"owner": world.global_ids["Bob"]} if "moveCredit" in input else {}
            await world.mutate(mutation, actor, id=deal, **input, **owner)
            for entry in (await _read_entries(world))[shown_count:]:
                rows.append([day, description, *entry])
                day = description = ""
                shown_count += 1
    return format_table(["Recorded", "What happens", "Credited to", "Counts for", "Amount", "Late"], rows)


async def _set_yearly_goal(world: World) -> str:
    input = {
        "owner": world.global_ids["company"],
        "metric": "deals_won_amount",
        "target": "1",
        "period": {"kind": "YEAR"},
    }
    return str((await world.mutate("setGoal", **input))["goal"]["id"])


async def _read_entries(world: World) -> list[list[str]]:
    """Return the ledger entries of the company's goal, oldest first."""
    document = """query($id: ID!) { goal(id: $id) { entries(first: 100) { edges { node {
      employee { name team { name } } effectiveOn amount late } } } } }"""
    edges = (await world.query(document, id=world.global_ids["goal"]))["goal"]["entries"]["edges"]
    return [_format_entry(edge["node"]) for edge in reversed(edges)]


def _format_entry(entry: dict[str, object]) -> list[str]:
    employee, day = entry["employee"], datetime.fromisoformat(str(entry["effectiveOn"]))
    amount = f"{float(str(entry['amount'])):+,.2f}".replace("-", "−")
    assert isinstance(employee, dict)
    credited_to = f"{employee['name']}, {employee['team']['name']}"
    return [credited_to, f"{day.day} {day:%b}", amount, "late" if entry["late"] else ""]
