"""Tests of columnar deals: updated columns equal those that are read anew."""

import random

import numpy as np
import orjson
import pytest

from models.forecasting.deal_columns import _COLUMNS, DealColumns, DealUpdates, empty_columns


def read(deals: dict[int, int], before: DealColumns) -> DealColumns:
    """Return `before` updated by the deals, given by id and amount."""
    updates = DealUpdates([*before.currencies], [*before.products])
    constants = {"status": "OPEN", "currency": "EUR", "created_on": "2026-01-05", "stage_id": 1}
    columns = [
        [*deals]
        if name == "id"
        else [*deals.values()]
        if name in ("amount", "owner_id")
        else [constants.get(name)] * len(deals)
        for name in _COLUMNS
    ]
    updates.add_chunk(orjson.dumps(columns).decode())
    return before.merge(updates)


@pytest.mark.parametrize("seed", range(20))
def test_updated_deals_equal_those_read_at_once(seed):
    generator = random.Random(seed)
    amounts: dict[int, int] = {}
    columns = empty_columns()
    for _ in range(6):
        ids = generator.sample(range(1, 30 if generator.random() < 0.7 else 90), generator.randint(1, 8))
        update = {id_: generator.randint(1, 1000) for id_ in ids}
        amounts |= update

        columns = read(update, columns)

        expected = read(dict(sorted(amounts.items())), empty_columns())
        assert columns.id.tolist() == sorted(amounts)
        for name in ("amount", "owner", "created", "closed", "stable_hash"):
            assert np.array_equal(getattr(columns, name), getattr(expected, name))
