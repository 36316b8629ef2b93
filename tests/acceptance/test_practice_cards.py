"""Statistics and funnels after importing a practice set equal independently computed numbers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.practice_set.practice_sets import PracticeSet, import_practice_set
from tests.world import World, open_world

pytestmark = pytest.mark.asyncio(loop_scope="module")

YEAR = {"kind": "CUSTOM", "start": "2017-01-01", "end": "2017-12-31"}
ALL_DAYS = {"kind": "CUSTOM", "start": "2016-10-01", "end": "2017-12-31"}  # some deals were created before the year
EMPLOYEES_FIELDS = """{ employees(first: 100) { edges { node { name
  statistics(period: $year, metrics: ["deals_won", "deals_won_amount"]) {
    winRatePercent averageDealAmount medianSalesCycleDays series { total } }
  funnel(period: $all) { weakest { stage { name } } stages { weak slow entered advanced lost benchmarkPercent
    conversionPercent conversionLowPercent conversionHighPercent medianDaysInStage openDeals stage { name } } }
} } } }"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world_and_cards(
    practice_set: PracticeSet, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[World, dict[str, Any]]]:
    async with open_world("sqlite://:memory:", currency="USD") as world:
        rejects = tmp_path_factory.mktemp("rejects") / "rejects.csv"
        await import_practice_set(world, practice_set.folder, rejects)
        data = await world.query(
            f"query($year: PeriodInput, $all: PeriodInput) {EMPLOYEES_FIELDS}", year=YEAR, all=ALL_DAYS
        )
        yield world, {edge["node"]["name"]: edge["node"] for edge in data["employees"]["edges"]}


async def test_statistics_of_employees_match_expected_values(world_and_cards: Any, expected_numbers: Any) -> None:
    for agent in expected_numbers["agents"]:
        statistics = world_and_cards[1][agent["agent"]]["statistics"]

        assert statistics["winRatePercent"] == pytest.approx(100 * agent["win_rate"], abs=0.005), agent
        assert statistics["medianSalesCycleDays"] == agent["median_days_to_win"], agent
        assert float(statistics["averageDealAmount"]) == pytest.approx(agent["won_value"] / agent["won"], abs=0.006)
        won = [series["total"] for series in statistics["series"]]
        assert won == [str(agent["won"]), f"{agent['won_value']:.2f}"], agent


async def test_funnels_of_employees_match_expected_counts_and_intervals(
    world_and_cards: Any, expected_numbers: Any
) -> None:
    for agent in expected_numbers["agents"]:
        prospecting, engaging = world_and_cards[1][agent["agent"]]["funnel"]["stages"]

        assert (prospecting["entered"], prospecting["openDeals"]) == (0, agent["prospecting"])
        assert (engaging["advanced"], engaging["lost"]) == (agent["won"], agent["lost"])
        assert engaging["openDeals"] == agent["engaging"]
        interval = [engaging["conversionLowPercent"], engaging["conversionHighPercent"]]
        assert interval == pytest.approx([100 * end for end in agent["wilson95"]], abs=0.006)


async def test_funnels_mark_no_stage_as_weak_or_slow(world_and_cards: Any) -> None:
    for name, card in world_and_cards[1].items():
        assert card["funnel"]["weakest"] is None, name
        assert not [stage for stage in card["funnel"]["stages"] if stage["weak"] or stage["slow"]], name


async def test_statistics_of_company_match_expected_values(world_and_cards: Any, expected_numbers: Any) -> None:
    document = """query($year: PeriodInput, $all: PeriodInput) { statistics(period: $year, interval: MONTH, metrics: ["deals_won"]) {
      winRatePercent averageDealAmount medianSalesCycleDays series { points { start value } } }
      funnel(period: $all) { stages { entered advanced lost benchmarkPercent } } }"""
    data = await world_and_cards[0].query(document, year=YEAR, all=ALL_DAYS)
    statistics, engaging = data["statistics"], data["funnel"]["stages"][1]

    assert statistics["winRatePercent"] == pytest.approx(100 * expected_numbers["win_rate_closed"], abs=5e-5)
    assert float(statistics["averageDealAmount"]) == expected_numbers["won_mean"]
    assert statistics["medianSalesCycleDays"] == expected_numbers["days_to_close"]["won_median"]
    months = {point["start"][:7]: int(point["value"]) for point in statistics["series"][0]["points"]}
    won_by_month = {month: won["deals"] for month, won in expected_numbers["won_by_month"].items()}
    assert months == dict.fromkeys(months, 0) | won_by_month
    assert len(months) == 12
    assert engaging["benchmarkPercent"] is None
