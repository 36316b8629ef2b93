"""What an import would read: the map, the files that fit it, and their heads. Nothing here touches the database.

These functions read files without pause, so a server calls them in a thread.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from domain.errors.user_errors import Invalid, NotFound, Required
from domain.messages import Message, MessageList, MessageValue
from imports import map_file
from imports.cell_parsing import CellError, RowReader, require_fields
from imports.column_checks import fields_by_column, missing_fields
from imports.files.source_discovery import find_sources
from imports.files.source_file import SourceFile
from imports.files.source_row import ImportFileError, SourceRow
from imports.map_file import ImportMap
from imports.map_guess.found_map import FoundMap, TableGuess, find_map
from imports.map_guess.open_questions import OpenQuestion
from imports.toml_schema import MapError
from resolvers.request.import_files import (
    ImportableFiles,
    ImportPreview,
    ImportPreviewColumn,
    ImportPreviewFile,
    ImportProblem,
    ImportSource,
)

_PREVIEW_ROWS: Final = 100
_MAX_SAMPLES: Final = 3
_MAX_SAMPLE_LENGTH: Final = 200


def open_map(name: str | None, text: str | None) -> ImportMap:
    """Return a built-in map by its name, or the map in a text. Raises NotFound and Invalid."""
    try:
        if text is not None:
            return map_file.parse_map(text, "map")
        if name not in map_file.built_in_maps():  # else it would be a path on the server
            names = ", ".join(map_file.built_in_maps())
            raise NotFound("There is no such map: take one of {names}.", "input", "map", names=names)
        return map_file.load_map(name)
    except MapError as error:
        raise Invalid("This map cannot be used. {reason}", "input", "mapText", reason=error.message) from error


@contextmanager
def report_file_errors(path: Path, source: ImportSource) -> Iterator[None]:
    """Raise errors about the files as Invalid, without the folder on the server in which they stand."""
    try:
        yield
    except (ImportFileError, OSError) as error:
        reason: MessageValue = ""
        if isinstance(error, ImportFileError):
            reason = _hide_folder(error.message, f"{path.parent}/")
        elif error.strerror:
            reason = error.strerror
        argument = "files" if source.files else "inboxPath"
        raise Invalid("This cannot be imported. {reason}", "input", argument, reason=reason) from error


def _hide_folder(message: Message, folder: str) -> Message:
    def hide(value: MessageValue) -> MessageValue:
        match value:
            case str():
                return value.replace(folder, "")
            case Message():
                return _hide_folder(value, folder)
            case MessageList(messages, separator):
                return MessageList(tuple(map(hide, messages)), separator)
        return value

    return Message(message.template, {name: hide(value) for name, value in message.values.items()})


def check_files(path: Path, source: ImportSource) -> ImportableFiles:
    """Return what an import of a file or folder would read. Raises UserError if the files or the map cannot be used.

    Without a map, a built-in one has to fit the files.
    """
    map_name = source.map
    if map_name is None and source.map_text is None:
        with report_file_errors(path, source):
            map_name = find_map(path).ready_map
        if map_name is None:
            raise Required(
                "No built-in map fits these files: call previewImport first, and send the map that it finds as `mapText`.",
                *("input", "map"),
            )
    import_map = open_map(map_name, source.map_text)
    with report_file_errors(path, source):
        files = find_sources(path, import_map).files
    return ImportableFiles([file.name for file in files], (map_name or import_map.name)[:200])


def preview_files(path: Path, source: ImportSource, zone: str) -> ImportPreview:
    """Return the heads of the files that an import of a file or folder would read. Raises UserError, as `check_files`.

    zone  of times in the files, unless the map has its own
    """
    if source.map is None and source.map_text is None:
        with report_file_errors(path, source):
            return _preview_found_map(path, find_map(path), zone)
    import_map = open_map(source.map, source.map_text)
    with report_file_errors(path, source):
        sources = find_sources(path, import_map)
        file_previews = [_preview_file(file, ZoneInfo(import_map.zone or zone)) for file in sources.files]
        ignored_files = [part.message for part in sources.passed_over]
    return ImportPreview(source.map or import_map.name, file_previews, ignored_files)


def _preview_found_map(path: Path, found_map: FoundMap, zone: str) -> ImportPreview:
    """Return the preview by a map that was found; of files that it cannot read yet, the columns alone."""
    import_map, files = None, list[ImportPreviewFile]()
    questions = [_describe_missing(found_map, number, name) for number, name in found_map.missing_fields]
    questions += [_describe_question(number, question) for number, question in found_map.find_questions()]
    if not found_map.missing_fields:
        import_map = found_map.parse()
        try:
            sources = find_sources(path, import_map)
        except ImportFileError as error:
            questions.append(error.message)
        else:
            files = [_preview_file(file, ZoneInfo(import_map.zone or zone)) for file in sources.files]
    confidences = {
        (table.name, guess.column): guess.confidence if guess.field else 0.0
        for table in found_map.tables
        for guess in table.columns
    }
    files = [_add_confidences(file, confidences) for file in files] or [*map(_preview_table, found_map.tables)]
    ignored_files = [part.message for part in found_map.passed_over]
    return ImportPreview(found_map.ready_map or found_map.name, files, ignored_files, found_map.text, questions)


def _describe_missing(found_map: FoundMap, number: int, name: str) -> Message:
    table = next(table for table in found_map.tables if table.number == number)
    return Message("{table}: no column was found for {field}.", {"table": table.name, "field": name})


def _describe_question(number: int, question: OpenQuestion) -> Message:
    place = f"file {number}" + (f".{question.table}" if question.table else "")
    return Message(
        "{question} Fill in under {place}: {line}",
        {"question": question.message, "place": place, "line": question.hint},
    )


def _add_confidences(file: ImportPreviewFile, confidences: Mapping[tuple[str, str], float]) -> ImportPreviewFile:
    columns = [replace(column, confidence=confidences.get((file.name, column.name), 0.0)) for column in file.columns]
    return replace(file, columns=columns)


def _preview_table(table: TableGuess) -> ImportPreviewFile:
    columns = [
        ImportPreviewColumn(guess.column, guess.field, _sample_cells(table.rows, guess.column), guess.confidence)
        for guess in table.columns
    ]
    return ImportPreviewFile(table.name, table.kind, 0, columns, [], [])


def _preview_file(file: SourceFile, zone: ZoneInfo) -> ImportPreviewFile:
    file_map, column_names = file.file_map, [*file.columns]
    rows = list(islice(file.read_rows(), _PREVIEW_ROWS))
    fields = fields_by_column(file_map)
    columns = [ImportPreviewColumn(name, fields.get(name), _sample_cells(rows, name)) for name in column_names]
    optional_fields = [*missing_fields(file_map, column_names, optional=True)]
    reader = RowReader(file_map, zone, file.formats)
    problems = [problem for row in rows if (problem := _find_problem(reader, row)) is not None]
    return ImportPreviewFile(file.name, file_map.kind, file.line_count, columns, optional_fields, problems)


def _sample_cells(rows: Sequence[SourceRow], name: str) -> list[str]:
    cells = (row.cells.get(name, "").strip() for row in rows)
    return [cell[:_MAX_SAMPLE_LENGTH] for cell in islice(filter(None, cells), _MAX_SAMPLES)]


def _find_problem(reader: RowReader, row: SourceRow) -> ImportProblem | None:
    """Return why a row cannot be imported, as far as the row alone tells."""
    if row.error:
        return ImportProblem(row.line, "", row.error)
    for spread_column in reader.spread_columns(row.cells):
        try:
            require_fields(reader.file_map.kind, reader.read_values(row.cells, spread_column))
        except CellError as error:
            column = reader.column_of(error.column, row.cells, spread_column)
            return ImportProblem(row.line, column, error.message)
    return None
