"""Statistics and funnels of every scope of the demo company equal those computed from its records one by one."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from statistics import median
from typing import Any

import pytest

from demo.seeding import PASSWORD
from domain.ledger.record_facts import DealStatus
from models.crm.calls import Call
from models.crm.deals import Deal, StageVisit
from models.crm.pipelines import Stage
from models.organization.people import Employee, Team, Tree
from tests.demo.conftest import NOW, Demo

FIGURES = """statistics(period: $period, metrics: ["deals_won", "deals_won_amount", "calls_made"]) {
    winRatePercent averageDealAmount medianSalesCycleDays series { total points { start value } } }
  funnel(period: $period) { stages { openDeals clients entered advanced lost conversionPercent } }"""
ALL = f"""query($period: PeriodInput) {{ company {{ name {FIGURES} }} teams {{ name {FIGURES} }}
  employees(first: 100) {{ edges {{ node {{ name {FIGURES} }} }} }} }}"""
FIRST, LAST = NOW.date() - timedelta(days=25), NOW.date()
PERIOD = {"kind": "CUSTOM", "start": str(FIRST), "end": str(LAST)}


async def figures(demo: Demo) -> dict[str, dict[str, Any]]:
    signed_in = await demo.world.tried("signIn", None, email=demo.story.people[0].email, password=PASSWORD)
    demo.world.tokens["admin"] = signed_in["accessToken"]
    found = await demo.world.ask(ALL, period=PERIOD)
    people = [edge["node"] for edge in found["employees"]["edges"]]
    return {
        "company": found["company"],
        **{f"team {each['name']}": each for each in found["teams"]},
        **{f"employee {each['name']}": each for each in people},
    }


async def scopes() -> dict[str, Any]:
    """Return a predicate by scope: whether a record of an employee, in a team at the time, belongs to the scope."""
    tree = Tree(await Team.all())
    whole: dict[str, Any] = {"company": lambda who, team: True}
    for team in tree.teams.values():
        whole[f"team {team.name}"] = partial(_below, tree.below(team.id))
    for employee in await Employee.all():
        whole[f"employee {employee.name}"] = partial(_himself, employee.id)
    return whole


def _below(teams: frozenset[int], _who: int | None, team: int | None) -> bool:
    return team in teams


def _himself(number: int, who: int | None, _team: int | None) -> bool:
    return who == number


async def test_charts_are_those_of_the_records(demo: Demo) -> None:
    shown = await figures(demo)
    deals = [deal for deal in await Deal.filter(deleted_at=None) if deal.closed_on and FIRST <= deal.closed_on <= LAST]
    calls = [call for call in await Call.filter(deleted_at=None) if FIRST <= call.made_on <= LAST]
    for name, mine in (await scopes()).items():
        won = [deal for deal in deals if deal.status is DealStatus.WON and mine(deal.won_by, deal.won_team)]
        lost = [deal for deal in deals if deal.status is DealStatus.LOST and mine(deal.lost_by, deal.lost_team)]
        spoken = [call for call in calls if mine(call.credit_by, call.credit_team)]
        value = sum(deal.value or 0 for deal in won)
        statistics = shown[name]["statistics"]
        numbers, amounts, made = statistics["series"]

        assert numbers["total"] == str(len(won)), name
        assert amounts["total"] == f"{value / 100:.2f}", name
        assert _points(made) == Counter(call.made_on for call in spoken), name
        assert _points(numbers) == Counter(deal.closed_on for deal in won), name
        rate = 100 * len(won) / (len(won) + len(lost)) if won or lost else None
        assert statistics["winRatePercent"] == (rate if rate is None else pytest.approx(rate)), name
        cycles = [(deal.closed_on - deal.created_on).days for deal in won]
        assert statistics["medianSalesCycleDays"] == (median(cycles) if cycles else None), name
        average = statistics["averageDealAmount"]
        assert average is None if not won else abs(Decimal(average) * 100 - Decimal(value) / len(won)) <= Decimal("0.5")


def _points(series: dict[str, Any]) -> Counter[date]:
    return Counter(
        {date.fromisoformat(each["start"]): int(each["value"]) for each in series["points"] if each["value"] != "0"}
    )


async def test_funnels_are_those_of_the_records(demo: Demo) -> None:
    shown = await figures(demo)
    stages = await Stage.filter(pipeline_id=1).order_by("position")
    places = {stage.id: stage.position for stage in stages}
    homes = {employee.id: employee.team_id or 0 for employee in await Employee.all()}
    visits = await StageVisit.filter(stage_id__in=list(places))
    entries: dict[tuple[int, int], date] = {}
    for visit in visits:
        key = visit.deal_id, visit.stage_id
        entries[key] = min(entries.get(key, visit.entered_on), visit.entered_on)
    deals = {deal.id: deal for deal in await Deal.filter(deleted_at=None)}
    furthest = {number: max(places[stage] for deal, stage in entries if deal == number) for number, _ in entries}
    assert len(entries) > 100
    for name, mine in (await scopes()).items():
        for stage, found in zip(stages, shown[name]["funnel"]["stages"], strict=True):
            fates: Counter[str] = Counter()
            for (number, at), day in entries.items():
                deal = deals[number]
                owner = deal.won_by or deal.lost_by or deal.owner_id
                team = homes[owner] if deal.status is DealStatus.OPEN else deal.won_team or deal.lost_team or 0
                if at != stage.id or not FIRST <= day <= LAST or not mine(owner, team):
                    continue
                fates["entered"] += 1
                fates["advanced"] += deal.status is DealStatus.WON or furthest[number] > stage.position
                fates["lost"] += deal.status is DealStatus.LOST and furthest[number] == stage.position
            open_ = [
                deal for deal in deals.values()
                if deal.status is DealStatus.OPEN and deal.stage_id == stage.id and mine(deal.owner_id, homes[deal.owner_id])
            ]  # fmt: skip

            assert {each: found[each] for each in ("entered", "advanced", "lost")} == {
                each: fates[each] for each in ("entered", "advanced", "lost")
            }, (name, stage.name)
            assert found["openDeals"] == len(open_), (name, stage.name)
            assert found["clients"] == len({deal.client_id for deal in open_ if deal.client_id}), (name, stage.name)
