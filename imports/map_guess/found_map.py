"""The map that is found for files which come without one: a built-in map, or one made from their columns and cells."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Final

from domain.messages import Message, MessageValue
from imports.column_checks import fields_by_column
from imports.field_specs import FIELDS_BY_KIND
from imports.files.source_discovery import PassedOver, list_tables
from imports.files.source_row import ImportFileError, SourceRow
from imports.map_file import ImportMap, parse_map
from imports.map_guess.column_assignment import ColumnGuess, KindGuess, guess_kinds, known_cell_words
from imports.map_guess.column_cells import ColumnCells
from imports.map_guess.header_matching import find_currency
from imports.map_guess.map_text import MapContent, TomlTable, quote, write_map
from imports.map_guess.open_questions import OpenQuestion, find_questions
from imports.map_guess.ready_maps import ReadyMap, find_ready_map
from imports.map_guess.unmapped_table import UnmappedTable, open_tables

_DECIDED_BY_READY_MAP: Final = 1.0


class AmbiguousKindError(ImportFileError):
    """A table that may hold several kinds of records."""

    def __init__(self, message: str, *, table: str, candidates: Sequence[str], **values: MessageValue) -> None:
        super().__init__(message, table=table, **values)
        self.table, self.kinds = table, candidates


@dataclass(frozen=True)
class TableGuess:
    """What a table seems to hold.

    number     of the [[file]] of the map that reads it, from 1
    columns    in the order of the table
    ready_map  the name of the built-in map that reads it; None for a guess
    rows       the first three
    """

    table: UnmappedTable
    number: int
    kind: str
    columns: Sequence[ColumnGuess]
    ready_map: str | None
    rows: Sequence[SourceRow]
    cells: Mapping[str, ColumnCells]

    @property
    def name(self) -> str:
        return self.table.name


@dataclass
class FoundMap:
    """A map that was found, with what it leaves open.

    tables          what it reads
    passed_over     files that it cannot read
    ready_map       the name of the built-in map, if it is one without changes
    missing_fields  fields that the map needs and for which no column was found, with the number of their [[file]]
    """

    content: MapContent
    tables: list[TableGuess]
    passed_over: list[PassedOver]
    ready_map: str | None
    missing_fields: list[tuple[int, str]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return str(self.content.settings["name"])

    @property
    def text(self) -> str:
        """The map as TOML, with comments about what it leaves open."""
        return write_map(self.content, self._list_hints())

    def parse(self) -> ImportMap:
        return parse_map(self.text, self.name)

    def find_questions(self) -> list[tuple[int, OpenQuestion]]:
        """Return what the map leaves open, with the number of the [[file]]; nothing before all columns are there."""
        if self.missing_fields:
            return []
        import_map = parse_map(write_map(self.content, {}), self.name)
        questions: dict[tuple[int, str, str], OpenQuestion] = {}
        for table in self.tables:
            file_map = import_map.files[table.number - 1]
            for question in find_questions(file_map, table.table.header.names, table.cells):
                questions.setdefault((table.number, question.table, question.key), question)
        return [(number, question) for (number, _, _), question in questions.items()]

    def answer(self, number: int, question: OpenQuestion, value: object) -> None:
        """Write the answer to a question into the map."""
        table = self.content.files[number - 1]
        for name in filter(None, question.table.split(".")):
            table = _find_subtable(table, name)
        table[question.key] = value
        self.ready_map = None

    def choose_column(self, number: int, name: str, column: str) -> None:
        """Let a column be that of a field for which none was found."""
        _find_subtable(self.content.files[number - 1], "columns")[name] = column
        self.missing_fields.remove((number, name))
        for index, table in enumerate(self.tables):
            if table.number == number:
                columns = [
                    ColumnGuess(column, name, 1.0) if guess.column == column else guess for guess in table.columns
                ]
                self.tables[index] = TableGuess(table.table, number, table.kind, columns, None, table.rows, table.cells)

    def choose_constant(self, number: int, name: str, value: str) -> None:
        """Let a field for which no column was found have the same value in every row."""
        _find_subtable(self.content.files[number - 1], "constants")[name] = value
        self.missing_fields.remove((number, name))

    def _list_hints(self) -> dict[tuple[int, str], list[str]]:
        hints: dict[tuple[int, str], list[str]] = {}
        for table in self.tables:
            if table.ready_map is None:
                hints.setdefault((table.number, ""), []).extend(_hint_at_closing_date(self.content, table))
                hints.setdefault((table.number, "columns"), []).extend(_describe_columns(table, self.missing_fields))
        for number, question in self.find_questions():
            hints.setdefault((number, question.table), []).append(question.hint)
        return {place: lines for place, lines in hints.items() if lines}


def find_map(source: Path, kinds: Mapping[str, str] | None = None, kind: str | None = None) -> FoundMap:
    """Return a map for a file or folder.

    kinds   what tables hold that may hold several kinds of records, by their names
    kind    what all tables hold; None to find it out
    raises  ImportFileError if no table is recognized, AmbiguousKindError
    """
    paths, passed_over = list_tables(source)
    sections: list[tuple[UnmappedTable, dict[str, ColumnCells], ReadyMap | KindGuess]] = []
    unrecognized: list[UnmappedTable] = []
    for path in paths:
        tables = open_tables(path)
        if not tables:
            passed_over.append(PassedOver(path.name, Message("it has no row that names columns")))
        for table in tables:
            cells = table.read_columns()
            section: ReadyMap | KindGuess | None = find_ready_map(table, cells)
            if section is None or (isinstance(section, ReadyMap) and kind not in (None, section.file_map.kind)):
                section = _guess_kind(table, cells, kinds or {}, kind)
            if section is None:
                unrecognized.append(table)
                passed_over.append(PassedOver(table.name, Message("its columns are not recognized")))
            else:
                sections.append((table, cells, section))
    if not sections:
        if unrecognized:
            raise ImportFileError(
                "{table}: its columns do not tell what they hold: {header}. Write a map.",
                table=unrecognized[0].name,
                header=", ".join(filter(None, unrecognized[0].header.names))[:300],
            )
        raise ImportFileError("There is no table to import at {source}.", source=str(source))
    ready_names = {section.name if isinstance(section, ReadyMap) else None for _, _, section in sections}
    if len(ready_names) == 1 and None not in ready_names:
        return _use_ready_map(sections, passed_over)
    return _combine(source, sections, passed_over)


Section = tuple[UnmappedTable, dict[str, ColumnCells], ReadyMap | KindGuess]


def _guess_kind(
    table: UnmappedTable, cells: Mapping[str, ColumnCells], kinds: Mapping[str, str], kind: str | None
) -> KindGuess | None:
    guesses = guess_kinds(table, cells, [kind]) if kind else guess_kinds(table, cells)
    if table.name in kinds:
        guesses = [guess for guess in guesses if guess.kind == kinds[table.name]]
    if len(guesses) > 1:
        kinds_found = [guess.kind for guess in guesses]
        raise AmbiguousKindError(
            "{table} may hold {kinds}: name the file after what it holds, such as {example}, or write a map.",
            table=table.name,
            candidates=kinds_found,
            kinds=reduce(
                lambda first, rest: Message("{first} or {rest}", {"first": first, "rest": rest}),
                map(Message, kinds_found),
            ),
            example=f"{kinds_found[0]}.csv",
        )
    return guesses[0] if guesses else None


def _use_ready_map(sections: Sequence[Section], passed_over: list[PassedOver]) -> FoundMap:
    ready_maps = [ready_map for _, _, ready_map in sections if isinstance(ready_map, ReadyMap)]
    tables = [
        _describe_ready(table, cells, ready_map, ready_map.number + 1)
        for (table, cells, _), ready_map in zip(sections, ready_maps, strict=True)
    ]
    return FoundMap(deepcopy(ready_maps[0].content), tables, passed_over, ready_maps[0].name)


def _combine(source: Path, sections: Sequence[Section], passed_over: list[PassedOver]) -> FoundMap:
    """Return a map with a [[file]] for each table, found by the name of its file."""
    content = MapContent({"name": source.stem[:100] or "found"})
    tables: list[TableGuess] = []
    missing_fields: list[tuple[int, str]] = []
    for number, (table, cells, section) in enumerate(sections, 1):
        place = {"pattern": glob.escape(table.file_name)} | ({"sheet": glob.escape(table.sheet)} if table.sheet else {})
        if isinstance(section, ReadyMap):
            content.pipeline = content.pipeline or section.content.pipeline
            content.files.append({**deepcopy(section.content.files[section.number]), **place})
            tables.append(_describe_ready(table, cells, section, number))
            continue
        content.files.append({**place, **_write_section(section, cells)})
        fields = {guess.column: guess for guess in section.columns.values()}
        fields |= {column: ColumnGuess(column, "name", 0.9) for column in section.name_parts}
        if section.spread:
            fields |= {column: ColumnGuess(column, "target", 0.9) for column in section.spread.columns}
        columns = [fields.get(name, ColumnGuess(name, None, 0.0)) for name in table.header.names if name]
        tables.append(TableGuess(table, number, section.kind, columns, None, table.read_first_rows(), cells))
        missing_fields += [(number, name) for name in section.missing_fields]
    return FoundMap(content, tables, passed_over, None, missing_fields)


def _write_section(guess: KindGuess, cells: Mapping[str, ColumnCells]) -> TomlTable:
    """Return the [[file]] of a guess, without the place of its file."""
    fields = FIELDS_BY_KIND[guess.kind]
    columns = {name: guess.columns[name].column for name in fields if name in guess.columns}
    section: TomlTable = {"kind": guess.kind, "columns": columns}
    if guess.name_parts:
        both, (first, last) = " ".join(f"{{{name}}}" for name in guess.name_parts), guess.name_parts
        section["templates"] = {"name": [both, f"{{{last}}}", f"{{{first}}}"]}
    if guess.spread:
        section["spread"] = {guess.spread.field: [*guess.spread.columns]}
        if guess.spread.by_month:
            section["constants"] = {"period_kind": "month"}
    if "currency" in fields and "currency" not in columns:
        currencies = {find_currency(columns[name]) for name in ("amount", "price", "target") if name in columns}
        if len(currencies) == 1 and (currency := currencies.pop()):
            _find_subtable(section, "constants")["currency"] = currency
    for name, column in columns.items():
        known_words = known_cell_words(guess.kind, name)
        words = {text: known_words[text.casefold()] for text in cells[column].texts if text.casefold() in known_words}
        if words:
            _find_subtable(section, "values")[name] = words
    if guess.kind == "deals" and "status" in columns and "stage" in columns:
        section["unknown"] = {"stage": "create"}  # all stages are open: the status says how a deal ended
    return section


def _describe_ready(
    table: UnmappedTable, cells: dict[str, ColumnCells], ready_map: ReadyMap, number: int
) -> TableGuess:
    fields = fields_by_column(ready_map.file_map)
    columns = [
        ColumnGuess(name, fields.get(column), _DECIDED_BY_READY_MAP if column in fields else 0.0)
        for name, column in zip(table.header.names, ready_map.columns, strict=True)
        if name
    ]
    return TableGuess(table, number, ready_map.file_map.kind, columns, ready_map.name, table.read_first_rows(), cells)


def _find_subtable(table: TomlTable, name: str) -> TomlTable:
    """Return the table of this name in a table, which is made if there is none."""
    subtable = table.setdefault(name, {})
    assert isinstance(subtable, dict), name
    return subtable


def _hint_at_closing_date(content: MapContent, table: TableGuess) -> Iterator[str]:
    section = content.files[table.number - 1]
    if table.kind == "deals" and "closed" in _find_subtable(section, "columns") and "open_closing" not in section:
        yield 'open_closing = "expected"  # if the closing date of an open deal is the expected one; else it is rejected'


def _describe_columns(table: TableGuess, missing_fields: Sequence[tuple[int, str]]) -> Iterator[str]:
    confidences = [f"{guess.field} {guess.confidence:.0%}" for guess in table.columns if guess.field]
    yield f"Confidence: {', '.join(confidences)}."
    unread = ", ".join(quote(guess.column) for guess in table.columns if guess.field is None)
    if unread:
        yield f"Not read: {unread}."
    for number, name in missing_fields:
        if number == table.number:
            yield f'{name} = ""  # no column was found: name the one that holds it'
    if table.kind == "deals" and not {"stage", "status"} & {guess.field for guess in table.columns}:
        yield 'status = ""  # the column that says whether a deal is open, won or lost; without one all are open'
