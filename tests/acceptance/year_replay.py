"""Replays a year of deals of a practice set through the public mutations."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from models.alerts.alerts import RaisedAlert
from tests.practice_set.practice_sets import PracticeSet
from tests.resolvers.alerts.alert_company import count_dry_run_alerts
from tests.world import World

TIME_SHIFT = timedelta(days=3700)  # moves the year 2017 to after the creation of the test company
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
class ReplayStep:
    """An event of a deal; `action` is "engage", "Won" or "Lost"."""

    at: datetime
    action: str
    deal: dict[str, str]


def load_steps(practice_set: PracticeSet, every: int) -> Iterator[ReplayStep]:
    """Return the steps of every `every`-th deal, in order. Times of day are invented, as a set has days only."""
    with (practice_set.folder / "sales_pipeline.csv").open(newline="", encoding="utf-8") as file:
        deals = [row for row in csv.DictReader(file) if row["engage_date"]][::every]
    steps = []
    for number, deal in enumerate(deals):
        minute = timedelta(minutes=8 * 60 + number * 7 % 540)
        steps.append(ReplayStep(_shifted_midnight(deal["engage_date"]) + minute, "engage", deal))
        if deal["close_date"]:
            steps.append(
                ReplayStep(
                    _shifted_midnight(deal["close_date"]) + minute + timedelta(minutes=30), deal["deal_stage"], deal
                )
            )
    return iter(sorted(steps, key=lambda step: (step.at, step.deal["opportunity_id"])))


def _shifted_midnight(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC) + TIME_SHIFT


async def create_people(world: World, practice_set: PracticeSet) -> dict[str, str]:
    """Create the people, teams and alert rules (recipients: directors), and return the sellers' ids by name."""
    with (practice_set.folder / "sales_teams.csv").open(newline="", encoding="utf-8") as file:
        people = list(csv.DictReader(file))
    await world.create_employee("Dora", role="DIRECTOR")
    sellers = {}
    for manager in dict.fromkeys(row["manager"] for row in people):
        team = (await world.mutate("createTeam", name=f"Team {manager}"))["team"]["id"]
        for row in (row for row in people if row["manager"] == manager):
            email = f"{row['sales_agent'].lower().replace(' ', '.')}@example.com"
            payload = await world.mutate("createEmployee", name=row["sales_agent"], email=email, team=team)
            sellers[row["sales_agent"]] = payload["employee"]["id"]
        world.global_ids[manager] = team
    for rule in (await world.query("{ alertRules { id } }"))["alertRules"]:
        await world.query("mutation($id: ID!) { deleteAlertRule(id: $id) { userErrors { code } } }", id=rule["id"])
    for kind, fields in RULES.items():
        await world.mutate("createAlertRule", kind=kind, recipients=["DIRECTORS"], **fields)
    return sellers


async def replay_year(
    world: World, practice_set: PracticeSet, every: int, on_step: Callable[[ReplayStep], None] = lambda step: None
) -> None:
    """Replay every `every`-th deal of the year: the scheduler runs once a day, each month has goals, some deals get a problem or a task."""
    sellers, deals, step_number = await create_people(world, practice_set), {}, 0
    for step in load_steps(practice_set, every):
        while world.now.date() < step.at.date():
            midnight = (world.now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
            is_new_month = midnight.month != world.now.month
            await world.advance_and_run_jobs(seconds=(midnight - world.now).total_seconds())
            if is_new_month:
                await _set_goals(world, sellers, practice_set, every)
        world.now, step_number = max(world.now, step.at), step_number + 1
        deal_name, owner = step.deal["opportunity_id"], sellers[step.deal["sales_agent"]]
        if step.action == "engage":
            deals[deal_name] = (await world.mutate("recordDeal", title=step.deal["product"], owner=owner))["deal"]["id"]
        elif step.action == "Won":
            await world.mutate("winDeal", id=deals[deal_name], amount={"amount": step.deal["close_value"]})
        else:
            await world.mutate("loseDeal", id=deals[deal_name])
        if step_number % 9 == 0:
            await world.mutate("flagDeal", id=deals[deal_name], problem="late" if step_number % 2 else None)
        if step_number % 7 == 0:
            due = (world.now + timedelta(hours=step_number % 50)).isoformat()
            kind = ("TASK", "ASSIGNMENT")[step_number % 2]
            await world.mutate("createTask", title="Call", kind=kind, assignee=owner, dueAt=due, deal=deals[deal_name])
        on_step(step)
    await world.advance_and_run_jobs(minutes=1)


async def _set_goals(world: World, sellers: dict[str, str], practice_set: PracticeSet, every: int) -> None:
    """Give the company and ten sellers about the amount that they win in a month."""
    await world.sign_in("admin", "admin@example.com")
    company_target = practice_set.expected_numbers["won_total"] * 0.08
    seller_target = company_target / len(practice_set.expected_numbers["agents"])
    targets = {world.global_ids["company"]: company_target, **dict.fromkeys(list(sellers.values())[:10], seller_target)}
    for owner, target in targets.items():
        amount = str(max(1, round(target / every)))
        await world.mutate("setGoal", owner=owner, metric="deals_won_amount", target=amount, period={"kind": "MONTH"})


async def compare_counts(world: World) -> dict[str, tuple[int, int]]:
    """Return for each kind how many alerts were raised, and how many the dry run of its rule says."""
    raised = Counter(row.kind.value for row in await RaisedAlert.filter(notified=True).only("id", "kind"))
    days = (world.now - datetime(2026, 11, 18, tzinfo=UTC)).days + 1
    return {
        kind: (raised[kind], await count_dry_run_alerts(world, kind, past_days=days, **fields))
        for kind, fields in RULES.items()
    }
