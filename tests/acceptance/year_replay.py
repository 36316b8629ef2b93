"""Replays a year of deals of a hardware seller (the maven_crm data set) through the public mutations."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from models.alerts.alerts import Raised
from tests.resolvers.alerts.alert_company import rehearsed
from tests.world import World

SET = Path(__file__).parents[3] / "shared" / "data" / "maven_crm"
LATER = timedelta(days=3700)  # moves the year 2017 to after the creation of the test company
RULES: dict[str, dict[str, Any]] = {
    "DEAL_LOST": {},
    "DEAL_HAS_PROBLEMS": {},
    "DEAL_STALLED": {"days": 30, "coolDownHours": 24 * 45},
    "TASK_OVERDUE": {},
    "ASSIGNMENT_OVERDUE": {},
    "GOAL_BEHIND": {"percent": 12.5, "coolDownHours": 24 * 5},
    "GOAL_ACHIEVED": {},
    "NO_ACTIVITY": {"days": 2},
}


@dataclass(frozen=True)
class Step:
    """An event of a deal; `action` is "engage", "Won" or "Lost"."""

    at: datetime
    what: str
    deal: dict[str, str]


def steps(every: int) -> Iterator[Step]:
    """Return the steps of every `every`-th deal, in order. Times of day are invented, as the data set has days only."""
    with (SET / "sales_pipeline.csv").open(newline="", encoding="utf-8") as file:
        deals = [row for row in csv.DictReader(file) if row["engage_date"]][::every]
    found = []
    for number, deal in enumerate(deals):
        minute = timedelta(minutes=8 * 60 + number * 7 % 540)
        found.append(Step(_on(deal["engage_date"]) + minute, "engage", deal))
        if deal["close_date"]:
            found.append(Step(_on(deal["close_date"]) + minute + timedelta(minutes=30), deal["deal_stage"], deal))
    return iter(sorted(found, key=lambda step: (step.at, step.deal["opportunity_id"])))


def _on(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC) + LATER


async def staffed(world: World) -> dict[str, str]:
    """Create the people, teams and alert rules (recipients: directors), and return the sellers' ids by name."""
    with (SET / "sales_teams.csv").open(newline="", encoding="utf-8") as file:
        people = list(csv.DictReader(file))
    await world.hire("Dora", role="DIRECTOR")
    sellers = {}
    for manager in dict.fromkeys(row["manager"] for row in people):
        team = (await world.act("createTeam", name=f"Team {manager}"))["team"]["id"]
        for row in (row for row in people if row["manager"] == manager):
            email = f"{row['sales_agent'].lower().replace(' ', '.')}@example.com"
            made = await world.act("createEmployee", name=row["sales_agent"], email=email, team=team)
            sellers[row["sales_agent"]] = made["employee"]["id"]
        world.ids[manager] = team
    for rule in (await world.ask("{ alertRules { id } }"))["alertRules"]:
        await world.ask("mutation($id: ID!) { deleteAlertRule(id: $id) { userErrors { code } } }", id=rule["id"])
    for kind, given in RULES.items():
        await world.act("createAlertRule", kind=kind, recipients=["DIRECTORS"], **given)
    return sellers


async def lived(world: World, every: int, told: Callable[[Step], None] = lambda step: None) -> None:
    """Replay the year: the scheduler runs once a day, each month has goals, some deals get a problem or a task."""
    sellers, deals, number = await staffed(world), {}, 0
    for step in steps(every):
        while world.now.date() < step.at.date():
            midnight = (world.now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
            first = midnight.month != world.now.month
            await world.passes(seconds=(midnight - world.now).total_seconds())
            if first:
                await _goals(world, sellers, every)
        world.now, number = max(world.now, step.at), number + 1
        name, owner = step.deal["opportunity_id"], sellers[step.deal["sales_agent"]]
        if step.what == "engage":
            deals[name] = (await world.act("recordDeal", title=step.deal["product"], owner=owner))["deal"]["id"]
        elif step.what == "Won":
            await world.act("winDeal", id=deals[name], amount={"amount": step.deal["close_value"]})
        else:
            await world.act("loseDeal", id=deals[name])
        if number % 9 == 0:
            await world.act("flagDeal", id=deals[name], problem="late" if number % 2 else None)
        if number % 7 == 0:
            due = (world.now + timedelta(hours=number % 50)).isoformat()
            kind = ("TASK", "ASSIGNMENT")[number % 2]
            await world.act("createTask", title="Call", kind=kind, assignee=owner, dueAt=due, deal=deals[name])
        told(step)
    await world.passes(minutes=1)


async def _goals(world: World, sellers: dict[str, str], every: int) -> None:
    await world.sign_in("admin", "admin@example.com")
    targets = {world.ids["company"]: 800_000, **dict.fromkeys(list(sellers.values())[:10], 25_000)}
    for owner, target in targets.items():
        amount = str(max(1, target // every))
        await world.act("setGoal", owner=owner, metric="deals_won_amount", target=amount, period={"kind": "MONTH"})


async def compared(world: World) -> dict[str, tuple[int, int]]:
    """Return for each kind how many alerts were raised, and how many the dry run of its rule says."""
    raised = Counter(row.kind.value for row in await Raised.filter(told=True).only("id", "kind"))
    days = (world.now - datetime(2026, 11, 18, tzinfo=UTC)).days + 1
    return {kind: (raised[kind], await rehearsed(world, kind, past=days, **given)) for kind, given in RULES.items()}
