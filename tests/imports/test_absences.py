"""Import of absences and of the day of joining."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from imports import piece_limit
from models.organization.absences import Absence
from models.organization.people import Employee
from tests.imports.import_company import ImportTestCompany, open_company

MAP = """
name = "hr"
[[file]]
pattern = "people*.csv"
kind = "people"
[file.columns]
name = "name"
joined = "joined"
[[file]]
pattern = "absences*.csv"
kind = "absences"
dates = ["%d.%m.%Y"]
[file.columns]
{id}
owner = "name"
from = "from"
to = "to"
kind = "reason"
[file.values.kind]
"отпуск" = "vacation"
[file.unknown]
owner = "reject"
"""
PEOPLE = "name,joined\nAnn,\nBob,2026-03-02\n"
ABSENCES = """\
no,name,from,to,reason
1,Ann,05.01.2026,09.01.2026,отпуск
2,Bob,12.03.2026,12.03.2026,sick
3,Ann,09.01.2026,12.01.2026,other
4,Cid,05.01.2026,09.01.2026,other
5,Bob,12.05.2026,11.05.2026,other
6,Bob,13.05.2026,,other
7,Bob,14.05.2026,14.05.2026,party
"""


@pytest.fixture
async def company(tmp_path: Path) -> AsyncIterator[ImportTestCompany]:
    async with open_company("sqlite://:memory:", tmp_path) as company:
        yield company


async def read_absences() -> list[tuple[str, date, date, str]]:
    rows = await Absence.all().order_by("first_day").select_related("employee")
    return [(row.employee.name, row.first_day, row.last_day, str(row.kind)) for row in rows]


@pytest.mark.parametrize("id_column", ['id = "no"', ""], ids=["with ids", "without ids"])
async def test_absences_are_imported_once_and_wrong_rows_are_rejected(
    company: ImportTestCompany, id_column: str
) -> None:
    import_map = MAP.replace("{id}", id_column)

    results = [
        await company.import_files(import_map, {"people.csv": PEOPLE, "absences.csv": ABSENCES}) for _ in range(2)
    ]

    assert await read_absences() == [
        ("Ann", date(2026, 1, 5), date(2026, 1, 9), "VACATION"),
        ("Bob", date(2026, 3, 12), date(2026, 3, 12), "SICK"),
    ]
    assert [dict(result.counts["absences"]) for result in results] == [
        {"read": 7, "new": 2, "rejected": 5},
        {"read": 7, "unchanged": 2, "rejected": 5},
    ]
    assert sorted((line, column) for line, column, _ in company.rejects) == [
        ("4", "from"), ("5", "name"), ("6", "to"), ("7", "to"), ("8", "reason"),
    ]  # fmt: skip


async def test_changed_absence_of_the_same_id_is_updated(company: ImportTestCompany) -> None:
    import_map = MAP.replace("{id}", 'id = "no"')
    await company.import_files(import_map, {"people.csv": PEOPLE, "absences.csv": ABSENCES})

    changed = ABSENCES.splitlines()[0] + "\n1,Ann,06.01.2026,08.01.2026,отпуск\n"
    result = await company.import_files(import_map, {"absences.csv": changed})

    assert (await read_absences())[0] == ("Ann", date(2026, 1, 6), date(2026, 1, 8), "VACATION")
    assert dict(result.counts["absences"]) == {"read": 1, "changed": 1}


async def test_day_of_joining_is_imported_and_otherwise_unknown(company: ImportTestCompany) -> None:
    await company.import_files(MAP.replace("{id}", ""), {"people.csv": PEOPLE})

    joined_on = {row.name: row.joined_on for row in await Employee.filter(name__in=["Ann", "Bob"])}
    assert joined_on == {"Ann": None, "Bob": date(2026, 3, 2)}


async def test_changed_end_of_an_absence_without_an_id_changes_the_same_one(company: ImportTestCompany) -> None:
    import_map = MAP.replace("{id}", "")
    await company.import_files(import_map, {"people.csv": PEOPLE, "absences.csv": ABSENCES})

    longer = "no,name,from,to,reason\n1,Ann,05.01.2026,08.01.2026,отпуск\n3,Ann,09.01.2026,12.01.2026,other\n"
    results = [await company.import_files(import_map, {"absences.csv": longer}) for _ in range(2)]

    assert [dict(result.counts["absences"]) for result in results] == [
        {"read": 2, "changed": 1, "new": 1},
        {"read": 2, "unchanged": 2},
    ]
    assert [row[:3] for row in await read_absences() if row[0] == "Ann"] == [
        ("Ann", date(2026, 1, 5), date(2026, 1, 8)), ("Ann", date(2026, 1, 9), date(2026, 1, 12)),
    ]  # fmt: skip


async def test_second_absence_from_the_same_day_is_rejected(company: ImportTestCompany) -> None:
    rows = "1,Ann,05.01.2026,08.01.2026,отпуск\n2,Ann,05.01.2026,06.01.2026,sick\n"

    result = await company.import_files(
        MAP.replace("{id}", ""), {"people.csv": PEOPLE, "absences.csv": f"no,name,from,to,reason\n{rows}"}
    )

    assert dict(result.counts["absences"]) == {"read": 2, "new": 1, "rejected": 1}
    assert await read_absences() == [("Ann", date(2026, 1, 5), date(2026, 1, 8), "VACATION")]


async def test_absences_that_move_into_each_others_days_are_changed_in_one_run(company: ImportTestCompany) -> None:
    import_map = MAP.replace("{id}", 'id = "no"')
    header = "no,name,from,to,reason\n"
    weeks = ["05.01.2026,09.01.2026", "12.01.2026,16.01.2026", "19.01.2026,23.01.2026", "26.01.2026,30.01.2026"]
    before = "".join(f"{number},Ann,{days},other\n" for number, days in enumerate(weeks[:3], 1))
    after = "".join(f"{number},Ann,{days},other\n" for number, days in enumerate(weeks[1:], 1))
    await company.import_files(import_map, {"people.csv": PEOPLE, "absences.csv": header + before})

    result = await company.import_files(import_map, {"absences.csv": header + after})

    assert dict(result.counts["absences"]) == {"read": 3, "changed": 3}
    assert [row[1].day for row in await read_absences()] == [12, 19, 26]


async def test_absences_of_different_pieces_move_into_each_others_days(
    company: ImportTestCompany, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_map = MAP.replace("{id}", 'id = "no"')
    header, days = "no,name,from,to,reason\n", [date(2026, 1, 1) + timedelta(number) for number in range(31)]
    before, after = (
        "".join(f"{number},Ann,{day:%d.%m.%Y},{day:%d.%m.%Y},other\n" for number, day in enumerate(part, 1))
        for part in (days[:-1], days[1:])
    )
    monkeypatch.setattr(piece_limit, "MAX_ROWS", piece_limit.FIRST_ROWS)
    await company.import_files(import_map, {"people.csv": PEOPLE, "absences.csv": header + before})

    result = await company.import_files(import_map, {"absences.csv": header + after})

    assert dict(result.counts["absences"]) == {"read": 30, "changed": 30}
    assert [row[1] for row in await read_absences()] == days[1:]
