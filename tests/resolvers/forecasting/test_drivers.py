"""Tests of what has moved a forecast: real counterfactuals that add up exactly, compared with what was known then."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from domain.ledger.record_facts import DealStatus
from domain.primitives.global_ids import encode_global_id
from models.crm.deals import Deal
from models.db import retention
from models.forecasting.pipeline_snapshots import PipelineSnapshot
from models.organization.people import load_team_tree
from resolvers.forecasting import snapshots
from resolvers.request.viewer import Viewer
from tests.databases import on_both_databases
from tests.resolvers.forecasting.half_year_company import seasoned_company
from tests.resolvers.forecasting.test_changed_past import PastChanger
from tests.seeds import each_seed
from tests.statement_counter import count_statements
from tests.world import World

DRIVERS = """query($scope: ID, $period: PeriodInput, $basis: MoneyBasis! = REVENUE, $since: ForecastDriversSince! = TODAY,
  $whatIf: WhatIfInput) {
  forecast(scope: $scope, period: $period, basis: $basis, whatIf: $whatIf) { expected drivers(since: $since) {
    state day expectedThen change
    drivers { kind amount dealCount deals(first: 100) { deal { id title } amount } } } } }"""
REFUND = """mutation($deal: ID!) { recordRefund(input: {deal: $deal, amount: {amount: "40"}}) {
  userErrors { message } } }"""
DELETE = "mutation($id: ID!) { deleteDeal(id: $id) { userErrors { code } } }"
PERIODS = ({"kind": "MONTH"}, {"kind": "QUARTER"}, {"kind": "MONTH", "offset": 1})


@pytest.fixture
async def world(usual_database_url: str) -> AsyncIterator[World]:
    async with seasoned_company(usual_database_url) as world:
        yield world


async def take_snapshots(world: World) -> None:
    context = world.build_context()
    context.current_viewer = Viewer.for_scheduler(await load_team_tree())
    await snapshots.take_snapshots(context)


async def read_drivers(world: World, viewer: str = "admin", **variables: Any) -> dict[str, Any]:
    """Return the answer, after checking what must hold of every one."""
    forecast = (await world.query(DRIVERS, viewer, **variables))["forecast"]
    answer: dict[str, Any] = forecast["drivers"]
    if answer["state"] == "READY":
        amounts = [Decimal(driver["amount"]) for driver in answer["drivers"]]
        assert sum(amounts) == Decimal(answer["change"])
        assert Decimal(answer["expectedThen"]) + Decimal(answer["change"]) == Decimal(forecast["expected"])
        for driver in answer["drivers"]:
            sizes = [abs(Decimal(row["amount"])) for row in driver["deals"]]
            assert sizes == sorted(sizes, reverse=True)
    return answer


def by_kind(answer: dict[str, Any]) -> dict[str, Decimal]:
    return {driver["kind"]: Decimal(driver["amount"]) for driver in answer["drivers"] if Decimal(driver["amount"])}


def deals_of(answer: dict[str, Any], kind: str) -> dict[str, Decimal]:
    [driver] = [driver for driver in answer["drivers"] if driver["kind"] == kind]
    return {row["deal"]["id"]: Decimal(row["amount"]) for row in driver["deals"]}


async def open_deals_of(world: World, seller: str) -> list[str]:
    rows = await Deal.filter(status=DealStatus.OPEN, owner__name=seller).order_by("id")
    return [encode_global_id("Deal", row.id) for row in rows]


async def test_nothing_has_moved_when_nothing_has_happened(world: World) -> None:
    await take_snapshots(world)

    for period in PERIODS:
        answer = await read_drivers(world, period=period)
        assert (answer["state"], answer["day"], by_kind(answer)) == ("READY", "2026-11-18", {})


@on_both_databases
async def test_each_kind_of_change_is_told_with_its_deals(world: World) -> None:
    await take_snapshots(world)
    won, lost, deleted, repriced, handed_over = (await open_deals_of(world, "Ann"))[:5]
    await world.mutate("winDeal", id=won, amount={"amount": "1000"})
    await world.mutate("loseDeal", id=lost, reason="Price")
    await world.query(DELETE, id=deleted)
    await world.mutate("updateDeal", id=repriced, amount={"amount": "5000"})
    await world.mutate("updateDeal", id=handed_over, owner=world.global_ids["Bob"])
    new = (await world.mutate("recordDeal", "Ann", title="New", amount={"amount": "700"}))["deal"]["id"]

    company = await read_drivers(world)
    north = await read_drivers(world, scope=world.global_ids["North"])
    bob = await read_drivers(world, "Bob", scope=world.global_ids["Bob"])

    assert list(deals_of(company, "WON")) == [won]
    assert 0 < deals_of(company, "WON")[won] < 1000  # something had been expected of it
    assert list(deals_of(company, "LOST")) == [lost]  # the deleted one cannot be shown
    assert by_kind(company)["LOST"] < deals_of(company, "LOST")[lost] < 0
    assert list(deals_of(company, "REPRICED")) == [repriced]
    assert deals_of(company, "REPRICED")[repriced] > 0
    assert list(deals_of(company, "NEW")) == [new]
    assert by_kind(company)["NEW"] > 0
    assert {"SLIPPED", "MOVED"}.isdisjoint(by_kind(company))
    assert abs(by_kind(company)["MODEL"]) < 5  # the models forget the deleted deal, and learn who had the other one
    assert by_kind(north)["REASSIGNED"] < 0
    assert by_kind(bob).keys() <= {"REASSIGNED", "MODEL"}
    assert list(deals_of(bob, "REASSIGNED")) == [handed_over]


async def test_effect_of_a_deal_is_what_the_forecast_would_be_without_its_change(world: World) -> None:
    """Each driver is the difference between the forecast and one in which this change alone was not made."""
    await take_snapshots(world)
    lost, won = (await open_deals_of(world, "Bob"))[:2]
    forecasts = [Decimal((await world.query("{ forecast { expected } }"))["forecast"]["expected"])]
    await world.mutate("loseDeal", id=lost, reason="Price")
    forecasts.append(Decimal((await world.query("{ forecast { expected } }"))["forecast"]["expected"]))
    await world.mutate("winDeal", id=won, amount={"amount": "321.45"})
    forecasts.append(Decimal((await world.query("{ forecast { expected } }"))["forecast"]["expected"]))

    effects = by_kind(await read_drivers(world))

    rounding = Decimal("0.03")
    assert abs(effects["LOST"] - (forecasts[1] - forecasts[0])) <= rounding
    assert abs(effects["WON"] - (forecasts[2] - forecasts[1])) <= rounding


async def test_open_deals_slip_as_days_pass(world: World) -> None:
    await take_snapshots(world)
    world.advance(days=7)
    await take_snapshots(world)
    week = await read_drivers(world, since="LAST_WEEK")
    today = await read_drivers(world, since="TODAY")

    assert (week["day"], today["day"]) == ("2026-11-18", "2026-11-25")
    assert by_kind(week)["SLIPPED"] < 0  # five days of the month are left in place of twelve
    assert set(by_kind(week)) == {"SLIPPED", "MODEL"}
    assert by_kind(today) == {}


async def test_what_is_recorded_later_for_earlier_days_is_a_change_since(world: World) -> None:
    """An import and a correction dated back were not known then, though they are of the time before the snapshot."""
    await take_snapshots(world)
    old = await Deal.filter(status=DealStatus.WON, closed_on__gte="2026-11-01").order_by("id").first()
    assert old is not None and old.value is not None
    [open_deal] = (await open_deals_of(world, "Ann"))[:1]
    await world.mutate(
        "recordDeal", "Ann", title="Late", status="WON", amount={"amount": "4000"},
        createdAt="2026-11-02T09:00:00Z", closedAt="2026-11-05T09:00:00Z",
    )  # fmt: skip
    await world.mutate("winDeal", id=open_deal, amount={"amount": "600"}, at="2026-11-16T09:00:00Z")
    await world.mutate("updateDeal", id=encode_global_id("Deal", old.id), amount={"amount": str(old.value // 100 + 50)})

    answer = await read_drivers(world)

    assert sorted(deals_of(answer, "WON").values())[-1] == 4000
    assert open_deal in deals_of(answer, "WON")
    assert deals_of(answer, "REPRICED") == {encode_global_id("Deal", old.id): Decimal(50)}


async def test_win_taken_back_is_no_longer_booked(world: World) -> None:
    won = await Deal.filter(status=DealStatus.WON, closed_on__gte="2026-11-01").order_by("id").first()
    assert won is not None and won.value is not None
    await take_snapshots(world)
    deal_id = encode_global_id("Deal", won.id)
    await world.mutate("reopenDeal", id=deal_id)

    answer = await read_drivers(world)

    assert deals_of(answer, "WON") == {deal_id: -Decimal(won.value) / 100}
    assert deals_of(answer, "NEW")[deal_id] > 0


@on_both_databases
async def test_refund_is_a_correction_of_the_booked_amount(world: World) -> None:
    won = await Deal.filter(status=DealStatus.WON, closed_on__gte="2026-11-01").order_by("id").first()
    assert won is not None
    await take_snapshots(world)
    deal_id = encode_global_id("Deal", won.id)
    await world.query(REFUND, deal=deal_id)

    for basis in ("REVENUE", "PROFIT"):
        answer = await read_drivers(world, basis=basis)
        assert deals_of(answer, "REPRICED")[deal_id] < 0


async def test_states_say_why_there_are_no_drivers(world: World) -> None:
    [deal, *_] = await open_deals_of(world, "Ann")
    assert (await read_drivers(world))["state"] == "NO_SNAPSHOT"
    await take_snapshots(world)
    nothing = {"day": None, "expectedThen": None, "change": None, "drivers": None}

    assert await read_drivers(world, since="YESTERDAY") == {"state": "NO_SNAPSHOT"} | nothing
    assert await read_drivers(world, period={"kind": "YEAR"}) == {"state": "NO_SNAPSHOT"} | nothing
    assert await read_drivers(world, period={"kind": "MONTH", "offset": -1}) == {"state": "PERIOD_OVER"} | nothing
    assert await read_drivers(world, whatIf={"win": [deal]}) == {"state": "WHAT_IF"} | nothing
    assert (await read_drivers(world))["state"] == "READY"


async def test_older_snapshot_is_used_when_the_server_did_not_run(world: World) -> None:
    await take_snapshots(world)
    world.advance(days=7)

    assert (await read_drivers(world, since="YESTERDAY"))["day"] == "2026-11-18"
    assert (await read_drivers(world, since="LAST_WEEK"))["day"] == "2026-11-18"
    assert (await read_drivers(world, since="TODAY"))["state"] == "NO_SNAPSHOT"


async def test_pages_of_deals_continue_after_the_last_one(world: World) -> None:
    await take_snapshots(world)
    world.advance(days=1)
    page = """query($first: Int!, $after: ID) { forecast { drivers { drivers { kind deals(first: $first, after: $after) {
      deal { id } } } } } }"""

    async def read(first: int, after: str | None = None) -> list[str]:
        answer = (await world.query(page, first=first, after=after))["forecast"]["drivers"]["drivers"]
        return [row["deal"]["id"] for driver in answer if driver["kind"] == "SLIPPED" for row in driver["deals"]]

    all_deals = await read(100)
    first_page = await read(2)
    assert len(all_deals) > 4
    assert first_page == all_deals[:2]
    assert await read(3, first_page[-1]) == all_deals[2:5]
    assert await read(3, all_deals[-1]) == []
    result = await world.execute(page, first=2, after=world.global_ids["Ann"])
    assert "There is no such deal" in str(result.errors)


async def test_employee_sees_their_own_drivers_alone(world: World) -> None:
    await take_snapshots(world)
    [deal, *_] = await open_deals_of(world, "Ann")
    await world.mutate("updateDeal", id=deal, owner=world.global_ids["Bob"])

    ann = await read_drivers(world, "Ann", scope=world.global_ids["Ann"])

    assert by_kind(ann)["REASSIGNED"] < 0
    assert deals_of(ann, "REASSIGNED") == {}  # it is Bob's deal now
    result = await world.execute(DRIVERS, "Ann", scope=world.global_ids["Bob"])
    assert result.errors


@on_both_databases
async def test_snapshots_of_the_pipeline_are_kept_for_two_weeks(world: World) -> None:
    await take_snapshots(world)
    await take_snapshots(world)
    assert await PipelineSnapshot.all().count() == 1
    world.advance(days=15)
    await retention.purge_expired(world.now)
    assert not await PipelineSnapshot.exists()


@each_seed(1, 12)
async def test_drivers_add_up_after_any_changes(seed: int) -> None:
    async with seasoned_company() as world:
        pipeline = (await world.query("{ pipelines { stages { id } } }"))["pipelines"][0]
        world.stage_ids = [stage["id"] for stage in pipeline["stages"]]
        await take_snapshots(world)
        changer = PastChanger(world, seed)
        for _ in range(2):
            for _ in range(8):
                await changer.change()
            for scope in ("Ann", "North", "Sales"):
                for basis in ("REVENUE", "PROFIT"):
                    answer = await read_drivers(world, scope=world.global_ids[scope], basis=basis, since="TODAY")
                    assert answer["state"] == "READY"
            world.advance(days=1)


async def test_drivers_of_many_scopes_take_as_many_statements_as_those_of_one() -> None:
    async with seasoned_company() as world:
        await take_snapshots(world)
        fields = "forecast { drivers(since: TODAY) { state change drivers { kind amount } } submitted categories { amount } }"
        await world.query(f"{{ company {{ {fields} }} }}")

        with count_statements() as of_one:
            await world.query(f"{{ employees(first: 1) {{ edges {{ node {{ {fields} }} }} }} }}")
        with count_statements() as of_all:
            answer = await world.query(f"{{ employees {{ edges {{ node {{ {fields} }} }} }} }}")

    assert len(answer["employees"]["edges"]) > 2
    assert len(of_all) == len(of_one)
