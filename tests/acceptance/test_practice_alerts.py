"""Replay of part of a year of deals: the raised alerts equal the dry run. `benchmarks/alerts.py` replays all of it."""

from __future__ import annotations

import pytest

from tests.acceptance import year_replay
from tests.practice_set.practice_sets import GENERATED, MAVEN, PracticeSet
from tests.world import open_world

REPLAYED_DEALS = {MAVEN: 140, GENERATED: 60}


@pytest.mark.long  # tests/resolvers/alerts/test_rules.py simulates a month
async def test_dry_run_counts_equal_raised_alerts_after_a_replayed_year(practice_set: PracticeSet) -> None:
    every = practice_set.deal_count // REPLAYED_DEALS[practice_set.name]

    async with open_world("sqlite://:memory:", currency="USD") as world:
        await year_replay.replay_year(world, practice_set, every)
        counts = await year_replay.compare_counts(world)

    assert {kind: raised for kind, (raised, _) in counts.items()} == {
        kind: predicted for kind, (_, predicted) in counts.items()
    }
    assert all(raised for raised, _ in counts.values()), counts
