"""Leaderboards after importing the maven_crm data set (a year of deals) equal independently computed numbers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from imports import map_file
from imports.importer import Loading, Result, sources
from imports.rejected_rows import Rejects
from tests.world import World, opened

SET = Path(__file__).parents[3] / "shared" / "data" / "maven_crm"
pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not SET.is_dir(), reason="the maven_crm set is not there"),
]

BOARD = """query($scope: ID, $period: PeriodInput) {
  won: leaderboard(metric: "deals_won", scope: $scope, period: $period) { ...board }
  amount: leaderboard(metric: "deals_won_amount", scope: $scope, period: $period) { ...board }
}
fragment board on Leaderboard { total totalCount standings { rank value employee { name } } }"""
YEAR = {"kind": "CUSTOM", "start": "2017-01-01", "end": "2017-12-31"}


async def brought_in(world: World, folder: Path) -> Result:
    map_ = map_file.load("maven")
    files, _ = sources(SET, map_)
    with Rejects(folder / "rejects.csv") as rejects:
        return await Loading(await world.admitted("admin"), map_, rejects, lambda _: None).run(files)


@pytest.fixture(scope="module")
def golden() -> Any:
    return json.loads((SET / "golden.json").read_text())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with opened("sqlite://:memory:", currency="USD") as world:
        result = await brought_in(world, tmp_path_factory.mktemp("maven"))
        assert result.counts["deals"] == {"read": 8800, "new": 8800}
        await world.sign_in("admin", "admin@example.com")  # again, since the import has created the teams
        yield world


async def boards(world: World, period: dict[str, Any] = YEAR, scope: str | None = None) -> tuple[Any, Any]:
    """Return the leaderboards by number and by amount of won deals."""
    found = await world.ask(BOARD, scope=scope, period=period)
    return found["won"], found["amount"]


def sums(found: tuple[Any, Any]) -> tuple[int, float]:
    won, amount = found
    return int(won["total"]), float(amount["total"])


def by_name(board: Any) -> dict[str, float]:
    return {standing["employee"]["name"]: float(standing["value"]) for standing in board["standings"]}


async def teams(world: World) -> dict[str, str]:
    found = await world.ask("{ teams { id name } }")
    return {team["name"]: team["id"] for team in found["teams"]}


async def test_every_sellers_wins_are_counted_and_summed(world: World, golden: Any) -> None:
    won, amount = await boards(world)

    agents = {each["agent"]: each for each in golden["agents"]}
    others = dict.fromkeys(by_name(won).keys() - agents.keys(), 0)
    assert set(golden["agents_without_deals"]) <= others.keys()
    assert by_name(won) == {name: each["won"] for name, each in agents.items()} | others
    assert by_name(amount) == {name: each["won_value"] for name, each in agents.items()} | others
    assert sums((won, amount)) == (golden["by_stage"]["Won"], golden["won_total"])


async def test_the_board_stands_in_the_order_of_what_was_won(world: World, golden: Any) -> None:
    _, amount = await boards(world)

    order = [each["agent"] for each in golden["agents"]]
    assert [each["employee"]["name"] for each in amount["standings"]][: len(order)] == order
    assert [each["rank"] for each in amount["standings"]][: len(order) + 1] == [*range(1, len(order) + 2)]
    assert {each["rank"] for each in amount["standings"][len(order) :]} == {len(order) + 1}


async def test_every_months_wins_are_counted_and_summed_and_its_best_three_are_those(world: World, golden: Any) -> None:
    for month, expected in golden["won_by_month"].items():
        found = await boards(world, {"kind": "MONTH", "on": f"{month}-15"})
        assert sums(found) == (expected["deals"], expected["value"]), month
        best = [[each["employee"]["name"], float(each["value"])] for each in found[1]["standings"][:3]]
        assert best == golden["leaderboard_by_month_top3"][month]


async def test_every_quarters_wins_are_counted_and_summed(world: World, golden: Any) -> None:
    for quarter, expected in golden["won_by_quarter"].items():
        year, number = quarter.split("-Q")
        found = await boards(world, {"kind": "QUARTER", "on": f"{year}-{int(number) * 3:02}-01"})
        assert sums(found) == (expected["deals"], expected["value"]), quarter


async def test_every_managers_team_has_the_wins_of_its_sellers(world: World, golden: Any) -> None:
    ids = await teams(world)

    for manager, expected in golden["managers"].items():
        found = await boards(world, scope=ids[f"Team {manager}"])
        assert sums(found) == (expected["won"], expected["value"]), manager
        sellers = {each["agent"]: each["won_value"] for each in golden["agents"] if each["manager"] == manager}
        assert sellers.items() <= by_name(found[1]).items()
        for month, value in golden["manager_month"][manager].items():
            found = await boards(world, {"kind": "MONTH", "on": f"{month}-15"}, ids[f"Team {manager}"])
            assert sums(found)[1] == value, (manager, month)


async def test_every_region_has_the_wins_of_the_teams_in_it(world: World, golden: Any) -> None:
    ids = await teams(world)

    for region, expected in golden["regions"].items():
        found = await boards(world, scope=ids[region])
        assert sums(found) == (expected["won"], expected["value"]), region


async def test_every_deal_stands_where_the_file_has_it(world: World, golden: Any) -> None:
    pipelines = (await world.ask("{ pipelines { stages { id name } } }"))["pipelines"]
    stages = {stage["name"]: stage["id"] for pipeline in pipelines for stage in pipeline["stages"]}
    count = "query($filter: DealFilter) { deals(filter: $filter) { totalCount } }"

    for name, expected in golden["by_stage"].items():
        filter_ = (
            {"status": [name.upper()]} if name in ("Won", "Lost") else {"status": ["OPEN"], "stage": [stages[name]]}
        )
        assert (await world.ask(count, filter=filter_))["deals"]["totalCount"] == expected, name
