"""Smoke test of the growth benchmark; the results themselves are the business of `./run bench`."""

from __future__ import annotations

from collections import Counter

import pytest

from benchmarks import scaling
from benchmarks.fixtures import fill_company
from benchmarks.scaling import TARGETS, CompanySize
from models.goals.goals import Goal
from models.ledger import scores
from models.organization.scopes import OwnerKind
from resolvers.ledger.reconciliation import reconcile
from tests.world import open_world


@pytest.mark.long
@pytest.mark.timeout(300)
def test_growth_benchmark_measures_each_operation_in_each_company(postgres_url: str, redis_url: str) -> None:
    del postgres_url, redis_url  # skips the test where there is no server; the benchmark starts its own
    results = list(scaling.measure_growth((CompanySize(20, 100), CompanySize(20, 200), CompanySize(40, 100)), 3))

    assert len(results) == 2 * len(TARGETS)
    assert all(result.cost > 0 and result.baseline for result in results)


async def test_filled_company_passes_reconciliation_and_goal_values_agree(postgres_tables_url: str) -> None:
    async with open_world(postgres_tables_url):
        await fill_company(postgres_tables_url, sellers=25, deals=300, hours=24)
        goals = await Goal.filter(metric="deals_won_amount", kind="MONTH").order_by("id")
        values = await scores.goal_values(goals)
        by_kind = Counter[OwnerKind]()
        for goal, value in zip(goals, values, strict=True):
            by_kind[goal.owner_kind] += value

        assert (await reconcile()).differences == []
    assert by_kind[OwnerKind.EMPLOYEE] == by_kind[OwnerKind.COMPANY] > 0
    assert by_kind[OwnerKind.TEAM] == 2 * by_kind[OwnerKind.COMPANY]  # in the seller's team and in the top team
