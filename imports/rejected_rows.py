"""Writes rejected rows to a CSV file, to be reviewed, corrected and imported again."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TextIO

from imports.files.source_row import ImportFileError

_COLUMNS: Final = ("file", "line", "column", "reason", "row")
_FORMULA_PREFIXES: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def escape_formula(text: str) -> str:
    """Return the text so that no spreadsheet runs it as a formula, with characters escaped that UTF-8 cannot hold."""
    escaped = text.encode("utf-8", "backslashreplace").decode()
    return f"'{escaped}" if escaped.startswith(_FORMULA_PREFIXES) else escaped


class RejectedRows:
    """Writes the file as rows are rejected; removes it if there are none.

    Writes to a temporary file that replaces it at the end, so an interrupted run leaves the previous complete file.
    Raises ImportFileError at the start if the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.count = path, 0
        self._temporary_path = path.with_name(f".{path.name}.part")
        self._file: TextIO | None = None

    def __enter__(self) -> Self:
        if self.path.is_dir():
            raise ImportFileError(f"{self.path} is a folder: name a file for rejected rows.")
        try:
            self._file = self._temporary_path.open("w", encoding="utf-8-sig", newline="")
        except OSError as error:
            raise ImportFileError(
                f"{self.path} cannot be written ({error.strerror}): name another file for rejected rows."
            ) from error
        self._writer = csv.writer(self._file)
        self._writer.writerow(_COLUMNS)
        return self

    def add_row(self, file: str, line: int, column: str, reason: str, cells: Mapping[str, str]) -> None:
        """Write one row, with its cells as `column=cell` separated by semicolons."""
        row = "; ".join(f"{name}={cell}" for name, cell in cells.items())
        self._writer.writerow([escape_formula(text) for text in (file, str(line), column, reason, row)])
        self.count += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._file is not None
        self._file.close()
        if error is None and self.count:
            self._temporary_path.replace(self.path)
            return
        self._temporary_path.unlink()
        if error is None:
            self.path.unlink(missing_ok=True)
