"""Ids of a file in a form other than the stored one: exports of macOS write accents as characters of their own."""

from __future__ import annotations

import asyncio

from models.crm.deals import Deal
from tests.imports.import_company import ImportTestCompany

MAP = """
[[file]]
kind = "deals"
[file.columns]
id = "No"
title = "Title"
owner = "Owner"
amount = "Amount"
status = "Status"
created = "Created"
closed = "Closed"
"""
DEALS = """No,Title,Owner,Amount,Status,Created,Closed
cafe\N{COMBINING ACUTE ACCENT} 1,Boat,Ann,10,won,2026-10-01,2026-10-02
cafe\N{COMBINING ACUTE ACCENT} 2,Ship,Ann,20,won,2026-10-01,2026-10-02
"""


async def test_file_with_decomposed_letters_in_its_ids_changes_nothing_the_second_time(
    company: ImportTestCompany,
) -> None:
    async with asyncio.timeout(60):
        first, second = [await company.import_files(MAP, {"deals.csv": DEALS}) for _ in range(2)]

    assert first.counts["deals"] == {"read": 2, "new": 2}
    assert second.counts["deals"] == {"read": 2, "unchanged": 2}
    assert sorted(deal.external_id or "" for deal in await Deal.all()) == [
        f"caf\N{LATIN SMALL LETTER E WITH ACUTE} {number}" for number in (1, 2)
    ]
