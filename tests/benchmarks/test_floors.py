"""The statements of the baselines answer the same questions as the server, about the same company."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson
import pytest

from benchmarks.fixtures import fill_company
from benchmarks.floors import STATEMENTS, create_floor_tables
from benchmarks.scenarios import EMPLOYEE_CARD_QUERY, LEADERBOARD_QUERY
from domain.primitives.global_ids import encode_global_id
from server.clock import utc_now
from tests.world import World, open_world


@dataclass
class FilledCompany:
    world: World
    connection: asyncpg.Connection
    seller_id: int

    async def floor(self, operation: str, *values: Any) -> Any:
        return orjson.loads(await self.connection.fetchval(STATEMENTS[operation], *values))


@pytest.fixture
async def company(postgres_tables_url: str) -> AsyncIterator[FilledCompany]:
    async with open_world(postgres_tables_url) as world:
        await fill_company(postgres_tables_url, sellers=25, deals=300, records=22, hours=24)
        await create_floor_tables(postgres_tables_url)
        world.now = utc_now()
        connection = await asyncpg.connect(postgres_tables_url)
        yield FilledCompany(
            world, connection, await connection.fetchval("SELECT min(id) FROM employee WHERE name LIKE 'Seller %'")
        )
        await connection.close()


async def test_card_has_the_same_goals_records_and_funnel(company: FilledCompany) -> None:
    card = (await company.floor("card", company.seller_id))["employee"]
    answer = await company.world.query(EMPLOYEE_CARD_QUERY, id=encode_global_id("Employee", company.seller_id))
    expected = answer["employee"]

    assert len(card["goals"]) == len(expected["goals"]) == 10
    assert sorted(
        (goal["metric"]["key"], goal["period"]["end"], int(goal["progress"]["value"])) for goal in card["goals"]
    ) == sorted((goal["metric"]["key"], goal["period"]["end"], _as_stored(goal)) for goal in expected["goals"])
    for records in ("activities", "tasks", "calls", "leads", "clients"):
        assert len(card[records]) == len(expected[records]["edges"]) == 20
    assert [stage["openDeals"] for stage in card["funnel"]] == [
        stage["openDeals"] for stage in expected["funnel"]["stages"] if stage["openDeals"]
    ]


async def test_boards_have_the_same_rows(company: FilledCompany) -> None:
    answer = await company.world.query(LEADERBOARD_QUERY)
    expected = [
        (row["rank"], row["employee"]["name"], round(float(row["value"]) * 100))
        for row in answer["leaderboard"]["standings"]
    ]
    today = str(company.world.now.date())
    first_day = today[:8] + "01"

    for board in (await company.floor("board"), await company.floor("new_board", first_day, today)):
        rows = [(row["rank"], row["employee"]["name"], int(row["value"])) for row in board["leaderboard"]]
        sold = [row for row in rows if row[2]]
        assert sold == [row for row in expected if row[2]]
        assert sold


async def test_win_moves_the_goals_of_the_seller_the_teams_and_the_company(company: FilledCompany) -> None:
    win = await company.floor("win", company.seller_id, "Chairs", 10_000)

    assert len(win["goals"]) == 9  # three metrics in two periods, and a month's goal of two teams and the company
    rank_after = (await company.floor("card", company.seller_id))["employee"]["standing"]["rank"]
    assert rank_after >= 1


def _as_stored(goal: dict[str, Any]) -> int:
    value = float(goal["progress"]["value"])
    return round(value * 100) if goal["metric"]["key"].endswith("_amount") else round(value)
