"""Import of the stage history of deals: only entries that the files contain."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from imports import map_file
from models.crm.deals import StageVisit
from tests.imports.import_company import NOW, Office, opened

MAP = """
name = "crm"
[pipeline]
name = "Machines"
stages = ["New", "Offer", "Contract"]
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
{entered}
[file.stages]
New = "open"
Offer = "open"
Contract = "open"
Won = "won"
Lost = "lost"
"""
HISTORY = """
[[file]]
pattern = "history*.csv"
kind = "visits"
[file.columns]
deal = "deal"
stage = "stage"
entered = "date"
[file.stages]
New = "open"
Offer = "open"
Contract = "open"
Won = "won"
Lost = "lost"
"""
DEALS = """\
id,title,owner,stage,amount,created,closed
1,Crane,Ann,New,5,2026-01-05,
2,Lift,Ann,Offer,5,2026-02-05,
3,Digger,Ann,Won,5,2026-03-05,2026-04-01
4,Loader,Ann,Lost,,2026-03-06,2026-04-02
"""


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with opened("sqlite://:memory:", tmp_path) as office:
        yield office


async def way() -> dict[str, list[tuple[str, str]]]:
    """Return the stages that each deal entered, with the day, by external id."""
    found: dict[str, list[tuple[str, str]]] = {}
    for row in await StageVisit.all().order_by("entered_at", "id").select_related("deal", "stage"):
        found.setdefault(row.deal.external_id, []).append((row.stage.name, str(row.entered_on)))
    return found


async def test_of_a_deal_that_stands_somewhere_no_more_is_known_than_where_it_stands_now(office: Office) -> None:
    await office.bring(MAP.format(entered=""), {"deals.csv": DEALS})

    assert await way() == {"1": [("New", "2026-01-05")], "2": [("Offer", str(NOW.date()))]}


async def test_columns_may_tell_when_a_deal_entered_which_stage(office: Office) -> None:
    entered = '[file.entered]\nNew = "created"\nOffer = "offered"\nContract = "signed"'
    rows = "1,Crane,Ann,Contract,5,2026-01-05,,2026-02-01,2026-02-20\n2,Lift,Ann,Lost,5,2026-01-06,2026-03-01,2026-02-03,\n"
    files = {"deals.csv": f"id,title,owner,stage,amount,created,closed,offered,signed\n{rows}"}
    first = await office.bring(MAP.format(entered=entered), files)
    again = await office.bring(MAP.format(entered=entered), files)

    assert (first.counts["deals"], again.counts["deals"]) == ({"read": 2, "new": 2}, {"read": 2, "unchanged": 2})
    assert await way() == {
        "1": [("New", "2026-01-05"), ("Offer", "2026-02-01"), ("Contract", "2026-02-20")],
        "2": [("New", "2026-01-06"), ("Offer", "2026-02-03")],
    }


async def test_a_file_of_its_own_may_tell_it_a_line_for_each_entry(office: Office) -> None:
    history = (
        "deal,stage,date\n1,New,2026-01-05\n2,New,2026-02-05\n2,Offer,2026-02-09\n3,New,2026-03-05\n3,Won,2026-04-01\n"
    )
    files = {"deals.csv": DEALS, "history.csv": f"{history}4,Nowhere,2026-03-06\n9,New,2026-03-06\n4,New,\n"}
    result = await office.bring(MAP.format(entered="") + HISTORY, files)

    assert result.counts["visits"] == {"read": 8, "new": 4, "unchanged": 1, "rejected": 3}
    assert office.rejects == [
        ("7", "stage", "The stage “Nowhere” is not in the map: define under stages if it is open, won or lost."),
        ("8", "deal", "There is no such deal."),
        ("9", "entered", "The row has no entered."),
    ]
    assert await way() == {
        "1": [("New", "2026-01-05")],
        "2": [("New", "2026-02-05"), ("Offer", "2026-02-09")],
        "3": [("New", "2026-03-05")],
    }


async def test_a_later_import_enters_a_deal_where_it_has_moved_to_meanwhile(office: Office) -> None:
    await office.bring(MAP.format(entered=""), {"deals.csv": DEALS})
    await office.bring(MAP.format(entered=""), {"deals.csv": DEALS.replace("Crane,Ann,New", "Crane,Ann,Contract")})

    assert (await way())["1"] == [("New", "2026-01-05"), ("Contract", str(NOW.date()))]


def test_what_is_not_a_column_is_named_by_its_place() -> None:
    with pytest.raises(map_file.MapError, match=r"file 1\.entered\.New: this has to be a text or a list of texts"):
        map_file.parsed(MAP.format(entered="[file.entered]\nNew = 5"), "crm")
