"""Finds which kind of records a table holds, and which column each field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from imports.field_specs import FIELDS_BY_KIND, REQUIRED_FIELDS, FieldSpec, FieldType
from imports.map_guess.column_cells import ColumnCells
from imports.map_guess.header_matching import normalize_header, rate_header, rate_kind_by_name
from imports.map_guess.header_words import CELL_WORDS, FIRST_NAMES, HEADERS_BY_KIND, LAST_NAMES
from imports.map_guess.target_columns import TargetColumns, find_target_columns
from imports.map_guess.unmapped_table import UnmappedTable

MIN_CONFIDENCE: Final = 0.5
_PROVEN_BY_CELLS: Final = 0.04  # what cells of the right kind add to a header
_EMPTY_COLUMN: Final = 0.8  # the share that is left of a confidence without cells
_EMAILS_ALONE: Final = 0.6
_REPEATED_ID: Final = 0.4
_SPREAD_TARGETS: Final = 3.0  # for columns with a target each, in fields
_NAMED_KIND: Final = 1.0  # for the name of the file, in fields
_MISSING_FIELD: Final = 1.5
_MIN_LEAD: Final = 0.25  # of the best kind, in fields, before it is certain
# Fields that few other kinds have, and what they count more than others.
_TELLING_FIELDS: Final[Mapping[tuple[str, str], float]] = {
    ("deals", "stage"): 1.0, ("deals", "amount"): 0.5, ("deals", "expected"): 0.5, ("leads", "source"): 0.5, ("calls", "direction"): 0.5,
    ("calls", "seconds"): 0.5, ("tasks", "due"): 1.0, ("visits", "entered"): 1.0, ("goals", "metric"): 0.5, ("goals", "target"): 0.5,
    ("contacts", "client"): 0.5, ("people", "role"): 0.5, ("people", "joined"): 0.5, ("people", "left"): 0.5,
}  # fmt: skip


@dataclass(frozen=True)
class ColumnGuess:
    """The field that a column seems to hold, None if none, and how sure that is, from 0 to 1."""

    column: str
    field: str | None
    confidence: float


@dataclass(frozen=True)
class KindGuess:
    """A kind of records that a table may hold, with the columns of its fields.

    score       to compare kinds: the sum of the confidences, more for fields that other kinds have not
    name_parts  the columns of first and last names, where no column has whole ones
    spread      the columns with a target each, where several have one
    """

    kind: str
    score: float
    columns: Mapping[str, ColumnGuess]
    name_parts: list[str] = field(default_factory=list)
    spread: TargetColumns | None = None

    @property
    def missing_fields(self) -> list[str]:
        """The fields that a map needs and for which there is no column."""
        assigned_fields = {*self.columns, *(["name"] if self.name_parts else [])}
        if self.spread:
            assigned_fields |= {"target", self.spread.field}
        return [name for name in REQUIRED_FIELDS[self.kind] if name not in assigned_fields]


def guess_kinds(
    table: UnmappedTable, cells: Mapping[str, ColumnCells], kinds: Iterable[str] = FIELDS_BY_KIND
) -> list[KindGuess]:
    """Return which of the kinds of records the table may hold, the likeliest first; several only if they are as likely."""
    guesses = [_assign_columns(kind, table, cells) for kind in kinds]
    guesses = [guess for guess in guesses if guess.spread or len(guess.columns) + len(guess.name_parts) > 1]
    guesses = [guess for guess in guesses if len(guess.missing_fields) <= 1] or guesses
    guesses.sort(key=lambda guess: guess.score, reverse=True)
    return [guess for guess in guesses if guesses[0].score - guess.score < _MIN_LEAD]


def _assign_columns(kind: str, table: UnmappedTable, cells: Mapping[str, ColumnCells]) -> KindGuess:
    """Return the assignment of columns to the fields of a kind: the surest first, each column and field once."""
    ratings = [
        (confidence, -position, column, name)
        for position, column in enumerate(table.columns)
        for name, field_type in FIELDS_BY_KIND[kind].items()
        if name in HEADERS_BY_KIND[kind]
        and (confidence := _rate_column(column, kind, name, field_type, cells[column])) >= MIN_CONFIDENCE
    ]
    columns: dict[str, ColumnGuess] = {}
    assigned_columns: set[str] = set()
    for confidence, _, column, name in sorted(ratings, reverse=True):
        if name not in columns and column not in assigned_columns:
            columns[name] = ColumnGuess(column, name, confidence)
            assigned_columns.add(column)
    if kind == "deals":
        _tell_status_from_stage(columns, cells)
    name_parts = [] if kind not in ("people", "contacts", "clients") else _find_name_parts(table, columns)
    if name_parts:
        columns.pop("name", None)
    spread = find_target_columns(table.columns, cells, columns) if kind == "goals" else None
    if spread:
        columns = {
            name: guess for name, guess in columns.items() if name != "target" and guess.column not in spread.columns
        }
    guess = KindGuess(kind, 0.0, columns, name_parts, spread)
    score = sum(column.confidence + _TELLING_FIELDS.get((kind, name), 0.0) for name, column in columns.items())
    score += _SPREAD_TARGETS if spread else 0.0
    score += len(name_parts) - _MISSING_FIELD * len(guess.missing_fields)
    if any(rate_kind_by_name(name, kind) for name in (table.file_name, table.sheet)):
        score += _NAMED_KIND
    score += _count_own_headers(kind, columns)
    return KindGuess(kind, score, columns, name_parts, spread)


def _rate_column(column: str, kind: str, name: str, field_type: FieldSpec, cells: ColumnCells) -> float:
    confidence = rate_header(column, kind, name)
    if not cells.fits(name, field_type):
        return 0.0
    if name == "email" and not confidence and cells.count:
        return _EMAILS_ALONE
    if not confidence:
        return 0.0
    if not cells.count:
        return confidence * _EMPTY_COLUMN
    if name == "id" and not cells.is_unique:
        return _REPEATED_ID
    return confidence + (_PROVEN_BY_CELLS if field_type is not FieldType.TEXT or name in ("id", "email") else 0.0)


def _tell_status_from_stage(columns: dict[str, ColumnGuess], cells: Mapping[str, ColumnCells]) -> None:
    """Let a column “Status” of deals without a stage be the stage, unless its cells are open, won and lost."""
    status = columns.get("status")
    if status is None or "stage" in columns:
        return
    words = {text.casefold() for text in cells[status.column].texts}
    if not words <= {"open", "won", "lost"}:
        columns["stage"] = ColumnGuess(status.column, "stage", status.confidence)
        del columns["status"]


def _find_name_parts(table: UnmappedTable, columns: Mapping[str, ColumnGuess]) -> list[str]:
    """Return the columns of first and last names, if there are both."""
    by_words = {normalize_header(column): column for column in table.columns}
    first = next((by_words[words] for words in FIRST_NAMES if words in by_words), None)
    last = next((by_words[words] for words in LAST_NAMES if words in by_words), None)
    if first is None or last is None or {*first, *last} & {*"{}"}:
        return []
    name = columns.get("name")
    return [first, last] if name is None or name.column in (first, last) else []


def _count_own_headers(kind: str, columns: Mapping[str, ColumnGuess]) -> float:
    """Return half a field for each column whose header names the records themselves, as “Deal name” does."""
    record_fields = ("title", "name", "id")
    return 0.5 * sum(rate_kind_by_name(columns[name].column, kind) for name in record_fields if name in columns)


def known_cell_words(kind: str, name: str) -> Mapping[str, str]:
    """Return the words of cells whose meaning is certain, for a field with words of its own."""
    return CELL_WORDS.get((kind, name), {})
