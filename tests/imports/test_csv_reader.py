"""Reading rows and parsing cells in the formats of other systems."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from imports import csv_reader
from imports.cell_parsing import Moment, Reader, Unreadable
from imports.csv_reader import FileRefused, Row
from imports.map_file import FileMap, parsed


def file_map(head: str = "", tail: str = "") -> FileMap:
    return parsed(
        f"""
        [[file]]
        kind = "deals"
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


def rows(tmp_path: Path, content: str | bytes, file: FileMap | None = None) -> list[Row]:
    path = tmp_path / "deals.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(csv_reader.rows(path, file or file_map()))


def value(field: str, text: str, **how: str) -> Any:
    file = file_map("\n".join(f"{key} = {word}" for key, word in how.items()))
    return Reader(file, ZoneInfo("Europe/Moscow")).values({file.columns[field][0]: text}).get(field)


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8"), ("cp1251", "cp1251")],
    ids=["plain", "BOM", "cp1251"],
)
def test_each_encoding_is_read(tmp_path: Path, encoding: str, name: str) -> None:
    content = "Title,Owner,Amount,Created\nСтулья,Анна,1,\n".encode(encoding)
    assert rows(tmp_path, content, file_map(f'encoding = "{name}"'))[0].cells["Title"] == "Стулья"


def test_a_row_in_another_encoding_is_broken_by_itself(tmp_path: Path) -> None:
    content = b"Title,Owner\n" + "Стол,Анна\n".encode("cp1251") + "Стул,Анна\n".encode()
    found = rows(tmp_path, content)
    assert "encoding" in found[0].broken
    assert (found[1].broken, found[1].cells["Title"]) == ("", "Стул")


def test_lines_are_counted_through_cells_of_several_lines_and_empty_ones(tmp_path: Path) -> None:
    found = rows(tmp_path, 'Title,Owner\r\n"Chairs\r\nand desks",Ann\r\n\r\n,\r\nLamps,Bob\r\n')
    assert [(row.line, row.cells["Owner"]) for row in found] == [(2, "Ann"), (6, "Bob")]


def test_a_row_of_another_length_is_broken(tmp_path: Path) -> None:
    found = rows(tmp_path, "Title,Owner\nChairs,Ann,3\nConfidential\nLamps,Bob\n")
    assert [bool(row.broken) for row in found] == [True, True, False]


def test_an_open_quotation_mark_is_told_with_how_far_it_goes(tmp_path: Path) -> None:
    found = rows(tmp_path, 'Title,Owner\n"Chairs,Ann\nLamps,Bob\n')
    assert [row.line for row in found] == [2]
    assert "to line 3" in found[0].broken


def test_the_separator_is_the_one_that_shows_the_columns(tmp_path: Path) -> None:
    file = file_map('separator = [",", ";"]')
    assert rows(tmp_path, "Title;Owner\nChairs;Ann\n", file)[0].cells == {"Title": "Chairs", "Owner": "Ann"}


@pytest.mark.parametrize(
    ("content", "said"),
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
def test_a_file_without_its_columns_is_refused_whole(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(FileRefused, match=said):
        rows(tmp_path, content)


EITHER = {"decimal": '[".", ","]'}


@pytest.mark.parametrize(
    ("text", "how", "number"),
    [
        ("1 234 567,89", {"decimal": '","'}, "1234567.89"),
        ("1\u00a0234\u202f567,5", {"decimal": '","'}, "1234567.5"),
        ("1.234,50", {"decimal": '","', "thousands": '"."'}, "1234.50"),
        ("1,234,567.89", {"thousands": '","'}, "1234567.89"),
        ("120000.50", EITHER, "120000.50"),
        ("120 000,50", EITHER, "120000.50"),
        ("120000,5", EITHER, "120000.5"),
        ("120 000", EITHER, "120000"),
        ("0,0000", EITHER, "0"),
        ("-17", {}, "-17"),
        ("0.10", {}, "0.10"),
    ],
)
def test_amounts_are_read_exactly_as_they_are_written(text: str, how: dict[str, str], number: str) -> None:
    assert value("amount", text, **how) == Decimal(number)


@pytest.mark.parametrize(
    "text", ["1,5", "1.234.567", "12 34", "NaN", "1e400", "Infinity", "١٢", "5 000 р.", "--1", "9" * 70]
)
def test_what_is_not_a_number_in_that_writing_is_not_guessed(text: str) -> None:
    with pytest.raises(Unreadable) as caught:
        value("amount", text)
    assert caught.value.column == "Amount"


@pytest.mark.parametrize("text", ["1,234", "1.234", "12 345.678", "1,234.50", "1.234,50", "1,2,3"])
def test_where_both_signs_may_stand_what_may_be_thousands_is_not_guessed(text: str) -> None:
    with pytest.raises(Unreadable, match="or may be meant in thousands"):
        value("amount", text, **EITHER)


def test_a_day_stays_a_day_and_a_time_is_of_the_zone() -> None:
    dates = '["%d.%m.%Y %H:%M", "%d.%m.%Y", "iso"]'
    assert value("created", "03.02.2026", dates=dates) == Moment(date(2026, 2, 3))
    assert value("created", "2026-02-03", dates=dates) == Moment(date(2026, 2, 3))
    at = datetime(2026, 2, 2, 21, 30, tzinfo=UTC)
    assert value("created", "03.02.2026 00:30", dates=dates) == Moment(date(2026, 2, 3), at)
    assert value("created", "2026-02-02T22:30:00+01:00", dates=dates).at == at


@pytest.mark.parametrize("text", ["31.02.2026", "2026/02/03", "tomorrow", "03.02.26", "00.00.0000", "01.01.0001 00:00"])
def test_an_impossible_day_is_not_guessed(text: str) -> None:
    with pytest.raises(Unreadable):
        value("created", text, dates='["%d.%m.%Y %H:%M", "%d.%m.%Y"]')


def test_the_first_filled_column_counts_then_the_constant_then_the_template() -> None:
    templates = '[file.templates]\nproduct = ["{Title} of {Owner}", "{Title}"]\n'
    file = file_map('empty = ["none"]', templates + '[file.constants]\ncurrency = "EUR"')
    read = Reader(file, ZoneInfo("UTC"))
    assert read.values({"Title": "Chairs", "Owner": "None", "Seller": "Bob"}) == {
        "title": "Chairs", "owner": "Bob", "currency": "EUR", "product": "Chairs of None",
    }  # fmt: skip
    assert read.values({"Title": "Chairs", "Owner": ""})["product"] == "Chairs"


def test_words_are_translated_and_unknown_ones_named() -> None:
    file = file_map(tail='status = "Status"\n[file.values.status]\n"Выиграно" = "won"')
    read = Reader(file, ZoneInfo("UTC"))
    assert read.values({"Status": "выиграно"})["status"] == "WON"
    assert read.values({"Status": "Lost"})["status"] == "LOST"
    with pytest.raises(Unreadable, match=r"“Maybe” is none of .*values\.status"):
        read.values({"Status": "Maybe"})
