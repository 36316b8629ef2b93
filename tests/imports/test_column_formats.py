"""Decimal signs and the order of day and month, proved by whole columns or refused."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from imports.cell_parsing import CellError, RowReader
from imports.files.source_row import ImportFileError
from tests.imports.source_files import open_file


def read_column(directory: Path, field: str, cells: list[str], head: str = "") -> list[Any]:
    """Return the values of a column, as texts; the reason where a cell cannot be read."""
    amounts_or_dates = "".join(f"T;O;{cell}\n" for cell in cells)
    column = {"amount": "Amount", "created": "Created"}[field]
    file = open_file(directory, f"Title;Owner;{column}\n{amounts_or_dates}", head)
    reader = RowReader(file.file_map, ZoneInfo("UTC"), file.formats)
    values: list[Any] = []
    for row in file.read_rows():
        try:
            value = reader.read_values(row.cells)[field]
        except CellError as error:
            values.append(str(error))
        else:
            values.append(str(value) if field == "amount" else value.at or value.day)
    return values


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (["1,234", "7,5"], ["1.234", "7.5"]),
        (["1,234", "7.5"], ["1234", "7.5"]),
        (["1,234", "1,234.50"], ["1234", "1234.50"]),
        (["1.234", "1.234,50"], ["1234", "1234.50"]),
        (["1,234,567", "1.250"], ["1234567", "1.250"]),
        (["12 345,678", "1,5"], ["12345.678", "1.5"]),
        (["1'234.50", "-7"], ["1234.50", "-7"]),
        (["0,125", "1,250"], ["0.125", "1.250"]),
        (["1234", "−17"], ["1234", "-17"]),
        (["1.50", "31.12.2026"], ["1.50", "“31.12.2026” is not a number written with the decimal sign “.”."]),
    ],
)
def test_decimal_sign_is_the_one_that_the_column_proves(tmp_path: Path, cells: list[str], numbers: list[str]) -> None:
    assert read_column(tmp_path, "amount", cells) == numbers


def test_column_that_may_have_thousands_or_decimals_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ImportFileError, match=r'“Amount”: are these thousands or decimals\? line 2: 1,234.*`decimal = "."`'
    ):
        read_column(tmp_path, "amount", ["1,234", "950"])


def test_numbers_with_both_signs_are_a_warning_and_ambiguous_ones_rejected(tmp_path: Path) -> None:
    content = "Title;Owner;Amount\nA;O;1,5\nB;O;2.5\nC;O;1,234\n"
    [note] = open_file(tmp_path, content).notes
    values = read_column(tmp_path, "amount", ["1,5", "2.5", "1,234"])

    assert (note.is_warning, note.sample) == (True, ["line 2: 1,5", "line 3: 2.5"])
    assert values[:2] == ["1.5", "2.5"]
    assert "may be meant in thousands" in values[2]


def test_signs_of_the_map_win(tmp_path: Path) -> None:
    assert read_column(tmp_path, "amount", ["1,234", "950"], 'thousands = ","') == ["1234", "950"]
    assert read_column(tmp_path, "amount", ["1,234", "950"], 'decimal = ","') == ["1.234", "950"]
    assert read_column(tmp_path, "amount", ["1.234", "7,5"], 'thousands = "."') == ["1234", "7.5"]


def test_column_proves_one_of_the_signs_that_the_map_allows(tmp_path: Path) -> None:
    assert read_column(tmp_path, "amount", ["1,234", "7.50"], 'decimal = [".", ","]') == ["1234", "7.50"]
    assert "may be meant in thousands" in read_column(tmp_path, "amount", ["1,234"], 'decimal = [".", ","]')[0]


@pytest.mark.parametrize(
    ("cells", "dates"),
    [
        (["03.04.2026", "31.12.2025"], [date(2026, 4, 3), date(2025, 12, 31)]),
        (["03/04/2026", "12/31/2025"], [date(2026, 3, 4), date(2025, 12, 31)]),
        (["3/4/26", "31/12/25"], [date(2026, 4, 3), date(2025, 12, 31)]),
        (["2026-03-04", "2026/03/04"], [date(2026, 3, 4), date(2026, 3, 4)]),
        (["03/03/2026", "04/04/2026"], [date(2026, 3, 3), date(2026, 4, 4)]),
        (["3 Apr 2026", "April 3, 2026", "3 апреля 2026 г."], [date(2026, 4, 3)] * 3),
        (["2026-03-04T10:15:00Z"], [datetime(2026, 3, 4, 10, 15, tzinfo=UTC)]),
        (["31.12.2025 10:15", "1.2.2026 3:05:09 PM"], [datetime(2025, 12, 31, 10, 15, tzinfo=UTC), datetime(2026, 2, 1, 15, 5, 9, tzinfo=UTC)]),
        (["01.02.2026", "31.12.2025", "12/31/2025", "02/01/2026"], [date(2026, 2, 1), date(2025, 12, 31), date(2025, 12, 31), date(2026, 2, 1)]),
    ],
)  # fmt: skip
def test_order_of_day_and_month_is_the_one_that_the_column_proves(
    tmp_path: Path, cells: list[str], dates: list[date]
) -> None:
    assert read_column(tmp_path, "created", cells) == dates


@pytest.mark.parametrize("cell", ["03.04.2026", "03/04/2026", "3-4-26", "03/04/2026 10:15"])
def test_order_that_no_cell_proves_is_refused(tmp_path: Path, cell: str) -> None:
    with pytest.raises(ImportFileError, match=f"“Created”: is the day or the month first\\? line 2: {cell}"):
        read_column(tmp_path, "created", [cell, "2026-01-02"])


def test_column_with_both_orders_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportFileError, match=r"line 2: 31/12/2025; line 3: 12/31/2025"):
        read_column(tmp_path, "created", ["31/12/2025", "12/31/2025"])


def test_column_is_not_proved_by_another_column(tmp_path: Path) -> None:
    head = '[file.entered]\nNew = "New"\n'
    content = "Title;Owner;Created;New\nA;O;31/12/2025;03/04/2026\n"
    with pytest.raises(ImportFileError, match=r"“New”: is the day or the month first\? line 2: 03/04/2026"):
        open_file(tmp_path, content, head)


def test_damaged_rows_prove_nothing(tmp_path: Path) -> None:
    content = "Title;Owner;Created\nA;O;03/04/2026\nB;O;31/12/2025;shifted\n"
    with pytest.raises(ImportFileError, match="is the day or the month first"):
        open_file(tmp_path, content)


def test_dates_of_the_map_win(tmp_path: Path) -> None:
    assert read_column(tmp_path, "created", ["03/04/2026"], 'dates = ["%m/%d/%Y"]') == [date(2026, 3, 4)]
    assert "is not a time written as" in read_column(tmp_path, "created", ["03/04/2026"], 'dates = ["iso"]')[0]


def test_map_with_both_orders_takes_the_one_that_the_column_proves(tmp_path: Path) -> None:
    head = 'dates = ["%d/%m/%Y", "%m/%d/%Y"]'

    assert read_column(tmp_path, "created", ["03/04/2026", "12/31/2025"], head)[0] == date(2026, 3, 4)
    with pytest.raises(ImportFileError, match="is the day or the month first"):
        read_column(tmp_path, "created", ["03/04/2026"], head)


def test_text_that_is_no_date_is_rejected_alone(tmp_path: Path) -> None:
    assert read_column(tmp_path, "created", ["tomorrow", "31.12.2025", "31.02.2026"]) == [
        "“tomorrow” is not a date.", date(2025, 12, 31), "“31.02.2026” is not a date.",
    ]  # fmt: skip
