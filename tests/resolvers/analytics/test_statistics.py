"""Statistics of an employee, a team and the company, and their visibility."""

from __future__ import annotations

import random
import re
from collections.abc import AsyncIterator, Collection
from typing import Any

import pytest

from graph.base.answer_parts import (
    AVERAGE,
    CLOSED,
    POINTS,
    PREVIOUS_AVERAGE,
    PREVIOUS_CLOSED,
    PREVIOUS_TOTALS,
    TOTALS,
)
from graph.schema import create_schema
from models.db import connection
from tests.databases import on_both_databases
from tests.resolvers.two_sellers import open_world_with_two_sellers, record_won_deal
from tests.statement_counter import count_statements
from tests.world import World

FIGURES = "winRatePercent averageDealAmount medianSalesCycleDays period { start end }"
SERIES = "series { metric { key } total previousTotal points { start value } }"
STATISTICS_QUERY = """query($scope: ID, $period: PeriodInput, $interval: Interval! = DAY, $metrics: [String!]) {
  statistics(scope: $scope, period: $period, interval: $interval, metrics: $metrics) { %s %s } }"""
WON = ["deals_won", "deals_won_amount"]
NOVEMBER = {"kind": "MONTH", "on": "2026-11-01"}


@pytest.fixture
async def world(usual_database_url: str) -> AsyncIterator[World]:
    async with open_world_with_two_sellers(usual_database_url) as world:
        yield world


async def read_statistics(
    world: World, user: str = "admin", scope: str | None = None, **variables: Any
) -> dict[str, Any]:
    scope_global_id = world.global_ids[scope] if scope else None
    return (await world.query(STATISTICS_QUERY % (FIGURES, SERIES), user, scope=scope_global_id, **variables))[
        "statistics"
    ]


def nonzero_points(statistics: dict[str, Any], key: str) -> dict[str, str]:
    series = next(series for series in statistics["series"] if series["metric"]["key"] == key)
    return {point["start"]: point["value"] for point in series["points"] if point["value"] not in ("0", "0.00")}


async def record_loss(world: World, user: str = "Ann", **input: Any) -> str:
    return (await world.mutate("recordDeal", user, title="Chairs", status="LOST", **input))["deal"]["id"]


async def test_statistics_of_each_scope_show_its_credited_scores(world: World) -> None:
    await record_won_deal(world, "Ann", "100", closedAt="2026-11-02T10:00:00Z")
    await record_won_deal(world, "Ann", "50", closedAt="2026-11-16T23:30:00Z")  # the 17th in Berlin
    await record_won_deal(world, "Bob", "7", closedAt="2026-11-02T10:00:00Z")
    await world.mutate(
        "updateEmployee", id=world.global_ids["Ann"], team=world.global_ids["South"]
    )  # the credit stays with North

    ann, north, south, company = [
        nonzero_points(await read_statistics(world, scope=scope, metrics=WON), "deals_won_amount")
        for scope in ("Ann", "North", "South", "company")
    ]
    assert ann == north == {"2026-11-02": "100.00", "2026-11-17": "50.00"}
    assert south == {"2026-11-02": "7.00"}
    assert company == {"2026-11-02": "107.00", "2026-11-17": "50.00"}
    assert nonzero_points(await read_statistics(world, scope="Sales", metrics=WON), "deals_won") == {
        "2026-11-02": "2",
        "2026-11-17": "1",
    }


async def test_credit_of_a_day_belongs_to_the_teams_above_on_that_day(world: World) -> None:
    """RULES 3: what is over stays as it was, also when a team moves below another one."""
    await world.create_team("East")
    await record_won_deal(world, "Ann", "100", closedAt="2026-11-02T10:00:00Z")
    await record_won_deal(world, "Bob", "7", closedAt="2026-11-02T10:00:00Z")
    world.advance(days=1)  # a team that moves on the day of its creation has no past to leave behind
    await record_won_deal(world, "Ann", "30", closedAt="2026-11-19T08:00:00Z")
    await world.mutate("updateTeam", id=world.global_ids["North"], parent=world.global_ids["East"])
    await record_won_deal(world, "Ann", "5", closedAt="2026-11-02T11:00:00Z")

    north, south, east, sales, company = [
        nonzero_points(await read_statistics(world, scope=scope, metrics=WON), "deals_won_amount")
        for scope in ("North", "South", "East", "Sales", "company")
    ]
    assert north == {"2026-11-02": "105.00", "2026-11-19": "30.00"}
    assert east == {"2026-11-19": "30.00"}  # the day of the move goes with the team
    assert south == {"2026-11-02": "7.00"}
    assert sales == {"2026-11-02": "112.00"}
    assert company == {"2026-11-02": "112.00", "2026-11-19": "30.00"}


async def test_weeks_and_months_add_up_to_total(world: World) -> None:
    await world.mutate("updateCompany", weekStart="SUNDAY")
    for day in ("02", "07", "08", "15"):
        await record_won_deal(world, "Ann", "10", closedAt=f"2026-11-{day}T10:00:00Z")
    weeks = await read_statistics(world, interval="WEEK", metrics=WON)
    months = await read_statistics(world, interval="MONTH", metrics=WON, period={"kind": "QUARTER"})

    assert nonzero_points(weeks, "deals_won") == {"2026-11-01": "2", "2026-11-08": "1", "2026-11-15": "1"}
    assert [series["total"] for series in weeks["series"]] == ["4", "40.00"]
    assert [point["start"] for point in months["series"][0]["points"]] == ["2026-10-01", "2026-11-01", "2026-12-01"]
    assert nonzero_points(months, "deals_won_amount") == {"2026-11-01": "40.00"}


async def test_running_month_compares_with_same_part_of_previous_month(world: World) -> None:
    await record_won_deal(world, "Ann", "10", closedAt="2026-10-15T10:00:00Z", createdAt="2026-10-01T10:00:00Z")
    await record_won_deal(world, "Ann", "1", closedAt="2026-10-27T10:00:00Z", createdAt="2026-10-01T10:00:00Z")

    running = await read_statistics(world, metrics=WON)  # on Wednesday the 18th, 12 working days are over
    past = await read_statistics(world, metrics=WON, period={"kind": "MONTH", "on": "2026-11-01", "offset": -1})
    assert [series["previousTotal"] for series in running["series"]] == ["1", "10.00"]
    assert [series["total"] for series in past["series"]] == ["2", "11.00"]
    assert [series["previousTotal"] for series in past["series"]] == ["0", "0.00"]


async def test_win_rate_average_and_median_cover_deals_closed_in_period(world: World) -> None:
    for amount, created in (("100", "2026-11-01"), ("50.01", "2026-11-03"), ("0", "2026-10-25")):
        await record_won_deal(world, "Ann", amount, createdAt=f"{created}T10:00:00Z", closedAt="2026-11-10T10:00:00Z")
    await record_loss(world, "Ann", createdAt="2026-10-01T10:00:00Z", closedAt="2026-11-12T10:00:00Z")
    await record_won_deal(world, "Ann", "9", createdAt="2026-09-01T10:00:00Z", closedAt="2026-10-12T10:00:00Z")
    await world.mutate("recordDeal", "Ann", title="Open", amount={"amount": "5"})
    statistics = await read_statistics(world, scope="Ann", period=NOVEMBER, metrics=[])

    assert statistics["winRatePercent"] == 75
    assert statistics["averageDealAmount"] == "50.00"  # 50.003, to the cent
    assert statistics["medianSalesCycleDays"] == 9  # 7, 9 and 16 days
    empty = await read_statistics(world, scope="Bob", metrics=[])
    assert [empty[name] for name in ("winRatePercent", "averageDealAmount", "medianSalesCycleDays")] == [None] * 3


async def test_sales_cycle_counts_calendar_days_across_clock_change(world: World) -> None:
    await record_won_deal(world, "Ann", "1", createdAt="2026-10-24T22:30:00Z", closedAt="2026-10-26T23:30:00Z")

    statistics = await read_statistics(world, scope="Ann", period={"kind": "MONTH", "on": "2026-10-01"}, metrics=[])
    assert (
        statistics["medianSalesCycleDays"] == 2
    )  # from half past midnight on the 25th to half past midnight on the 27th


async def test_lost_deal_counts_for_its_losing_employee_after_reassignment(world: World) -> None:
    deal = await record_loss(world, "Ann")
    await world.mutate("updateDeal", id=deal, owner=world.global_ids["Bob"])
    rates = {
        scope: (await read_statistics(world, scope=scope, metrics=[]))["winRatePercent"]
        for scope in ("Ann", "North", "Bob", "South", "company")
    }

    assert rates == {"Ann": 0, "North": 0, "Bob": None, "South": None, "company": 0}


async def test_deleted_or_reopened_deal_is_not_counted(world: World) -> None:
    deleted_deal, reopened_deal = await record_won_deal(world, "Ann", "10"), await record_loss(world, "Ann")
    await world.query("mutation($id: ID!) { deleteDeal(id: $id) { userErrors { code } } }", id=deleted_deal)
    await world.mutate("reopenDeal", "Ann", id=reopened_deal)

    statistics = await read_statistics(world, scope="Ann", metrics=WON)
    assert (statistics["winRatePercent"], [series["total"] for series in statistics["series"]]) == (None, ["0", "0.00"])


async def test_all_metrics_have_a_series_without_metrics_argument(world: World) -> None:
    await world.mutate("createMetric", key="demos_held", name="Demos held")
    await world.mutate("recordResult", "Ann", metric="demos_held", value="3")
    statistics = await read_statistics(world, scope="Ann")
    metrics = (await world.query("{ metrics { key } }"))["metrics"]

    assert [series["metric"] for series in statistics["series"]] == metrics
    assert nonzero_points(statistics, "demos_held") == {"2026-11-18": "3"}


async def test_statistics_without_scope_show_widest_scope_of_viewer(world: World) -> None:
    await world.mutate("updateTeam", id=world.global_ids["North"], manager=world.global_ids["Ann"])
    await record_won_deal(world, "Ann", "10")
    await record_won_deal(world, "Bob", "7")
    totals = {
        user: (await read_statistics(world, user, metrics=WON))["series"][1]["total"]
        for user in ("admin", "Ann", "Bob")
    }

    assert totals == {"admin": "17.00", "Ann": "10.00", "Bob": "7.00"}


async def test_statistics_out_of_reach_are_null_or_not_found(world: World) -> None:
    document = "query($id: ID!) { employee(id: $id) { name statistics { winRatePercent } } }"
    assert (await world.query(document, "Bob", id=world.global_ids["Ann"]))["employee"] == {
        "name": "Ann",
        "statistics": None,
    }
    await world.create_device("Screen", "WALLBOARD")
    for user, scope in (("Bob", "Ann"), ("Bob", "South"), ("Bob", "company"), ("Screen", "company"), ("Screen", None)):
        result = await world.execute(
            STATISTICS_QUERY % (FIGURES, ""), user, scope=world.global_ids[scope] if scope else None
        )
        assert [error.original_error.code for error in result.errors] == ["NOT_FOUND"]


async def test_integration_sees_no_hours_worked(world: World) -> None:
    await world.create_device("Telephony", "INTEGRATION")
    integration_statistics = await read_statistics(
        world, "Telephony", scope="Ann", metrics=["calls_made", "hours_worked"]
    )
    own_statistics = await read_statistics(world, "Ann", metrics=["calls_made", "hours_worked"])

    assert [[series["metric"]["key"] for series in statistics["series"]] for statistics in (integration_statistics, own_statistics)] == [
        ["calls_made"], ["calls_made", "hours_worked"]
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("variables", "field"),
    [
        ({"metrics": ["nonsense"]}, "metrics"),
        ({"period": {"kind": "CUSTOM", "start": "2026-02-01", "end": "2026-01-01"}}, "period.end"),
        ({"period": {"kind": "CUSTOM", "start": "2017-01-01", "end": "2026-12-31"}}, "interval"),
    ],
)
async def test_invalid_argument_is_named_in_error(world: World, variables: dict[str, Any], field: str) -> None:
    result = await world.execute(STATISTICS_QUERY % (FIGURES, SERIES), **variables)

    assert [error.original_error.extensions["field"] for error in result.errors] == [field]


@on_both_databases
async def test_point_limit_covers_all_statistics_of_one_operation(world: World) -> None:
    def yearly_document(count: int) -> str:
        years = (
            f'y{n}: statistics(period: {{kind: YEAR, on: "{2000 + n}-01-01"}}) {{ {SERIES} }}' for n in range(count)
        )
        return f"{{ {' '.join(years)} }}"

    assert len(await world.query(yearly_document(6))) == 6
    result = await world.execute(yearly_document(12))
    assert {error.original_error.extensions["field"] for error in result.errors} == {"interval"}


@on_both_databases
async def test_statistics_of_all_members_are_read_in_one_batch(world: World) -> None:
    for name in ("Cid", "Dan", "Eve"):
        await world.create_employee(name, "North")
    await record_won_deal(world, "Cid", "5")
    document = f"query($id: ID!) {{ team(id: $id) {{ members {{ name statistics {{ {FIGURES} {SERIES} }} }} }} }}"
    with count_statements() as statements:
        members = (await world.query(document, id=world.global_ids["North"]))["team"]["members"]

    assert {member["name"]: member["statistics"]["winRatePercent"] for member in members}["Cid"] == 100
    assert len([statement for statement in statements if "daily_total" in statement]) == 1
    assert len([statement for statement in statements if "closed_on BETWEEN" in statement]) == 1


SERIES_FIELDS = {"total", "previousTotal", "points"}
STATISTICS_FIELDS = sorted({*TOTALS, *POINTS, *AVERAGE, *CLOSED, *PREVIOUS_TOTALS, *PREVIOUS_AVERAGE, *PREVIOUS_CLOSED})


def test_every_field_of_statistics_has_its_part() -> None:
    types: Any = create_schema()._schema.type_map
    fields = {*types["Statistics"].fields, *types["MetricSeries"].fields}

    assert fields - {"series", "metric", "period"} == set(STATISTICS_FIELDS)


def select_fields(fields: Collection[str]) -> str:
    """Return the selection of these fields, in statistics or in their series."""
    names = {"points": "points { start value }"}
    of_series = " ".join(names.get(field, field) for field in fields if field in SERIES_FIELDS)
    return " ".join({*fields} - SERIES_FIELDS) + f" series {{ metric {{ key }} {of_series} }}"


def restrict_statistics(statistics: dict[str, Any], fields: Collection[str]) -> dict[str, Any]:
    """Return the statistics with nothing but these fields."""
    names = {"metric", *fields}
    series = [{name: value for name, value in row.items() if name in names} for row in statistics["series"]]
    return {name: statistics[name] for name in fields if name not in SERIES_FIELDS} | {"series": series}


@on_both_databases
async def test_every_selection_shows_the_figures_of_the_full_answer(world: World) -> None:
    for amount, created_at, closed_at in (
        ("10", "2026-09-29T10:00:00Z", "2026-10-02T10:00:00Z"),
        ("70", "2026-09-01T10:00:00Z", "2026-10-16T06:00:00Z"),  # on the day at which the counterpart is cut
        ("30", "2026-11-01T10:00:00Z", "2026-11-02T10:00:00Z"),
        ("50", "2026-11-02T10:00:00Z", "2026-11-17T10:00:00Z"),
    ):
        await record_won_deal(world, "Ann", amount, createdAt=created_at, closedAt=closed_at)
    await record_won_deal(world, "Bob", "5")
    for closed_at in ("2026-10-05T10:00:00Z", "2026-11-05T10:00:00Z", "2026-11-06T10:00:00Z"):
        await record_loss(world, closedAt=closed_at)
    generator = random.Random(3)
    for user, scope in (("admin", "Ann"), ("Ann", "Ann"), ("admin", "Sales"), ("admin", "company")):
        query = "query($scope: ID) { statistics(scope: $scope) { %s } }"
        scope_id = world.global_ids[scope]
        full = (await world.query(query % select_fields(STATISTICS_FIELDS), user, scope=scope_id))["statistics"]
        assert None not in full.values()
        assert {"0", "0.00"}.isdisjoint(row[name] for row in full["series"][:2] for name in ("total", "previousTotal"))
        subsets = [[], *([field] for field in STATISTICS_FIELDS)]
        subsets += [generator.sample(STATISTICS_FIELDS, generator.randrange(2, 5)) for _ in range(10)]
        for fields in subsets:
            partial = (await world.query(query % select_fields(fields), user, scope=scope_id))["statistics"]
            assert partial == restrict_statistics(full, fields), (user, scope, fields)


@pytest.mark.parametrize(
    ("fields", "tables"),
    [
        ("series { metric { key } } period { start }", set()),
        ("series { total points { value } }", {"daily_total"}),
        ("averageDealAmount", {"daily_total"}),
        ("winRatePercent", {"deal"}),
        ("previousMedianSalesCycleDays", {"deal"}),
        ("series { previousTotal }", {"daily_total", "score_entry"}),
    ],
)
async def test_statistics_read_only_what_is_selected(world: World, fields: str, tables: set[str]) -> None:
    document = f"query($id: ID!) {{ employee(id: $id) {{ statistics {{ {fields} }} }} }}"
    await world.query(document, id=world.global_ids["Ann"])  # the reference data is in the cache from here on
    with count_statements() as statements:
        await world.query(document, id=world.global_ids["Ann"])

    named = [set(re.findall(r"(?:FROM|JOIN) (daily_total|score_entry|deal)\b", statement)) for statement in statements]
    assert [names for names in named if names] == ([tables] if tables else [])


async def test_statistics_total_equals_ledger_sum(world: World) -> None:
    for amount in ("3", "4"):
        await record_won_deal(world, "Ann", amount)
    [row] = await connection.fetch_rows(
        "SELECT SUM(amount) AS total FROM score_entry WHERE metric = 'deals_won_amount'"
    )

    assert (await read_statistics(world, metrics=WON))["series"][1]["total"] == f"{int(row['total']) / 100:.2f}"
