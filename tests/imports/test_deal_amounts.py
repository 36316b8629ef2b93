"""Import of the amounts of deals at creation and at closing, and what back-tests know of them on past days."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from domain.forecasting.deal_table import known_at
from models.crm.deals import Deal
from models.forecasting.deal_tables import Basis
from resolvers.forecasting import backtests
from tests.imports.import_company import ImportTestCompany, open_company

MAP = """
name = "crm"
[pipeline]
name = "Machines"
stages = ["New"]
[[file]]
pattern = "deals*.csv"
kind = "deals"
[file.columns]
id = "id"
title = "title"
owner = "owner"
stage = "stage"
amount = "amount"
amount_created = "first"
amount_closed = "final"
created = "created"
closed = "closed"
[file.stages]
New = "open"
Won = "won"
Lost = "lost"
"""
DEALS = """\
id,title,owner,stage,amount,first,final,created,closed
1,Crane,Ann,Won,,100,150,2026-02-01,2026-03-15
2,Lift,Ann,Lost,,80,70,2026-02-02,2026-03-16
3,Digger,Ann,Won,,,90,2026-02-03,2026-03-17
4,Loader,Ann,New,60,50,,2026-02-04,
5,Truck,Ann,New,,40,,2026-02-05,
"""


@pytest.fixture
async def company(database_url: str, tmp_path: Path) -> AsyncIterator[ImportTestCompany]:
    async with open_company(database_url, tmp_path) as company:
        yield company


async def stated_amounts(
    company: ImportTestCompany, day: date, basis: Basis = Basis.REVENUE, column: str = "stated_worth"
) -> dict[str, int | None]:
    """Return what the deals known at the end of a day stated then, by external id; None for nothing."""
    data = await backtests.load_backtest_data(await company.create_context(), basis)
    table = known_at(data.table, day.toordinal())
    external_ids = {row.id: str(row.external_id) for row in await Deal.all()}
    pairs = zip(table.key.tolist(), getattr(table, column).tolist(), strict=True)
    return {external_ids[key]: None if np.isnan(value) else round(value / 100) for key, value in sorted(pairs)}


async def test_both_amounts_are_imported_and_found_again(company: ImportTestCompany) -> None:
    first, second = [await company.import_files(MAP, {"deals.csv": DEALS}) for _ in range(2)]

    assert (first.counts["deals"], second.counts["deals"]) == ({"read": 5, "new": 5}, {"read": 5, "unchanged": 5})
    assert [(row.amount, row.initial_amount, row.value) for row in await Deal.all().order_by("id")] == [
        (15_000, 10_000, 15_000), (7_000, 8_000, None), (9_000, 0, 9_000), (6_000, 5_000, None), (4_000, 4_000, None),
    ]  # fmt: skip


async def test_backtest_knows_the_amount_at_creation_until_the_deal_is_closed(company: ImportTestCompany) -> None:
    await company.import_files(MAP, {"deals.csv": DEALS})

    before, after = date(2026, 3, 14), date(2026, 3, 17)

    assert await stated_amounts(company, before) == {"1": 100, "2": 80, "3": None, "4": 50, "5": 40}
    assert await stated_amounts(company, after) == {"1": 150, "2": 70, "3": 90, "4": 50, "5": 40}
    assert await stated_amounts(company, date(2026, 11, 18)) == {"1": 150, "2": 70, "3": 90, "4": 60, "5": 40}


async def test_backtest_of_the_profit_knows_no_later_amount_either(company: ImportTestCompany) -> None:
    await company.import_files(MAP, {"deals.csv": DEALS})

    before = date(2026, 3, 14)

    assert set((await stated_amounts(company, before, Basis.PROFIT)).values()) == {None}
    assert await stated_amounts(company, before, Basis.PROFIT, "gross") == {"1": 100, "2": 80, "3": 0, "4": 50, "5": 40}


async def test_amount_at_creation_that_is_corrected_changes_the_past(company: ImportTestCompany) -> None:
    await company.import_files(MAP, {"deals.csv": DEALS})
    before = await stated_amounts(company, date(2026, 3, 14))

    result = await company.import_files(MAP, {"deals.csv": DEALS.replace("Won,,100,", "Won,,110,")})

    assert result.counts["deals"] == {"read": 5, "changed": 1, "unchanged": 4}
    assert await stated_amounts(company, date(2026, 3, 14)) == {**before, "1": 110}


async def test_amount_at_closing_of_an_open_deal_and_won_deal_with_first_amount_only_are_rejected(
    company: ImportTestCompany,
) -> None:
    rows = "1,Crane,Ann,New,,100,150,2026-02-01,\n2,Lift,Ann,Won,,100,,2026-02-01,2026-03-15\n"

    await company.import_files(MAP, {"deals.csv": f"{DEALS.splitlines()[0]}\n{rows}"})

    assert [(line, reason) for line, _, reason in company.rejects] == [
        ("2", "An open deal has no amount at closing."),
        ("3", "A won deal has an amount: say how much it brings in."),
    ]
    assert await Deal.all().count() == 0
