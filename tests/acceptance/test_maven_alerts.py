"""Replay of part of a year of deals: the raised alerts equal the dry run. `benchmarks/alerts.py` replays all of it."""

from __future__ import annotations

import pytest

from tests.acceptance import year_replay
from tests.world import open_world

pytestmark = pytest.mark.skipif(not year_replay.DATA_SET.is_dir(), reason="the maven_crm data set is missing")


async def test_dry_run_counts_equal_raised_alerts_after_a_replayed_year() -> None:
    async with open_world("sqlite://:memory:", currency="USD") as world:
        await year_replay.replay_year(world, every=30)
        counts = await year_replay.compare_counts(world)

    assert {kind: raised for kind, (raised, _) in counts.items()} == {
        kind: predicted for kind, (_, predicted) in counts.items()
    }
    assert all(raised for raised, _ in counts.values()), counts
