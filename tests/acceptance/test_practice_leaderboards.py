"""Leaderboards after importing a practice set (a year of deals) equal independently computed numbers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.practice_set.practice_sets import PracticeSet, import_practice_set
from tests.world import World, open_world

pytestmark = pytest.mark.asyncio(loop_scope="module")

LEADERBOARDS_QUERY = """query($scope: ID, $period: PeriodInput) {
  won: leaderboard(metric: "deals_won", scope: $scope, period: $period) { ...board }
  amount: leaderboard(metric: "deals_won_amount", scope: $scope, period: $period) { ...board }
}
fragment board on Leaderboard { total totalCount standings { rank value employee { name } } }"""
YEAR = {"kind": "CUSTOM", "start": "2017-01-01", "end": "2017-12-31"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(practice_set: PracticeSet, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with open_world("sqlite://:memory:", currency="USD") as world:
        rejects = tmp_path_factory.mktemp("rejects") / "rejects.csv"
        result = await import_practice_set(world, practice_set.folder, rejects)
        assert result.counts["deals"] == {"read": practice_set.deal_count, "new": practice_set.deal_count}
        await world.sign_in("admin", "admin@example.com")  # again, since the import has created the teams
        yield world


async def fetch_leaderboards(world: World, period: dict[str, Any] = YEAR, scope: str | None = None) -> tuple[Any, Any]:
    """Return the leaderboards by number and by amount of won deals."""
    data = await world.query(LEADERBOARDS_QUERY, scope=scope, period=period)
    return data["won"], data["amount"]


def read_totals(leaderboards: tuple[Any, Any]) -> tuple[int, float]:
    won, amount = leaderboards
    return int(won["total"]), float(amount["total"])


def values_by_name(leaderboard: Any) -> dict[str, float]:
    return {entry["employee"]["name"]: float(entry["value"]) for entry in leaderboard["standings"]}


async def fetch_team_ids(world: World) -> dict[str, str]:
    data = await world.query("{ teams { id name } }")
    return {team["name"]: team["id"] for team in data["teams"]}


async def test_leaderboards_match_expected_wins_of_every_seller(world: World, expected_numbers: Any) -> None:
    won, amount = await fetch_leaderboards(world)

    agents = {agent["agent"]: agent for agent in expected_numbers["agents"]}
    others = dict.fromkeys(values_by_name(won).keys() - agents.keys(), 0)
    assert set(expected_numbers["agents_without_deals"]) <= others.keys()
    assert values_by_name(won) == {name: agent["won"] for name, agent in agents.items()} | others
    assert values_by_name(amount) == {name: agent["won_value"] for name, agent in agents.items()} | others
    assert read_totals((won, amount)) == (expected_numbers["by_stage"]["Won"], expected_numbers["won_total"])


async def test_leaderboard_by_amount_is_in_expected_order(world: World, expected_numbers: Any) -> None:
    _, amount = await fetch_leaderboards(world)

    order = [agent["agent"] for agent in expected_numbers["agents"]]
    assert [entry["employee"]["name"] for entry in amount["standings"]][: len(order)] == order
    assert [entry["rank"] for entry in amount["standings"]][: len(order) + 1] == [*range(1, len(order) + 2)]
    assert {entry["rank"] for entry in amount["standings"][len(order) :]} == {len(order) + 1}


async def test_monthly_leaderboards_match_expected_totals_and_top_three(world: World, expected_numbers: Any) -> None:
    for month, expected in expected_numbers["won_by_month"].items():
        leaderboards = await fetch_leaderboards(world, {"kind": "MONTH", "on": f"{month}-15"})
        assert read_totals(leaderboards) == (expected["deals"], expected["value"]), month
        best = [[entry["employee"]["name"], float(entry["value"])] for entry in leaderboards[1]["standings"][:3]]
        assert best == expected_numbers["leaderboard_by_month_top3"][month]


async def test_quarterly_leaderboards_match_expected_totals(world: World, expected_numbers: Any) -> None:
    for quarter, expected in expected_numbers["won_by_quarter"].items():
        year, number = quarter.split("-Q")
        leaderboards = await fetch_leaderboards(world, {"kind": "QUARTER", "on": f"{year}-{int(number) * 3:02}-01"})
        assert read_totals(leaderboards) == (expected["deals"], expected["value"]), quarter


async def test_team_leaderboards_match_expected_totals_of_managers(world: World, expected_numbers: Any) -> None:
    ids = await fetch_team_ids(world)

    for manager, expected in expected_numbers["managers"].items():
        leaderboards = await fetch_leaderboards(world, scope=ids[f"Team {manager}"])
        assert read_totals(leaderboards) == (expected["won"], expected["value"]), manager
        sellers = {
            agent["agent"]: agent["won_value"] for agent in expected_numbers["agents"] if agent["manager"] == manager
        }
        assert sellers.items() <= values_by_name(leaderboards[1]).items()
        for month, value in expected_numbers["manager_month"][manager].items():
            leaderboards = await fetch_leaderboards(
                world, {"kind": "MONTH", "on": f"{month}-15"}, ids[f"Team {manager}"]
            )
            assert read_totals(leaderboards)[1] == value, (manager, month)


async def test_region_leaderboards_match_expected_totals(world: World, expected_numbers: Any) -> None:
    ids = await fetch_team_ids(world)

    for region, expected in expected_numbers["regions"].items():
        leaderboards = await fetch_leaderboards(world, scope=ids[region])
        assert read_totals(leaderboards) == (expected["won"], expected["value"]), region


async def test_deal_counts_by_stage_match_the_file(world: World, expected_numbers: Any) -> None:
    pipelines = (await world.query("{ pipelines { stages { id name } } }"))["pipelines"]
    stages = {stage["name"]: stage["id"] for pipeline in pipelines for stage in pipeline["stages"]}
    count = "query($filter: DealFilter) { deals(filter: $filter) { totalCount } }"

    for name, expected in expected_numbers["by_stage"].items():
        filter_ = (
            {"status": [name.upper()]} if name in ("Won", "Lost") else {"status": ["OPEN"], "stage": [stages[name]]}
        )
        assert (await world.query(count, filter=filter_))["deals"]["totalCount"] == expected, name
