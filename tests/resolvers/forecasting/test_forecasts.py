"""Tests of the forecast API: consistency of the parts, what-if, confidence, accuracy, and permissions."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.forecasting.forecast import ForecastWindow
from resolvers.forecasting import forecast_engine
from resolvers.forecasting.forecast_engine import ForecastEngine
from tests.resolvers.forecasting.half_year_company import amounts, forecast, record_history, seasoned_company
from tests.resolvers.two_sellers import CURRENT_MONTH, open_world_with_two_sellers, record_won_deal, set_goal
from tests.world import World

NEXT_MONTH = {"kind": "MONTH", "offset": 1}
NEXT_QUARTER = {"kind": "QUARTER", "offset": 1}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with seasoned_company() as world:
        yield world


@pytest.fixture
async def any_database(database_url: str) -> AsyncIterator[World]:
    async with seasoned_company(database_url) as world:
        yield world


async def open_deal(world: World, **fields: Any) -> str:
    payload = await world.mutate("recordDeal", "Ann", title="Tables", amount={"amount": "400"}, **fields)
    return payload["deal"]["id"]


async def test_forecast_parts_add_up_and_quantiles_are_ordered(any_database: World) -> None:
    for period in (CURRENT_MONTH, NEXT_MONTH, NEXT_QUARTER, {"kind": "WEEK"}, {"kind": "YEAR"}):
        parts = amounts(await forecast(any_database, period=period))

        assert parts["booked"] + parts["pipeline"] + parts["newBusiness"] == parts["expected"]
        assert parts["booked"] <= parts["low"] <= parts["median"] <= parts["high"]
        assert parts["low"] <= parts["expected"] <= parts["high"]
        assert 0 <= parts["undated"] <= parts["pipeline"]
        assert parts["newBusiness"] > 0


async def test_forecast_is_equal_for_equal_data(world: World) -> None:
    first = await forecast(world, period=NEXT_MONTH)
    world.services.state.forecast_engine = ForecastEngine()

    assert await forecast(world, period=NEXT_MONTH) == first


async def test_forecast_of_company_equals_sum_of_teams_and_sellers(world: World) -> None:
    ids = [world.global_ids[name] for name in ("Ann", "Bob", "admin")]
    data = await world.query(
        "query($ids: [ID!]!, $period: PeriodInput) { company { forecast(period: $period) { expected pipeline booked } } "
        "teams { name forecast(period: $period) { expected pipeline booked } } "
        "employees { edges { node { id forecast(period: $period) { expected pipeline booked } } } } }".replace(
            "$ids: [ID!]!, ", ""
        ),
        period=NEXT_MONTH,
    )
    sellers = [edge["node"]["forecast"] for edge in data["employees"]["edges"]]
    teams = {team["name"]: team["forecast"] for team in data["teams"]}

    for name in ("expected", "pipeline", "booked"):
        whole = Decimal(data["company"]["forecast"][name])
        assert abs(sum(Decimal(seller[name]) for seller in sellers) - whole) <= Decimal("0.02")
        assert Decimal(teams["Sales"][name]) == whole
        assert abs(Decimal(teams["North"][name]) + Decimal(teams["South"][name]) - whole) <= Decimal("0.02")
    assert len(sellers) == len(ids)


async def test_forecast_deals_sum_to_the_pipeline(world: World) -> None:
    forecast_fields = await forecast(world, period=NEXT_MONTH)
    parts = [Decimal(deal["expected"]) for deal in forecast_fields["deals"]]

    assert parts == sorted(parts, reverse=True)
    assert abs(sum(parts) - Decimal(forecast_fields["pipeline"])) < Decimal("0.5")
    assert all(0 < deal["winProbability"] < 1 for deal in forecast_fields["deals"])


async def test_undated_includes_deals_without_expected_closing_day(world: World) -> None:
    before = amounts(await forecast(world, period=NEXT_MONTH))["undated"]
    await open_deal(world)
    without = amounts(await forecast(world, period=NEXT_MONTH))["undated"]
    await open_deal(world, expectedCloseOn=(world.now + timedelta(days=9)).date().isoformat())

    assert without > before
    assert amounts(await forecast(world, period=NEXT_MONTH))["undated"] == pytest.approx(without, rel=Decimal("0.02"))


async def test_won_deal_moves_from_pipeline_to_booked(world: World) -> None:
    deal = await open_deal(world)
    before = amounts(await forecast(world))
    await world.mutate("winDeal", "Ann", id=deal)
    after = amounts(await forecast(world))

    assert after["booked"] == before["booked"] + 400
    assert after["pipeline"] < before["pipeline"]
    assert after["expected"] > before["expected"]


async def test_lost_deal_contributes_nothing(world: World) -> None:
    deal = await open_deal(world)
    before = amounts(await forecast(world))
    await world.mutate("loseDeal", "Ann", id=deal)
    after = amounts(await forecast(world))

    assert after["booked"] == before["booked"]
    assert after["expected"] < before["expected"]


@pytest.mark.parametrize("basis", ["REVENUE", "PROFIT"])
async def test_what_if_equals_the_real_changes_and_writes_nothing(world: World, basis: str) -> None:
    cost = {"cost": {"amount": "150"}}
    first, second, third = [await open_deal(world, **cost), await open_deal(world), await open_deal(world, **cost)]
    old = await record_won_deal(world, "Ann", "700", closedAt=(world.now - timedelta(days=2)).isoformat())
    before = await forecast(world, basis=basis)
    what_if = await forecast(world, basis=basis, whatIf={"win": [first, second], "lose": [third, old]})
    assert await forecast(world, basis=basis) == before

    await world.mutate("winDeal", "Ann", id=first)
    await world.mutate("winDeal", "Ann", id=second)
    await world.mutate("loseDeal", "Ann", id=third)
    await world.mutate("loseDeal", "Ann", id=old)

    assert await forecast(world, basis=basis) == what_if != before


async def test_what_if_books_the_win_in_a_future_period(world: World) -> None:
    deal = await open_deal(world)
    before, what_if = (
        await forecast(world, period=NEXT_MONTH),
        await forecast(world, period=NEXT_MONTH, whatIf={"win": [deal]}),
    )

    assert Decimal(what_if["booked"]) == Decimal(before["booked"]) + 400


async def test_what_if_rejects_invisible_deals_and_deals_in_both_lists(world: World) -> None:
    deal = await open_deal(world)
    document = "query($w: WhatIfInput) { forecast(whatIf: $w) { expected } }"
    invisible = await world.execute(document, "Bob", w={"win": [deal]})
    in_both_lists = await world.execute(document, "Ann", w={"win": [deal], "lose": [deal]})

    assert [result.errors[0].original_error.code for result in (invisible, in_both_lists)] == ["BAD_USER_INPUT"] * 2


async def test_forecast_has_target_and_probability_when_there_is_a_goal(world: World) -> None:
    expected = amounts(await forecast(world, period=NEXT_MONTH))["expected"]
    probabilities = []
    for owner, times in (("company", Decimal("0.3")), ("Sales", Decimal(1)), ("North", Decimal(9))):
        await set_goal(world, owner, "deals_won_amount", str(round(expected * times)), period=NEXT_MONTH)
        forecast_fields = await forecast(world, period=NEXT_MONTH, scope=owner)
        assert Decimal(forecast_fields["target"]) == round(expected * times)
        probabilities.append(forecast_fields["attainmentProbability"])

    assert probabilities[0] > 0.95
    assert 0.2 < probabilities[1] < 0.8
    assert probabilities[2] < 0.05


async def test_forecast_of_a_past_period_equals_booked(world: World) -> None:
    forecast_fields = await forecast(world, period={"kind": "MONTH", "offset": -1})

    assert len({forecast_fields[name] for name in ("booked", "expected", "low", "median", "high")}) == 1
    assert Decimal(forecast_fields["booked"]) > 0
    assert forecast_fields["deals"] == []


async def test_forecast_equals_booked_with_too_little_history() -> None:
    async with open_world_with_two_sellers() as world:
        await record_history(world, days=21)
        await set_goal(world, "company", "deals_won_amount", "99999")
        forecast_fields = await forecast(world)

        assert forecast_fields["confidence"] == "NONE"
        assert {forecast_fields[name] for name in ("expected", "low", "median", "high")} == {forecast_fields["booked"]}
        assert (forecast_fields["newBusiness"], forecast_fields["pipeline"], forecast_fields["undated"]) == (
            "0.00",
            "0.00",
            "0.00",
        )
        assert forecast_fields["attainmentProbability"] is None
        deals = await world.query("{ deals(filter: {status: [OPEN]}) { edges { node { winProbability } } } }")
        assert {edge["node"]["winProbability"] for edge in deals["deals"]["edges"]} == {None}


OPEN_PIPELINE = """query($scope: ID, $period: PeriodInput) { forecast(scope: $scope, period: $period) {
  confidence expected booked openPipeline { deals amount withoutAmount } } }"""


async def test_open_pipeline_is_shown_apart_with_too_little_history(database_url: str) -> None:
    async with open_world_with_two_sellers(database_url) as world:
        await world.mutate("setExchangeRate", currency="USD", rate="0.5")
        for seller, amount in (
            ("Ann", {"amount": "100"}),
            ("Ann", {"amount": "50", "currency": "USD"}),
            ("Bob", {"amount": "7"}),
            ("Bob", None),
        ):
            await world.mutate("recordDeal", seller, title="Chairs", amount=amount)
        await world.mutate("recordDeal", "Ann", title="Rugs", status="LOST", amount={"amount": "1000"})

        company = (await world.query(OPEN_PIPELINE))["forecast"]
        ann = (await world.query(OPEN_PIPELINE, "Ann", scope=world.global_ids["Ann"]))["forecast"]
        past = (await world.query(OPEN_PIPELINE, period={"kind": "MONTH", "offset": -1}))["forecast"]

    assert (company["confidence"], company["expected"]) == ("NONE", company["booked"])
    assert company["openPipeline"] == {"deals": 4, "amount": "132.00", "withoutAmount": 1}
    assert ann["openPipeline"] == {"deals": 2, "amount": "125.00", "withoutAmount": 0}
    assert past["openPipeline"] is None


async def test_forecast_has_no_confidence_for_years_far_ahead(world: World) -> None:
    near, far = [await forecast(world, period={"kind": "YEAR", "offset": offset}) for offset in (1, 90)]

    assert near["confidence"] != "NONE"
    assert (far["confidence"], far["expected"]) == ("NONE", "0.00")


async def test_profit_forecast_is_lower_by_about_the_cost(world: World) -> None:
    revenue, profit = [
        amounts(await forecast(world, period=NEXT_MONTH, basis=basis)) for basis in ("REVENUE", "PROFIT")
    ]

    assert profit["expected"] < revenue["expected"]
    assert profit["expected"] == pytest.approx(revenue["expected"] * Decimal(365) / 465, rel=Decimal("0.25"))


async def test_deal_has_probability_of_ever_being_won(world: World) -> None:
    deal = await open_deal(world)
    document = "query($id: ID!) { node(id: $id) { ... on Deal { winProbability } } }"

    async def win_probability() -> float:
        return (await world.query(document, "Ann", id=deal))["node"]["winProbability"]

    at_creation = await win_probability()
    in_time = (await forecast(world))["deals"]
    assert 0.2 < at_creation < 0.8
    assert at_creation > next(deal_row["winProbability"] for deal_row in in_time if deal_row["deal"]["id"] == deal)
    await world.mutate("winDeal", "Ann", id=deal)
    assert await win_probability() == 1
    await world.mutate("loseDeal", "Ann", id=deal)
    assert await win_probability() == 0


# rights


async def visible_scope_name(world: World, viewer_name: str, scope: str | None = None) -> str | None:
    """Return the name of the scope whose forecast the viewer gets; None if there is no visible one."""
    variables = {} if scope is None else {"scope": world.global_ids[scope]}
    result = await world.execute(
        "query($scope: ID) { forecast(scope: $scope) { scope { name } } }", viewer_name, **variables
    )
    if result.errors:
        assert result.errors[0].original_error.code == "NOT_FOUND"
        return None
    return result.data["forecast"]["scope"]["name"]


async def test_forecast_visibility_follows_managed_teams(world: World) -> None:
    await world.create_employee("Mia", "Sales", role="MANAGER")
    await world.mutate("updateTeam", id=world.global_ids["North"], manager=world.global_ids["Mia"])
    await world.create_employee("Dora", role="DIRECTOR")

    assert await visible_scope_name(world, "Ann") == "Ann"
    assert [await visible_scope_name(world, "Ann", scope) for scope in ("Bob", "North", "company")] == [None] * 3
    assert await visible_scope_name(world, "Mia") == "North"
    assert [await visible_scope_name(world, "Mia", scope) for scope in ("Ann", "Bob", "South")] == ["Ann", None, None]
    assert await visible_scope_name(world, "Dora") == "Acme"
    assert await visible_scope_name(world, "Dora", "Bob") == "Bob"


async def test_wallboard_sees_team_totals_but_no_deals(world: World) -> None:
    await world.create_device("Hall", "WALLBOARD")
    await world.create_device("North hall", "WALLBOARD", "North")
    await world.create_device("Old CRM", "INTEGRATION")

    assert await visible_scope_name(world, "Hall") == "Acme"
    assert await visible_scope_name(world, "Hall", "Ann") is None
    assert await visible_scope_name(world, "North hall") == "North"
    assert await visible_scope_name(world, "North hall", "company") is None
    assert await visible_scope_name(world, "Old CRM") is None
    assert (await forecast(world, "Hall"))["deals"] == []


async def test_forecast_of_a_colleague_is_null(world: World) -> None:
    data = await world.query(
        "query($id: ID!) { employee(id: $id) { name forecast { expected } } }", "Bob", id=world.global_ids["Ann"]
    )

    assert data["employee"] == {"name": "Ann", "forecast": None}


async def test_past_version_is_kept_when_only_today_changes(world: World) -> None:
    """Models are kept while only today's deals change, and fitted again when the past does."""
    deal = await open_deal(world)
    await forecast(world)
    engine = world.services.state.forecast_engine
    before = await engine.snapshot(await world.authenticated_context("admin"))

    await world.mutate("winDeal", "Ann", id=deal)
    await open_deal(world)
    after_today = await engine.snapshot(await world.authenticated_context("admin"))
    await record_won_deal(world, "Ann", "50", closedAt=(world.now - timedelta(days=40)).isoformat())
    after_past = await engine.snapshot(await world.authenticated_context("admin"))

    assert before.position < after_today.position < after_past.position
    assert before.past_version == after_today.past_version < after_past.past_version


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Los_Angeles"])
async def test_deals_are_read_again_after_the_time_zone_changes(world: World, zone: str) -> None:
    await world.mutate("setExchangeRate", currency="USD", rate="0.5")
    await open_deal(world)
    dollars = (await world.mutate("recordDeal", "Ann", title="Lamps", amount={"amount": "400", "currency": "USD"}))[
        "deal"
    ]["id"]
    await world.mutate("updateCompany", timeZone=zone)

    deal_rows = {deal_row["deal"]["id"]: deal_row for deal_row in (await forecast(world, period=NEXT_MONTH))["deals"]}
    world.services.state.forecast_engine = ForecastEngine()

    assert deal_rows == {
        deal_row["deal"]["id"]: deal_row for deal_row in (await forecast(world, period=NEXT_MONTH))["deals"]
    }
    euros = next(deal_row for deal_row in deal_rows.values() if deal_row["deal"]["title"] == "Tables")
    assert Decimal(deal_rows[dollars]["expected"]) == pytest.approx(Decimal(euros["expected"]) / 2, rel=Decimal("0.01"))


async def test_draws_of_windows_used_least_recently_are_dropped_when_there_are_too_many(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_windows() -> list[ForecastWindow]:
        gc.collect()
        return [object_ for object_ in gc.get_objects() if isinstance(object_, ForecastWindow)]

    before = len(find_windows())
    month, quarter = [await forecast(world, period={"kind": kind}) for kind in ("MONTH", "QUARTER")]
    assert len(find_windows()) == before + 2

    monkeypatch.setattr(forecast_engine, "_MAX_DRAWS_SIZE", 1)
    next_quarter = await forecast(world, period=NEXT_QUARTER)
    assert len(find_windows()) == before + 1

    assert await forecast(world, period={"kind": "MONTH"}) == month
    assert await forecast(world, period={"kind": "QUARTER"}) == quarter
    assert await forecast(world, period=NEXT_QUARTER) == next_quarter
