"""Reading CSV files: separators, quotation marks, damaged rows and files."""

from __future__ import annotations

from pathlib import Path

import pytest

from imports.files.source_row import ImportFileError
from tests.imports.source_files import read_rows


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8"), ("cp1251", "cp1251")],
    ids=["plain", "BOM", "cp1251"],
)
def test_file_is_read_in_its_encoding(tmp_path: Path, encoding: str, name: str) -> None:
    content = "Title,Owner,Amount,Created\nСтулья,Анна,1,\n".encode(encoding)
    assert read_rows(tmp_path, content, f'encoding = "{name}"')[0].cells["Title"] == "Стулья"


def test_row_in_another_encoding_is_rejected_alone(tmp_path: Path) -> None:
    content = b"Title,Owner\n" + "Стол,Анна\n".encode("cp1251") + "Стул,Анна\n".encode()
    rows = read_rows(tmp_path, content)
    assert "encoding" in str(rows[0].error)
    assert (rows[1].error, rows[1].cells["Title"]) == (None, "Стул")


def test_line_numbers_count_multiline_cells_and_empty_lines(tmp_path: Path) -> None:
    rows = read_rows(tmp_path, 'Title,Owner\r\n"Chairs\r\nand desks",Ann\r\n\r\n,\r\nLamps,Bob\r\n')
    assert [(row.line, row.cells["Owner"]) for row in rows] == [(2, "Ann"), (6, "Bob")]


def test_row_with_wrong_number_of_cells_is_rejected(tmp_path: Path) -> None:
    rows = read_rows(tmp_path, "Title,Owner\nChairs,Ann,3\nConfidential\nLamps,Bob\n")
    assert [bool(row.error) for row in rows] == [True, True, False]


def test_broken_quote_damages_its_own_row_alone(tmp_path: Path) -> None:
    rows = read_rows(tmp_path, 'Title,Owner\n"Chairs,Ann\nLamps,Bob\n"Desks",Cid\nSofas,"Dan\n')
    assert [(row.line, row.cells["Owner"], row.error is None) for row in rows] == [
        (2, "Ann", False), (3, "Bob", True), (4, "Cid", True), (5, "Dan", False),
    ]  # fmt: skip
    assert "A quotation mark is left open: the row goes on to line 4" in str(rows[0].error)


def test_separator_is_chosen_by_the_columns_it_finds(tmp_path: Path) -> None:
    assert read_rows(tmp_path, "Title;Owner\nChairs;Ann\n", 'separator = [",", ";"]')[0].cells == {
        "Title": "Chairs",
        "Owner": "Ann",
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"Name,Owner\nChairs,Ann\n", "“Title”"),
        (b"Title,Owner,Owner\n", "twice"),
        ("Name,Owner\n".encode("utf-16"), "“Title”"),
        (b"PK\x03\x04\x00\x00Title,Owner\n", "damaged workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00", "save it as .xlsx without a password, or as CSV"),
        (b"Title,Owner\n" + b"x" * 1_100_000, "characters"),
    ],
    ids=["empty", "missing column", "double column", "UTF-16", "damaged workbook", "old workbook", "endless line"],
)
def test_file_without_required_columns_is_rejected(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(ImportFileError, match=message):
        read_rows(tmp_path, content)
