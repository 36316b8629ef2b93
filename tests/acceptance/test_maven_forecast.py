"""Acceptance tests of the forecast on the maven_crm data: error targets, better than the baselines, no look-ahead."""

from __future__ import annotations

import csv
import random
import shutil
from collections.abc import AsyncIterator
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from domain.forecasting.backtest import MODEL, Horizon, Level, Made, origins, over, table_of_scores
from imports import map_file
from imports.importer import Loading, sources
from imports.rejected_rows import Rejects
from resolvers.forecasting import backtests
from resolvers.forecasting.backtests import Past
from tests.world import World, opened

SET = Path(__file__).parents[3] / "shared" / "data" / "maven_crm"
pytestmark = pytest.mark.skipif(not SET.is_dir(), reason="the maven_crm set is not there")

ORIGINS = origins(date(2017, 4, 30), date(2017, 11, 30))
CUT = date(2017, 8, 31)
MONTH, QUARTER = Horizon.MONTH, Horizon.QUARTER
COMPANY, TEAMS, SELLERS = Level.COMPANY, Level.TEAMS, Level.SELLERS
WAPE = {
    (MONTH, COMPANY): 0.070, (MONTH, TEAMS): 0.185, (MONTH, SELLERS): 0.335,
    (QUARTER, COMPANY): 0.080, (QUARTER, TEAMS): 0.148, (QUARTER, SELLERS): 0.245,
}  # fmt: skip
WIS = {
    (MONTH, COMPANY): 0.055, (MONTH, TEAMS): 0.122, (MONTH, SELLERS): 0.210,
    (QUARTER, COMPANY): 0.060, (QUARTER, TEAMS): 0.102, (QUARTER, SELLERS): 0.155,
}  # fmt: skip
EACH = pytest.mark.parametrize(("horizon", "level"), WAPE, ids=lambda value: value.value)


async def bring_in(world: World, source: Path, rejects: Path) -> None:
    map_ = map_file.load("maven")
    files, _ = sources(source, map_)
    with Rejects(rejects) as rejected:
        await Loading(await world.admitted("admin"), map_, rejected, lambda _: None).run(files)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whole(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with opened("sqlite://:memory:", currency="USD") as world:
        await bring_in(world, SET, tmp_path_factory.mktemp("maven") / "rejects.csv")
        yield world


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def result(whole: World) -> tuple[Past, list[Made]]:
    return await backtests.made(await whole.admitted("admin"), ORIGINS)


@pytest.fixture(scope="module")
def compared(result: tuple[Past, list[Made]]) -> Any:
    past, made = result
    ended = over(past.table, made, past.known.today)
    return {key: table_of_scores(past.table, ended, key[1], key[0]) for key in WAPE}


@EACH
def test_it_errs_no_more_than_promised(compared: Any, horizon: Horizon, level: Level) -> None:
    ours = compared[horizon, level][MODEL]

    assert max(ours.wape, ours.wape_median) <= WAPE[horizon, level]
    assert ours.wis <= WIS[horizon, level]


@EACH
def test_for_managers_and_sellers_no_plain_guess_is_better(compared: Any, horizon: Horizon, level: Level) -> None:
    found = compared[horizon, level]
    best = min(scores.wis for name, scores in found.items() if name != MODEL)

    assert len(found) == 8
    assert found[MODEL].wis < best or level is COMPANY


@EACH
def test_it_promises_neither_too_much_nor_too_little(compared: Any, horizon: Horizon, level: Level) -> None:
    ours = compared[horizon, level][MODEL]

    assert abs(ours.bias) <= 0.06
    if level is SELLERS:
        assert 0.72 <= ours.coverage <= 0.88
    if level is TEAMS:
        assert 0.65 <= ours.coverage <= 0.92


def test_what_is_compared_is_what_was_asked_for(compared: Any) -> None:
    assert {key: found[MODEL].count for key, found in compared.items()} == {
        (MONTH, COMPANY): 8, (MONTH, TEAMS): 48, (MONTH, SELLERS): 240,
        (QUARTER, COMPANY): 6, (QUARTER, TEAMS): 36, (QUARTER, SELLERS): 180,
    }  # fmt: skip


def test_quantiles_do_not_cross_and_none_is_negative(result: tuple[Past, list[Made]]) -> None:
    for each in result[1]:
        assert 0 <= each.low <= each.median <= each.high


def test_parts_add_up_to_the_whole_exactly(result: tuple[Past, list[Made]]) -> None:
    sums: dict[Any, dict[Level, Fraction]] = {}
    for each in result[1]:
        found = sums.setdefault((each.origin, each.horizon), {})
        found[each.group.level] = found.get(each.group.level, Fraction(0)) + each.mean

    assert len(sums) == 2 * len(ORIGINS)
    assert all(len(set(found.values())) == 1 for found in sums.values())


def numbers(made: list[Made]) -> list[Any]:
    return sorted(
        (each.origin, each.horizon, each.group.name, each.low, each.median, each.high, each.mean) for each in made
    )


@pytest.mark.asyncio(loop_scope="module")
async def test_a_database_that_holds_only_what_was_known_then_says_the_same(
    result: tuple[Past, list[Made]], tmp_path: Path
) -> None:
    """Also with the rows in another order: the same numbers to the last digit."""
    masked = tmp_path / "masked"
    shutil.copytree(SET, masked)
    (masked / "sales_pipeline.csv").chmod(0o644)
    with (SET / "sales_pipeline.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["engage_date"] and row["engage_date"] <= CUT.isoformat()]
    for row in rows:
        if not row["close_date"] or row["close_date"] > CUT.isoformat():
            row.update(deal_stage="Engaging", close_date="", close_value="")
    random.Random(1).shuffle(rows)
    masked.chmod(0o755)
    with (masked / "sales_pipeline.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    async with opened("sqlite://:memory:", currency="USD") as world:
        await bring_in(world, masked, tmp_path / "rejects.csv")

        _, made = await backtests.made(await world.admitted("admin"), [CUT.toordinal()])

    assert numbers(made) == numbers([each for each in result[1] if each.origin == CUT.toordinal()])
    assert len(made) == 80
