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
from domain.errors.user_errors import Code
from domain.ledger.metrics import METRICS
from domain.permissions import Action, DeviceKind, Reach, Role
from graph.execution.query_limits import Limits
from graph.execution.variable_checks import VALUES
from imports.field_specs import KINDS, NEEDED
from models.db.keyset_pagination import LARGEST
from server import settings
from tests import empty_database
from tests.world import World, opened

ROOT: Final = Path(__file__).parents[1]
PART: Final = re.compile(r"(<!-- (?P<name>[\w ]+): from the code -->\n)(?P<text>.*?)(<!-- end -->)", re.DOTALL)


def pages() -> list[Path]:
    """Return all documents of the project."""
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    lines = [[*head], *([str(cell) for cell in row] for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def rights() -> str:
    actors = [*Role, *DeviceKind]
    words = {reach: "—" if reach is Reach.NONE else reach.name.lower() for reach in Reach}
    return table(
        ["", *actors],
        ([action.value, *(words[permissions.reach(actor, action)] for actor in actors)] for action in Action),
    )


def metrics() -> str:
    return table(
        ["Key", "Unit", "Counts"], ([f"`{metric.key}`", metric.unit, metric.description] for metric in METRICS.values())
    )


def imports() -> str:
    def named(kind: str, field: str) -> str:
        return f"**{field}**" if field in NEEDED[kind] else field

    return table(["Kind", "Fields"], ([kind, ", ".join(named(kind, field) for field in KINDS[kind])] for kind in KINDS))


def user_errors() -> str:
    means = {
        Code.INVALID: "The value is malformed or contradicts other fields.",
        Code.REQUIRED: "The value is missing.",
        Code.NOT_FOUND: "The object does not exist or is not visible to the viewer.",
        Code.CONFLICT: "The change conflicts with the current state: a concurrent change, or a name that is taken.",
        Code.FORBIDDEN: "The viewer may see the object but not change it.",
        Code.OUT_OF_RANGE: "The value is too long, too large, too small, or in the future.",
    }
    return table(["Code", "Means"], ([f"`{code}`", means[code]] for code in Code))


def limits() -> str:
    at_most = Limits()
    return table(
        ["Of one operation", "At most"],
        [
            ["bytes of a request's body (`SCORELINE_BODY_LIMIT`)", f"{at_most.body:,}"],
            ["bytes of the GraphQL document", f"{at_most.document:,}"],
            ["tokens in it", f"{at_most.tokens:,}"],
            ["operations, and with fragments", f"{at_most.operations}, {at_most.definitions}"],
            ["variables declared, values in all of them", f"{at_most.variables}, {VALUES:,}"],
            ["root fields", at_most.roots],
            ["fields within each other", at_most.depth],
            ["fields, fragments spread out", at_most.fields],
            ["aliases, directives", f"{at_most.aliases}, {at_most.directives}"],
            ["rows asked for, pages multiplied", f"{at_most.cost:,}"],
            ["rows of a page", LARGEST],
            ["seconds (`SCORELINE_DEADLINE_SECONDS`)", f"{at_most.deadline:.0f}"],
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


async def worked_example() -> str:
    """Run the steps and return a table of the ledger entries that each one adds."""
    rows, seen = [], 0
    async with opened("sqlite://:memory:") as world:
        world.now = datetime(2026, 11, 2, 9, tzinfo=UTC)
        for name, team in (("Ann", "North"), ("Bob", "South")):
            await world.team(team)
            await world.hire(name, team)
        await world.act("updateCompany", closeAfterWorkdays=5)
        world.ids["goal"] = await _yearly(world)
        deal = (await world.act("recordDeal", "Ann", title="Cold room"))["deal"]["id"]
        for day, what, (month, date), mutation, who, given in STEPS:
            world.now = datetime(2026, month, date, 12, tzinfo=UTC)
            owner = {"owner": world.ids["Bob"]} if "moveCredit" in given else {}
            await world.act(mutation, who, id=deal, **given, **owner)
            for entry in (await _entries(world))[seen:]:
                rows.append([day, what, *entry])
                day = what = ""
                seen += 1
    return table(["Recorded", "What happens", "Credited to", "Counts for", "Amount", "Late"], rows)


async def _yearly(world: World) -> str:
    given = {"owner": world.ids["company"], "metric": "deals_won_amount", "target": "1", "period": {"kind": "YEAR"}}
    return str((await world.act("setGoal", **given))["goal"]["id"])


async def _entries(world: World) -> list[list[str]]:
    """Return the ledger entries of the company's goal, oldest first."""
    document = """query($id: ID!) { goal(id: $id) { entries(first: 100) { edges { node {
      employee { name team { name } } effectiveOn amount late } } } } }"""
    edges = (await world.ask(document, id=world.ids["goal"]))["goal"]["entries"]["edges"]
    return [_shown(edge["node"]) for edge in reversed(edges)]


def _shown(entry: dict[str, object]) -> list[str]:
    employee, day = entry["employee"], datetime.fromisoformat(str(entry["effectiveOn"]))
    amount = f"{float(str(entry['amount'])):+,.2f}".replace("-", "−")
    assert isinstance(employee, dict)
    whose = f"{employee['name']}, {employee['team']['name']}"
    return [whose, f"{day.day} {day:%b}", amount, "late" if entry["late"] else ""]


PARTS: Final[dict[str, Callable[[], str]]] = {
    "rights": rights,
    "settings": lambda: settings.describe() + "\n",
    "metrics": metrics,
    "imports": imports,
    "user errors": user_errors,
    "limits": limits,
}
PLAYED: Final = "worked example"


def written(text: str, parts: dict[str, str]) -> str:
    """Return the document with its generated parts replaced."""
    return PART.sub(lambda found: found[1] + parts[found["name"]] + found[4], text)


def main() -> None:
    empty_database.script()
    made = {name: make() for name, make in PARTS.items()} | {PLAYED: asyncio.run(worked_example())}
    for page in pages():
        page.write_text(written(page.read_text(), made))


if __name__ == "__main__":
    main()
