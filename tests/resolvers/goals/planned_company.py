"""Helpers for tests of plans: a company of twelve sellers in three teams with a past, and shortcuts to plan for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from domain.ledger.record_facts import CallDirection, CallOutcome, DealStatus
from resolvers.crm import calls, deals
from resolvers.crm.inputs import CallInput, DealInput
from resolvers.request.inputs import Money
from tests.world import World, cache_company, open_world

TEAMS = ("North", "South", "East")  # East is within South
METRICS = ("deals_won_amount", "deals_won", "deals_won_profit", "calls_made", "call_hours")
NEXT_MONTH = {"kind": "MONTH", "offset": 1}
ERRORS = "userErrors { path code message }"
PREVIEW = """query($input: PlanInput!) { planPreview(input: $input) {
  hash targetCount scope { name } period { start end }
  totals { metric { key } target allocated probability byHand }
  targets { owner { __typename id name } metric { key } lastResult base target difference workingTimeShare probability
    existing { id } byHand }
} }"""


@cache_company
async def planned_company(url: str = "sqlite://:memory:", days: int = 200) -> AsyncIterator[World]:
    """Open a company: Ada manages it, Nina is the manager of North; each team has four sellers, N1 to E4."""
    async with open_world(url) as world:
        await world.create_team("Sales")
        await world.create_employee("Nina", "Sales", "MANAGER")
        await world.create_team("North", "Sales", "Nina")
        await world.create_team("South", "Sales")
        await world.create_team("East", "South")
        for team in TEAMS:
            for number in range(1, 5):
                name = f"{team[0]}{number}"
                email = f"{name.lower()}@example.com"
                payload = await world.mutate("createEmployee", name=name, email=email, team=world.global_ids[team])
                world.global_ids[name] = payload["employee"]["id"]
        await record_past(world, days)
        yield world


def list_sellers(team: str | None = None) -> list[str]:
    return [f"{name[0]}{number}" for name in TEAMS if team in (None, name) for number in range(1, 5)]


async def record_past(world: World, days: int) -> None:
    """Record a deal or two on each day, won after ten days by the sellers in turns, and calls by all."""
    context = await world.authenticated_context("admin")
    sellers = list_sellers()
    deal_inputs, call_inputs = [], []
    for days_ago in range(days, 0, -1):
        created_at = world.now - timedelta(days=days_ago)
        owner = world.global_ids[sellers[days_ago * 5 % 12 if days_ago % 3 else 0]]
        closed_at = created_at + timedelta(days=10)
        is_closed = closed_at < world.now
        deal_inputs.append(
            DealInput(
                title=f"Deal {days_ago}",
                owner=owner,
                created_at=created_at,
                amount=Money(Decimal(100 + days_ago * 37 % 400), "EUR"),
                cost=Money(Decimal(50), "EUR"),
                **({"status": DealStatus.WON, "closed_at": closed_at} if is_closed else {}),
            )
        )
        call_inputs += [
            CallInput(
                employee=world.global_ids[seller],
                direction=CallDirection.OUTBOUND,
                outcome=CallOutcome.ANSWERED,
                duration_seconds=300 + 60 * number,
                started_at=created_at,
            )
            for number, seller in enumerate(sellers)
            if (number + days_ago) % 4 == 0
        ]
    for start in range(0, len(deal_inputs), 200):
        async with context.unit_of_work():
            await deals.upsert_deals(context, deal_inputs[start : start + 200], notify=False)
    for start in range(0, len(call_inputs), 200):
        async with context.unit_of_work():
            await calls.upsert_calls(context, call_inputs[start : start + 200], notify=False)


def plan_input(
    world: World, metrics: Sequence[dict[str, Any]], scope: str = "company", **fields: Any
) -> dict[str, Any]:
    """Return the input of a plan for the next month."""
    return {"scope": world.global_ids[scope], "period": NEXT_MONTH, "metrics": list(metrics), **fields}


async def preview(world: World, input: dict[str, Any], actor: str = "admin") -> dict[str, Any]:
    return (await world.query(PREVIEW, actor, input=input))["planPreview"]


def targets_of(planned: dict[str, Any], metric: str) -> dict[str, Decimal]:
    """Return the targets of a preview by the owner's name."""
    return {
        row["owner"]["name"]: Decimal(row["target"]) for row in planned["targets"] if row["metric"]["key"] == metric
    }


APPLY = f"""mutation($input: ApplyPlanInput!) {{ applyPlan(input: $input) {{
  plan {{ id goalCount scope {{ name }} period {{ label }} metrics {{ key }} appliedBy {{ name }} undoneAt }} {ERRORS} }} }}"""
UNDO = f"""mutation($id: ID!, $keepChanged: Boolean! = false, $key: String) {{
  undoPlan(id: $id, keepChanged: $keepChanged, reason: "taken back", idempotencyKey: $key) {{ plan {{ id undoneAt undoneBy {{ name }} }} {ERRORS} }} }}"""
GOALS = """query($period: PeriodInput!, $archived: Boolean! = false) {
  goals(period: $period, includeArchived: $archived) { id name target fullTarget archivedAt metric { key } owner { id name }
    progress { version attainmentProbability } allocated changes { field before after by { name } } } }"""


async def apply(world: World, input: dict[str, Any], hash: str, actor: str = "admin", **fields: Any) -> dict[str, Any]:
    return (await world.query(APPLY, actor, input={"plan": input, "hash": hash, "reason": "planned", **fields}))[
        "applyPlan"
    ]


async def preview_and_apply(world: World, input: dict[str, Any], actor: str = "admin") -> dict[str, Any]:
    """Apply a plan as it is previewed now, and return it."""
    payload = await apply(world, input, (await preview(world, input, actor))["hash"], actor)
    assert payload["userErrors"] == []
    return payload["plan"]


async def undo(world: World, plan: dict[str, Any], actor: str = "admin", **variables: Any) -> dict[str, Any]:
    return (await world.query(UNDO, actor, id=plan["id"], **variables))["undoPlan"]


async def read_goals(world: World, period: dict[str, Any] = NEXT_MONTH, **variables: Any) -> list[dict[str, Any]]:
    return (await world.query(GOALS, period=period, **variables))["goals"]
