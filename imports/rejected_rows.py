"""Writes rejected rows to CSV files, to be mended there and imported again with the same map."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self, TextIO

from domain.i18n.languages import TRANSLATIONS, translate
from domain.messages import Message
from imports.files.source_file import Header
from imports.files.source_row import ImportFileError, SourceRow
from imports.rejects_format import ORIGIN_COLUMNS, escape_formula, read_source_name

_LANGUAGES: Final = ("en", *TRANSLATIONS)  # in the order of REASON_COLUMNS


class _RowWriter(Protocol):
    """A writer of the csv module, which does not export its type."""

    def writerow(self, row: Iterable[str], /) -> object: ...


@dataclass
class RejectsPart:
    """The rejected rows of one file of the import, in a temporary file until the run ends."""

    name: str
    temporary_path: Path
    file: TextIO
    writer: _RowWriter
    count: int = 0


class RejectedRows:
    """Writes the rejected rows of one run, those of each file of the import with the columns of that file.

    They are written to `path`; if several files have rejected rows, each to a file of its own in a folder named like
    `path` without its suffix. Without any, what an earlier run wrote there is removed.

    Writes to temporary files that replace the others at the end, so an interrupted run leaves the previous complete
    files. Raises ImportFileError at the start if the file cannot be written. A file that the run reads is never
    replaced or removed: a number is added to the name.

    paths  after the end: the files written
    """

    def __init__(self, path: Path, sources: Collection[Path] = ()) -> None:
        self.path = _avoid_sources(path, sources)
        self.count = 0
        self.paths: list[Path] = []
        self._parts: list[RejectsPart] = []

    def __enter__(self) -> Self:
        if self.path.is_dir():
            raise ImportFileError("{path} is a folder: name a file for rejected rows.", path=str(self.path))
        if self._folder.exists() and not self._folder.is_dir():
            raise ImportFileError("{path} is a file: name another file for rejected rows.", path=str(self._folder))
        try:
            self._temporary_path(0).touch()
        except OSError as error:
            raise ImportFileError(
                "{path} cannot be written ({reason}): name another file for rejected rows.",
                path=str(self.path),
                reason=error.strerror or "",
            ) from error
        return self

    @property
    def _folder(self) -> Path:
        """The folder for the rejected rows of several files."""
        return self.path.with_suffix("") if self.path.suffix else self.path.with_name(f"{self.path.name}.files")

    def _temporary_path(self, number: int) -> Path:
        return self.path.with_name(f".{self.path.name}{f'.{number}' if number else ''}.part")

    def start_file(self, name: str, csv_header: Header) -> None:
        """Begin the rejected rows of another file, with its header."""
        if self._parts:
            self._parts[-1].file.close()
        temporary_path = self._temporary_path(len(self._parts))
        file = temporary_path.open("w", encoding="utf-8-sig", newline="")
        part = RejectsPart(name, temporary_path, file, csv.writer(file, delimiter=csv_header.separator))
        self._parts.append(part)
        part.writer.writerow([*ORIGIN_COLUMNS, *map(escape_formula, csv_header.names)])

    def add_row(self, row: SourceRow, column: str, reason: Message | str, import_id: str = "") -> None:
        """Write one row of the current file.

        column     the column that the reason is about; empty: the whole row
        import_id  the id of its record, if the file has none
        """
        part = self._parts[-1]
        file_name, line = (row.origin.file, row.origin.line) if row.origin else (part.name, row.line)
        reasons = [translate(reason, language) for language in _LANGUAGES]
        cells = [file_name, str(line), column, *reasons, import_id]
        part.writer.writerow([escape_formula(text) for text in (*cells, *row.texts)])
        part.count += 1
        self.count += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for part in self._parts:
            part.file.close()
        if error is None:
            self._replace_previous([part for part in self._parts if part.count])
        for path in (self._temporary_path(0), *(part.temporary_path for part in self._parts)):
            path.unlink(missing_ok=True)

    def _replace_previous(self, parts: Sequence[RejectsPart]) -> None:
        """Move the written files to their places, and remove what an earlier run left there."""
        if len(parts) > 1:
            self._folder.mkdir(exist_ok=True)
            names = _file_names(part.name for part in parts)
            self.paths = [self._folder / name for name in names]
        else:
            self.paths = [self.path for _ in parts]
        for part, path in zip(parts, self.paths, strict=True):
            part.temporary_path.replace(path)
        previous_paths = [self.path, *(sorted(self._folder.glob("*.csv")) if self._folder.is_dir() else ())]
        for path in previous_paths:
            if path not in self.paths and path.is_file() and read_source_name(path) is not None:
                path.unlink()
        with suppress(OSError):  # it is not there, or holds other files
            self._folder.rmdir()


def _avoid_sources(path: Path, sources: Collection[Path]) -> Path:
    """Return the path, with a number if the file or its folder is or contains a file that is read."""
    occupied = {parent for source in sources for parent in (source.resolve(), *source.resolve().parents)}
    candidate, number = path, 1
    while not occupied.isdisjoint({candidate.resolve(), candidate.with_suffix("").resolve()}):
        number += 1
        candidate = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return candidate


def _file_names(source_names: Iterable[str]) -> list[str]:
    """Return a different name of a CSV file for the rejected rows of each of several files."""
    names: list[str] = []
    for source_name in source_names:
        base_name = Path(source_name.replace("\\", "/")).name
        name = base_name if base_name.lower().endswith(".csv") else f"{base_name}.csv"
        names.append(name if name not in names else f"{len(names)}-{name}")
    return names
