"""Smoke test of the growth benchmark; the results themselves are the business of `./run bench`."""

from __future__ import annotations

from collections import Counter

import pytest

from benchmarks import scaling
from benchmarks.fixtures import fill
from benchmarks.scaling import AIMS, Size
from models.goals.goals import Goal, OwnerKind
from models.ledger import scores
from resolvers.ledger.reconciliation import reconcile
from tests.world import opened


@pytest.mark.timeout(300)
def test_every_piece_of_work_is_measured_in_every_company(postgres_url: str, redis_url: str) -> None:
    del postgres_url, redis_url  # skips the test where there is no server; the benchmark starts its own
    figures = list(scaling.grown((Size(20, 100), Size(20, 200), Size(40, 100)), 3))

    assert len(figures) == 2 * len(AIMS)
    assert all(figure.ours > 0 and figure.floor for figure in figures)


async def test_in_a_filled_company_every_number_agrees_with_every_other(postgres_tables_url: str) -> None:
    async with opened(postgres_tables_url):
        await fill(postgres_tables_url, sellers=25, deals=300, hours=24)
        goals = await Goal.all().order_by("id")
        values = await scores.goal_values(goals)
        by_kind = Counter[OwnerKind]()
        for goal, value in zip(goals, values, strict=True):
            by_kind[goal.owner_kind] += value

        assert (await reconcile()).differences == []
    assert by_kind[OwnerKind.EMPLOYEE] == by_kind[OwnerKind.COMPANY] > 0
    assert by_kind[OwnerKind.TEAM] == 2 * by_kind[OwnerKind.COMPANY]  # in the seller's team and in the top team
