"""Funnels of an employee, a team and the company: open deals, outcomes of entered deals, and visibility."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Collection
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import pytest

from domain.analytics.funnel import StayGroup
from domain.ledger.record_facts import DealStatus
from domain.primitives.global_ids import encode_global_id
from graph.base.answer_parts import (
    OPEN_AMOUNTS,
    OPEN_CLIENTS,
    OPEN_DEALS,
    OTHER_DAYS,
    OTHER_OUTCOMES,
    OWN_DAYS,
    OWN_OUTCOMES,
)
from graph.schema import create_schema
from models.analytics import funnels
from models.crm.deals import Deal, StageEntry
from models.crm.pipelines import Stage
from models.db import connection
from models.organization.people import Employee
from tests.resolvers.two_sellers import open_world_with_two_sellers, record_won_deal
from tests.statement_counter import count_statements
from tests.world import World

FUNNEL_FIELDS = """scope { name } weakest { stage { name } } stages { stage { name } openDeals openAmount clients entered advanced lost
  conversionPercent conversionLowPercent conversionHighPercent immature benchmarkPercent medianDaysInStage weak slow }"""
FUNNEL_QUERY = "query($scope: ID, $period: PeriodInput, $pipeline: ID) { funnel(scope: $scope, period: $period, pipeline: $pipeline) { %s } }"
BERLIN_NOON = datetime(2026, 11, 1, 11, 0, tzinfo=UTC)


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with open_world_with_two_sellers(database_url) as world:
        pipeline = (await world.query("{ pipelines { id stages { id } } }"))["pipelines"][0]
        world.global_ids["Sales pipeline"] = pipeline["id"]
        world.stage_ids = [stage["id"] for stage in pipeline["stages"]]
        yield world


async def read_funnel(world: World, user: str = "admin", scope: str | None = None, **variables: Any) -> dict[str, Any]:
    scope_global_id = world.global_ids[scope] if scope else None
    return (await world.query(FUNNEL_QUERY % FUNNEL_FIELDS, user, scope=scope_global_id, **variables))["funnel"]


async def read_counts(world: World, scope: str | None = None, **variables: Any) -> list[tuple[int, int, int]]:
    """Return the numbers of entered, advanced and lost deals by stage."""
    funnel_data = await read_funnel(world, scope=scope, **variables)
    return [(stage["entered"], stage["advanced"], stage["lost"]) for stage in funnel_data["stages"]]


async def record_deal(world: World, user: str, *stages: int, end: str | None = None, **input: Any) -> str:
    """Record a deal, move it through stages, a day in each, and close it with `end` (win or lose) if given."""
    payload = await world.mutate(
        "recordDeal", user, title="Chairs", stage=world.stage_ids[stages[0]], amount={"amount": "10"}, **input
    )
    deal_id = payload["deal"]["id"]
    for stage in stages[1:]:
        world.advance(days=1)
        await world.mutate("moveDeal", user, id=deal_id, stage=world.stage_ids[stage])
    if end:
        await world.mutate(f"{end}Deal", user, id=deal_id)
    return deal_id


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


async def seed_deals(
    world: World, *, sellers: int, weak: int | None = None, slow: int | None = None, deals: int = 80
) -> None:
    """Insert deals of equal sellers, except that the `weak` one converts less than half as well in the second stage.

    Deals of the `slow` one stay in the first stage for four days longer.
    """
    generator = random.Random(11)
    stages = await Stage.all().order_by("position")
    rows, visits = [], []
    for number in range(sellers):
        seller = await Employee.create(name=f"S{number}", search_key=f"s{number}", created_at=BERLIN_NOON)
        world.global_ids[f"S{number}"] = encode_global_id("Employee", seller.id)
        for _ in range(deals):
            path, is_advancing = [0], generator.random() < 0.9
            while is_advancing and len(path) < 5:
                path.append(path[-1] + 1)
                probability = 0.35 if number == weak and path[-1] == 1 else 0.75
                is_advancing = generator.random() < probability
            status = DealStatus.WON if is_advancing else DealStatus.LOST
            row = Deal(
                id=len(rows) + 1, title="Chairs", owner_id=seller.id, stage_id=stages[path[-1]].id, status=status,
                created_at=BERLIN_NOON, created_on=date(2026, 11, 1), closed_at=BERLIN_NOON, closed_on=date(2026, 11, 9),
                opened_by=seller.id, won_by=seller.id if is_advancing else None, lost_by=None if is_advancing else seller.id,
            )  # fmt: skip
            row._custom_generated_pk = True
            rows.append(row)
            visits += [
                StageEntry(deal_id=row.id, stage_id=stages[index].id, entered_at=BERLIN_NOON + timedelta(days=day),
                           entered_on=date(2026, 11, 1 + day))
                for index in path
                for day in [index + 4 * (number == slow and index > 0)]
            ]  # fmt: skip
    await Deal.bulk_create(rows, batch_size=200)
    await StageEntry.bulk_create(visits, batch_size=500)
    if connection.current_connection().capabilities.dialect == "postgres":
        await connection.execute("SELECT setval(pg_get_serial_sequence('deal', 'id'), (SELECT MAX(id) FROM deal))")


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


ALL_FIELDS = [
    field
    for fields in (OPEN_DEALS, OPEN_CLIENTS, OPEN_AMOUNTS, OWN_OUTCOMES, OWN_DAYS, OTHER_OUTCOMES, OTHER_DAYS)
    for field in sorted(fields)
]


def test_every_field_of_a_funnel_has_its_part() -> None:
    types = create_schema()._schema.type_map
    fields = {*cast(Any, types["FunnelStage"]).fields, *cast(Any, types["Funnel"]).fields}

    assert fields - {"stage", "stages", "scope", "period"} == set(ALL_FIELDS)
    assert len(ALL_FIELDS) == len(set(ALL_FIELDS))


def select_fields(fields: Collection[str]) -> str:
    """Return the selection of these fields, in a funnel or in its stages."""
    of_stages = " ".join(field for field in fields if field != "weakest")
    return f"stages {{ stage {{ name }} {of_stages} }}" + " weakest { stage { name } }" * ("weakest" in fields)


def restrict_funnel(funnel_data: dict[str, Any], fields: Collection[str]) -> dict[str, Any]:
    """Return the funnel with nothing but these fields."""
    names = {"stage", *fields}
    stages = [{name: value for name, value in stage.items() if name in names} for stage in funnel_data["stages"]]
    return {"stages": stages} | ({"weakest": funnel_data["weakest"]} if "weakest" in fields else {})


async def test_every_selection_shows_the_figures_of_the_full_answer(world: World) -> None:
    await seed_deals(world, sellers=7, weak=2, slow=4)
    await world.mutate("setExchangeRate", currency="USD", rate="0.9")
    client = (await world.mutate("recordClient", "Ann", name="A"))["client"]["id"]
    for owner, currency in (("Ann", "EUR"), ("Ann", "USD"), ("S2", "USD"), ("S4", "EUR")):
        amount, created_at = {"amount": "10", "currency": currency}, "2026-11-01T10:00:00Z"
        owner_id = world.global_ids[owner]
        await world.mutate("recordDeal", title="Tables", owner=owner_id, amount=amount, createdAt=created_at)
        await world.mutate("recordDeal", "Ann", title="Tables", stage=world.stage_ids[1], client=client)
    await record_deal(world, "Ann", 0, 1, end="win")
    distinct_values: dict[str, set[Any]] = {field: set() for field in ALL_FIELDS}
    generator = random.Random(7)
    viewers_and_scopes = [("admin", "Ann"), ("Ann", "Ann"), ("admin", "S2"), ("admin", "S4"), ("admin", "North"),
                          ("admin", "company")]  # fmt: skip
    for user, scope in viewers_and_scopes:
        scope_id = world.global_ids[scope]
        full = (await world.query(FUNNEL_QUERY % select_fields(ALL_FIELDS), user, scope=scope_id))["funnel"]
        for field in ALL_FIELDS:
            values = [full] if field == "weakest" else full["stages"]
            distinct_values[field] |= {str(value[field]) for value in values}
        subsets = [[], *([field] for field in ALL_FIELDS)]
        subsets += [generator.sample(ALL_FIELDS, generator.randrange(2, 6)) for _ in range(12)]
        for fields in subsets:
            partial = (await world.query(FUNNEL_QUERY % select_fields(fields), user, scope=scope_id))["funnel"]
            assert partial == restrict_funnel(full, fields), (user, scope, fields)

    assert all(len(values) > 1 for values in distinct_values.values()), distinct_values


async def test_every_selection_shows_the_figures_of_the_full_answer_without_stage_history(world: World) -> None:
    await record_won_deal(world, "Ann", "10")
    await world.mutate("recordDeal", "Ann", title="Chairs", status="LOST", stage=world.stage_ids[2])
    await world.mutate("recordDeal", "Bob", title="Chairs", stage=world.stage_ids[3])
    await StageEntry.all().delete()
    for has_history in (False, True):  # of one deal of Bob: then nothing is shown of Ann's
        for scope in ("Ann", "Bob", "North"):
            scope_id = world.global_ids[scope]
            full = (await world.query(FUNNEL_QUERY % select_fields(ALL_FIELDS), scope=scope_id))["funnel"]
            assert (full["stages"][0]["entered"] > 0) == (scope == "Bob" or not has_history)
            for field in ALL_FIELDS:
                partial = (await world.query(FUNNEL_QUERY % select_fields([field]), scope=scope_id))["funnel"]
                assert partial == restrict_funnel(full, [field]), (scope, field, has_history)
        await record_deal(world, "Bob", 0)


@pytest.mark.parametrize(
    ("fields", "tables"),
    [
        ("stages { stage { name } openDeals }", [{"stage", "deal"}]),
        ("stages { clients openAmount }", [{"stage", "deal"}]),
        ("scope { name } stages { stage { name } }", [{"stage", "deal"}]),
        ("stages { entered }", [{"stage", "deal"}, {"stage", "deal", "stage_visit"}]),
        ("weakest { openDeals }", [{"stage", "deal"}, {"stage", "deal", "stage_visit"}]),
    ],
)
async def test_funnel_reads_only_what_is_selected(world: World, fields: str, tables: list[set[str]]) -> None:
    await record_deal(world, "Ann", 0, 1)
    document = f"query($id: ID!) {{ employee(id: $id) {{ funnel {{ {fields} }} }} }}"
    await world.query(document, id=world.global_ids["Ann"])  # the reference data is in the cache from here on
    with count_statements() as statements:
        await world.query(document, id=world.global_ids["Ann"])

    named = [set(re.findall(r"(?:FROM|JOIN) (stage_visit|stage|deal)\b", statement)) for statement in statements]
    assert [names for names in named if names] == tables


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
