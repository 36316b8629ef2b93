"""Reading XLSX workbooks: sheets, real dates, exact numbers, and what a sheet can hide."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from openpyxl import Workbook

from imports.cell_parsing import CellError, DateOrTime, RowReader
from imports.files.source_discovery import Sources, find_sources
from imports.files.source_file import SourceFile
from imports.files.source_row import ImportFileError
from imports.map_file import parse_map
from tests.imports.source_files import parse_deal_map

HEADER: list[Any] = ["Title", "Owner", "Amount", "Created"]


def write_workbook(
    directory: Path, sheets: Mapping[str, Sequence[Sequence[Any]]], formats: Mapping[str, str] = {}
) -> Path:
    """Write a workbook; `formats` gives cells like `D2` their number format."""
    workbook = Workbook()
    workbook.remove(workbook.active)
    for name, rows in sheets.items():
        sheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
        for cell, number_format in formats.items():
            sheet[cell].number_format = number_format
    path = directory / "deals.xlsx"
    workbook.save(path)
    return path


def open_sheets(
    directory: Path, sheets: Mapping[str, Sequence[Sequence[Any]]], formats: Mapping[str, str] = {}, head: str = ""
) -> Sources:
    return find_sources(write_workbook(directory, sheets, formats), parse_deal_map(head))


def read_values(file: SourceFile, head: str = "") -> list[dict[str, Any]]:
    reader = RowReader(file.file_map, ZoneInfo("Europe/Moscow"), file.formats)
    return [reader.read_values(row.cells) for row in file.read_rows()]


@pytest.mark.parametrize("decimal", ["", 'decimal = ","'])
def test_numbers_are_exact_whatever_the_decimal_sign_of_the_map(tmp_path: Path, decimal: str) -> None:
    amounts = [1234.567, 0.1 + 0.2, 17, 1e15, 12345678901234.5, -0.05, 2.5e-7]
    rows: list[list[Any]] = [HEADER, *(["T", "O", amount] for amount in amounts)]

    [file] = open_sheets(tmp_path, {"Deals": rows}, head=decimal).files

    assert [values["amount"] for values in read_values(file)] == [
        Decimal(text) for text in ("1234.567", "0.3", "17", "1000000000000000", "12345678901234.5", "-0.05", "0.00000025")
    ]  # fmt: skip


def test_dates_are_days_or_moments_by_value_and_format(tmp_path: Path) -> None:
    moments = [datetime(2026, 3, 4), datetime(2026, 3, 4), datetime(2026, 3, 4, 0, 30), date(2026, 3, 4)]
    rows: list[list[Any]] = [HEADER, *(["T", "O", 1, moment] for moment in moments)]
    formats = {"D2": "dd/mm/yyyy", "D3": "yyyy-mm-dd hh:mm", "D4": "dd.mm.yyyy"}

    [file] = open_sheets(tmp_path, {"Deals": rows}, formats).files

    assert [values["created"] for values in read_values(file)] == [
        DateOrTime(date(2026, 3, 4)),
        DateOrTime(date(2026, 3, 4), datetime(2026, 3, 3, 21, 0, tzinfo=UTC)),
        DateOrTime(date(2026, 3, 4), datetime(2026, 3, 3, 21, 30, tzinfo=UTC)),
        DateOrTime(date(2026, 3, 4)),
    ]


def test_numbers_and_dates_in_columns_of_texts_are_written_as_people_see_them(tmp_path: Path) -> None:
    [file] = open_sheets(tmp_path, {"Deals": [HEADER, [17.0, 79161234567, 1, None], [True, "O", 1, None]]}).files

    assert [(values["title"], values["owner"]) for values in read_values(file)] == [
        ("17", "79161234567"),
        ("true", "O"),
    ]


@pytest.mark.parametrize(
    ("amount", "created", "column", "reason"),
    [
        (datetime(2026, 5, 1), None, "Amount", "is a date, not a number"),
        (1, 46023, "Created", "is a number, not a date"),
        (timedelta(hours=3), None, "Amount", "is not a number"),
    ],
)
def test_cell_of_the_wrong_kind_is_rejected(
    tmp_path: Path, amount: object, created: object, column: str, reason: str
) -> None:
    [file] = open_sheets(tmp_path, {"Deals": [HEADER, ["T", "O", amount, created]]}).files

    with pytest.raises(CellError, match=reason) as error:
        read_values(file)
    assert error.value.column == column


def test_formula_without_value_and_error_cell_reject_their_rows(tmp_path: Path) -> None:
    rows = [HEADER, ["A", "O", "=1+1", None], ["B", "O", "#N/A", None], ["C", "O", 3, None]]

    [file] = open_sheets(tmp_path, {"Deals": rows}).files

    errors = [str(row.error) for row in file.read_rows()]
    assert "Cell C2 has a formula without its value" in errors[0]
    assert errors[1:] == ["Cell C3 has the error #N/A.", "None"]


def test_texts_in_columns_of_numbers_and_dates_are_read_by_their_column(tmp_path: Path) -> None:
    rows = [HEADER, ["A", "O", "1 234,50", "31.12.2025"], ["B", "O", 7.5, datetime(2026, 1, 2)]]

    [file] = open_sheets(tmp_path, {"Deals": rows}, {"D3": "dd.mm.yyyy"}).files

    assert [(values["amount"], values["created"].day) for values in read_values(file)] == [
        (Decimal("1234.50"), date(2025, 12, 31)), (Decimal("7.5"), date(2026, 1, 2)),
    ]  # fmt: skip


def test_sheets_with_the_columns_are_read_and_others_named_with_the_reason(tmp_path: Path) -> None:
    sources = open_sheets(
        tmp_path,
        {
            "March": [HEADER, ["A", "O"]],
            "Legend": [["Colour", "Meaning"]],
            "April": [["Report"], [], HEADER, ["B", "O"]],
        },
    )

    assert [(file.name, [row.line for row in file.read_rows()]) for file in sources.files] == [
        ("deals.xlsx, “March”", [2]), ("deals.xlsx, “April”", [4]),
    ]  # fmt: skip
    [passed_over] = sources.passed_over
    assert passed_over.name == "deals.xlsx, “Legend”"
    assert "Colour, Meaning" in str(passed_over.reason)
    assert [note.sample for note in sources.notes] == [["Report"]]


def test_map_chooses_the_sheet(tmp_path: Path) -> None:
    sheets = {"March": [HEADER, ["A", "O"]], "April": [HEADER, ["B", "O"]]}

    sources = open_sheets(tmp_path, sheets, head='sheet = "apr*"')

    assert [file.sheet for file in sources.files] == ["“April”"]
    assert [str(part) for part in sources.passed_over] == [
        "deals.xlsx, “March” (no `sheet` of the map matches its name)"
    ]


def test_sheets_of_several_kinds_are_read_in_the_order_of_import(tmp_path: Path) -> None:
    import_map = parse_map(
        """
        [[file]]
        kind = "deals"
        [file.columns]
        title = "Title"
        owner = "Owner"
        [[file]]
        kind = "people"
        [file.columns]
        name = "Name"
        """,
        "test",
    )
    path = write_workbook(tmp_path, {"Deals": [HEADER, ["A", "O"]], "Staff": [["Name"], ["Ann"]]})

    files = find_sources(path, import_map).files

    assert [(file.file_map.kind, file.sheet) for file in files] == [("people", "“Staff”"), ("deals", "“Deals”")]


def test_workbook_without_the_columns_is_refused_with_the_columns_of_each_sheet(tmp_path: Path) -> None:
    with pytest.raises(ImportFileError, match=r"(?s)“One” has no column “Title”.*it has: A.*“Two”.*it has: B"):
        open_sheets(tmp_path, {"One": [["A"]], "Two": [["B"]]})


def test_workbook_is_recognized_by_its_bytes_whatever_its_name(tmp_path: Path) -> None:
    path = write_workbook(tmp_path, {"Deals": [HEADER, ["A", "O", 1.5]]}).rename(tmp_path / "deals.csv")

    [file] = find_sources(path, parse_deal_map()).files

    assert read_values(file)[0]["amount"] == Decimal("1.5")


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"xl/workbook.bin": "", "[Content_Types].xml": ""}, "save it as .xlsx"),
        ({"content.xml": "", "mimetype": "application/vnd.oasis"}, "save it as .xlsx"),
        ({"deals.csv": "Title,Owner"}, "unpack it"),
        ({"xl/workbook.xml": "<broken"}, "damaged workbook"),
    ],
    ids=["xlsb", "ods", "zip", "broken"],
)
def test_archive_that_is_no_workbook_is_refused_with_a_hint(
    tmp_path: Path, parts: Mapping[str, str], message: str
) -> None:
    path = tmp_path / "deals.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)

    with pytest.raises(ImportFileError, match=message):
        find_sources(path, parse_deal_map())
