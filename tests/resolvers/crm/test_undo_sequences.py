"""Taking a change back leaves every table as it was; random sequences of changes."""

from __future__ import annotations

import random

import pytest

from resolvers.ledger.reconciliation import reconcile
from tests.resolvers.crm.sales_company import (
    RandomDealChanges,
    compare_dumps,
    dump_tables,
    fetch_last_activity,
    undo_last,
)
from tests.world import World


@pytest.mark.parametrize(
    ("seed", "steps"), [(1, 40), *(pytest.param(seed, 150, marks=pytest.mark.long) for seed in range(2, 12))]
)
async def test_every_table_is_as_before_after_a_change_is_taken_back(
    either_sales_company: World, seed: int, steps: int
) -> None:
    world, dice = either_sales_company, random.Random(seed)
    changes = RandomDealChanges(world, dice)
    for _ in range(6):
        await changes.record()
    undone = 0
    for step in range(steps):
        world.advance(minutes=dice.choice([1, 1, 30, 60 * 26]))
        deal = dice.choice(changes.deals)
        before = await dump_tables()
        if not await changes.change(deal) or await dump_tables() == before:
            continue
        world.advance(seconds=dice.randrange(1, 590))
        if dice.random() < 0.7 and (await fetch_last_activity(world, deal))["undoableUntil"] is not None:
            await undo_last(world, deal)
            undone += 1

            differences = compare_dumps(before, await dump_tables())
            assert differences == {}, (step, differences)
    assert undone > steps / 4
    assert [str(difference) for difference in (await reconcile()).differences] == []
