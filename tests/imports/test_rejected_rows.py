"""Rejected rows: nothing of them stays, and they can be mended in the file of rejected rows and imported again."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from imports.rejects_format import ORIGIN_COLUMNS, escape_formula, unescape_formula
from models.crm.pipelines import Pipeline, Stage
from tests.imports.import_company import ImportTestCompany, open_company

MAP = """
currency = "EUR"
[pipeline]
name = "Machines"
[[file]]
pattern = "deals*.csv"
kind = "deals"
separator = ";"
encoding = "cp1251"
decimal = "."
[file.columns]
id = "id"
title = "title"
owner = "owner"
client = "client"
stage = "stage"
amount = "amount"
created = "created"
closed = "closed"
[file.stages]
New = "open"
Won = "won"
[file.unknown]
stage = "create"
[[file]]
pattern = "calls*.csv"
kind = "calls"
[file.columns]
owner = "who"
direction = "direction"
started = "at"
seconds = "seconds"
[[file]]
pattern = "people*.csv"
kind = "people"
[file.columns]
name = "name"
email = "email"
team = "team"
"""
HEADER = "id;title;owner;client;stage;amount;created;closed;note\n"
DEALS = f"""{HEADER}1;Кран;Ann;Globex;New;5;2026-01-05;;
2;Lift;Bob;Initech;Offer;many;2026-01-06;;"two
lines"
3;Digger;Cid;Hooli;Zeta;5.001;2026-01-07;;=1+1
4;'-x;Dan;Umbrella;;7;2026-01-08;;
5;Loader;Eve;Stark;Won;8;2026-01-09;;
6;Truck;Ann;Globex;New;-9;2026-01-10;;;
7;Bike;Fay;Acme;New;5;2026-01-11;;
"""
MENDED = {"2": ("amount", "20"), "3": ("amount", "30"), "4": ("stage", "New"), "5": ("closed", "2026-02-01")}


async def read_names(company: ImportTestCompany, table: str) -> set[str]:
    return {row["name"] for row in (await company.read_all_rows())[table]}


def read_raw(path: Path, separator: str = ";") -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file, delimiter=separator))


def mend(path: Path) -> None:
    """Correct the cells of `MENDED` and the broken row 6, as a user does in a spreadsheet."""
    header, *rows = read_raw(path)
    for row in rows:
        key = row[header.index("id")]
        if key in MENDED:
            column, text = MENDED[key]
            row[header.index(column)] = text
        del row[len(header) :]
        if key == "6":
            row[header.index("amount")] = "9"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, delimiter=";").writerows([header, *rows])


@pytest.fixture
async def stored_company(database_url: str, tmp_path: Path) -> AsyncIterator[ImportTestCompany]:
    async with open_company(database_url, tmp_path) as company:
        yield company


async def test_rejected_row_leaves_no_client_employee_or_stage(stored_company: ImportTestCompany) -> None:
    result = await stored_company.import_files(MAP, {"deals.csv": DEALS.encode("cp1251")})

    assert result.counts["deals"] == Counter(read=7, new=2, rejected=5)
    assert await read_names(stored_company, "employee") == {"Ada Admin", "Ann", "Fay"}
    assert await read_names(stored_company, "client") == {"Globex", "Acme"}
    assert [stage.name for stage in await Stage.filter(pipeline__name="Machines")] == ["New"]
    assert result.created_names == {
        "employees": ["Ann", "Fay"],
        "clients": ["Globex", "Acme"],
        "stages": ["New (Machines)"],
    }


async def test_pipeline_of_rejected_rows_only_is_not_left(company: ImportTestCompany) -> None:
    rows = "3;Digger;Cid;Hooli;Zeta;5.001;2026-01-07;;\n"
    stages, pipelines = await read_names(company, "stage"), await Pipeline.all().count()
    result = await company.import_files(MAP, {"deals.csv": HEADER + rows})

    assert result.counts["deals"] == Counter(read=1, rejected=1)
    assert await read_names(company, "stage") == stages
    assert await Pipeline.all().count() == pipelines
    assert result.created_names.get("stages", []) == []


async def test_rejects_have_the_columns_of_the_file_and_reasons_in_both_languages(company: ImportTestCompany) -> None:
    await company.import_files(MAP, {"deals.csv": DEALS.encode("cp1251")})

    header, *rows = read_raw(company.directory / "rejects.csv")
    assert header == [*ORIGIN_COLUMNS, *HEADER.strip().split(";")]
    cells = {row[header.index("id")]: dict(zip(header, row, strict=False)) for row in rows}
    reasons = dict.fromkeys((name for name in header if name.startswith("reason")), "")
    assert cells["2"] | reasons == reasons | {
        "file": "deals.csv", "line": "3", "column": "amount", "import_id": "",
        "id": "2", "title": "Lift", "owner": "Bob", "client": "Initech", "stage": "Offer", "amount": "many",
        "created": "2026-01-06", "closed": "", "note": "two\nlines",
    }  # fmt: skip
    assert cells["2"]["reason"] == "“many” is not a number written with the decimal sign “.”."
    assert cells["2"]["reason_ru"] == "«many» — не число с десятичным знаком «.»."
    assert cells["3"]["note"] == "'=1+1"
    assert cells["4"]["title"] == "''-x"
    assert [cells[key]["line"] for key in "23456"] == ["3", "5", "6", "7", "8"]


async def test_mended_rejects_finish_the_import(stored_company: ImportTestCompany) -> None:
    await stored_company.import_files(MAP, {"deals.csv": DEALS.encode("cp1251")})
    rejects = stored_company.directory / "rejects.csv"
    unmended = await stored_company.import_source(MAP, rejects)
    assert unmended.counts["deals"] == Counter(read=5, rejected=5)
    assert [row["line"] for row in stored_company.read_rejects("rejects-2.csv")] == ["3", "5", "6", "7", "8"]

    mend(rejects)
    result = await stored_company.import_source(MAP, rejects)

    assert result.counts["deals"] == Counter(read=5, new=5)
    assert not any("column" in str(note) for note in result.notes if "note" not in str(note))
    deals = await stored_company.read_deals()
    assert {key: deal["money"][0] for key, deal in deals.items()} == {
        "1": 500, "2": 2000, "3": 3000, "4": 700, "5": 800, "6": 900, "7": 500,
    }  # fmt: skip
    assert deals["4"]["title"] == "'-x"
    assert rejects.exists()
    assert not (stored_company.directory / "rejects-2.csv").exists()


CALLS = """who,direction,at,seconds
Ann,outbound,2026-01-05,60
Ann,outbound,2026-01-05,six
Ann,outbound,2026-01-05,60
"""


async def test_rejects_of_several_files_are_imported_again_as_a_folder(company: ImportTestCompany) -> None:
    files = {"deals.csv": DEALS.encode("cp1251"), "calls.csv": CALLS}
    await company.import_files(MAP, files)
    folder = company.directory / "rejects"
    assert sorted(path.name for path in folder.iterdir()) == ["calls.csv", "deals.csv"]
    assert not (company.directory / "rejects.csv").exists()

    mend(folder / "deals.csv")
    calls = folder / "calls.csv"
    calls.write_text(calls.read_text("utf-8-sig").replace(",six", ",60"), encoding="utf-8-sig")
    result = await company.import_source(MAP, folder)

    assert result.counts == {"deals": Counter(read=5, new=5), "calls": Counter(read=1, new=1)}
    calls_count = len((await company.read_all_rows())["call"])
    assert calls_count == 3  # the mended row is equal to two others, and not taken for one of them
    await company.import_files(MAP, files)
    assert len((await company.read_all_rows())["call"]) == calls_count


async def test_rejects_in_a_folder_of_exports_are_passed_over(company: ImportTestCompany) -> None:
    await company.import_files(MAP, {"deals.csv": DEALS.encode("cp1251")})
    (company.directory / "rejects.csv").rename(company.directory / "export" / "deals-rejects.csv")

    result = await company.import_source(MAP, company.directory / "export")

    assert result.counts["deals"]["read"] == 7
    assert [str(part).partition(" ")[0] for part in result.passed_over] == ["deals-rejects.csv"]


async def test_earlier_rejects_are_removed_when_there_are_none_left(company: ImportTestCompany) -> None:
    await company.import_files(MAP, {"deals.csv": DEALS.encode("cp1251"), "calls.csv": CALLS})
    (company.directory / "rejects" / "my notes.csv").write_text("a,b\n")

    await company.import_files(
        MAP, {"deals.csv": f"{HEADER}1;Кран;Ann;Globex;New;5;2026-01-05;;\n", "calls.csv": CALLS.replace("six", "6")}
    )

    assert [path.name for path in (company.directory / "rejects").iterdir()] == ["my notes.csv"]
    assert not (company.directory / "rejects.csv").exists()


async def test_partly_written_employee_of_a_rejected_row_is_not_left(company: ImportTestCompany) -> None:
    people = "name,email,team\nAnn,ann@example.com,North\nBob,no address,South\nCid,,North\n"
    result = await company.import_files(MAP, {"people.csv": people})

    assert result.counts["people"] == Counter(read=3, new=2, rejected=1)
    assert await read_names(company, "team") == {"North"}
    assert await read_names(company, "employee") == {"Ada Admin", "Ann", "Cid"}


async def test_row_with_unreadable_characters_is_rejected_until_they_are_written_anew(
    company: ImportTestCompany,
) -> None:
    utf8_map = MAP.replace('encoding = "cp1251"', 'encoding = "utf-8"')
    row = "1;Кран;Ann;Globex;New;5;2026-01-05;;\n"
    await company.import_files(utf8_map, {"deals.csv": HEADER.encode() + row.encode("cp1251")})
    rejects = company.directory / "rejects.csv"
    second = await company.import_source(utf8_map, rejects)
    rejects.write_text(rejects.read_text("utf-8-sig").replace("\ufffd" * 4, "Кран"), encoding="utf-8-sig")
    mended = await company.import_source(utf8_map, rejects)

    assert second.counts["deals"] == Counter(read=1, rejected=1)
    assert mended.counts["deals"] == Counter(read=1, new=1)
    assert (await company.read_deals())["1"]["title"] == "Кран"


@pytest.mark.parametrize("text", ["=1+1", "-5", "+5", "@x", "\tx", "'=1", "''-5", "plain", "'quoted'", "", "a\nb"])
def test_escaped_formula_is_read_back_unchanged(text: str) -> None:
    escaped = escape_formula(text)
    assert not escaped.startswith(("=", "+", "-", "@", "\t"))
    assert unescape_formula(escaped) == text
