"""Statistics of an employee, a team and the company, and their visibility."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from models.db import connection
from tests.resolvers.two_sellers import two_sellers, won
from tests.statement_counter import counted
from tests.world import World

SHOWN = "winRatePercent averageDealAmount medianSalesCycleDays period { start end }"
SERIES = "series { metric { key } total previousTotal points { start value } }"
ASKED = """query($scope: ID, $period: PeriodInput, $interval: Interval! = DAY, $metrics: [String!]) {
  statistics(scope: $scope, period: $period, interval: $interval, metrics: $metrics) { %s %s } }"""
WON = ["deals_won", "deals_won_amount"]
NOVEMBER = {"kind": "MONTH", "on": "2026-11-01"}


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with two_sellers(database_url) as world:
        yield world


async def charts(world: World, who: str = "admin", scope: str | None = None, **asked: Any) -> dict[str, Any]:
    number = world.ids[scope] if scope else None
    return (await world.ask(ASKED % (SHOWN, SERIES), who, scope=number, **asked))["statistics"]


def points(statistics: dict[str, Any], key: str) -> dict[str, str]:
    series = next(series for series in statistics["series"] if series["metric"]["key"] == key)
    return {point["start"]: point["value"] for point in series["points"] if point["value"] not in ("0", "0.00")}


async def lost(world: World, who: str = "Ann", **given: Any) -> str:
    return (await world.act("recordDeal", who, title="Chairs", status="LOST", **given))["deal"]["id"]


async def test_each_scope_sees_what_was_credited_to_it(world: World) -> None:
    await won(world, "Ann", "100", closedAt="2026-11-02T10:00:00Z")
    await won(world, "Ann", "50", closedAt="2026-11-16T23:30:00Z")  # the 17th in Berlin
    await won(world, "Bob", "7", closedAt="2026-11-02T10:00:00Z")
    await world.act("updateEmployee", id=world.ids["Ann"], team=world.ids["South"])  # the credit stays with North

    ann, north, south, company = [
        points(await charts(world, scope=scope, metrics=WON), "deals_won_amount")
        for scope in ("Ann", "North", "South", "company")
    ]
    assert ann == north == {"2026-11-02": "100.00", "2026-11-17": "50.00"}
    assert south == {"2026-11-02": "7.00"}
    assert company == {"2026-11-02": "107.00", "2026-11-17": "50.00"}
    assert points(await charts(world, scope="Sales", metrics=WON), "deals_won") == {
        "2026-11-02": "2",
        "2026-11-17": "1",
    }


async def test_a_team_that_moves_takes_what_was_credited_to_it_from_one_chart_to_another(world: World) -> None:
    await world.team("East")
    await won(world, "Ann", "100", closedAt="2026-11-02T10:00:00Z")
    await won(world, "Bob", "7", closedAt="2026-11-02T10:00:00Z")
    await world.act("updateTeam", id=world.ids["North"], parent=world.ids["East"])

    north, south, east, sales, company = [
        points(await charts(world, scope=scope, metrics=WON), "deals_won_amount")
        for scope in ("North", "South", "East", "Sales", "company")
    ]
    assert north == east == {"2026-11-02": "100.00"}
    assert south == sales == {"2026-11-02": "7.00"}
    assert company == {"2026-11-02": "107.00"}


async def test_weeks_and_months_add_up_to_the_total(world: World) -> None:
    await world.act("updateCompany", weekStart="SUNDAY")
    for day in ("02", "07", "08", "15"):
        await won(world, "Ann", "10", closedAt=f"2026-11-{day}T10:00:00Z")
    weeks = await charts(world, interval="WEEK", metrics=WON)
    months = await charts(world, interval="MONTH", metrics=WON, period={"kind": "QUARTER"})

    assert points(weeks, "deals_won") == {"2026-11-01": "2", "2026-11-08": "1", "2026-11-15": "1"}
    assert [series["total"] for series in weeks["series"]] == ["4", "40.00"]
    assert [point["start"] for point in months["series"][0]["points"]] == ["2026-10-01", "2026-11-01", "2026-12-01"]
    assert points(months, "deals_won_amount") == {"2026-11-01": "40.00"}


async def test_a_running_month_is_compared_with_as_much_of_the_one_before(world: World) -> None:
    await won(world, "Ann", "10", closedAt="2026-10-15T10:00:00Z", createdAt="2026-10-01T10:00:00Z")
    await won(world, "Ann", "1", closedAt="2026-10-27T10:00:00Z", createdAt="2026-10-01T10:00:00Z")

    running = await charts(world, metrics=WON)  # on Wednesday the 18th, 12 working days are over
    over = await charts(world, metrics=WON, period={"kind": "MONTH", "on": "2026-11-01", "offset": -1})
    assert [series["previousTotal"] for series in running["series"]] == ["1", "10.00"]
    assert [series["total"] for series in over["series"]] == ["2", "11.00"]
    assert [series["previousTotal"] for series in over["series"]] == ["0", "0.00"]


async def test_rates_averages_and_medians_are_of_the_deals_closed_in_the_period(world: World) -> None:
    for amount, created in (("100", "2026-11-01"), ("50.01", "2026-11-03"), ("0", "2026-10-25")):
        await won(world, "Ann", amount, createdAt=f"{created}T10:00:00Z", closedAt="2026-11-10T10:00:00Z")
    await lost(world, "Ann", createdAt="2026-10-01T10:00:00Z", closedAt="2026-11-12T10:00:00Z")
    await won(world, "Ann", "9", createdAt="2026-09-01T10:00:00Z", closedAt="2026-10-12T10:00:00Z")
    await world.act("recordDeal", "Ann", title="Open", amount={"amount": "5"})
    shown = await charts(world, scope="Ann", period=NOVEMBER, metrics=[])

    assert shown["winRatePercent"] == 75
    assert shown["averageDealAmount"] == "50.00"  # 50.003, to the cent
    assert shown["medianSalesCycleDays"] == 9  # 7, 9 and 16 days
    nothing = await charts(world, scope="Bob", metrics=[])
    assert [nothing[name] for name in ("winRatePercent", "averageDealAmount", "medianSalesCycleDays")] == [None] * 3


async def test_a_cycle_is_counted_in_days_of_the_calendar_also_over_the_change_of_clocks(world: World) -> None:
    await won(world, "Ann", "1", createdAt="2026-10-24T22:30:00Z", closedAt="2026-10-26T23:30:00Z")

    shown = await charts(world, scope="Ann", period={"kind": "MONTH", "on": "2026-10-01"}, metrics=[])
    assert shown["medianSalesCycleDays"] == 2  # from half past midnight on the 25th to half past midnight on the 27th


async def test_a_lost_deal_handed_over_stays_the_loss_of_who_lost_it(world: World) -> None:
    deal = await lost(world, "Ann")
    await world.act("updateDeal", id=deal, owner=world.ids["Bob"])
    rates = {
        scope: (await charts(world, scope=scope, metrics=[]))["winRatePercent"]
        for scope in ("Ann", "North", "Bob", "South", "company")
    }

    assert rates == {"Ann": 0, "North": 0, "Bob": None, "South": None, "company": 0}


async def test_a_deleted_or_reopened_deal_is_in_no_figure(world: World) -> None:
    gone, open_ = await won(world, "Ann", "10"), await lost(world, "Ann")
    await world.ask("mutation($id: ID!) { deleteDeal(id: $id) { userErrors { code } } }", id=gone)
    await world.act("reopenDeal", "Ann", id=open_)

    shown = await charts(world, scope="Ann", metrics=WON)
    assert (shown["winRatePercent"], [series["total"] for series in shown["series"]]) == (None, ["0", "0.00"])


async def test_without_names_every_metric_has_a_series(world: World) -> None:
    await world.act("createMetric", key="demos_held", name="Demos held")
    await world.act("recordResult", "Ann", metric="demos_held", value="3")
    shown = await charts(world, scope="Ann")
    metrics = (await world.ask("{ metrics { key } }"))["metrics"]

    assert [series["metric"] for series in shown["series"]] == metrics
    assert points(shown, "demos_held") == {"2026-11-18": "3"}


async def test_who_asks_for_nobody_in_particular_sees_the_widest_within_his_reach(world: World) -> None:
    await world.act("updateTeam", id=world.ids["North"], manager=world.ids["Ann"])
    await won(world, "Ann", "10")
    await won(world, "Bob", "7")
    totals = {who: (await charts(world, who, metrics=WON))["series"][1]["total"] for who in ("admin", "Ann", "Bob")}

    assert totals == {"admin": "17.00", "Ann": "10.00", "Bob": "7.00"}


async def test_a_colleagues_charts_are_null_and_those_of_a_scope_out_of_reach_are_not_found(world: World) -> None:
    document = "query($id: ID!) { employee(id: $id) { name statistics { winRatePercent } } }"
    assert (await world.ask(document, "Bob", id=world.ids["Ann"]))["employee"] == {"name": "Ann", "statistics": None}
    await world.device("Screen", "WALLBOARD")
    for who, scope in (("Bob", "Ann"), ("Bob", "South"), ("Bob", "company"), ("Screen", "company"), ("Screen", None)):
        result = await world.execute(ASKED % (SHOWN, ""), who, scope=world.ids[scope] if scope else None)
        assert [error.original_error.code for error in result.errors] == ["NOT_FOUND"]


async def test_an_integration_sees_no_hours(world: World) -> None:
    await world.device("Telephony", "INTEGRATION")
    seen = await charts(world, "Telephony", scope="Ann", metrics=["calls_made", "hours_worked"])
    own = await charts(world, "Ann", metrics=["calls_made", "hours_worked"])

    assert [[series["metric"]["key"] for series in shown["series"]] for shown in (seen, own)] == [
        ["calls_made"], ["calls_made", "hours_worked"]
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"metrics": ["nonsense"]}, "metrics"),
        ({"period": {"kind": "CUSTOM", "start": "2026-02-01", "end": "2026-01-01"}}, "period.end"),
        ({"period": {"kind": "CUSTOM", "start": "2017-01-01", "end": "2026-12-31"}}, "interval"),
    ],
)
async def test_what_cannot_be_meant_is_refused_by_name(world: World, asked: dict[str, Any], field: str) -> None:
    result = await world.execute(ASKED % (SHOWN, SERIES), **asked)

    assert [error.original_error.extensions["field"] for error in result.errors] == [field]


async def test_many_questions_together_have_as_many_points_as_many_scopes(world: World) -> None:
    def yearly(number: int) -> str:
        years = (
            f'y{n}: statistics(period: {{kind: YEAR, on: "{2000 + n}-01-01"}}) {{ {SERIES} }}' for n in range(number)
        )
        return f"{{ {' '.join(years)} }}"

    assert len(await world.ask(yearly(6))) == 6
    refused = await world.execute(yearly(12))
    assert {error.original_error.extensions["field"] for error in refused.errors} == {"interval"}


async def test_the_charts_of_all_members_are_read_together(world: World) -> None:
    for name in ("Cid", "Dan", "Eve"):
        await world.hire(name, "North")
    await won(world, "Cid", "5")
    document = f"query($id: ID!) {{ team(id: $id) {{ members {{ name statistics {{ {SHOWN} {SERIES} }} }} }} }}"
    with counted() as statements:
        members = (await world.ask(document, id=world.ids["North"]))["team"]["members"]

    assert {member["name"]: member["statistics"]["winRatePercent"] for member in members}["Cid"] == 100
    assert len([each for each in statements if "daily_total" in each]) == 1
    assert len([each for each in statements if "closed_on BETWEEN" in each]) == 1


async def test_totals_behind_the_charts_are_the_ledgers(world: World) -> None:
    for amount in ("3", "4"):
        await won(world, "Ann", amount)
    [row] = await connection.rows("SELECT SUM(amount) AS total FROM score_entry WHERE metric = 'deals_won_amount'")

    assert (await charts(world, metrics=WON))["series"][1]["total"] == f"{int(row['total']) / 100:.2f}"
