"""Tests of the forecast API: consistency of the parts, what-if, confidence, accuracy, and permissions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.forecasting.backtest import Made
from domain.forecasting.cooperative import Steps
from resolvers.forecasting.backtests import Key, Past
from tests.resolvers.forecasting.half_year_company import amounts, forecast, history, seasoned
from tests.resolvers.two_sellers import MONTH, goal, two_sellers, won
from tests.world import World

NEXT = {"kind": "MONTH", "offset": 1}
QUARTER = {"kind": "QUARTER", "offset": 1}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with seasoned() as world:
        yield world


@pytest.fixture
async def either(database_url: str) -> AsyncIterator[World]:
    async with seasoned(database_url) as world:
        yield world


async def open_deal(world: World, **given: Any) -> str:
    payload = await world.act("recordDeal", "Ann", title="Tables", amount={"amount": "400"}, **given)
    return payload["deal"]["id"]


async def test_the_parts_add_up_and_the_range_is_in_order(either: World) -> None:
    for period in (MONTH, NEXT, QUARTER, {"kind": "WEEK"}, {"kind": "YEAR"}):
        found = amounts(await forecast(either, period=period))

        assert found["booked"] + found["pipeline"] + found["newBusiness"] == found["expected"]
        assert found["booked"] <= found["low"] <= found["median"] <= found["high"]
        assert found["low"] <= found["expected"] <= found["high"]
        assert 0 <= found["undated"] <= found["pipeline"]
        assert found["newBusiness"] > 0


async def test_the_same_data_gives_the_same_answer(world: World) -> None:
    first = await forecast(world, period=NEXT)
    world.services.forecaster = None

    assert await forecast(world, period=NEXT) == first


async def test_the_company_is_the_sum_of_its_teams_and_these_of_their_sellers(world: World) -> None:
    ids = [world.ids[name] for name in ("Ann", "Bob", "admin")]
    found = await world.ask(
        "query($ids: [ID!]!, $period: PeriodInput) { company { forecast(period: $period) { expected pipeline booked } } "
        "teams { name forecast(period: $period) { expected pipeline booked } } "
        "employees { edges { node { id forecast(period: $period) { expected pipeline booked } } } } }".replace(
            "$ids: [ID!]!, ", ""
        ),
        period=NEXT,
    )
    sellers = [edge["node"]["forecast"] for edge in found["employees"]["edges"]]
    teams = {team["name"]: team["forecast"] for team in found["teams"]}

    for name in ("expected", "pipeline", "booked"):
        whole = Decimal(found["company"]["forecast"][name])
        assert abs(sum(Decimal(each[name]) for each in sellers) - whole) <= Decimal("0.02")
        assert Decimal(teams["Sales"][name]) == whole
        assert abs(Decimal(teams["North"][name]) + Decimal(teams["South"][name]) - whole) <= Decimal("0.02")
    assert len(sellers) == len(ids)


async def test_the_open_deals_make_up_the_pipeline(world: World) -> None:
    found = await forecast(world, period=NEXT)
    parts = [Decimal(each["expected"]) for each in found["deals"]]

    assert parts == sorted(parts, reverse=True)
    assert abs(sum(parts) - Decimal(found["pipeline"])) < Decimal("0.5")
    assert all(0 < each["winProbability"] < 1 for each in found["deals"])


async def test_a_deal_without_a_closing_day_or_past_it_is_shown_apart(world: World) -> None:
    before = amounts(await forecast(world, period=NEXT))["undated"]
    await open_deal(world)
    without = amounts(await forecast(world, period=NEXT))["undated"]
    await open_deal(world, expectedCloseOn=(world.now + timedelta(days=9)).date().isoformat())

    assert without > before
    assert amounts(await forecast(world, period=NEXT))["undated"] == pytest.approx(without, rel=Decimal("0.02"))


async def test_a_won_deal_moves_from_the_pipeline_to_what_is_booked(world: World) -> None:
    deal = await open_deal(world)
    before = amounts(await forecast(world))
    await world.act("winDeal", "Ann", id=deal)
    after = amounts(await forecast(world))

    assert after["booked"] == before["booked"] + 400
    assert after["pipeline"] < before["pipeline"]
    assert after["expected"] > before["expected"]


async def test_a_lost_deal_leaves_nothing(world: World) -> None:
    deal = await open_deal(world)
    before = amounts(await forecast(world))
    await world.act("loseDeal", "Ann", id=deal)
    after = amounts(await forecast(world))

    assert after["booked"] == before["booked"]
    assert after["expected"] < before["expected"]


@pytest.mark.parametrize("basis", ["REVENUE", "PROFIT"])
async def test_what_if_equals_really_doing_it_and_writes_nothing(world: World, basis: str) -> None:
    cost = {"cost": {"amount": "150"}}
    first, second, third = [await open_deal(world, **cost), await open_deal(world), await open_deal(world, **cost)]
    old = await won(world, "Ann", "700", closedAt=(world.now - timedelta(days=2)).isoformat())
    before = await forecast(world, basis=basis)
    supposed = await forecast(world, basis=basis, whatIf={"win": [first, second], "lose": [third, old]})
    assert await forecast(world, basis=basis) == before

    await world.act("winDeal", "Ann", id=first)
    await world.act("winDeal", "Ann", id=second)
    await world.act("loseDeal", "Ann", id=third)
    await world.act("loseDeal", "Ann", id=old)

    assert await forecast(world, basis=basis) == supposed != before


async def test_what_if_of_a_coming_period_books_the_win_there(world: World) -> None:
    deal = await open_deal(world)
    before, supposed = await forecast(world, period=NEXT), await forecast(world, period=NEXT, whatIf={"win": [deal]})

    assert Decimal(supposed["booked"]) == Decimal(before["booked"]) + 400


async def test_what_if_takes_only_deals_in_sight_and_one_fate_for_each(world: World) -> None:
    deal = await open_deal(world)
    document = "query($w: WhatIfInput) { forecast(whatIf: $w) { expected } }"
    strange = await world.execute(document, "Bob", w={"win": [deal]})
    both = await world.execute(document, "Ann", w={"win": [deal], "lose": [deal]})

    assert [each.errors[0].original_error.code for each in (strange, both)] == ["BAD_USER_INPUT"] * 2


async def test_a_goal_gives_the_target_and_the_chance_to_reach_it(world: World) -> None:
    expected = amounts(await forecast(world, period=NEXT))["expected"]
    chances = []
    for owner, times in (("company", Decimal("0.3")), ("Sales", Decimal(1)), ("North", Decimal(9))):
        await goal(world, owner, "deals_won_amount", str(round(expected * times)), period=NEXT)
        found = await forecast(world, period=NEXT, scope=owner)
        assert Decimal(found["target"]) == round(expected * times)
        chances.append(found["attainmentProbability"])

    assert chances[0] > 0.95
    assert 0.2 < chances[1] < 0.8
    assert chances[2] < 0.05


async def test_a_period_that_is_over_is_what_was_booked(world: World) -> None:
    found = await forecast(world, period={"kind": "MONTH", "offset": -1})

    assert len({found[name] for name in ("booked", "expected", "low", "median", "high")}) == 1
    assert Decimal(found["booked"]) > 0
    assert found["deals"] == []


async def test_with_too_little_history_the_figures_are_what_is_booked() -> None:
    async with two_sellers() as world:
        await history(world, days=21)
        await goal(world, "company", "deals_won_amount", "99999")
        found = await forecast(world)

        assert found["confidence"] == "NONE"
        assert {found[name] for name in ("expected", "low", "median", "high")} == {found["booked"]}
        assert (found["newBusiness"], found["pipeline"], found["undated"]) == ("0.00", "0.00", "0.00")
        assert found["attainmentProbability"] is None
        deals = await world.ask("{ deals(filter: {status: [OPEN]}) { edges { node { winProbability } } } }")
        assert {edge["node"]["winProbability"] for edge in deals["deals"]["edges"]} == {None}


async def test_of_years_far_ahead_nothing_is_said(world: World) -> None:
    near, far = [await forecast(world, period={"kind": "YEAR", "offset": offset}) for offset in (1, 90)]

    assert near["confidence"] != "NONE"
    assert (far["confidence"], far["expected"]) == ("NONE", "0.00")


async def test_profit_is_less_than_revenue_by_about_the_cost(world: World) -> None:
    revenue, profit = [amounts(await forecast(world, period=NEXT, basis=each)) for each in ("REVENUE", "PROFIT")]

    assert profit["expected"] < revenue["expected"]
    assert profit["expected"] == pytest.approx(revenue["expected"] * Decimal(365) / 465, rel=Decimal("0.25"))


async def test_a_deal_says_how_likely_it_is_ever_won(world: World) -> None:
    deal = await open_deal(world)
    document = "query($id: ID!) { node(id: $id) { ... on Deal { winProbability } } }"

    async def chance() -> float:
        return (await world.ask(document, "Ann", id=deal))["node"]["winProbability"]

    fresh = await chance()
    in_time = (await forecast(world))["deals"]
    assert 0.2 < fresh < 0.8
    assert fresh > next(each["winProbability"] for each in in_time if each["deal"]["id"] == deal)
    await world.act("winDeal", "Ann", id=deal)
    assert await chance() == 1
    await world.act("loseDeal", "Ann", id=deal)
    assert await chance() == 0


async def test_how_past_forecasts_did_is_shown(either: World) -> None:
    document = """query($period: PeriodInput, $scope: ID) { forecast(period: $period, scope: $scope) { accuracy {
      periods wape biasPercent intervalCoveragePercent weightedPipelineWape } } }"""
    for scope in ("company", "North", "Ann"):
        found = (await either.ask(document, scope=either.ids[scope], period=NEXT))["forecast"]["accuracy"]

        assert found["periods"] == 4  # two of the six complete months are needed as history
        assert 0 < found["wape"] < 100
        assert 0 <= found["intervalCoveragePercent"] <= 100
        assert found["weightedPipelineWape"] > 0


async def test_a_quarter_is_judged_by_quarters(world: World) -> None:
    document = "query($period: PeriodInput) { forecast(period: $period) { accuracy { periods } } }"

    assert (await world.ask(document, period=QUARTER))["forecast"]["accuracy"]["periods"] == 2


async def test_how_past_forecasts_did_is_worked_out_once_for_all_who_ask(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    def counted(past: Past, origin: int) -> Steps[dict[Key, list[Made]]]:
        made.append(origin)
        return (yield from forecasts_of(past, origin))

    forecasts_of = Past.forecasts
    monkeypatch.setattr(Past, "forecasts", counted)
    twenty = " ".join(f"a{n}: forecast(period: $p) {{ accuracy {{ periods wape }} }}" for n in range(20))
    document = f"query($p: PeriodInput) {{ {twenty} teams {{ members {{ forecast(period: $p) {{ accuracy {{ wape }} }} }} }} }}"

    first = await world.ask(document, p=NEXT)
    assert len(made) == len(set(made)) > 3
    await world.act("winDeal", "Ann", id=await open_deal(world))  # a change of today leaves the past as it was
    assert await world.ask(document, p=NEXT) == first
    assert len(made) == len(set(made))
    await won(world, "Ann", "50", closedAt=(world.now - timedelta(days=40)).isoformat())

    assert (await world.ask(document, p=NEXT))["a0"] != first["a0"]
    assert len(made) == 2 * len(set(made))


async def test_without_a_past_to_test_on_there_is_no_accuracy() -> None:
    async with two_sellers() as world:
        assert (await world.ask("{ forecast { accuracy { wape } } }"))["forecast"]["accuracy"] is None


# rights


async def seen(world: World, who: str, scope: str | None = None) -> str | None:
    """Return the name of the scope whose forecast the viewer gets; None if there is no visible one."""
    variables = {} if scope is None else {"scope": world.ids[scope]}
    result = await world.execute("query($scope: ID) { forecast(scope: $scope) { scope { name } } }", who, **variables)
    if result.errors:
        assert result.errors[0].original_error.code == "NOT_FOUND"
        return None
    return result.data["forecast"]["scope"]["name"]


async def test_each_sees_as_far_as_he_stands(world: World) -> None:
    await world.hire("Mia", "Sales", role="MANAGER")
    await world.act("updateTeam", id=world.ids["North"], manager=world.ids["Mia"])
    await world.hire("Dora", role="DIRECTOR")

    assert await seen(world, "Ann") == "Ann"
    assert [await seen(world, "Ann", scope) for scope in ("Bob", "North", "company")] == [None] * 3
    assert await seen(world, "Mia") == "North"
    assert [await seen(world, "Mia", scope) for scope in ("Ann", "Bob", "South")] == ["Ann", None, None]
    assert await seen(world, "Dora") == "Acme"
    assert await seen(world, "Dora", "Bob") == "Bob"


async def test_a_screen_sees_totals_of_teams_and_no_deals(world: World) -> None:
    await world.device("Hall", "WALLBOARD")
    await world.device("North hall", "WALLBOARD", "North")
    await world.device("Old CRM", "INTEGRATION")

    assert await seen(world, "Hall") == "Acme"
    assert await seen(world, "Hall", "Ann") is None
    assert await seen(world, "North hall") == "North"
    assert await seen(world, "North hall", "company") is None
    assert await seen(world, "Old CRM") is None
    assert (await forecast(world, "Hall"))["deals"] == []


async def test_a_colleague_s_forecast_reads_as_null(world: World) -> None:
    found = await world.ask(
        "query($id: ID!) { employee(id: $id) { name forecast { expected } } }", "Bob", id=world.ids["Ann"]
    )

    assert found["employee"] == {"name": "Ann", "forecast": None}


async def test_a_change_of_today_teaches_nothing_new(world: World) -> None:
    """Models are kept while only today's deals change, and fitted again when the past does."""
    deal = await open_deal(world)
    await forecast(world)
    desk = world.services.forecaster
    before = await desk.known(await world.admitted("admin"))

    await world.act("winDeal", "Ann", id=deal)
    await open_deal(world)
    today = await desk.known(await world.admitted("admin"))
    await won(world, "Ann", "50", closedAt=(world.now - timedelta(days=40)).isoformat())
    past = await desk.known(await world.admitted("admin"))

    assert before.position < today.position < past.position
    assert before.past == today.past < past.past


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Los_Angeles"])
async def test_deals_of_any_zone_and_currency_are_read_again_after_the_company_changes(world: World, zone: str) -> None:
    await world.act("setExchangeRate", currency="USD", rate="0.5")
    await open_deal(world)
    dollars = (await world.act("recordDeal", "Ann", title="Lamps", amount={"amount": "400", "currency": "USD"}))[
        "deal"
    ]["id"]
    await world.act("updateCompany", timeZone=zone)

    found = {each["deal"]["id"]: each for each in (await forecast(world, period=NEXT))["deals"]}
    world.services.forecaster = None

    assert found == {each["deal"]["id"]: each for each in (await forecast(world, period=NEXT))["deals"]}
    euros = next(each for each in found.values() if each["deal"]["title"] == "Tables")
    assert Decimal(found[dollars]["expected"]) == pytest.approx(Decimal(euros["expected"]) / 2, rel=Decimal("0.01"))
