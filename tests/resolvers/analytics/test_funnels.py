"""Funnels of an employee, a team and the company: open deals, outcomes of entered deals, and visibility."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from domain.analytics.funnel import Stays
from domain.ledger.record_facts import DealStatus
from domain.primitives.global_ids import encoded
from models.analytics import funnels
from models.crm.deals import Deal, StageVisit
from models.crm.pipelines import Stage
from models.db import connection
from models.organization.people import Employee
from tests.resolvers.two_sellers import two_sellers, won
from tests.statement_counter import counted
from tests.world import World

SHOWN = """scope { name } weakest { stage { name } } stages { stage { name } openDeals openAmount clients entered advanced lost
  conversionPercent conversionLowPercent conversionHighPercent immature benchmarkPercent medianDaysInStage weak slow }"""
ASKED = "query($scope: ID, $period: PeriodInput, $pipeline: ID) { funnel(scope: $scope, period: $period, pipeline: $pipeline) { %s } }"
BERLIN_NOON = datetime(2026, 11, 1, 11, 0, tzinfo=UTC)


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with two_sellers(database_url) as world:
        pipeline = (await world.ask("{ pipelines { id stages { id } } }"))["pipelines"][0]
        world.ids["Sales pipeline"] = pipeline["id"]
        world.stages = [stage["id"] for stage in pipeline["stages"]]
        yield world


async def funnel(world: World, who: str = "admin", scope: str | None = None, **asked: Any) -> dict[str, Any]:
    number = world.ids[scope] if scope else None
    return (await world.ask(ASKED % SHOWN, who, scope=number, **asked))["funnel"]


async def fared(world: World, scope: str | None = None, **asked: Any) -> list[tuple[int, int, int]]:
    """Return the numbers of entered, advanced and lost deals by stage."""
    shown = await funnel(world, scope=scope, **asked)
    return [(stage["entered"], stage["advanced"], stage["lost"]) for stage in shown["stages"]]


async def deal(world: World, who: str, *stages: int, end: str | None = None, **given: Any) -> str:
    """Record a deal, move it through stages, a day in each, and close it with `end` (win or lose) if given."""
    made = await world.act(
        "recordDeal", who, title="Chairs", stage=world.stages[stages[0]], amount={"amount": "10"}, **given
    )
    number = made["deal"]["id"]
    for stage in stages[1:]:
        world.later(days=1)
        await world.act("moveDeal", who, id=number, stage=world.stages[stage])
    if end:
        await world.act(f"{end}Deal", who, id=number)
    return number


async def test_what_entered_has_advanced_or_is_lost_or_is_open(world: World) -> None:
    await deal(world, "Ann", 0, 1, 2, end="win")
    await deal(world, "Ann", 0, 1, end="lose")
    await deal(world, "Ann", 0, end="lose")
    await deal(world, "Bob", 0, 1)

    assert await fared(world) == [(4, 3, 1), (3, 1, 1), (1, 1, 0), (0, 0, 0), (0, 0, 0)]
    assert await fared(world, "Ann") == await fared(world, "North") == [
        (3, 2, 1), (2, 1, 1), (1, 1, 0), (0, 0, 0), (0, 0, 0)
    ]  # fmt: skip
    shown = (await funnel(world, scope="Ann"))["stages"][0]
    assert (shown["conversionPercent"], shown["benchmarkPercent"]) == (pytest.approx(200 / 3), 100)
    company = (await funnel(world, scope="company"))["stages"]
    assert [stage["benchmarkPercent"] for stage in company] == [None] * 5
    assert [stage["immature"] for stage in company] == [False, True, False, False, False]


async def test_a_stage_that_was_jumped_over_was_not_entered(world: World) -> None:
    await deal(world, "Ann", 0, 3, end="lose")
    await deal(world, "Ann", 2, end="win")

    assert await fared(world) == [(1, 1, 0), (0, 0, 0), (1, 1, 0), (1, 0, 1), (0, 0, 0)]


async def test_going_back_undoes_no_entry_and_a_loss_is_of_the_furthest_stage(world: World) -> None:
    await deal(world, "Ann", 0, 1, 2, 1, end="lose")

    assert await fared(world) == [(1, 1, 0), (1, 1, 0), (1, 0, 1), (0, 0, 0), (0, 0, 0)]


async def test_a_reopened_deal_is_undecided_and_a_deleted_one_never_was(world: World) -> None:
    again = await deal(world, "Ann", 0, 1, end="lose")
    await world.act("reopenDeal", "Ann", id=again)
    gone = await deal(world, "Ann", 0, end="win")
    await world.ask("mutation($id: ID!) { deleteDeal(id: $id) { userErrors { code } } }", id=gone)

    assert await fared(world) == [(1, 1, 0), (1, 0, 0), (0, 0, 0), (0, 0, 0), (0, 0, 0)]


async def test_only_first_entries_within_the_period_count_seen_as_of_now(world: World) -> None:
    await deal(world, "Ann", 0, 1, createdAt="2026-10-30T10:00:00Z", end="win")  # moved on 19 November

    assert await fared(world) == [(0, 0, 0), (1, 1, 0), (0, 0, 0), (0, 0, 0), (0, 0, 0)]
    assert await fared(world, period={"kind": "MONTH", "on": "2026-10-01"}) == [(1, 1, 0), *[(0, 0, 0)] * 4]


async def test_a_deal_handed_over_is_its_new_owners_and_a_closed_one_stays_with_who_closed_it(world: World) -> None:
    first = await deal(world, "Ann", 0, 1)
    second = await deal(world, "Ann", 0, end="lose")
    for each in (first, second):
        await world.act("updateDeal", id=each, owner=world.ids["Bob"])

    assert await fared(world, "Ann") == [(1, 0, 1), *[(0, 0, 0)] * 4]
    assert await fared(world, "Bob") == [(1, 1, 0), (1, 0, 0), *[(0, 0, 0)] * 3]


async def test_what_is_open_now_is_counted_with_its_clients_and_in_the_companys_currency(world: World) -> None:
    await world.act("setExchangeRate", currency="USD", rate="0.9")
    clients = [(await world.act("recordClient", "Ann", name=name))["client"]["id"] for name in ("A", "B")]
    for client, amount, currency in ((0, "10", "EUR"), (0, "100", "USD"), (1, "5.50", "EUR"), (None, None, None)):
        money = {"amount": amount, "currency": currency} if amount else None
        given = {"client": clients[client]} if client is not None else {}
        await world.act("recordDeal", "Ann", title="Tables", stage=world.stages[1], amount=money, **given)
    await deal(world, "Bob", 1)
    await deal(world, "Ann", 1, end="win")

    shown = [(await funnel(world, scope=scope))["stages"][1] for scope in ("Ann", "North", "company")]
    assert [(stage["openDeals"], stage["openAmount"], stage["clients"]) for stage in shown] == [
        (4, "105.50", 2), (4, "105.50", 2), (5, "115.50", 2)
    ]  # fmt: skip


async def test_half_have_left_after_the_median_days(world: World) -> None:
    for days in (1, 3, 9):
        number = (await world.act("recordDeal", "Ann", title="Chairs", createdAt="2026-11-01T10:00:00Z"))["deal"]["id"]
        at = f"2026-11-{1 + days:02}T10:00:00Z"
        await world.act("moveDeal", "Ann", id=number, stage=world.stages[1], at=at)
    shown = (await funnel(world, scope="Ann"))["stages"]

    assert (shown[0]["medianDaysInStage"], shown[1]["medianDaysInStage"]) == (3, None)


async def test_another_pipeline_is_asked_for_by_its_id(world: World) -> None:
    saved = await world.act("savePipeline", name="Renewals", stages=[{"name": "Due"}, {"name": "Offer"}])
    other = saved["pipeline"]
    await world.act("recordDeal", "Ann", title="Chairs", stage=other["stages"][0]["id"])

    assert [stage["stage"]["name"] for stage in (await funnel(world))["stages"]] == [
        "Due",
        "Offer",
    ]  # the only pipeline with deals
    await deal(world, "Ann", 0)
    assert len((await funnel(world))["stages"]) == 5
    assert await fared(world, pipeline=other["id"]) == [(1, 0, 0), (0, 0, 0)]
    for unknown in ("nonsense", world.ids["Ann"]):
        result = await world.execute(ASKED % SHOWN, pipeline=unknown)
        assert [error.original_error.code for error in result.errors] == ["NOT_FOUND"]


async def test_a_deal_lost_in_another_pipeline_is_undecided_in_the_one_it_left_and_a_won_one_has_advanced(
    world: World,
) -> None:
    saved = await world.act("savePipeline", name="Renewals", stages=[{"name": "Due"}])
    elsewhere = saved["pipeline"]["stages"][0]["id"]
    for end in ("lose", "win"):
        number = await deal(world, "Ann", 0)
        await world.act("moveDeal", "Ann", id=number, stage=elsewhere)
        await world.act(f"{end}Deal", "Ann", id=number)

    assert await fared(world, pipeline=world.ids["Sales pipeline"]) == [(2, 1, 0), *[(0, 0, 0)] * 4]


async def test_deals_without_a_history_are_read_in_two_steps_where_there_are_no_others(world: World) -> None:
    await won(world, "Ann", "10")
    await world.act("recordDeal", "Ann", title="Chairs", status="LOST", stage=world.stages[2])
    await world.act("recordDeal", "Bob", title="Chairs", stage=world.stages[3])
    await StageVisit.all().delete()

    assert await fared(world) == [(3, 1, 1), *[(0, 0, 0)] * 4]
    await deal(world, "Ann", 0)
    assert await fared(world) == [(1, 0, 0), *[(0, 0, 0)] * 4]  # the stage in which the others were lost is unknown


async def test_a_colleagues_funnel_is_null_and_one_out_of_reach_is_not_found(world: World) -> None:
    document = "query($id: ID!) { employee(id: $id) { funnel { stages { entered } } } }"
    assert (await world.ask(document, "Bob", id=world.ids["Ann"]))["employee"] == {"funnel": None}
    await world.device("Screen", "WALLBOARD")
    for who, scope in (("Bob", "Ann"), ("Bob", "company"), ("Screen", "company")):
        result = await world.execute(ASKED % SHOWN, who, scope=world.ids[scope])
        assert [error.original_error.code for error in result.errors] == ["NOT_FOUND"]
    assert (await funnel(world, "Bob"))["scope"] == {"name": "Bob"}


async def test_one_truly_weak_seller_is_found_and_nobody_else(world: World) -> None:
    await planted(world, weak=4, sellers=10)
    named = {}
    for number in range(10):
        weakest = (await funnel(world, scope=f"S{number}"))["weakest"]
        if weakest:
            named[number] = weakest["stage"]["name"]

    assert named == {4: "Qualified"}


async def test_a_newcomer_with_three_lost_deals_is_not_weak(world: World) -> None:
    await planted(world, sellers=6)
    for _ in range(3):
        await deal(world, "Ann", 0, end="lose")
    shown = (await funnel(world, scope="Ann"))["stages"][0]

    assert (shown["conversionPercent"], shown["weak"], shown["slow"]) == (0, False, False)


async def planted(world: World, *, sellers: int, weak: int | None = None, deals: int = 80) -> None:
    """Insert deals of equal sellers, except that the `weak` one converts less than half as well in the second stage."""
    luck = random.Random(11)
    stages = await Stage.all().order_by("position")
    rows, visits = [], []
    for number in range(sellers):
        seller = await Employee.create(name=f"S{number}", needle=f"s{number}", created_at=BERLIN_NOON)
        world.ids[f"S{number}"] = encoded("Employee", seller.id)
        for _ in range(deals):
            path, going = [0], luck.random() < 0.9
            while going and len(path) < 5:
                path.append(path[-1] + 1)
                chance = 0.35 if number == weak and path[-1] == 1 else 0.75
                going = luck.random() < chance
            status = DealStatus.WON if going else DealStatus.LOST
            row = Deal(
                id=len(rows) + 1, title="Chairs", owner_id=seller.id, stage_id=stages[path[-1]].id, status=status,
                created_at=BERLIN_NOON, created_on=date(2026, 11, 1), closed_at=BERLIN_NOON, closed_on=date(2026, 11, 9),
                opened_by=seller.id, won_by=seller.id if going else None, lost_by=None if going else seller.id,
            )  # fmt: skip
            row._custom_generated_pk = True
            rows.append(row)
            visits += [
                StageVisit(deal_id=row.id, stage_id=stages[each].id, entered_at=BERLIN_NOON + timedelta(days=each),
                           entered_on=date(2026, 11, 1 + each))
                for each in path
            ]  # fmt: skip
    await Deal.bulk_create(rows, batch_size=200)
    await StageVisit.bulk_create(visits, batch_size=500)
    if connection.connection().capabilities.dialect == "postgres":
        await connection.execute("SELECT setval(pg_get_serial_sequence('deal', 'id'), (SELECT MAX(id) FROM deal))")


async def test_the_statement_says_what_reading_every_deal_would(world: World) -> None:
    """Compares with reading the deals of a year one by one; they move back and forth and are closed at random."""
    luck, day = random.Random(5), timedelta(days=1)
    stages = await Stage.all().order_by("position")
    owners = {employee.id: employee.team_id for employee in await Employee.filter(name__in=["Ann", "Bob"])}
    for _ in range(150):
        owner, at = luck.choice(list(owners)), BERLIN_NOON - luck.randrange(300) * day
        status = luck.choice(list(DealStatus))
        path = [(luck.choice(stages), at)]
        for _ in range(luck.randrange(5)):
            at += luck.choice((0, 1, 3, 9)) * day
            path.append((luck.choice(stages), at))
        closed = at + luck.choice((0, 2, 30)) * day if status is not DealStatus.OPEN else None
        row = await Deal.create(
            title="x", owner_id=owner, stage_id=path[-1][0].id, status=status, created_at=path[0][1],
            created_on=path[0][1].date(), closed_at=closed, closed_on=closed and closed.date(), opened_by=owner,
            won_by=owner if status is DealStatus.WON else None, won_team=1 if status is DealStatus.WON else None,
            lost_by=owner if status is DealStatus.LOST else None, lost_team=2 if status is DealStatus.LOST else None,
        )  # fmt: skip
        for stage, entered in path:
            await StageVisit.create(deal_id=row.id, stage_id=stage.id, entered_at=entered, entered_on=entered.date())
    first, last, today = date(2026, 3, 1), date(2026, 8, 31), date(2026, 11, 18)

    asked = await funnels.stays(stages[0].pipeline_id, (first, last), today)
    assert Counter({_key(each): each.deals for each in asked}) == await _one_by_one(stages, owners, first, last, today)


async def _one_by_one(
    stages: list[Stage], teams: dict[int, int], first: date, last: date, today: date
) -> Counter[tuple[Any, ...]]:
    found: Counter[tuple[Any, ...]] = Counter()
    places = {stage.id: stage.position for stage in stages}
    for deal in await Deal.all():
        visits = await StageVisit.filter(deal_id=deal.id).order_by("entered_at", "id")
        furthest = max(places[visit.stage_id] for visit in visits)
        for stage in {visit.stage_id for visit in visits}:
            entry = next(visit for visit in visits if visit.stage_id == stage)
            if not first <= entry.entered_on <= last:
                continue
            others = [
                visit.entered_on
                for visit in visits
                if visit.stage_id != stage
                and (visit.entered_at, places[visit.stage_id]) > (entry.entered_at, places[stage])
            ]
            left = min(others) if others else deal.closed_on
            team = {DealStatus.WON: 1, DealStatus.LOST: 2}.get(deal.status, teams[deal.owner_id])
            days = max(0, ((left or today) - entry.entered_on).days)
            later = places[stage] < furthest
            found[deal.owner_id, team, stage, deal.status, later, days, left is not None] += 1
    return found


def _key(stays: Stays) -> tuple[Any, ...]:
    return stays.seller, stays.team, stays.stage, stays.status, stays.later, stays.days, stays.ended


async def test_the_funnels_of_all_members_take_two_statements(world: World) -> None:
    for name in ("Cid", "Dan"):
        await world.hire(name, "North")
    await deal(world, "Cid", 0, 1)
    document = f"query($id: ID!) {{ team(id: $id) {{ members {{ name funnel {{ {SHOWN} }} }} }} }}"
    with counted() as statements:
        members = (await world.ask(document, id=world.ids["North"]))["team"]["members"]

    assert {member["name"]: member["funnel"]["stages"][0]["entered"] for member in members} == {
        "Ann": 0,
        "Cid": 1,
        "Dan": 0,
    }
    assert len([each for each in statements if "stage" in each]) == 2
