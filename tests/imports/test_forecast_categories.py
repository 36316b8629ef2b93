"""Import of the forecast categories of open deals; those of closed ones follow from their outcome."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domain.forecasting.categories import ForecastCategory
from models.crm.deals import Deal
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
created = "created"
closed = "closed"
category = "category"
[file.stages]
New = "open"
Won = "won"
"""
DEALS = """\
id,title,owner,stage,amount,created,closed,category
1,Crane,Ann,Won,100,2026-02-01,2026-03-15,closed
2,Lift,Ann,New,80,2026-02-02,,commit
3,Digger,Ann,New,90,2026-02-03,,best_case
4,Loader,Ann,New,60,2026-02-04,,
5,Truck,Ann,New,40,2026-02-05,,closed
6,Van,Ann,New,40,2026-02-05,,perhaps
"""


@pytest.fixture
async def company(tmp_path: Path) -> AsyncIterator[ImportTestCompany]:
    async with open_company("sqlite://:memory:", tmp_path) as company:
        yield company


async def test_categories_of_open_deals_are_imported(company: ImportTestCompany) -> None:
    report = await company.import_files(MAP, {"deals.csv": DEALS})

    categories = {row.external_id: row.forecast_category for row in await Deal.all()}
    assert list(categories.values()) == [None, ForecastCategory.COMMIT, ForecastCategory.BEST_CASE, None]
    assert report.rejected == 2  # an open deal cannot be closed, and there is no such category
