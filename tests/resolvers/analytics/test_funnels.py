"""Funnels of an employee, a team and the company: open deals, outcomes of entered deals, and visibility."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any

import pytest

from domain.analytics.funnel import StayGroup
from domain.ledger.record_facts import DealStatus
from models.analytics import funnels
from models.crm.deals import Deal, StageEntry
from models.crm.pipelines import Stage
from models.organization.people import Employee
from tests.databases import on_both_databases
from tests.resolvers.funnel_deals import BERLIN_NOON, FUNNEL_QUERY, open_world_with_stages, record_deal, seed_deals
from tests.resolvers.two_sellers import record_won_deal
from tests.statement_counter import count_statements
from tests.world import World

FUNNEL_FIELDS = """scope { name } weakest { stage { name } } stages { stage { name } openDeals openAmount clients entered advanced lost
  conversionPercent conversionLowPercent conversionHighPercent immature benchmarkPercent medianDaysInStage weak slow }"""


@pytest.fixture
async def world(usual_database_url: str) -> AsyncIterator[World]:
    async with open_world_with_stages(usual_database_url) as world:
        yield world


async def read_funnel(world: World, user: str = "admin", scope: str | None = None, **variables: Any) -> dict[str, Any]:
    scope_global_id = world.global_ids[scope] if scope else None
    return (await world.query(FUNNEL_QUERY % FUNNEL_FIELDS, user, scope=scope_global_id, **variables))["funnel"]


async def read_counts(world: World, scope: str | None = None, **variables: Any) -> list[tuple[int, int, int]]:
    """Return the numbers of entered, advanced and lost deals by stage."""
    funnel_data = await read_funnel(world, scope=scope, **variables)
    return [(stage["entered"], stage["advanced"], stage["lost"]) for stage in funnel_data["stages"]]


async def test_entered_deals_are_advanced_lost_or_open(world: World) -> None:
    await record_deal(world, "Ann", 0, 1, 2, end="win")
    await record_deal(world, "Ann", 0, 1, end="lose")
    await record_deal(world, "Ann", 0, end="lose")
    await record_deal(world, "Bob", 0, 1)

    assert await read_counts(world) == [(4, 3, 1), (3, 1, 1), (1, 1, 0), (0, 0, 0), (0, 0, 0)]
    assert await read_counts(world, "Ann") == await read_counts(world, "North") == [
        (3, 2, 1), (2, 1, 1), (1, 1, 0), (0, 0, 0), (0, 0, 0)
    ]  # fmt: skip
    first_stage = (await read_funnel(world, scope="Ann"))["stages"][0]
    assert (first_stage["conversionPercent"], first_stage["benchmarkPercent"]) == (pytest.approx(200 / 3), 100)
    company = (await read_funnel(world, scope="company"))["stages"]
    assert [stage["benchmarkPercent"] for stage in company] == [None] * 5
    assert [stage["immature"] for stage in company] == [False, True, False, False, False]


async def test_skipped_stage_is_not_entered(world: World) -> None:
    await record_deal(world, "Ann", 0, 3, end="lose")
    await record_deal(world, "Ann", 2, end="win")

    assert await read_counts(world) == [(1, 1, 0), (0, 0, 0), (1, 1, 0), (1, 0, 1), (0, 0, 0)]


async def test_moving_back_keeps_entries_and_loss_counts_for_furthest_stage(world: World) -> None:
    await record_deal(world, "Ann", 0, 1, 2, 1, end="lose")

    assert await read_counts(world) == [(1, 1, 0), (1, 1, 0), (1, 0, 1), (0, 0, 0), (0, 0, 0)]


async def test_reopened_deal_is_undecided_and_deleted_deal_is_not_counted(world: World) -> None:
    reopened_deal = await record_deal(world, "Ann", 0, 1, end="lose")
    await world.mutate("reopenDeal", "Ann", id=reopened_deal)
    deleted_deal = await record_deal(world, "Ann", 0, end="win")
    await world.query("mutation($id: ID!) { deleteDeal(id: $id) { userErrors { code } } }", id=deleted_deal)

    assert await read_counts(world) == [(1, 1, 0), (1, 0, 0), (0, 0, 0), (0, 0, 0), (0, 0, 0)]


async def test_only_first_entries_within_period_count(world: World) -> None:
    await record_deal(world, "Ann", 0, 1, createdAt="2026-10-30T10:00:00Z", end="win")  # moved on 19 November

    assert await read_counts(world) == [(0, 0, 0), (1, 1, 0), (0, 0, 0), (0, 0, 0), (0, 0, 0)]
    assert await read_counts(world, period={"kind": "MONTH", "on": "2026-10-01"}) == [(1, 1, 0), *[(0, 0, 0)] * 4]


async def test_open_deal_counts_for_new_owner_and_closed_deal_for_its_closer(world: World) -> None:
    first = await record_deal(world, "Ann", 0, 1)
    second = await record_deal(world, "Ann", 0, end="lose")
    for deal_id in (first, second):
        await world.mutate("updateDeal", id=deal_id, owner=world.global_ids["Bob"])

    assert await read_counts(world, "Ann") == [(1, 0, 1), *[(0, 0, 0)] * 4]
    assert await read_counts(world, "Bob") == [(1, 1, 0), (1, 0, 0), *[(0, 0, 0)] * 3]


async def test_open_deals_are_counted_with_clients_in_company_currency(world: World) -> None:
    await world.mutate("setExchangeRate", currency="USD", rate="0.9")
    clients = [(await world.mutate("recordClient", "Ann", name=name))["client"]["id"] for name in ("A", "B")]
    for client, amount, currency in ((0, "10", "EUR"), (0, "100", "USD"), (1, "5.50", "EUR"), (None, None, None)):
        money = {"amount": amount, "currency": currency} if amount else None
        input = {"client": clients[client]} if client is not None else {}
        await world.mutate("recordDeal", "Ann", title="Tables", stage=world.stage_ids[1], amount=money, **input)
    await record_deal(world, "Bob", 1)
    await record_deal(world, "Ann", 1, end="win")

    second_stages = [(await read_funnel(world, scope=scope))["stages"][1] for scope in ("Ann", "North", "company")]
    assert [(stage["openDeals"], stage["openAmount"], stage["clients"]) for stage in second_stages] == [
        (4, "105.50", 2), (4, "105.50", 2), (5, "115.50", 2)
    ]  # fmt: skip


async def test_median_days_in_stage_is_when_half_have_left(world: World) -> None:
    for days in (1, 3, 9):
        deal_id = (await world.mutate("recordDeal", "Ann", title="Chairs", createdAt="2026-11-01T10:00:00Z"))["deal"][
            "id"
        ]
        at = f"2026-11-{1 + days:02}T10:00:00Z"
        await world.mutate("moveDeal", "Ann", id=deal_id, stage=world.stage_ids[1], at=at)
    stages = (await read_funnel(world, scope="Ann"))["stages"]

    assert (stages[0]["medianDaysInStage"], stages[1]["medianDaysInStage"]) == (3, None)


async def test_funnel_of_another_pipeline_is_selected_by_id(world: World) -> None:
    saved = await world.mutate("savePipeline", name="Renewals", stages=[{"name": "Due"}, {"name": "Offer"}])
    other = saved["pipeline"]
    await world.mutate("recordDeal", "Ann", title="Chairs", stage=other["stages"][0]["id"])

    assert [stage["stage"]["name"] for stage in (await read_funnel(world))["stages"]] == [
        "Due",
        "Offer",
    ]  # the only pipeline with deals
    await record_deal(world, "Ann", 0)
    assert len((await read_funnel(world))["stages"]) == 5
    assert await read_counts(world, pipeline=other["id"]) == [(1, 0, 0), (0, 0, 0)]
    for invalid_id in ("nonsense", world.global_ids["Ann"]):
        result = await world.execute(FUNNEL_QUERY % FUNNEL_FIELDS, pipeline=invalid_id)
        assert [error.original_error.code for error in result.errors] == ["NOT_FOUND"]


async def test_deal_lost_in_another_pipeline_is_undecided_in_the_original_one(
    world: World,
) -> None:
    saved = await world.mutate("savePipeline", name="Renewals", stages=[{"name": "Due"}])
    other_stage_id = saved["pipeline"]["stages"][0]["id"]
    for end in ("lose", "win"):
        deal_id = await record_deal(world, "Ann", 0)
        await world.mutate("moveDeal", "Ann", id=deal_id, stage=other_stage_id)
        await world.mutate(f"{end}Deal", "Ann", id=deal_id)

    assert await read_counts(world, pipeline=world.global_ids["Sales pipeline"]) == [(2, 1, 0), *[(0, 0, 0)] * 4]


async def test_deals_without_stage_history_are_shown_in_first_stage_only(world: World) -> None:
    await record_won_deal(world, "Ann", "10")
    await world.mutate("recordDeal", "Ann", title="Chairs", status="LOST", stage=world.stage_ids[2])
    await world.mutate("recordDeal", "Bob", title="Chairs", stage=world.stage_ids[3])
    await StageEntry.all().delete()

    assert await read_counts(world) == [(3, 1, 1), *[(0, 0, 0)] * 4]
    await record_deal(world, "Ann", 0)
    assert await read_counts(world) == [
        (1, 0, 0),
        *[(0, 0, 0)] * 4,
    ]  # the stage in which the others were lost is unknown


async def test_funnel_out_of_reach_is_null_or_not_found(world: World) -> None:
    document = "query($id: ID!) { employee(id: $id) { funnel { stages { entered } } } }"
    assert (await world.query(document, "Bob", id=world.global_ids["Ann"]))["employee"] == {"funnel": None}
    await world.create_device("Screen", "WALLBOARD")
    for user, scope in (("Bob", "Ann"), ("Bob", "company"), ("Screen", "company")):
        result = await world.execute(FUNNEL_QUERY % FUNNEL_FIELDS, user, scope=world.global_ids[scope])
        assert [error.original_error.code for error in result.errors] == ["NOT_FOUND"]
    assert (await read_funnel(world, "Bob"))["scope"] == {"name": "Bob"}


async def test_only_the_truly_weak_seller_is_flagged(world: World) -> None:
    await seed_deals(world, weak=4, sellers=10)
    weakest_stage_names = {}
    for number in range(10):
        weakest = (await read_funnel(world, scope=f"S{number}"))["weakest"]
        if weakest:
            weakest_stage_names[number] = weakest["stage"]["name"]

    assert weakest_stage_names == {4: "Qualified"}


async def test_new_seller_with_three_lost_deals_is_not_weak(world: World) -> None:
    await seed_deals(world, sellers=6)
    for _ in range(3):
        await record_deal(world, "Ann", 0, end="lose")
    first_stage = (await read_funnel(world, scope="Ann"))["stages"][0]

    assert (first_stage["conversionPercent"], first_stage["weak"], first_stage["slow"]) == (0, False, False)


@on_both_databases
async def test_stay_groups_equal_reading_deals_one_by_one(world: World) -> None:
    """Compares with reading the deals of a year one by one; they move back and forth and are closed at random."""
    generator, day = random.Random(5), timedelta(days=1)
    stages = await Stage.all().order_by("position")
    owners = {employee.id: employee.team_id for employee in await Employee.filter(name__in=["Ann", "Bob"])}
    for _ in range(150):
        owner, at = generator.choice(list(owners)), BERLIN_NOON - generator.randrange(300) * day
        status = generator.choice(list(DealStatus))
        path = [(generator.choice(stages), at)]
        for _ in range(generator.randrange(5)):
            at += generator.choice((0, 1, 3, 9)) * day
            path.append((generator.choice(stages), at))
        closed = at + generator.choice((0, 2, 30)) * day if status is not DealStatus.OPEN else None
        row = await Deal.create(
            title="x", owner_id=owner, stage_id=path[-1][0].id, status=status, created_at=path[0][1],
            created_on=path[0][1].date(), closed_at=closed, closed_on=closed and closed.date(), opened_by=owner,
            opened_team=owners[owner], won_by=owner if status is DealStatus.WON else None, won_team=1 if status is DealStatus.WON else None,
            lost_by=owner if status is DealStatus.LOST else None, lost_team=2 if status is DealStatus.LOST else None,
        )  # fmt: skip
        for stage, entered in path:
            await StageEntry.create(deal_id=row.id, stage_id=stage.id, entered_at=entered, entered_on=entered.date())
    first, last, today = date(2026, 3, 1), date(2026, 8, 31), date(2026, 11, 18)

    groups = await funnels.stay_groups(stages[0].pipeline_id, (first, last), today)
    assert Counter({_stay_key(group): group.deals for group in groups}) == await _stay_groups_one_by_one(
        stages, owners, first, last, today
    )


async def _stay_groups_one_by_one(
    stages: list[Stage], team_ids: dict[int, int], first: date, last: date, today: date
) -> Counter[tuple[Any, ...]]:
    deals_by_stay: Counter[tuple[Any, ...]] = Counter()
    positions = {stage.id: stage.position for stage in stages}
    for deal in await Deal.all():
        visits = await StageEntry.filter(deal_id=deal.id).order_by("entered_at", "id")
        furthest = max(positions[visit.stage_id] for visit in visits)
        for stage in {visit.stage_id for visit in visits}:
            entry = next(visit for visit in visits if visit.stage_id == stage)
            if not first <= entry.entered_on <= last:
                continue
            others = [
                visit.entered_on
                for visit in visits
                if visit.stage_id != stage
                and (visit.entered_at, positions[visit.stage_id]) > (entry.entered_at, positions[stage])
            ]
            left_on = min(others) if others else deal.closed_on
            team = {DealStatus.WON: 1, DealStatus.LOST: 2}.get(deal.status, team_ids[deal.owner_id])
            days = max(0, ((left_on or today) - entry.entered_on).days)
            reached_later_stage = positions[stage] < furthest
            deals_by_stay[deal.owner_id, team, stage, deal.status, reached_later_stage, days, left_on is not None] += 1
    return deals_by_stay


def _stay_key(group: StayGroup) -> tuple[Any, ...]:
    return (
        group.seller_id,
        group.team_id,
        group.stage_id,
        group.status,
        group.reached_later_stage,
        group.days,
        group.ended,
    )


async def test_funnels_of_all_members_take_two_statements(world: World) -> None:
    for name in ("Cid", "Dan"):
        await world.create_employee(name, "North")
    await record_deal(world, "Cid", 0, 1)
    document = f"query($id: ID!) {{ team(id: $id) {{ members {{ name funnel {{ {FUNNEL_FIELDS} }} }} }} }}"
    with count_statements() as statements:
        members = (await world.query(document, id=world.global_ids["North"]))["team"]["members"]

    assert {member["name"]: member["funnel"]["stages"][0]["entered"] for member in members} == {
        "Ann": 0,
        "Cid": 1,
        "Dan": 0,
    }
    assert len([statement for statement in statements if "stage" in statement]) == 2
