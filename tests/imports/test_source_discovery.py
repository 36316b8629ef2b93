"""Finding and opening files: folders, separators, headers, cleaning, and files that change while they are read."""

from __future__ import annotations

import os
import tracemalloc
from pathlib import Path
from typing import IO, Any

import pytest

from imports.files.source_discovery import find_sources
from imports.files.source_row import ImportFileError
from tests.imports.import_company import ImportTestCompany
from tests.imports.source_files import open_file, parse_deal_map, read_rows

ROWS = "Title,Owner\n" + "Chairs,Ann\n" * 1200


def test_everything_in_a_folder_that_is_not_imported_is_named_with_the_reason(tmp_path: Path) -> None:
    for name in ("deals.csv", "other.csv", "notes.txt", ".DS_Store", "~$deals.xlsx"):
        (tmp_path / name).write_text(ROWS)
    (tmp_path / "older").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")

    sources = find_sources(tmp_path, parse_deal_map('pattern = "deals*.csv"'))

    assert [file.name for file in sources.files] == ["deals.csv"]
    assert [str(part) for part in sources.passed_over] == [
        ".DS_Store (a hidden or temporary file)",
        "notes.txt (neither CSV, XLSX nor HTML by its name)",
        "older (a folder; import it by its own path)",
        "other.csv (no pattern of the map matches its name)",
        "pipe.csv (no regular file)",
        "~$deals.xlsx (a hidden or temporary file)",
    ]


def test_no_file_of_a_folder_is_opened_that_is_no_table_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("deals.csv", "scoreline.db", "scoreline.db-shm"):
        (tmp_path / name).write_text(ROWS)
    opened_names = set()
    open_path = Path.open

    def record_name(path: Path, *arguments: Any, **options: Any) -> IO[Any]:
        opened_names.add(path.name)
        return open_path(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", record_name)

    find_sources(tmp_path, parse_deal_map('pattern = "deals*.csv"'))

    assert opened_names == {"deals.csv"}


def test_folder_without_files_of_the_map_is_refused_with_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "report.pdf").write_bytes(b"%PDF-1.7")
    with pytest.raises(ImportFileError, match=r"nothing to import .* Passed over: report.pdf \(neither CSV"):
        find_sources(tmp_path, parse_deal_map())


def test_file_of_the_map_that_cannot_be_read_refuses_the_folder(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(ROWS)
    (tmp_path / "b.xls").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504))
    with pytest.raises(ImportFileError, match=r"b\.xls is a workbook of Excel 97–2003 or protected by a password"):
        find_sources(tmp_path, parse_deal_map())


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"%PDF-1.7", "a PDF document"), (b"\x1f\x8b\x08", "a compressed file"),
     (b'<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet">', "XML spreadsheet")],
)  # fmt: skip
def test_file_that_is_no_table_is_named_by_what_it_is(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(ImportFileError, match=message):
        open_file(tmp_path, content)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separator_is_found(tmp_path: Path, separator: str) -> None:
    content = "Title,Owner,Amount\nChairs,Ann,5\n".replace(",", separator)
    assert read_rows(tmp_path, content)[0].cells == {"Title": "Chairs", "Owner": "Ann", "Amount": "5"}


def test_separator_line_of_a_spreadsheet_is_obeyed(tmp_path: Path) -> None:
    [row] = read_rows(tmp_path, "sep=#\r\nTitle#Owner\r\nChairs#Ann\r\n".encode("utf-8-sig"))
    assert (row.line, row.cells) == (3, {"Title": "Chairs", "Owner": "Ann"})


def test_titles_above_the_header_are_passed_over_with_a_note(tmp_path: Path) -> None:
    file = open_file(tmp_path, "Deals of March;\n;\nTitle;Owner\nChairs;Ann\n")

    assert (file.header.line, [note.sample for note in file.notes]) == (3, [["Deals of March"]])
    assert [row.line for row in file.read_rows()] == [4]


def test_case_and_spaces_of_column_names_do_not_matter(tmp_path: Path) -> None:
    file = open_file(tmp_path, " TITLE ;\u200fowner\u200f;Other\u00a0 column\nChairs;Ann;x\n")

    assert file.columns == ["Title", "Owner", "Other\u00a0 column"]
    assert file.header.names == ["TITLE", "owner", "Other\u00a0 column"]


def test_columns_without_name_or_with_the_same_are_kept_apart(tmp_path: Path) -> None:
    assert read_rows(tmp_path, "Title,Owner,,Note,Note,\nA,B,C,D,E,\n")[0].cells == {
        "Title": "A", "Owner": "B", "column 3": "C", "Note": "D", "Note (2)": "E",
    }  # fmt: skip


@pytest.mark.parametrize("edge", ["\t", "\u00a0", "\u200b", "\u200e", "\u200f", "\u202b", "\ufeff", " \u2069\t"])
def test_invisible_characters_at_the_ends_of_cells_are_removed_and_within_kept(tmp_path: Path, edge: str) -> None:
    [row] = read_rows(tmp_path, f"Title;Owner;Amount\n{edge}Dan\u200cna\tX{edge};{edge}Ann;{edge}5{edge}\n")

    assert list(row.cells.values()) == ["Dan\u200cna\tX", "Ann", "5"]


def test_empty_cells_beyond_the_header_do_no_harm_and_filled_ones_reject(tmp_path: Path) -> None:
    rows = read_rows(tmp_path, "Title,Owner\nA,Ann,,\nB,Bob,,x\n")

    assert [row.error and str(row.error) for row in rows] == [None, "The row has 4 cells, the header 2."]
    assert rows[1].texts == ["B", "Bob", "", "x"]


def append_row(path: Path) -> None:
    with path.open("a") as file:
        file.write("Lamps,Bob\n")


def replace_head(path: Path) -> None:
    status = path.stat()
    path.write_text(ROWS.replace("Ann", "Bob", 1))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def replace_file(path: Path) -> None:
    status = path.stat()
    path.rename(path.with_suffix(".old"))
    path.write_text(ROWS)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize("change", [append_row, replace_head, replace_file, os.utime, os.remove])
def test_file_that_changes_while_it_is_read_stops_with_a_sentence(tmp_path: Path, change) -> None:
    file = open_file(tmp_path, ROWS)
    rows = file.read_rows()
    next(rows)

    change(file.path)

    with pytest.raises(ImportFileError, match=r"deals\.csv (has changed while it was read|cannot be read)"):
        list(rows)


def test_file_that_changes_after_it_was_opened_is_not_read(tmp_path: Path) -> None:
    file = open_file(tmp_path, ROWS)
    append_row(file.path)

    with pytest.raises(ImportFileError, match="has changed while it was read"):
        next(file.read_rows())


def test_file_is_read_in_constant_memory(tmp_path: Path) -> None:
    line = "Стулья для переговоров;Анна Серова;1 234,50;31.12.2025\n"
    content = ("Title;Owner;Amount;Created\n" + line * 25_000).encode("cp1251")
    open_file(tmp_path, content[:3000])
    tracemalloc.start()

    path = tmp_path / "deals.csv"
    path.write_bytes(content)
    del content
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    [file] = find_sources(path, parse_deal_map()).files
    count = sum(1 for _ in file.read_rows())
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()

    assert count == 25_000
    assert path.stat().st_size > 1_300_000
    assert peak < 9_000_000


async def test_import_reads_a_workbook_and_a_page_like_csv(company: ImportTestCompany) -> None:
    page = "<html><table><tr><th>id<th>title<th>owner<th>amount<tr><td>1<td>Chairs<td>Ann<td>1.234,50</table>"
    import_map = (
        '[[file]]\nkind = "deals"\n[file.columns]\nid = "id"\ntitle = "title"\nowner = "owner"\namount = "amount"\n'
    )

    result = await company.import_files(import_map, {"deals.xls": page})

    assert dict(result.counts["deals"]) == {"read": 1, "new": 1}
    assert (await company.read_deals())["1"]["money"] == (123450, "EUR")
