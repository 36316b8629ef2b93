"""Reading rows and parsing cells in the formats of other systems."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from imports import csv_reader
from imports.cell_parsing import CellError, DateOrTime, RowReader
from imports.csv_reader import CsvRow, ImportFileError
from imports.map_file import FileMap, parse_map


def file_map(head: str = "", tail: str = "") -> FileMap:
    return parse_map(
        f"""
        [[file]]
        kind = "deals"
        optional = ["amount", "created"]
        {head}
        [file.columns]
        title = "Title"
        owner = ["Owner", "Seller"]
        amount = "Amount"
        created = "Created"
        {tail}
        """,
        "test",
    ).files[0]


def read_rows(tmp_path: Path, content: str | bytes, file: FileMap | None = None) -> list[CsvRow]:
    path = tmp_path / "deals.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(csv_reader.read_rows(path, file or file_map()))


def read_value(field: str, text: str, **options: str) -> Any:
    file = file_map("\n".join(f"{key} = {word}" for key, word in options.items()))
    return RowReader(file, ZoneInfo("Europe/Moscow")).read_values({file.columns[field][0]: text}).get(field)


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8"), ("cp1251", "cp1251")],
    ids=["plain", "BOM", "cp1251"],
)
def test_file_is_read_in_its_encoding(tmp_path: Path, encoding: str, name: str) -> None:
    content = "Title,Owner,Amount,Created\nСтулья,Анна,1,\n".encode(encoding)
    assert read_rows(tmp_path, content, file_map(f'encoding = "{name}"'))[0].cells["Title"] == "Стулья"


def test_row_in_another_encoding_is_rejected_alone(tmp_path: Path) -> None:
    content = b"Title,Owner\n" + "Стол,Анна\n".encode("cp1251") + "Стул,Анна\n".encode()
    csv_rows = read_rows(tmp_path, content)
    assert "encoding" in str(csv_rows[0].error)
    assert (csv_rows[1].error, csv_rows[1].cells["Title"]) == ("", "Стул")


def test_line_numbers_count_multiline_cells_and_empty_lines(tmp_path: Path) -> None:
    csv_rows = read_rows(tmp_path, 'Title,Owner\r\n"Chairs\r\nand desks",Ann\r\n\r\n,\r\nLamps,Bob\r\n')
    assert [(row.line, row.cells["Owner"]) for row in csv_rows] == [(2, "Ann"), (6, "Bob")]


def test_row_with_wrong_number_of_cells_is_rejected(tmp_path: Path) -> None:
    csv_rows = read_rows(tmp_path, "Title,Owner\nChairs,Ann,3\nConfidential\nLamps,Bob\n")
    assert [bool(row.error) for row in csv_rows] == [True, True, False]


def test_unclosed_quote_error_names_the_last_line(tmp_path: Path) -> None:
    csv_rows = read_rows(tmp_path, 'Title,Owner\n"Chairs,Ann\nLamps,Bob\n')
    assert [row.line for row in csv_rows] == [2]
    assert "to line 3" in str(csv_rows[0].error)


def test_separator_is_chosen_by_the_columns_it_finds(tmp_path: Path) -> None:
    file = file_map('separator = [",", ";"]')
    assert read_rows(tmp_path, "Title;Owner\nChairs;Ann\n", file)[0].cells == {"Title": "Chairs", "Owner": "Ann"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"Name,Owner\nChairs,Ann\n", "“Title”"),
        (b"Title,Owner,Owner\n", "twice"),
        ("Title,Owner\n".encode("utf-16"), "is not a text"),
        (b"PK\x03\x04\x00\x00Title,Owner\n", "is not a text"),
        (b"Title," + b"x" * 1_100_000, "characters"),
    ],
    ids=["empty", "missing column", "double column", "UTF-16", "spreadsheet", "endless line"],
)
def test_file_without_required_columns_is_rejected(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(ImportFileError, match=message):
        read_rows(tmp_path, content)


EITHER_DECIMAL_SIGN = {"decimal": '[".", ","]'}


@pytest.mark.parametrize(
    ("text", "options", "number"),
    [
        ("1 234 567,89", {"decimal": '","'}, "1234567.89"),
        ("1\u00a0234\u202f567,5", {"decimal": '","'}, "1234567.5"),
        ("1.234,50", {"decimal": '","', "thousands": '"."'}, "1234.50"),
        ("1,234,567.89", {"thousands": '","'}, "1234567.89"),
        ("120000.50", EITHER_DECIMAL_SIGN, "120000.50"),
        ("120 000,50", EITHER_DECIMAL_SIGN, "120000.50"),
        ("120000,5", EITHER_DECIMAL_SIGN, "120000.5"),
        ("120 000", EITHER_DECIMAL_SIGN, "120000"),
        ("0,0000", EITHER_DECIMAL_SIGN, "0"),
        ("-17", {}, "-17"),
        ("0.10", {}, "0.10"),
    ],
)
def test_amounts_are_read_exactly(text: str, options: dict[str, str], number: str) -> None:
    assert read_value("amount", text, **options) == Decimal(number)


@pytest.mark.parametrize(
    "text", ["1,5", "1.234.567", "12 34", "NaN", "1e400", "Infinity", "١٢", "5 000 р.", "--1", "9" * 70]
)
def test_text_that_is_no_number_is_rejected(text: str) -> None:
    with pytest.raises(CellError) as error:
        read_value("amount", text)
    assert error.value.column == "Amount"


@pytest.mark.parametrize("text", ["1,234", "1.234", "12 345.678", "1,234.50", "1.234,50", "1,2,3"])
def test_ambiguous_thousands_are_rejected_when_both_signs_are_allowed(text: str) -> None:
    with pytest.raises(CellError, match="or may be meant in thousands"):
        read_value("amount", text, **EITHER_DECIMAL_SIGN)


def test_day_stays_a_day_and_time_is_in_the_zone() -> None:
    dates = '["%d.%m.%Y %H:%M", "%d.%m.%Y", "iso"]'
    assert read_value("created", "03.02.2026", dates=dates) == DateOrTime(date(2026, 2, 3))
    assert read_value("created", "2026-02-03", dates=dates) == DateOrTime(date(2026, 2, 3))
    at = datetime(2026, 2, 2, 21, 30, tzinfo=UTC)
    assert read_value("created", "03.02.2026 00:30", dates=dates) == DateOrTime(date(2026, 2, 3), at)
    assert read_value("created", "2026-02-02T22:30:00+01:00", dates=dates).at == at


@pytest.mark.parametrize("text", ["31.02.2026", "2026/02/03", "tomorrow", "03.02.26", "00.00.0000", "01.01.0001 00:00"])
def test_impossible_day_is_rejected(text: str) -> None:
    with pytest.raises(CellError):
        read_value("created", text, dates='["%d.%m.%Y %H:%M", "%d.%m.%Y"]')


def test_field_takes_first_filled_column_then_constant_then_template() -> None:
    templates = '[file.templates]\nproduct = ["{Title} of {Owner}", "{Title}"]\n'
    file = file_map('empty = ["none"]', templates + '[file.constants]\ncurrency = "EUR"')
    reader = RowReader(file, ZoneInfo("UTC"))
    assert reader.read_values({"Title": "Chairs", "Owner": "None", "Seller": "Bob"}) == {
        "title": "Chairs", "owner": "Bob", "currency": "EUR", "product": "Chairs of None",
    }  # fmt: skip
    assert reader.read_values({"Title": "Chairs", "Owner": ""})["product"] == "Chairs"


def test_words_are_translated_and_unknown_words_rejected() -> None:
    file = file_map(tail='status = "Status"\n[file.values.status]\n"Выиграно" = "won"')
    reader = RowReader(file, ZoneInfo("UTC"))
    assert reader.read_values({"Status": "выиграно"})["status"] == "WON"
    assert reader.read_values({"Status": "Lost"})["status"] == "LOST"
    with pytest.raises(CellError, match=r"“Maybe” is none of .*values\.status"):
        reader.read_values({"Status": "Maybe"})
