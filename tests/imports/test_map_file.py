"""Validation of import maps: errors name the location in the map."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.i18n.languages import translate
from imports import map_file
from imports.toml_schema import MapError

COLUMNS = '[file.columns]\ntitle = "T"\nowner = "O"\n'
DEALS = f'[[file]]\nkind = "deals"\n{COLUMNS}'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "file: a map has at least one"),
        ("= 3", "this is not TOML"),
        ('zone = "Moscow"\n' + DEALS, "zone: .*IANA"),
        ('currency = "euro"\n' + DEALS, "currency: .*ISO 4217"),
        ('as_of = "2026-01-01"\n' + DEALS, "as_of: this has to be a day"),
        ("as_of = 2026-01-01T10:00:00\n" + DEALS, "as_of: this has to be a day"),
        ("speed = 3\n" + DEALS, "speed: there is no such key"),
        ("file = 3", "file: this has to be"),
        ("file = [3]", "file: this has to be"),
        ('[pipeline]\nstages = ["A"]\n' + DEALS, "pipeline.name"),
        ("[[file]]\n" + COLUMNS, r"file 1\.kind: take one of teams, people"),
        ('[[file]]\nkind = "orders"\n' + COLUMNS, r"file 1\.kind: take one of"),
        ('[[file]]\nkind = "deals"\n[file.columns]\ntitle = "T"\n', r"file 1\.columns\.owner: deals need this"),
        (DEALS + 'titel = "T"\n', r"file 1\.columns\.titel: there is no such field"),
        (DEALS + "amount = 3\n", r"file 1\.columns\.amount: this has to be a text or a list of texts"),
        (DEALS + "amount = 2026-01-01T10:00:00\n", r"file 1\.columns\.amount: this has to be a text or a list"),
        ('[[file]]\nkind = "deals"\nseparator = ";;"\n' + COLUMNS, r"file 1\.separator: give one character"),
        (
            '[[file]]\nkind = "deals"\nencoding = "ascii"\n' + COLUMNS,
            r"file 1\.encoding: take one of utf-8, utf-16, cp1251",
        ),
        ('[[file]]\nkind = "deals"\ndecimal = ","\nthousands = ","\n' + COLUMNS, r"file 1\.thousands"),
        ('[[file]]\nkind = "deals"\ndecimal = ";"\n' + COLUMNS, r"file 1\.decimal: give"),
        ('[[file]]\nkind = "deals"\ndates = ["%H:%M"]\n' + COLUMNS, r"file 1\.dates: “%H:%M” is not a day"),
        ('[[file]]\nkind = "deals"\nopen_closing = "won"\n' + COLUMNS, r"file 1\.open_closing: take one of"),
        (DEALS + '[file.stages]\nDone = "finished"\n', r"file 1\.stages\.Done: take one of open, won, lost"),
        (
            DEALS + '[file.stages]\nDone = { status = "won", colour = "red" }\n',
            r"file 1\.stages\.Done\.colour: there is no such key here; there are pipeline, stage, status$",
        ),
        (DEALS + "[file.stages]\nDone = { status = 3 }\n", r"file 1\.stages\.Done\.status: this has to be a text"),
        (DEALS + "[file.stages]\nDone = 3\n", r"file 1\.stages\.Done: this has to be a table"),
        (DEALS + '[file.unknown]\nowner = "guess"\n', r"file 1\.unknown\.owner: take one of create, reject, importer"),
        (DEALS + '[file.unknown]\nboss = "create"\n', r"file 1\.unknown\.boss: there is no such field"),
        (DEALS + '[file.templates]\nproduct = "{open"\n', r"file 1\.templates\.product: write columns"),
        (DEALS + "[file.values.status]\nx = 3\n", r"file 1\.values\.status\.x: this has to be a text"),
    ],
)
def test_invalid_map_error_names_the_location(text: str, message: str) -> None:
    with pytest.raises(MapError, match=message):
        map_file.parse_map(text, "test")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("= 3", "test: это не TOML: посмотрите строку 1, столбец 1"),
        ("file = [", "test: это не TOML: в конце чего-то не хватает"),
        (DEALS + "amount = 3\n", "file 1.columns.amount: здесь должен быть текст или список текстов"),
        (DEALS + "[file.stages]\nDone = 3\n", "file 1.stages.Done: здесь должна быть таблица"),
        (
            DEALS + '[file.unknown]\nowner = "guess"\n',
            "file 1.unknown.owner: возьмите одно из: create, reject, importer",
        ),
    ],
)
def test_error_in_a_map_is_told_in_the_language_of_the_reader(text: str, message: str) -> None:
    with pytest.raises(MapError) as caught:
        map_file.parse_map(text, "test")
    assert translate(caught.value.message, "ru") == message


def test_missing_map_error_lists_built_in_maps(tmp_path: Path) -> None:
    with pytest.raises(MapError, match=f"take one of {', '.join(map_file.built_in_maps())}, or a TOML file"):
        map_file.load_map(str(tmp_path / "none.toml"))


@pytest.mark.parametrize("name", map_file.built_in_maps())
def test_built_in_map_is_valid(name: str) -> None:
    assert map_file.load_map(name).name == name


def test_map_file_may_start_with_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(DEALS, encoding="utf-8-sig")
    assert map_file.load_map(str(path)).name == "own"


def test_first_matching_pattern_is_used_ignoring_case() -> None:
    text = DEALS.replace('kind = "deals"', 'kind = "deals"\npattern = "deal*.csv"') + DEALS
    import_map = map_file.parse_map(text, "test")
    assert import_map.find_file_maps("DEALS.CSV")[0] is import_map.files[0]
    assert import_map.find_file_maps("deals.xlsx")[0] is import_map.files[0]
    assert import_map.find_file_maps("other.csv") == [import_map.files[1]]
    assert import_map.find_file_maps("notes.txt") == []
