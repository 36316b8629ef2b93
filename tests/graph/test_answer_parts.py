"""An answer with a few fields equals the full one, and reads nothing that it does not show.

Funnels and statistics have the same tests beside their others.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from graph.base.answer_parts import PREVIOUS_RANKS, ROW_TARGETS
from tests.databases import on_both_databases
from tests.resolvers.two_sellers import open_world_with_two_sellers, record_won_deal, set_goal
from tests.statement_counter import count_statements
from tests.world import World, cache_company

STANDING_FIELDS = ("rank", "previousRank", "value", "target", "attainmentPercent", "gapToNext")
FORECAST_FIELDS = ("booked", "expected", "low", "high", "confidence", "target", "attainmentProbability")


@cache_company
async def open_company(url: str) -> AsyncIterator[World]:
    async with open_world_with_two_sellers(url) as world:
        await record_won_deal(world, "Ann", "100", closedAt="2026-11-10T10:00:00Z")
        await record_won_deal(world, "Bob", "70", closedAt="2026-11-11T10:00:00Z")
        await set_goal(world, "Ann", "deals_won_amount", "400")
        world.advance(days=1)
        await record_won_deal(world, "Bob", "70")
        world.advance(minutes=1)
        yield world


@pytest.fixture
async def world(usual_database_url: str) -> AsyncIterator[World]:
    async with open_company(usual_database_url) as world:
        yield world


async def tables_read(world: World, document: str, tables: str, **variables: Any) -> list[str]:
    """Return which of the tables (alternatives of a regular expression) the statements of a query read, in order."""
    with count_statements() as statements:
        await world.query(document, **variables)
    return [name for statement in statements for name in re.findall(rf'(?:FROM|JOIN) "?({tables})\b', statement)]


@pytest.mark.parametrize("as_of", ["", '(asOf: "2026-11-19T10:00:00Z")'])
async def test_row_of_a_leaderboard_shows_the_same_values_whatever_is_selected(world: World, as_of: str) -> None:
    async def read(fields: str) -> list[dict[str, Any]]:
        data = await world.query(f"{{ leaderboard{as_of} {{ standings {{ {fields} }} }} }}")
        return data["leaderboard"]["standings"]

    full = await read(" ".join(STANDING_FIELDS))
    assert [row["previousRank"] for row in full] == [2, 1]
    assert [row["attainmentPercent"] for row in full] == [None, 25]
    assert {*PREVIOUS_RANKS, *ROW_TARGETS} < {*STANDING_FIELDS}
    for field in STANDING_FIELDS:
        assert await read(field) == [{field: row[field]} for row in full]


async def test_standing_shows_the_same_values_whatever_is_selected(world: World) -> None:
    async def read(fields: str) -> dict[str, Any]:
        data = await world.query(
            f"query($id: ID!) {{ employee(id: $id) {{ standing {{ {fields} }} }} }}", id=world.global_ids["Ann"]
        )
        return data["employee"]["standing"]

    full = await read(" ".join(STANDING_FIELDS))
    assert (full["rank"], full["previousRank"], full["target"]) == (2, 1, "400.00")
    for field in STANDING_FIELDS:
        assert await read(field) == {field: full[field]}


async def test_leaderboard_reads_targets_only_if_they_are_selected(world: World) -> None:
    document = "{ leaderboard { standings { rank previousRank value %s } } }"
    await tables_read(world, document % "", "goal")

    assert await tables_read(world, document % "", "goal") == []
    assert await tables_read(world, document % "attainmentPercent", "goal") == ["goal"]


@pytest.mark.parametrize("scope", ["Ann", "North", "company"])
async def test_forecast_shows_the_same_values_whatever_is_selected(world: World, scope: str) -> None:
    await set_goal(world, "North", "deals_won_amount", "500")
    await set_goal(world, "company", "deals_won_amount", "600")

    async def read(fields: str) -> dict[str, Any]:
        document = f"query($id: ID!) {{ forecast(scope: $id) {{ {fields} }} }}"
        return (await world.query(document, id=world.global_ids[scope]))["forecast"]

    full = await read(" ".join(FORECAST_FIELDS))
    assert (full["booked"], full["target"]) == {
        "Ann": ("100.00", "400.00"), "North": ("100.00", "500.00"), "company": ("240.00", "600.00")
    }[scope]  # fmt: skip
    for field in FORECAST_FIELDS:
        assert await read(field) == {field: full[field]}


async def test_forecast_of_an_employee_reads_only_what_is_booked_to_them(world: World) -> None:
    document = "query($id: ID!) { employee(id: $id) { forecast { %s } } }"
    ann = world.global_ids["Ann"]
    await world.query(document % "expected", id=ann)  # the deals are in the cache from here on
    with count_statements() as statements:
        await world.query(document % "expected", id=ann)

    [totals] = [statement for statement in statements if "daily_total" in statement]
    assert re.search(r"WHERE .* employee_id (= ANY|IN)", totals, re.DOTALL)
    assert await tables_read(world, document % "expected", "goal|employee", id=ann) == ["employee"] * 3
    assert await tables_read(world, document % "target", "goal|employee", id=ann) == ["employee"] * 3 + ["goal"]


@on_both_databases
async def test_count_of_a_list_reads_no_rows(world: World) -> None:
    with count_statements() as statements:
        data = await world.query("{ deals { totalCount } }")

    assert data == {"deals": {"totalCount": 3}}
    assert [statement.startswith("SELECT COUNT(*)") for statement in statements if '"deal"' in statement] == [True]
    result = await world.execute('{ deals(after: "nonsense") { totalCount } }')
    assert [error.original_error.code for error in result.errors] == ["BAD_USER_INPUT"]
    data = await world.query("{ deals(first: 2) { totalCount pageInfo { hasNextPage } } }")
    assert data == {"deals": {"totalCount": 3, "pageInfo": {"hasNextPage": True}}}


async def test_goals_without_a_projection_touch_no_forecast(world: World) -> None:
    document = "query($id: ID!) { employee(id: $id) { goals { progress { value pace attainmentPercent %s } } } }"
    ann = world.global_ids["Ann"]

    assert await tables_read(world, document % "", "deal|stage_visit", id=ann) == []
    assert "deal" in await tables_read(world, document % "projected", "deal|stage_visit", id=ann)


async def test_work_time_shows_the_same_total_with_and_without_its_days(world: World) -> None:
    for _ in range(2):
        await world.query("mutation { heartbeat { userErrors { code } } }", "Ann")
        world.advance(minutes=4)
    document = "query($id: ID!) { employee(id: $id) { workTime { %s } } }"
    work_times = [
        (await world.query(document % fields, id=world.global_ids["Ann"]))["employee"]["workTime"]
        for fields in ("totalHours", "days { hours }", "totalHours days { hours }")
    ]

    assert work_times[0]["totalHours"] == work_times[2]["totalHours"] == 0.0667
    assert len(work_times[1]["days"]) == 30
    assert work_times[1]["days"] == work_times[2]["days"]
