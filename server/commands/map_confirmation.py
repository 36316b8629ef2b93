"""Shows the map that was found for an import without one, and asks on a terminal what it leaves open."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from domain.i18n.languages import DEFAULT_LANGUAGE, LANGUAGES, translate
from domain.ledger.metrics import METRICS
from domain.messages import Message
from imports.files.source_row import FileNote
from imports.import_run import KIND_NAMES
from imports.map_guess.found_map import AmbiguousKindError, FoundMap, TableGuess, find_map

NOT_CONFIRMED: Final = 4  # the exit code if nothing was imported because nobody has confirmed it
_CELL_WIDTH: Final = 24


class NotConfirmed(click.exceptions.Exit):
    """Ends the command because an import was not confirmed; nothing has been changed."""

    def __init__(self) -> None:
        super().__init__(NOT_CONFIRMED)


@dataclass(frozen=True)
class Confirmation:
    """How an import is confirmed.

    is_given     --yes: nothing is asked
    is_terminal  whether questions can be answered
    is_dry_run   nothing is changed, so nothing has to be confirmed
    save_path    the file to write a map that was found to
    language     of the terminal
    kind         of records in all files, if the command names it
    """

    is_given: bool = False
    is_terminal: bool = False
    is_dry_run: bool = False
    save_path: Path | None = None
    language: str = DEFAULT_LANGUAGE
    kind: str | None = None

    @property
    def asks(self) -> bool:
        return self.is_terminal and not self.is_given

    def say(self, message: Message) -> None:
        click.echo(translate(message, self.language), err=True)

    def refuse(self, message: Message) -> NotConfirmed:
        """Say why nothing is imported, and return the exception that ends the command."""
        self.say(message)
        return NotConfirmed()

    def fail(self, message: Message) -> click.ClickException:
        return click.ClickException(translate(message, self.language))


def is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def find_terminal_language(environment: Mapping[str, str]) -> str:
    """Return the language that the variables of the locale name, such as `ru` of `ru_RU.UTF-8`; English for others."""
    locale = next(filter(None, map(environment.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    code = re.split(r"[_.@]", locale)[0].lower()
    return code if code in LANGUAGES else DEFAULT_LANGUAGE


def confirm_map(source: Path, confirmation: Confirmation) -> FoundMap:
    """Find a map for a file or folder, show it, and have it confirmed.

    Raises NotConfirmed, ImportFileError if nothing is recognized, and ClickException if a column is missing or the map
    cannot be saved.
    """
    found_map = _find_map(source, confirmation)
    for table in found_map.tables:
        click.echo(_describe_table(table, confirmation.language), err=True)
    if confirmation.asks:
        _ask_for_columns(found_map, confirmation)
        _ask_questions(found_map, confirmation)
    click.echo(_describe_map(found_map, confirmation.language), err=True)
    if confirmation.save_path:
        _save(found_map, confirmation.save_path, confirmation)
    if found_map.missing_fields:
        fields = ", ".join(name for _, name in found_map.missing_fields)
        raise confirmation.fail(
            Message(
                "No column was found for {fields}. {advice}",
                {"fields": fields, "advice": _say_how_to_go_on(source, confirmation, found_map, "")},
            )
        )
    if confirmation.is_dry_run or confirmation.is_given:
        return found_map
    if not confirmation.is_terminal:
        advice = _say_how_to_go_on(source, confirmation, found_map, " --yes")
        raise confirmation.refuse(Message("Nothing was imported. {advice}", {"advice": advice}))
    _confirm(Message("Import with this map?"), confirmation)
    return found_map


def confirm_notes(notes: Sequence[FileNote], confirmation: Confirmation) -> None:
    """Show what the reading of the files reports, and on a terminal have it confirmed if it is uncertain.

    Raises NotConfirmed.
    """
    for note in notes:
        click.echo(f"{note.render(confirmation.language)}\n", err=True)
    if any(note.is_warning for note in notes) and confirmation.asks and not confirmation.is_dry_run:
        _confirm(Message("Is this read as it should be? Import it?"), confirmation)


def _confirm(question: Message, confirmation: Confirmation) -> None:
    if not click.confirm(translate(question, confirmation.language), err=True):
        raise confirmation.refuse(Message("Nothing was imported."))


def _find_map(source: Path, confirmation: Confirmation) -> FoundMap:
    kinds: dict[str, str] = {}
    while True:
        try:
            return find_map(source, kinds, confirmation.kind)
        except AmbiguousKindError as error:
            if not confirmation.asks:
                raise
            question = Message("What does {table} hold?", {"table": error.table})
            kinds[error.table] = click.prompt(
                translate(question, confirmation.language), type=click.Choice(error.kinds), err=True
            )


def _ask_for_columns(found_map: FoundMap, confirmation: Confirmation) -> None:
    """Ask for the columns that the map needs and that were not recognized; an empty answer leaves one out."""
    for number, name in [*found_map.missing_fields]:
        table = next(table for table in found_map.tables if table.number == number)
        columns = [guess.column for guess in table.columns if guess.field is None]
        metrics = [*METRICS] if name == "metric" else []
        question = Message(
            "{table}: which metric are its targets of? ({metrics})"
            if metrics
            else "{table}: which column holds {field}? ({columns})",
            {"table": table.name, "field": name, "columns": ", ".join(columns), "metrics": ", ".join(metrics)},
        )
        answer = _prompt(question, [*columns, *metrics], confirmation)
        if answer in metrics:
            found_map.choose_constant(number, name, answer)
        elif answer:
            found_map.choose_column(number, name, answer)


def _ask_questions(found_map: FoundMap, confirmation: Confirmation) -> None:
    """Ask what the map leaves open; an empty answer leaves it open."""
    for number, question in found_map.find_questions():
        choices = ", ".join(question.answers)
        text = question.message
        if choices:
            text = Message("{name} ({reason})", {"name": text, "reason": choices})
        while answer := _prompt(text, [], confirmation):
            value = question.parse_answer(answer)
            if value is not None:
                found_map.answer(number, question, value)
                break
            if choices:
                confirmation.say(Message("Give one of {choices}, or nothing.", {"choices": choices}))
            else:
                confirmation.say(Message("Give a code such as EUR, or nothing."))


def _prompt(question: Message, choices: Sequence[str], confirmation: Confirmation) -> str:
    text = translate(question, confirmation.language)
    while True:
        answer = str(click.prompt(text, default="", show_default=False, err=True)).strip()
        if not answer or not choices or answer in choices:
            return answer
        confirmation.say(Message("There is no “{text}”.", {"text": answer}))


def _describe_table(table: TableGuess, language: str) -> str:
    """Return the columns of a table with field, confidence and the first rows, one column a line."""
    source = Message("guessed from its columns")
    if table.ready_map:
        source = Message("the map {map}, found by its columns", {"map": table.ready_map})
    lines = [f"{table.name}: {translate(Message(KIND_NAMES[table.kind]), language)}, {translate(source, language)}"]
    heads = [Message("column"), Message("field"), Message("sure")]
    heads += [Message("row {number}", {"number": number}) for number in range(1, len(table.rows) + 1)]
    cells = [[translate(head, language) for head in heads]]
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


def _describe_map(found_map: FoundMap, language: str) -> str:
    """Return the map, or what a built-in one leaves open."""
    messages = [Message("{name} is not read.", {"name": part.message}) for part in found_map.passed_over]
    lines = [translate(message, language) for message in messages]
    if found_map.ready_map is None:
        lines.append(f"{translate(Message('The map:'), language)}\n\n{found_map.text}")
    open_questions = found_map.find_questions()
    if open_questions:
        lines.append(translate(Message("The map leaves open, and rows that need it are rejected:"), language))
        lines += [
            f"  {translate(question.message, language)} [file.{question.table}] {question.hint}".replace("[file.] ", "")
            for _, question in open_questions
        ]
    return "\n".join(lines)


def _save(found_map: FoundMap, path: Path, confirmation: Confirmation) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(found_map.text)
    except FileExistsError as error:
        message = Message("{path} is there already: give another file for the map.", {"path": str(path)})
        raise confirmation.fail(message) from error
    except OSError as error:
        message = Message(
            "The map cannot be written to {path}: {reason}.", {"path": str(path), "reason": error.strerror or ""}
        )
        raise confirmation.fail(message) from error
    confirmation.say(Message("The map is in {path}.", {"path": str(path)}))


def _say_how_to_go_on(source: Path, confirmation: Confirmation, found_map: FoundMap, option: str) -> Message:
    command = f"./run import {shlex.quote(str(source))}{f' --kind {confirmation.kind}' if confirmation.kind else ''}"
    if confirmation.save_path:
        path = str(confirmation.save_path)
        return Message(
            "Look through {path} and run `{command}`.",
            {"path": path, "command": f"./run import {shlex.quote(str(source))} --map {shlex.quote(path)}"},
        )
    if not option:
        return Message(
            "Run `{command}`, complete the map, and import with `--map map.toml`.",
            {"command": f"{command} --save-map map.toml"},
        )
    if found_map.ready_map:
        return Message(
            "Run `{command}`, or with `{option}` instead of the map.",
            {"command": f"{command} --map {found_map.ready_map}", "option": option.strip()},
        )
    return Message(
        "Run `{command}` to import with this map, or with `--save-map map.toml` to change it first.",
        {"command": f"{command}{option}"},
    )
