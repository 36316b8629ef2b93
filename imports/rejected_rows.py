"""The rows that could not be taken: a file to look at, mend and bring in again."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TextIO

_COLUMNS: Final = ("file", "line", "column", "reason", "row")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def harmless(text: str) -> str:
    """Return the text so that no spreadsheet takes it for a formula, and every file can hold it."""
    shown = text.encode("utf-8", "backslashreplace").decode()
    return f"'{shown}" if shown.startswith(_FORMULA) else shown


class Rejects:
    """Writes the file as rows are rejected; where none is, none is left behind.

    Written beside and put in place when all is done, so that a run cut off leaves the last whole one.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.count = path, 0
        self._beside = path.with_name(f".{path.name}.part")
        self._out: TextIO | None = None

    def __enter__(self) -> Self:
        self._out = self._beside.open("w", encoding="utf-8-sig", newline="")
        self._rows = csv.writer(self._out)
        self._rows.writerow(_COLUMNS)
        return self

    def add(self, file: str, line: int, column: str, reason: str, cells: Mapping[str, str]) -> None:
        """Write down one row with its cells as `column=cell` one after another."""
        row = "; ".join(f"{name}={cell}" for name, cell in cells.items())
        self._rows.writerow([harmless(text) for text in (file, str(line), column, reason, row)])
        self.count += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._out is not None
        self._out.close()
        if error is None and self.count:
            self._beside.replace(self.path)
            return
        self._beside.unlink()
        if error is None:
            self.path.unlink(missing_ok=True)
