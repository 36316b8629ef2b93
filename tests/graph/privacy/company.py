"""A company with a viewer in every position that matters for privacy, and what each may see by the permission table.

    Sales               Dora, the director, is in no team
      North   Max, its manager, Ann and Cid
        Far   Fay
      South   Sam, its manager, and Bob
      Pair    Eve and Pat, without a manager: what the team has less what Eve has is what Pat has

`can_reach` computes from the table alone, by names, what the application computes by rows.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Final

from domain.ledger.record_facts import DealStatus, SaleKind
from domain.permissions import Action, DeviceKind, Reach, Role, reach
from models.organization.people import load_team_tree
from resolvers.analytics import worktime
from resolvers.crm import deals
from resolvers.crm.inputs import DealInput
from resolvers.forecasting import snapshots
from resolvers.request.inputs import Money
from resolvers.request.viewer import Viewer
from tests.resolvers.two_sellers import set_goal
from tests.world import START, World, cache_company, open_world

HEARTBEAT: Final = "mutation { heartbeat { todayHours } }"
MEMBERS: Final = {  # by scope, with the teams below
    "North": ("Ann", "Cid", "Max", "Fay"),
    "Far": ("Fay",),
    "South": ("Sam", "Bob"),
    "Pair": ("Eve", "Pat"),
}
SELLERS: Final = (*MEMBERS["North"], *MEMBERS["South"], *MEMBERS["Pair"])
TEAMS: Final = (*MEMBERS, "Sales")
ACTORS: Final[dict[str, Role | DeviceKind]] = {
    "Ann": Role.EMPLOYEE,
    "Eve": Role.EMPLOYEE,
    "Max": Role.MANAGER,
    "Sam": Role.MANAGER,
    "Dora": Role.DIRECTOR,
    "admin": Role.ADMIN,
    "Wall": DeviceKind.WALLBOARD,
    "NorthWall": DeviceKind.WALLBOARD,
    "Crm": DeviceKind.INTEGRATION,
    "NorthCrm": DeviceKind.INTEGRATION,
}
_MANAGED_TEAMS: Final = {"Max": ("North", "Far"), "Sam": ("South",)}
_TEAMS_ABOVE: Final = {
    "Ann": ("North", "Sales"),
    "Max": ("North", "Sales"),
    "Sam": ("South", "Sales"),
    "Eve": ("Pair", "Sales"),
}


def team_of(seller: str) -> str:
    return next(team for team in ("Far", "North", "South", "Pair") if seller in MEMBERS[team])


def members_of(scope: str) -> tuple[str, ...]:
    """Return the sellers of an employee, a team or the company."""
    return MEMBERS.get(scope, SELLERS if scope in ("Sales", "company") else (scope,))


def can_reach(actor: str, action: Action, subject: str) -> bool:
    """Return whether the action reaches an employee, a whole team or the whole company for the actor."""
    match reach(ACTORS[actor], action):
        case Reach.SELF:
            return subject == actor
        case Reach.MANAGED:
            teams = _MANAGED_TEAMS.get(actor, ())
            return subject in {actor, *teams, *(name for team in teams for name in MEMBERS[team])}
        case Reach.SCOPE:
            return not actor.startswith("North") or subject in {"North", "Far", *MEMBERS["North"]}
        case Reach.COMPANY:
            return True
    return False


def can_see_team_goal(actor: str, team: str) -> bool:
    """Return whether the actor may see the goals of a team, as far as their metric is on everyone's leaderboards.

    VIEW_GOALS_ABOVE of employees and managers covers only the teams above their own.
    """
    if can_reach(actor, Action.VIEW_GOALS, team):
        return True
    is_in_line = ACTORS[actor] not in (Role.EMPLOYEE, Role.MANAGER) or team in _TEAMS_ABOVE[actor]
    return is_in_line and can_reach(actor, Action.VIEW_GOALS_ABOVE, team)


async def work(world: World, seller: str, minutes: int) -> None:
    """Record minutes of work time of a seller, up to the present instant of the world."""
    end = world.now
    world.now = end - timedelta(minutes=minutes)
    while world.now < end:
        await world.query(HEARTBEAT, seller)
        world.advance(minutes=min(4, (end - world.now) / timedelta(minutes=1)))
    await world.query(HEARTBEAT, seller)
    world.now = end + timedelta(minutes=2)
    await worktime.post_remaining(await world.authenticated_context("admin"))  # the last minute
    world.now = end


@cache_company
async def open_privacy_company(url: str = "sqlite://:memory:") -> AsyncIterator[World]:
    async with open_world(url) as world:
        world.now = START - timedelta(hours=1)
        await _create_people(world)
        world.now = START
        await _record_history(world)
        for seller in SELLERS:
            await _record_one_of_each(world, seller)
        for owner in (*SELLERS, *TEAMS, "company"):
            for metric in ("deals_won_amount", "calls_made", "hours_worked"):
                world.global_ids[f"{metric} of {owner}"] = await set_goal(world, owner, metric, "5000")
        await _take_snapshots(world)
        world.now = START + timedelta(hours=5)
        yield world


async def _take_snapshots(world: World) -> None:
    """Keep the forecasts and the pipeline of this moment, so that what has moved a forecast can be told."""
    context = world.build_context()
    context.current_viewer = Viewer.for_scheduler(await load_team_tree())
    await snapshots.take_snapshots(context)


async def _create_people(world: World) -> None:
    await world.create_team("Sales")
    for team, parent in (("North", "Sales"), ("Far", "North"), ("South", "Sales"), ("Pair", "Sales")):
        await world.create_team(team, parent)
    for team in ("Far", "North", "South", "Pair"):
        for name in set(MEMBERS[team]) - set(MEMBERS["Far"] if team == "North" else ()):
            await world.create_employee(name, team)
    for team, manager in (("North", "Max"), ("South", "Sam")):
        await world.mutate("updateTeam", id=world.global_ids[team], manager=world.global_ids[manager])
    await world.create_employee("Dora", role="DIRECTOR")
    for name, kind, scope in (
        ("Wall", "WALLBOARD", None),
        ("NorthWall", "WALLBOARD", "North"),
        ("Crm", "INTEGRATION", None),
        ("NorthCrm", "INTEGRATION", "North"),
    ):
        await world.create_device(name, kind, scope)
    pipeline = (await world.query("{ pipelines { stages { id } } }"))["pipelines"][0]
    world.stage_ids = [stage["id"] for stage in pipeline["stages"]]


async def _record_history(world: World) -> None:
    """Record half a year of won and lost deals of every seller, enough for forecasts and funnels."""
    rng, context = random.Random(1), await world.authenticated_context("admin")
    inputs = []
    for number in range(160):
        created_at = world.now - timedelta(days=185 - number, hours=1)
        inputs.append(
            DealInput(
                title=f"Deal {number}",
                owner=world.global_ids[SELLERS[number % len(SELLERS)]],
                created_at=created_at,
                closed_at=created_at + timedelta(days=rng.randint(2, 20)),
                status=rng.choice((DealStatus.WON, DealStatus.LOST)),
                amount=Money(Decimal(rng.choice((200, 300, 500, 900))), "EUR"),
                sale_kind=SaleKind.REPEAT,
                stage=world.stage_ids[number % 3],
            )
        )
    async with context.unit_of_work():
        await deals.upsert_deals(context, inputs, notify=False)


async def _record_one_of_each(world: World, seller: str) -> None:
    owner = world.global_ids[seller]
    client = await world.mutate("recordClient", name=f"Client of {seller}", owner=owner)
    world.global_ids[f"client of {seller}"] = client["client"]["id"]
    for name, status in (("open deal", "OPEN"), ("won deal", "WON")):
        deal = await world.mutate(
            "recordDeal", title=f"A {name}", owner=owner, status=status, amount={"amount": "700"}, saleKind="REPEAT"
        )
        world.global_ids[f"{name} of {seller}"] = deal["deal"]["id"]
    await world.mutate("recordCall", direction="OUTBOUND", employee=owner, durationSeconds=90)
    await world.mutate("recordLead", title="A question", owner=owner)
    await world.mutate("createTask", title="Call back", assignee=owner)
