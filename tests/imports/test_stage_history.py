"""Import of the stage history of deals: only entries that the files contain."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from imports import map_file
from models.crm.deals import StageEntry
from tests.imports.import_company import NOW, ImportTestCompany, open_company

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
async def company(tmp_path: Path) -> AsyncIterator[ImportTestCompany]:
    async with open_company("sqlite://:memory:", tmp_path) as company:
        yield company


async def stages_by_deal() -> dict[str, list[tuple[str, str]]]:
    """Return the stages that each deal entered, with the day, by external id."""
    stages: dict[str, list[tuple[str, str]]] = {}
    for row in await StageEntry.all().order_by("entered_at", "id").select_related("deal", "stage"):
        stages.setdefault(row.deal.external_id, []).append((row.stage.name, str(row.entered_on)))
    return stages


async def test_deal_without_history_has_only_its_current_stage(company: ImportTestCompany) -> None:
    await company.import_files(MAP.format(entered=""), {"deals.csv": DEALS})

    assert await stages_by_deal() == {"1": [("New", "2026-01-05")], "2": [("Offer", str(NOW.date()))]}


async def test_stage_entries_are_read_from_columns(company: ImportTestCompany) -> None:
    entered = '[file.entered]\nNew = "created"\nOffer = "offered"\nContract = "signed"'
    rows = "1,Crane,Ann,Contract,5,2026-01-05,,2026-02-01,2026-02-20\n2,Lift,Ann,Lost,5,2026-01-06,2026-03-01,2026-02-03,\n"
    files = {"deals.csv": f"id,title,owner,stage,amount,created,closed,offered,signed\n{rows}"}
    first = await company.import_files(MAP.format(entered=entered), files)
    second = await company.import_files(MAP.format(entered=entered), files)

    assert (first.counts["deals"], second.counts["deals"]) == ({"read": 2, "new": 2}, {"read": 2, "unchanged": 2})
    assert await stages_by_deal() == {
        "1": [("New", "2026-01-05"), ("Offer", "2026-02-01"), ("Contract", "2026-02-20")],
        "2": [("New", "2026-01-06"), ("Offer", "2026-02-03")],
    }


async def test_stage_entries_are_read_from_a_separate_file(company: ImportTestCompany) -> None:
    history = (
        "deal,stage,date\n1,New,2026-01-05\n2,New,2026-02-05\n2,Offer,2026-02-09\n3,New,2026-03-05\n3,Won,2026-04-01\n"
    )
    files = {"deals.csv": DEALS, "history.csv": f"{history}4,Nowhere,2026-03-06\n9,New,2026-03-06\n4,New,\n"}
    result = await company.import_files(MAP.format(entered="") + HISTORY, files)

    assert result.counts["visits"] == {"read": 8, "new": 4, "unchanged": 1, "rejected": 3}
    assert company.rejects == [
        ("7", "stage", "The stage “Nowhere” is not in the map: define under stages if it is open, won or lost."),
        ("8", "deal", "There is no such deal."),
        ("9", "entered", "The row has no entered."),
    ]
    assert await stages_by_deal() == {
        "1": [("New", "2026-01-05")],
        "2": [("New", "2026-02-05"), ("Offer", "2026-02-09")],
        "3": [("New", "2026-03-05")],
    }


async def test_later_import_adds_the_new_stage_of_a_moved_deal(company: ImportTestCompany) -> None:
    await company.import_files(MAP.format(entered=""), {"deals.csv": DEALS})
    await company.import_files(
        MAP.format(entered=""), {"deals.csv": DEALS.replace("Crane,Ann,New", "Crane,Ann,Contract")}
    )

    assert (await stages_by_deal())["1"] == [("New", "2026-01-05"), ("Contract", str(NOW.date()))]


def test_invalid_stage_entry_column_error_names_the_location() -> None:
    with pytest.raises(map_file.MapError, match=r"file 1\.entered\.New: this has to be a text or a list of texts"):
        map_file.parse_map(MAP.format(entered="[file.entered]\nNew = 5"), "crm")


async def test_history_of_a_reopened_deal_is_imported_in_any_order(company: ImportTestCompany) -> None:
    history = "deal,stage,date\n3,Contract,2026-03-28\n3,New,2026-03-05\n3,Lost,2026-03-10\n3,Offer,2026-03-20\n3,New,2026-03-15\n3,Won,2026-04-01\n"
    files = {"deals.csv": DEALS, "history.csv": history}

    first, second = [await company.import_files(MAP.format(entered="") + HISTORY, files) for _ in range(2)]

    assert first.counts["visits"] == {"read": 6, "new": 4, "unchanged": 2}
    assert second.counts["visits"] == {"read": 6, "unchanged": 6}
    assert (await stages_by_deal())["3"] == [
        ("New", "2026-03-05"), ("New", "2026-03-15"), ("Offer", "2026-03-20"), ("Contract", "2026-03-28"),
    ]  # fmt: skip


async def test_history_is_about_the_pipeline_of_its_deal(company: ImportTestCompany) -> None:
    import_map = MAP.replace('stage = "stage"', 'stage = "stage"\npipeline = "pipe"') + HISTORY
    deals = "id,title,owner,pipe,stage,amount,created,closed\n1,Crane,Ann,Service,Offer,5,2026-01-05,\n2,Lift,Ann,Machines,Offer,5,2026-01-05,\n"
    files = {
        "deals.csv": deals,
        "history.csv": "deal,stage,date\n1,Offer,2026-01-07\n2,Offer,2026-01-07\n1,Contract,2026-01-08\n",
    }

    result = await company.import_files(import_map.format(entered=""), files)

    assert result.counts["visits"] == {"read": 3, "new": 2, "rejected": 1}
    assert company.rejects == [("4", "stage", "The pipeline of this deal has no stage “Contract”.")]
    entries = await StageEntry.all().order_by("entered_at", "id").select_related("deal", "stage__pipeline")
    assert {row.deal.external_id: row.stage.pipeline.name for row in entries} == {"1": "Service", "2": "Machines"}


async def test_stage_entered_before_creation_or_after_closing_is_rejected(company: ImportTestCompany) -> None:
    history = "deal,stage,date\n3,New,2026-03-04\n3,Offer,2026-04-02\n1,New,2027-01-01\n"

    await company.import_files(MAP.format(entered="") + HISTORY, {"deals.csv": DEALS, "history.csv": history})

    assert company.rejects == [
        ("2", "date", "The deal was created on 2026-03-05, after it entered this stage: check both."),
        ("3", "date", "The deal was closed on 2026-04-01, before it entered this stage: check both."),
        ("4", "date", "This lies in the future: give a moment that has passed."),
    ]


@pytest.mark.parametrize("day", ["2026-01-04", "2027-01-01"])
async def test_deal_with_an_impossible_stage_entry_in_its_columns_is_rejected(
    company: ImportTestCompany, day: str
) -> None:
    entered = '[file.entered]\nOffer = "offered"'
    deals = f"id,title,owner,stage,amount,created,closed,offered\n1,Crane,Ann,Offer,5,2026-01-05,,{day}\n"

    result = await company.import_files(MAP.format(entered=entered), {"deals.csv": deals})

    assert result.counts["deals"] == {"read": 1, "rejected": 1}
    assert "entered a stage" in company.rejects[0][2]
