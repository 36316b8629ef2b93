"""Replay of part of a year of deals: the raised alerts equal the dry run. `benchmarks/alerts.py` replays all of it."""

from __future__ import annotations

import pytest

from tests.acceptance import year_replay
from tests.world import opened

pytestmark = pytest.mark.skipif(not year_replay.SET.is_dir(), reason="the maven_crm data set is missing")


async def test_a_lived_year_raised_as_many_alerts_as_testing_its_rules_says() -> None:
    async with opened("sqlite://:memory:", currency="USD") as world:
        await year_replay.lived(world, every=30)
        counts = await year_replay.compared(world)

    assert {kind: lived for kind, (lived, _) in counts.items()} == {kind: said for kind, (_, said) in counts.items()}
    assert all(lived for lived, _ in counts.values()), counts
