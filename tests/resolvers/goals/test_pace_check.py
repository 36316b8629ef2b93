"""The daily check of the pace of goals: it reaches every running goal, however many there are."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from resolvers.goals import pace_check
from tests.resolvers.alerts.alert_company import fetch_alert_kinds, open_company, set_only_rule
from tests.resolvers.two_sellers import set_goal
from tests.world import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with open_company() as world:
        yield world


async def test_every_goal_behind_raises_an_alert_when_there_are_more_than_a_batch(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace_check, "_BATCH_SIZE", 2)
    await set_only_rule(world, "GOAL_BEHIND", percent=10)
    for metric in ("deals_won", "deals_created", "calls_made"):
        await set_goal(world, "Ann", metric, "10")
    await world.advance_and_run_jobs(days=1)

    assert await fetch_alert_kinds(world) == {"Mia": ["GOAL_BEHIND"] * 3}


async def test_goal_that_stays_behind_raises_one_alert(world: World) -> None:
    await set_only_rule(world, "GOAL_BEHIND", percent=10)
    await set_goal(world, "Ann", "deals_won", "10")
    for _ in range(3):
        await world.advance_and_run_jobs(days=1)

    assert await fetch_alert_kinds(world) == {"Mia": ["GOAL_BEHIND"]}
