"""Reading the tables of HTML pages, as many systems save them under the name `.xls`."""

from __future__ import annotations

from pathlib import Path

import pytest

from imports.files.source_discovery import find_sources
from tests.imports.source_files import open_file, parse_deal_map

TABLE = """
<table border=1>
<thead><tr><th>Title</th><th>Owner<th>Amount</th><th>Created</th></tr></thead>
<tr><td>Стулья &amp;
  столы</td><td><b>Анна</b> Серова<td align=right>1 234,50</td><td>31.03.2026</td></tr>
<tr><td rowspan=2>Шкаф<br>большой<td>Борис<td>7,5<td>&nbsp;
<tr><td>Вера<td colspan=2></tr>
</table>
"""
ROWS = [
    ["Стулья & столы", "Анна Серова", "1 234,50", "31.03.2026"],
    ["Шкаф\nбольшой", "Борис", "7,5", ""],
    ["Шкаф\nбольшой", "Вера", "", ""],
]


@pytest.mark.parametrize(
    ("encoding", "head"),
    [
        ("utf-8", '<html><head><meta charset="utf-8"></head><body>'),
        ("utf-8", "\ufeff"),
        ("cp1251", '<html><meta http-equiv="Content-Type" content="text/html; charset=windows-1251"><body>'),
        ("cp1251", "<!DOCTYPE html><title>Title</title><html><style>td { color: red }</style>"),
        ("utf-16", "<html xmlns:x='urn:schemas-microsoft-com:office:excel'>"),
    ],
)
def test_table_is_read_in_the_encoding_of_its_page(tmp_path: Path, encoding: str, head: str) -> None:
    file = open_file(tmp_path, (head + TABLE).encode(encoding), name="deals.xls")

    rows = list(file.read_rows())

    assert [list(row.texts) for row in rows] == ROWS
    assert [row.line for row in rows] == [2, 3, 4]
    assert (file.formats.numbers["Amount"].decimal, list(file.notes)) == (",", [])


def test_table_with_the_columns_is_found_among_others(tmp_path: Path) -> None:
    path = tmp_path / "deals.xls"
    path.write_text(f"<html><table><tr><td>Menu</table>{TABLE}<table></table>")

    sources = find_sources(path, parse_deal_map())

    assert [file.name for file in sources.files] == ["deals.xls, table 2"]
    assert [part.name for part in sources.passed_over] == ["deals.xls, table 1"]


def test_table_within_a_cell_is_a_table_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "deals.html"
    path.write_text(f"<html><table><tr><td>Report<td>{TABLE}</table>")

    [file] = find_sources(path, parse_deal_map()).files

    assert len(list(file.read_rows())) == 3
