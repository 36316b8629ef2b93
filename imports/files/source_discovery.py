"""Finds the files to import, opens them, and names everything else with the reason why it is passed over."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple

from domain.messages import Message, MessageList
from imports.field_specs import FIELDS_BY_KIND
from imports.files.column_check import ColumnError
from imports.files.delimited_text import SEPARATORS, DelimitedText
from imports.files.file_format import FileFormat, find_format
from imports.files.fingerprint import FileFingerprint
from imports.files.html_page import find_page_encoding, read_page
from imports.files.row_spool import RowSpool
from imports.files.source_file import (
    Header,
    SourceFile,
    count_missing,
    describe,
    find_header,
    get_file_name,
    open_table,
)
from imports.files.source_row import FileNote, ImportFileError
from imports.files.text_encoding import find_encoding
from imports.files.workbook import read_workbook
from imports.map_file import TABLE_SUFFIXES, FileMap, ImportMap
from imports.rejects_format import ORIGIN_COLUMNS, read_source_name

_CHUNK_BYTES: Final = 1 << 20
_SEPARATOR_LINE_LENGTH: Final = 16
_SEPARATOR_LINE_PATTERN: Final = re.compile(r'"?sep=([^"\r\n])"?[\r\n]*', re.IGNORECASE)


@dataclass(frozen=True)
class PassedOver:
    """A file, folder, sheet or table that is not imported, and why."""

    name: str
    reason: Message

    @property
    def message(self) -> Message:
        return Message("{name} ({reason})", {"name": self.name, "reason": self.reason})

    def __str__(self) -> str:
        return str(self.message)


class Sources(NamedTuple):
    """What an import reads, in the order of import, and what it passes over."""

    files: list[SourceFile]
    passed_over: list[PassedOver]

    @property
    def notes(self) -> list[FileNote]:
        """What is to be shown before anything is written."""
        return [note for file in self.files for note in file.notes]


def find_sources(source: Path, import_map: ImportMap) -> Sources:
    """Open the files that the map reads: one file, or those of a folder.

    Raises ImportFileError if there is none, or one that the map reads cannot be imported; nothing has been imported
    then.
    """
    passed_over: list[PassedOver] = []
    if source.is_file():
        paths = {source: read_source_name(source)}
    elif source.is_dir():
        paths, passed_over = _list_folder(source, import_map)
    else:
        raise ImportFileError("{source} is neither a file nor a folder.", source=str(source))
    files: list[SourceFile] = []
    for path, source_name in paths.items():
        file_maps = import_map.find_file_maps(get_file_name(source_name or path.name))
        if not file_maps and source.is_file() and len(import_map.files) == 1:
            file_maps = import_map.files
        if file_maps:
            opened, passed_over_parts = open_file(path, file_maps)
            files += opened
            passed_over += passed_over_parts
    if not files:
        message = Message(
            "There is nothing to import at {source}: the map “{map}” reads {patterns}.",
            {
                "source": str(source),
                "map": import_map.name,
                "patterns": ", ".join(file.pattern for file in import_map.files),
            },
        )
        raise ImportFileError(_with_passed_over(message, passed_over))
    kind_order = list(FIELDS_BY_KIND)
    return Sources(sorted(files, key=lambda file: kind_order.index(file.file_map.kind)), passed_over)


def open_file(path: Path, file_maps: Sequence[FileMap]) -> Sources:
    """Open a file by the maps that match its name; the first of them reads a CSV file. Raises ImportFileError.

    Rejected rows of a sheet are in a CSV file, but may be those of any of the maps.
    """
    fingerprint = FileFingerprint.take(path)
    file_format = find_format(path)
    if file_format is FileFormat.TEXT:
        for file_map in file_maps[:-1] if read_source_name(path) is not None else ():
            with suppress(ColumnError):
                return Sources([_open_text(path, file_map, fingerprint)], [])
        file_map = file_maps[-1 if read_source_name(path) is not None else 0]
        return Sources([_open_text(path, file_map, fingerprint)], [])
    if file_format is FileFormat.WORKBOOK:
        return _open_spools(path, read_workbook(path), file_maps, fingerprint, None)
    text_encoding = find_page_encoding(path, file_maps[0].encoding)
    return _open_spools(path, read_page(path, text_encoding.name), file_maps, fingerprint, text_encoding.note)


def _open_spools(
    path: Path,
    spools: Iterable[RowSpool],
    file_maps: Sequence[FileMap],
    fingerprint: FileFingerprint,
    note: FileNote | None,
) -> Sources:
    """Open the sheets or tables that have the required columns of a map, each by the first such map.

    Raises ImportFileError if there is none.
    """
    files: list[SourceFile] = []
    passed_over: list[PassedOver] = []
    for spool in spools:
        name = describe(path, spool.sheet)
        errors: list[ImportFileError] = []
        for file_map in file_maps:
            if not file_map.matches_sheet(spool.title):
                continue
            try:
                header, notes = find_header(name, spool, file_map, Message("as it is"))
            except ImportFileError as error:
                errors.append(error)
                continue
            notes = [note, *notes] if note and not files else notes
            files.append(open_table(path, spool, file_map, header, notes, fingerprint, spool.line_count))
            break
        else:
            reason = errors[0].message if errors else Message("no `sheet` of the map matches its name")
            passed_over.append(PassedOver(name, reason))
    fingerprint.check_with_head()
    if files:
        return Sources(files, passed_over)
    if not passed_over:
        raise ImportFileError("{file} is empty: its first line has to name the columns.", file=path.name)
    raise ImportFileError(
        "{file} has nothing that the map reads: {reasons}",
        file=path.name,
        reasons=MessageList(tuple(part.reason for part in passed_over), "\n"),
    )


def list_tables(source: Path) -> tuple[list[Path], list[PassedOver]]:
    """Return the files to look for a map in: the file itself, or those of a folder that may be tables, and the rest.

    Raises ImportFileError if there is no such file or folder.
    """
    if source.is_file():
        return [source], []
    if not source.is_dir():
        raise ImportFileError("{source} is neither a file nor a folder.", source=str(source))
    paths, passed_over = _list_folder(source, None)
    return [*paths], passed_over


def _list_folder(folder: Path, import_map: ImportMap | None) -> tuple[dict[Path, str | None], list[PassedOver]]:
    """Return the files of a folder that the map reads, and the rest with its reason. Without a map, all tables are read.

    Files of rejected rows, with the name of the export that they come from, are read where there are no exports.
    """
    paths: dict[Path, str | None] = {}
    passed_over: list[PassedOver] = []
    for path in sorted(folder.iterdir()):
        source_name = read_source_name(path) if path.is_file() and _may_be_read(path, import_map) else None
        reason = _find_reason_to_pass_over(path, get_file_name(source_name or path.name), import_map)
        if reason is None:
            paths[path] = source_name
        else:
            passed_over.append(PassedOver(path.name, reason))
    if None in paths.values():
        reason = Message("rejected rows of an earlier import; import them by their own path")
        passed_over += [PassedOver(path.name, reason) for path, name in paths.items() if name is not None]
        paths = {path: name for path, name in paths.items() if name is None}
    return paths, passed_over


def _may_be_read(path: Path, import_map: ImportMap | None) -> bool:
    """Return whether a file may be a table by its name.

    No other file of a folder is opened. If one were the database that this process uses, closing it would take the
    locks of SQLite from the process, and another process would cut the shared memory off under it.
    """
    return path.suffix.lower() in TABLE_SUFFIXES or bool(import_map and import_map.find_file_maps(path.name))


def _find_reason_to_pass_over(path: Path, export_name: str, import_map: ImportMap | None) -> Message | None:
    if path.is_dir():
        return Message("a folder; import it by its own path")
    if not path.is_file():
        return Message("no regular file")
    if path.name.startswith((".", "~$")):
        return Message("a hidden or temporary file")
    is_table = path.suffix.lower() in TABLE_SUFFIXES
    if import_map.find_file_maps(export_name) if import_map else is_table:
        return None
    if is_table:
        return Message("no pattern of the map matches its name")
    return Message("neither CSV, XLSX nor HTML by its name")


def _with_passed_over(message: Message, passed_over: Sequence[PassedOver]) -> Message:
    if not passed_over:
        return message
    return Message(
        "{message} Passed over: {names}.",
        {"message": message, "names": MessageList(tuple(part.message for part in passed_over))},
    )


def _open_text(path: Path, file_map: FileMap, fingerprint: FileFingerprint) -> SourceFile:
    """Open a CSV file with the separator that yields the required columns, and of several the most columns."""
    text_encoding = find_encoding(path, file_map.encoding)
    named_separator = read_separator_line(path, text_encoding.name)
    first_line = 2 if named_separator else 1
    candidates: list[tuple[DelimitedText, Header, list[FileNote]]] = []
    errors: list[ImportFileError] = []
    for separator in file_map.separators or ([named_separator] if named_separator else SEPARATORS):
        table = DelimitedText(path, text_encoding.name, separator, first_line)
        reading = Message(
            "with the separator “{separator}” in {encoding}",
            {"separator": separator, "encoding": text_encoding.name.removesuffix("-sig")},
        )
        try:
            candidates.append((table, *find_header(path.name, table, file_map, reading)))
        except ImportFileError as error:
            errors.append(error)
    if not candidates:
        raise min(errors, key=count_missing)
    table, header, notes = max(candidates, key=lambda candidate: len(candidate[1].columns))  # the first of equals
    if text_encoding.note:
        notes = [text_encoding.note, *notes]
    origin_width = 0 if header.origin_start is None else len(ORIGIN_COLUMNS)
    table = replace(table, column_count=len(header.columns) + origin_width)
    return open_table(path, table, file_map, header, notes, fingerprint, _count_lines(path, text_encoding.name))


def read_separator_line(path: Path, encoding: str) -> str:
    """Return the separator that a first line like `sep=;`, as spreadsheets write it, names; empty if there is none."""
    with path.open(encoding=encoding, errors="replace", newline="") as text:
        match = _SEPARATOR_LINE_PATTERN.fullmatch(text.readline(_SEPARATOR_LINE_LENGTH))
    return match[1] if match else ""


def _count_lines(path: Path, encoding: str) -> int:
    newline = "\n".encode(encoding.removesuffix("-sig") if encoding != "utf-16" else "utf-16-le")
    with path.open("rb") as file:
        return sum(chunk.count(newline) for chunk in iter(lambda: file.read(_CHUNK_BYTES), b""))
