"""A year of a hardware seller's deals, brought in: the numbers are those computed beforehand, asked for as anybody would."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from imports import mapping
from imports.loading import Loading, Result, sources
from imports.rejects import Rejects
from tests.world import World, opened

SET = Path(__file__).parents[3] / "shared" / "data" / "maven_crm"
pytestmark = pytest.mark.skipif(not SET.is_dir(), reason="the maven_crm set is not there")

BOARD = """query($metric: String!, $scope: ID, $period: PeriodInput) {
  leaderboard(metric: $metric, scope: $scope, period: $period) {
    total standings { rank value employee { name } }
  }
}"""
YEAR = {"kind": "CUSTOM", "start": "2017-01-01", "end": "2017-12-31"}


async def brought_in(world: World, path: Path) -> Result:
    map_ = mapping.load("maven")
    files, _ = sources(SET, map_)
    with Rejects(path / "rejects.csv") as rejects:
        return await Loading(await world.admitted("admin"), map_, rejects, lambda _: None).run(files)


@pytest.fixture(scope="module")
def golden() -> Any:
    return json.loads((SET / "golden.json").read_text())


@pytest.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with opened("sqlite://:memory:", currency="USD") as world:
        started = time.process_time()
        result = await brought_in(world, tmp_path_factory.mktemp("maven"))
        print(f"{time.process_time() - started:.1f} s of CPU\n{result}")
        assert result.counts["deals"] == {"read": 8800, "new": 8800}
        yield world
