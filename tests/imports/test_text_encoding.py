"""Encodings of CSV files: the certain ones are found silently, the others are shown, and the map wins."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from tests.imports.source_files import open_file

RUSSIAN = "Title,Owner\nСтол для переговоров,Анна Серова\nООО «Ромашка» № 5,Борис Ли\n"
GERMAN = "Title,Owner\nStühle für Büros,Jörg Weiß\n"
FRENCH = "Title,Owner\nRéunion d’été à l’hôtel,Hélène Lefèvre\n"
PORTUGUESE = "Title,Owner\nAções,João Conceição\n"


def read_text(directory: Path, content: bytes, head: str = "") -> tuple[str, list[str]]:
    """Return the rows as text, and the warnings."""
    file = open_file(directory, content, head)
    rows = [",".join(file.header.names), *(",".join(row.texts) for row in file.read_rows())]
    return "\n".join(rows) + "\n", [str(note) for note in file.notes]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (RUSSIAN, "utf-8"), (RUSSIAN, "utf-8-sig"), (RUSSIAN, "utf-16"), (RUSSIAN, "utf-16-le"),
        (RUSSIAN, "utf-16-be"), (RUSSIAN, "cp1251"), (RUSSIAN.replace("«", '"').replace("» №", '"'), "koi8-r"),
        (RUSSIAN.replace("«", '"').replace("»", '"'), "cp866"), ("Title,Owner\nстол,анна\n", "cp1251"),
        ("Title,Owner\nстол для переговоров,анна\n", "koi8-r"), (GERMAN, "cp1252"), (GERMAN, "latin-1"),
        (FRENCH, "cp1252"), (PORTUGUESE, "latin-1"), ("Title,Owner\nChairs,Ann\n", "ascii"),
    ],
)  # fmt: skip
def test_certain_encoding_is_found_silently(tmp_path: Path, text: str, encoding: str) -> None:
    text = text.replace('ООО "Ромашка"', "ООО Ромашка").replace('ООО "Ромашка', "ООО Ромашка")

    assert read_text(tmp_path, text.encode(encoding)) == (text, [])


def test_byte_order_mark_of_big_endian_utf_16_is_obeyed(tmp_path: Path) -> None:
    content = codecs.BOM_UTF16_BE + RUSSIAN.encode("utf-16-be")

    assert read_text(tmp_path, content) == (RUSSIAN, [])


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Title,Owner\nŁódź,Paweł Wiśniewski\n", "cp1250"),
        ("Title,Owner\nDvořák,Růžička\n", "cp1250"),
        ("Title,Owner\nŞişli,Doğan Işık\n", "cp1254"),
        ("Title,Owner\nΑθήνα,Γιώργος\n", "cp1253"),
        ("Title,Owner\nGröße,Müller\n", "cp850"),
        ("Title,Owner\n5 €,Ann\n", "cp1252"),
    ],
)
def test_uncertain_encoding_is_a_warning_with_a_sample(tmp_path: Path, text: str, encoding: str) -> None:
    file = open_file(tmp_path, text.encode(encoding))

    [note] = file.notes
    assert note.is_warning
    assert "that is not certain" in str(note)
    assert note.sample == [",".join(row.texts) for row in file.read_rows()]


def test_encoding_of_the_map_wins_with_a_warning_if_the_bytes_say_another(tmp_path: Path) -> None:
    text, [warning] = read_text(tmp_path, RUSSIAN.encode(), 'encoding = "cp1251"')

    assert text == RUSSIAN.encode().decode("cp1251")
    assert "is read in cp1251, as the map says, but looks like utf-8" in warning


@pytest.mark.parametrize(("encoding", "text"), [("cp1251", RUSSIAN), ("cp1252", GERMAN), ("latin-1", GERMAN)])
def test_right_encoding_of_the_map_is_no_warning(tmp_path: Path, encoding: str, text: str) -> None:
    assert read_text(tmp_path, text.encode(encoding), f'encoding = "{encoding}"') == (text, [])


def test_byte_order_mark_wins_over_the_map(tmp_path: Path) -> None:
    assert read_text(tmp_path, RUSSIAN.encode("utf-8-sig"), 'encoding = "cp1251"') == (RUSSIAN, [])


def test_lines_in_another_encoding_are_rejected_and_shown(tmp_path: Path) -> None:
    content = RUSSIAN.encode() + "Шкаф,Анна\n".encode("cp1251")

    file = open_file(tmp_path, content)

    assert "some are in another encoding" in str(file.notes[0])
    assert [row.error is None for row in file.read_rows()] == [True, True, False]


def test_late_legacy_line_of_a_large_file_is_found(tmp_path: Path) -> None:
    content = b"Title,Owner\n" + b"Chairs,Ann\n" * 120_000 + "Стулья для офиса,Анна\n".encode("cp1251")

    file = open_file(tmp_path, content)

    *_, last = file.read_rows()
    assert (last.line, last.cells["Title"], list(file.notes)) == (120_002, "Стулья для офиса", [])
