"""Generates the parts of the documentation that follow from the code: `python -m tests.generated_docs` rewrites them.

A part begins with `<!-- NAME: from the code -->` and ends with `<!-- end -->`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from domain import permissions
from domain.errors.user_errors import UserErrorCode
from domain.ledger.metrics import METRICS
from domain.permissions import Action, DeviceKind, Reach, Role
from graph.execution.query_limits import QueryLimits
from graph.execution.variable_checks import MAX_VALUES
from imports.field_specs import FIELDS_BY_KIND, REQUIRED_FIELDS
from models.db.keyset_pagination import MAX_PAGE_SIZE
from server import setting_descriptions
from tests import empty_database
from tests.world import World, open_world

ROOT: Final = Path(__file__).parents[1]
PART_PATTERN: Final = re.compile(r"(<!-- (?P<name>[\w ]+): from the code -->\n)(?P<text>.*?)(<!-- end -->)", re.DOTALL)


def list_documents() -> list[Path]:
    """Return all documents of the project."""
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def format_table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    lines = [[*head], *([str(cell) for cell in row] for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def permissions_table() -> str:
    actors = [*Role, *DeviceKind]
    labels = {reach: "—" if reach is Reach.NONE else reach.name.lower() for reach in Reach}
    return format_table(
        ["", *actors],
        ([action.value, *(labels[permissions.reach(actor, action)] for actor in actors)] for action in Action),
    )


def metrics_table() -> str:
    return format_table(
        ["Key", "Unit", "Counts"], ([f"`{metric.key}`", metric.unit, metric.description] for metric in METRICS.values())
    )


def import_fields_table() -> str:
    def format_field(kind: str, field: str) -> str:
        return f"**{field}**" if field in REQUIRED_FIELDS[kind] else field

    return format_table(
        ["Kind", "Fields"],
        ([kind, ", ".join(format_field(kind, field) for field in FIELDS_BY_KIND[kind])] for kind in FIELDS_BY_KIND),
    )


def user_errors_table() -> str:
    meanings = {
        UserErrorCode.INVALID: "The value is malformed or contradicts other fields.",
        UserErrorCode.REQUIRED: "The value is missing.",
        UserErrorCode.NOT_FOUND: "The object does not exist or is not visible to the viewer.",
        UserErrorCode.CONFLICT: "The change conflicts with the current state: a concurrent change, or a name that is taken.",
        UserErrorCode.FORBIDDEN: "The viewer may see the object but not change it.",
        UserErrorCode.OUT_OF_RANGE: "The value is too long, too large, too small, or in the future.",
    }
    return format_table(["Code", "Means"], ([f"`{code}`", meanings[code]] for code in UserErrorCode))


def limits_table() -> str:
    defaults = QueryLimits()
    return format_table(
        ["Of one operation", "At most"],
        [
            ["bytes of a request's body (`SCORELINE_BODY_LIMIT`)", f"{defaults.body_bytes:,}"],
            ["bytes of the GraphQL document", f"{defaults.document_bytes:,}"],
            ["tokens in it", f"{defaults.tokens:,}"],
            ["operations, and with fragments", f"{defaults.operations}, {defaults.definitions}"],
            ["variables declared, values in all of them", f"{defaults.variables}, {MAX_VALUES:,}"],
            ["root fields", defaults.root_fields],
            ["fields within each other", defaults.depth],
            ["fields, fragments spread out", defaults.fields],
            ["aliases, directives", f"{defaults.aliases}, {defaults.directives}"],
            ["rows asked for, pages multiplied", f"{defaults.cost:,}"],
            ["rows of a page", MAX_PAGE_SIZE],
            ["seconds (`SCORELINE_DEADLINE_SECONDS`)", f"{defaults.deadline_seconds:.0f}"],
        ],
    )


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


GENERATED_PARTS: Final[dict[str, Callable[[], str]]] = {
    "rights": permissions_table,
    "settings": lambda: setting_descriptions.describe() + "\n",
    "metrics": metrics_table,
    "imports": import_fields_table,
    "user errors": user_errors_table,
    "limits": limits_table,
}
EXAMPLE_PART: Final = "worked example"


def replace_parts(text: str, parts: dict[str, str]) -> str:
    """Return the document with its generated parts replaced."""
    return PART_PATTERN.sub(lambda match: match[1] + parts[match["name"]] + match[4], text)


def main() -> None:
    empty_database.dump_schema()
    generated = {name: make() for name, make in GENERATED_PARTS.items()} | {EXAMPLE_PART: asyncio.run(ledger_example())}
    for page in list_documents():
        page.write_text(replace_parts(page.read_text(), generated))


if __name__ == "__main__":
    main()
