"""The built-in maps are found by the headers of their systems, and read exports of several years and languages."""

from __future__ import annotations

from pathlib import Path

import pytest

from imports.files.source_discovery import find_sources
from imports.map_file import load_map
from imports.map_guess.found_map import find_map
from tests.imports.import_company import open_company
from tests.imports.ready_exports import EXPORTS, SALESFORCE_CLASSIC, ReadyExport
from tests.imports.test_builtin_maps import BITRIX

CURRENCIES = {"bitrix24": "RUB", "amocrm": "RUB"}


@pytest.fixture(params=EXPORTS.values(), ids=EXPORTS.keys())
def export(request: pytest.FixtureRequest) -> ReadyExport:
    return request.param


def write(directory: Path, export: ReadyExport) -> Path:
    path = directory / export.file_name
    path.write_bytes(export.content.encode(export.encoding))
    return path


def test_ready_map_is_found_by_its_headers(tmp_path: Path, export: ReadyExport) -> None:
    found_map = find_map(write(tmp_path, export))

    assert found_map.ready_map == export.map_name
    [table] = found_map.tables
    assert (table.ready_map, table.kind, len(table.rows)) == (export.map_name, "deals", 3)
    fields = {guess.field for guess in table.columns}
    assert fields >= {"id", "title", "owner", "client", "stage", "amount", "created"}
    assert {question.key for _, question in found_map.find_questions()} <= {"currency"}


async def test_export_comes_in_whole(tmp_path: Path, export: ReadyExport) -> None:
    currency = "USD" if "US Dollar" in export.content else CURRENCIES.get(export.map_name, "EUR")
    async with open_company("sqlite://:memory:", tmp_path, currency=currency) as company:
        result = await company.import_source(export.map_name, write(tmp_path, export))

        assert company.rejects == []
        assert result.counts["deals"] == {"read": 3, "new": 3}
        deals = await company.read_deals()
        assert [deal["status"] for deal in deals.values()] == ["WON", "OPEN", "LOST"]
        won, _, lost = deals.values()
        assert won["client"] in ("Ромашка", "Globex", "Кофейня", "Cafe")
        assert (won["money"][0] > 100_000, lost["money"]) == (True, (700, currency))
        assert None not in (won["closed"], lost["closed"])
        warnings = [str(note) for note in result.notes if note.is_warning]
        assert warnings == []


async def test_footer_of_a_salesforce_report_is_shown_and_not_read(tmp_path: Path) -> None:
    (tmp_path / "report.csv").write_text(SALESFORCE_CLASSIC)

    [file] = find_sources(tmp_path / "report.csv", load_map("salesforce")).files

    assert len(list(file.read_rows())) == 3
    [note] = file.notes
    assert "not read, 3:" in str(note)
    assert "Grand Totals (3 records)" in str(note)
    assert "Copyright (c) 2000-2026 salesforce.com" in str(note)
    assert not note.is_warning


def test_deal_whose_name_begins_like_a_footer_is_read(tmp_path: Path) -> None:
    text = SALESFORCE_CLASSIC.replace('"0061","Crane"', '"Total 0061","Crane"')
    (tmp_path / "report.csv").write_text(text)

    [file] = find_sources(tmp_path / "report.csv", load_map("salesforce")).files

    assert next(iter(file.read_rows())).texts[0] == "Total 0061"


def test_stage_that_a_ready_map_does_not_know_is_asked_about_and_never_guessed(tmp_path: Path) -> None:
    (tmp_path / "deals.csv").write_text(BITRIX)
    found_map = find_map(tmp_path / "deals.csv")

    [(number, question)] = found_map.find_questions()
    assert (found_map.ready_map, question.key) == ("bitrix24", "Согласование у директора")
    assert question.parse_answer("maybe") is None
    found_map.answer(number, question, question.parse_answer("open"))

    assert found_map.ready_map is None
    stages = found_map.parse().files[0].stages
    assert stages["Согласование у директора"].status == "OPEN"
    assert stages["Сделка успешна"].status == "WON"


def test_no_ready_map_is_found_for_another_system_with_usual_headers(tmp_path: Path) -> None:
    path = tmp_path / "deals.csv"
    path.write_text(
        "ID;Название;Стадия;Ответственный;Сумма;Дата создания;Дата закрытия\n1;Стол;Договор;Анна;100;13.01.2026;\n"
    )

    found_map = find_map(path)

    assert found_map.ready_map is None
    assert [table.ready_map for table in found_map.tables] == [None]


def test_folder_of_one_system_is_read_by_its_ready_map(tmp_path: Path) -> None:
    write(tmp_path, EXPORTS["Pipedrive of 2018"])
    write(tmp_path, EXPORTS["Pipedrive of 2025"])
    (tmp_path / "notes.txt").write_text("nothing")

    found_map = find_map(tmp_path)

    assert (found_map.ready_map, len(found_map.tables)) == ("pipedrive", 2)
    assert [part.name for part in found_map.passed_over] == ["notes.txt"]
