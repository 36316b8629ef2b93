"""Shows the map that was found for an import without one, and asks on a terminal what it leaves open."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from imports.files.source_row import FileNote
from imports.map_guess.found_map import AmbiguousKindError, FoundMap, TableGuess, find_map

NOT_CONFIRMED: Final = 4  # the exit code if nothing was imported because nobody has confirmed it
_CELL_WIDTH: Final = 24


class NotConfirmed(click.exceptions.Exit):
    """Ends the command because an import was not confirmed; nothing has been changed."""

    def __init__(self, sentence: str) -> None:
        super().__init__(NOT_CONFIRMED)
        click.echo(sentence, err=True)


@dataclass(frozen=True)
class Confirmation:
    """How an import is confirmed.

    is_given     --yes: nothing is asked
    is_terminal  whether questions can be answered
    is_dry_run   nothing is changed, so nothing has to be confirmed
    save_path    the file to write a map that was found to
    """

    is_given: bool = False
    is_terminal: bool = False
    is_dry_run: bool = False
    save_path: Path | None = None

    @property
    def asks(self) -> bool:
        return self.is_terminal and not self.is_given


def is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirm_map(source: Path, confirmation: Confirmation) -> FoundMap:
    """Find a map for a file or folder, show it, and have it confirmed.

    Raises NotConfirmed, ImportFileError if nothing is recognized, and ClickException if a column is missing or the map
    cannot be saved.
    """
    found_map = _find_map(source, confirmation)
    for table in found_map.tables:
        click.echo(_describe_table(table), err=True)
    if confirmation.asks:
        _ask_for_columns(found_map)
        _ask_questions(found_map)
    click.echo(_describe_map(found_map), err=True)
    if confirmation.save_path:
        _save(found_map, confirmation.save_path)
    if found_map.missing_fields:
        fields = ", ".join(name for _, name in found_map.missing_fields)
        raise click.ClickException(
            f"No column was found for {fields}. {_say_how_to_go_on(source, confirmation, found_map, '')}"
        )
    if confirmation.is_dry_run or confirmation.is_given:
        return found_map
    if not confirmation.is_terminal:
        raise NotConfirmed(f"Nothing was imported. {_say_how_to_go_on(source, confirmation, found_map, ' --yes')}")
    _confirm("Import with this map?")
    return found_map


def confirm_notes(notes: Sequence[FileNote], confirmation: Confirmation) -> None:
    """Show what the reading of the files reports, and on a terminal have it confirmed if it is uncertain.

    Raises NotConfirmed.
    """
    for note in notes:
        click.echo(f"{note}\n", err=True)
    if any(note.is_warning for note in notes) and confirmation.asks and not confirmation.is_dry_run:
        _confirm("Is this read as it should be? Import it?")


def _confirm(question: str) -> None:
    if not click.confirm(question, err=True):
        raise NotConfirmed("Nothing was imported.")


def _find_map(source: Path, confirmation: Confirmation) -> FoundMap:
    kinds: dict[str, str] = {}
    while True:
        try:
            return find_map(source, kinds)
        except AmbiguousKindError as error:
            if not confirmation.asks:
                raise
            kinds[error.table] = click.prompt(
                f"What does {error.table} hold?", type=click.Choice(error.kinds), err=True
            )


def _ask_for_columns(found_map: FoundMap) -> None:
    """Ask for the columns that the map needs and that were not recognized; an empty answer leaves one out."""
    for number, name in [*found_map.missing_fields]:
        table = next(table for table in found_map.tables if table.number == number)
        columns = [guess.column for guess in table.columns if guess.field is None]
        answer = _prompt(f"{table.name}: which column holds {name}? ({', '.join(columns)})", columns)
        if answer:
            found_map.choose_column(number, name, answer)


def _ask_questions(found_map: FoundMap) -> None:
    """Ask what the map leaves open; an empty answer leaves it open."""
    for number, question in found_map.find_questions():
        choices = f" ({', '.join(question.answers)})" if question.answers else ""
        while answer := _prompt(f"{question.message}{choices}", []):
            value = question.parse_answer(answer)
            if value is not None:
                found_map.answer(number, question, value)
                break
            expected = f"one of {', '.join(question.answers)}" if question.answers else "a code such as EUR"
            click.echo(f"Give {expected}, or nothing.", err=True)


def _prompt(text: str, choices: Sequence[str]) -> str:
    while True:
        answer = str(click.prompt(text, default="", show_default=False, err=True)).strip()
        if not answer or not choices or answer in choices:
            return answer
        click.echo(f"There is no “{answer}”.", err=True)


def _describe_table(table: TableGuess) -> str:
    """Return the columns of a table with field, confidence and the first rows, one column a line."""
    source = f"the map {table.ready_map}, found by its columns" if table.ready_map else "guessed from its columns"
    lines = [f"{table.name}: {table.kind}, {source}"]
    row_names = [f"row {number}" for number in range(1, len(table.rows) + 1)]
    cells = [["column", "field", "sure", *row_names]]
    for guess in table.columns:
        confidence = f"{guess.confidence:.0%}" if guess.field else ""
        texts = (row.cells.get(guess.column, "") for row in table.rows)
        cells.append([guess.column, guess.field or "-", confidence, *texts])
    shortened_rows = [[" ".join(text.split())[:_CELL_WIDTH] for text in row] for row in cells]
    widths = [max(map(len, column)) for column in zip(*shortened_rows, strict=True)]
    lines += [
        f"  {'  '.join(text.ljust(width) for text, width in zip(row, widths, strict=True))}".rstrip()
        for row in shortened_rows
    ]
    return "\n".join(lines) + "\n"


def _describe_map(found_map: FoundMap) -> str:
    """Return the map, or what a built-in one leaves open."""
    lines = [f"{part} is not read." for part in found_map.passed_over]
    if found_map.ready_map is None:
        lines.append(f"The map:\n\n{found_map.text}")
    open_questions = found_map.find_questions()
    if open_questions:
        lines.append("The map leaves open, and rows that need it are rejected:")
        lines += [
            f"  {question.message} [file.{question.table}] {question.hint}".replace("[file.] ", "")
            for _, question in open_questions
        ]
    return "\n".join(lines)


def _save(found_map: FoundMap, path: Path) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(found_map.text)
    except FileExistsError as error:
        raise click.ClickException(f"{path} is there already: give another file for the map.") from error
    except OSError as error:
        raise click.ClickException(f"The map cannot be written to {path}: {error.strerror}.") from error
    click.echo(f"The map is in {path}.", err=True)


def _say_how_to_go_on(source: Path, confirmation: Confirmation, found_map: FoundMap, option: str) -> str:
    command = f"./run import {shlex.quote(str(source))}"
    if confirmation.save_path:
        return f"Look through {confirmation.save_path} and run `{command} --map {shlex.quote(str(confirmation.save_path))}`."
    if not option:
        return f"Run `{command} --save-map map.toml`, complete the map, and import with `--map map.toml`."
    if found_map.ready_map:
        return f"Run `{command} --map {found_map.ready_map}`, or with `{option.strip()}` instead of the map."
    return f"Run `{command}{option}` to import with this map, or with `--save-map map.toml` to change it first."
