"""Recognizes the format of a file by its first bytes, whatever its name says."""

from __future__ import annotations

import re
import zipfile
from enum import Enum
from pathlib import Path
from typing import Final

from imports.files.source_row import ImportFileError

_HEAD_BYTES: Final = 8192
_OLE_MAGIC: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_HTML_PATTERN: Final = re.compile(rb"\A[\xef\xbb\xbf\s]*<.*?<?(?:html|table|body|meta)\b", re.IGNORECASE | re.DOTALL)
_REFUSED_HEADS: Final = (
    (b"%PDF", "a PDF document"), (b"{\\rtf", "a text document"), (b"\x1f\x8b", "a compressed file"),
    (b"Rar!", "a compressed file"), (b"7z\xbc\xaf", "a compressed file"), (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"), (b"PAR1", "a Parquet file"), (b"SQLite format 3", "a database"),
)  # fmt: skip


class FileFormat(Enum):
    """A format that can be read."""

    TEXT = "CSV"
    WORKBOOK = "XLSX"
    HTML = "HTML"


def find_format(path: Path) -> FileFormat:
    """Return the format of a file. Raises ImportFileError, with what to do, for one that cannot be read."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if head.startswith(_OLE_MAGIC):
        raise ImportFileError(
            "{file} is a workbook of Excel 97–2003 or protected by a password. Open it in a spreadsheet program and "
            "save it as .xlsx without a password, or as CSV.",
            file=path.name,
        )
    if head.startswith(b"PK\x03\x04"):
        return _check_archive(path)
    plain = head.replace(b"\0", b"")  # in UTF-16
    if b"urn:schemas-microsoft-com:office:spreadsheet" in plain and b"<Workbook" in plain:
        raise ImportFileError(
            "{file} is an XML spreadsheet of 2003. Open it in a spreadsheet program and save it as .xlsx or as CSV.",
            file=path.name,
        )
    if _HTML_PATTERN.match(plain.removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff")):
        return FileFormat.HTML
    for magic, description in _REFUSED_HEADS:
        if head.startswith(magic):
            raise ImportFileError(
                "{file} is {description}: import CSV, XLSX or HTML tables.", file=path.name, description=description
            )
    return FileFormat.TEXT


def _check_archive(path: Path) -> FileFormat:
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.lower() for name in archive.namelist()}
    except (zipfile.BadZipFile, OSError) as error:
        raise ImportFileError(
            "{file} is a damaged workbook: save it again as .xlsx or as CSV.", file=path.name
        ) from error
    if "xl/workbook.xml" in names:
        return FileFormat.WORKBOOK
    if "xl/workbook.bin" in names or "content.xml" in names:
        raise ImportFileError(
            "{file} is a workbook in another format than .xlsx: open it in a spreadsheet program and save it as .xlsx or "
            "as CSV.",
            file=path.name,
        )
    raise ImportFileError("{file} is an archive: unpack it and import the files in it.", file=path.name)
