"""Parsing cells in the formats of other systems."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from imports.cell_parsing import CellError, DateOrTime, RowReader
from tests.imports.source_files import parse_file_map as file_map


def read_value(field: str, text: str, **options: str) -> Any:
    file = file_map("\n".join(f"{key} = {word}" for key, word in options.items()))
    return RowReader(file, ZoneInfo("Europe/Moscow")).read_values({file.columns[field][0]: text}).get(field)


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
