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
from models.crm.deals import Deal, StageEntry
from models.crm.pipelines import Stage
from models.organization.people import Employee, Team, TeamTree
from tests.demo.conftest import NOW, Demo

STATISTICS_FIELDS = """statistics(period: $period, metrics: ["deals_won", "deals_won_amount", "calls_made"]) {
    winRatePercent averageDealAmount medianSalesCycleDays series { total points { start value } } }
  funnel(period: $period) { stages { openDeals clients entered advanced lost conversionPercent } }"""
ALL_SCOPES_QUERY = f"""query($period: PeriodInput) {{ company {{ name {STATISTICS_FIELDS} }} teams {{ name {STATISTICS_FIELDS} }}
  employees(first: 100) {{ edges {{ node {{ name {STATISTICS_FIELDS} }} }} }} }}"""
FIRST_DAY, LAST_DAY = NOW.date() - timedelta(days=25), NOW.date()
PERIOD = {"kind": "CUSTOM", "start": str(FIRST_DAY), "end": str(LAST_DAY)}


async def fetch_statistics(demo: Demo) -> dict[str, dict[str, Any]]:
    session = await demo.world.try_mutation("signIn", None, email=demo.history.people[0].email, password=PASSWORD)
    demo.world.tokens["admin"] = session["accessToken"]
    data = await demo.world.query(ALL_SCOPES_QUERY, period=PERIOD)
    people = [edge["node"] for edge in data["employees"]["edges"]]
    return {
        "company": data["company"],
        **{f"team {team['name']}": team for team in data["teams"]},
        **{f"employee {employee['name']}": employee for employee in people},
    }


async def build_scope_predicates() -> dict[str, Any]:
    """Return a predicate by scope: whether a record of an employee, in a team at the time, belongs to the scope."""
    tree = TeamTree(await Team.all())
    predicates: dict[str, Any] = {"company": lambda employee_id, team_id: True}
    for team in tree.teams.values():
        predicates[f"team {team.name}"] = partial(_is_in_teams, tree.subtree_ids(team.id))
    for employee in await Employee.all():
        predicates[f"employee {employee.name}"] = partial(_is_employee, employee.id)
    return predicates


def _is_in_teams(team_ids: frozenset[int], _employee_id: int | None, team_id: int | None) -> bool:
    return team_id in team_ids


def _is_employee(expected_id: int, employee_id: int | None, _team_id: int | None) -> bool:
    return employee_id == expected_id


async def test_statistics_match_the_records_in_every_scope(demo: Demo) -> None:
    statistics_by_scope = await fetch_statistics(demo)
    deals = [
        deal
        for deal in await Deal.filter(deleted_at=None)
        if deal.closed_on and FIRST_DAY <= deal.closed_on <= LAST_DAY
    ]
    calls = [call for call in await Call.filter(deleted_at=None) if FIRST_DAY <= call.made_on <= LAST_DAY]
    for name, is_in_scope in (await build_scope_predicates()).items():
        won = [deal for deal in deals if deal.status is DealStatus.WON and is_in_scope(deal.won_by, deal.won_team)]
        lost = [deal for deal in deals if deal.status is DealStatus.LOST and is_in_scope(deal.lost_by, deal.lost_team)]
        scope_calls = [call for call in calls if is_in_scope(call.credit_by, call.credit_team)]
        value = sum(deal.value or 0 for deal in won)
        statistics = statistics_by_scope[name]["statistics"]
        won_series, amount_series, call_series = statistics["series"]

        assert won_series["total"] == str(len(won)), name
        assert amount_series["total"] == f"{value / 100:.2f}", name
        assert _nonzero_points(call_series) == Counter(call.made_on for call in scope_calls), name
        assert _nonzero_points(won_series) == Counter(deal.closed_on for deal in won), name
        rate = 100 * len(won) / (len(won) + len(lost)) if won or lost else None
        assert statistics["winRatePercent"] == (rate if rate is None else pytest.approx(rate)), name
        cycles = [(deal.closed_on - deal.created_on).days for deal in won]
        assert statistics["medianSalesCycleDays"] == (median(cycles) if cycles else None), name
        average = statistics["averageDealAmount"]
        assert average is None if not won else abs(Decimal(average) * 100 - Decimal(value) / len(won)) <= Decimal("0.5")


def _nonzero_points(series: dict[str, Any]) -> Counter[date]:
    return Counter(
        {date.fromisoformat(point["start"]): int(point["value"]) for point in series["points"] if point["value"] != "0"}
    )


async def test_funnels_match_the_records_in_every_scope(demo: Demo) -> None:
    statistics_by_scope = await fetch_statistics(demo)
    stages = await Stage.filter(pipeline_id=1).order_by("position")
    stage_positions = {stage.id: stage.position for stage in stages}
    team_ids = {employee.id: employee.team_id or 0 for employee in await Employee.all()}
    visits = await StageEntry.filter(stage_id__in=list(stage_positions))
    entries: dict[tuple[int, int], date] = {}
    for visit in visits:
        key = visit.deal_id, visit.stage_id
        entries[key] = min(entries.get(key, visit.entered_on), visit.entered_on)
    deals = {deal.id: deal for deal in await Deal.filter(deleted_at=None)}
    furthest_positions = {
        deal_id: max(stage_positions[stage_id] for other_deal_id, stage_id in entries if other_deal_id == deal_id)
        for deal_id, _ in entries
    }
    assert len(entries) > 100
    for name, is_in_scope in (await build_scope_predicates()).items():
        for stage, stage_figures in zip(stages, statistics_by_scope[name]["funnel"]["stages"], strict=True):
            counts: Counter[str] = Counter()
            for (deal_id, stage_id), day in entries.items():
                deal = deals[deal_id]
                owner_id = deal.won_by or deal.lost_by or deal.owner_id
                team_id = team_ids[owner_id] if deal.status is DealStatus.OPEN else deal.won_team or deal.lost_team or 0
                if stage_id != stage.id or not FIRST_DAY <= day <= LAST_DAY or not is_in_scope(owner_id, team_id):
                    continue
                counts["entered"] += 1
                counts["advanced"] += deal.status is DealStatus.WON or furthest_positions[deal_id] > stage.position
                counts["lost"] += deal.status is DealStatus.LOST and furthest_positions[deal_id] == stage.position
            open_deals = [
                deal for deal in deals.values()
                if deal.status is DealStatus.OPEN and deal.stage_id == stage.id and is_in_scope(deal.owner_id, team_ids[deal.owner_id])
            ]  # fmt: skip

            assert {field: stage_figures[field] for field in ("entered", "advanced", "lost")} == {
                field: counts[field] for field in ("entered", "advanced", "lost")
            }, (name, stage.name)
            assert stage_figures["openDeals"] == len(open_deals), (name, stage.name)
            assert stage_figures["clients"] == len({deal.client_id for deal in open_deals if deal.client_id}), (
                name,
                stage.name,
            )
