"""The import command: runs an import as the first administrator, with a progress bar and a summary."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click

from domain.errors.user_errors import UserError
from domain.i18n.languages import DEFAULT_LANGUAGE, translate
from domain.messages import Message
from imports import map_file
from imports.files.source_discovery import find_sources
from imports.files.source_row import ImportFileError
from imports.import_run import ImportResult
from imports.importer import Importer
from imports.rejected_rows import RejectedRows
from imports.toml_schema import MapError
from models.organization import company, people
from resolvers.request.context import RequestContext
from server.commands.contexts import create_import_context
from server.commands.map_confirmation import Confirmation, confirm_map, confirm_notes
from server.settings import Settings


async def run_import(
    settings: Settings, source: Path, map_name: str | None, *, rejects_path: Path, confirmation: Confirmation
) -> tuple[str, int]:
    """Import the exports of a CRM as the first administrator; return the summary and the exit code of the command.

    A dry run does the same, connected to a private copy of the database.
    map_name  a built-in map or a file; None to find a map for the files
    Raises click.ClickException if nothing can be imported at all, and NotConfirmed.
    """
    dry_run, language = confirmation.is_dry_run, confirmation.language
    try:
        if map_name is None:
            found_map = confirm_map(source, confirmation)
            import_map = found_map.parse()
            map_name = found_map.ready_map or (str(confirmation.save_path) if confirmation.save_path else None)
        else:
            import_map = map_file.load_map(map_name)
        sources = find_sources(source, import_map)
        confirm_notes(sources.notes, confirmation)
        context = await _create_context(settings, confirmation)
        line_count = sum(file.line_count for file in sources.files)
        with (
            RejectedRows(rejects_path, [file.path for file in sources.files]) as rejected_rows,
            click.progressbar(
                length=line_count,
                label=translate(Message("Checking" if dry_run else "Importing"), language),
                show_pos=True,
                item_show_func=lambda rate: rate,
                file=sys.stderr,
            ) as progress_bar,
        ):
            importer = Importer(context, import_map, rejected_rows, create_rate_reporter(progress_bar.update, language))
            await importer.run(sources.files)
    except (MapError, ImportFileError, UserError) as error:
        raise confirmation.fail(error.message) from error
    importer.result.passed_over = [part.message for part in sources.passed_over]
    summary = _format_summary(importer.result, confirmation, rejected_rows, map_name)
    return summary, importer.result.exit_code


def _format_summary(
    result: ImportResult, confirmation: Confirmation, rejected_rows: RejectedRows, map_name: str | None
) -> str:
    messages: list[Message] = []
    if not result.accepted:
        messages.append(Message("Warning: nothing came in."))
    if rejected_rows.paths:
        map_option = f" --map {shlex.quote(map_name)}" if map_name else ""
        paths = ", ".join(map(str, rejected_rows.paths))
        source = rejected_rows.paths[0] if len(rejected_rows.paths) == 1 else rejected_rows.paths[0].parent
        messages.append(
            Message(
                "Rejected rows are in {paths}, each with its reason. Mend them there and run `{command}`.",
                {"paths": paths, "command": f"./run import {shlex.quote(str(source))}{map_option}"},
            )
        )
    if confirmation.is_dry_run:
        messages.append(Message("This was a dry run: nothing has been changed."))
    summary = result.render(confirmation.language)
    return "\n".join(filter(None, [summary, *(translate(message, confirmation.language) for message in messages)]))


def create_rate_reporter(
    update: Callable[[int, str], None], language: str, clock: Callable[[], float] = time.monotonic
) -> Callable[[int], None]:
    """Return a function that adds lines to a progress bar, with the number of lines a second since the beginning."""
    began, lines_done = clock(), 0

    def report(lines: int) -> None:
        nonlocal lines_done
        lines_done += lines
        rate = f"{lines_done / max(clock() - began, 1e-3):,.0f}"
        update(lines, translate(Message("{rate} lines a second", {"rate": rate}), language))

    return report


async def _create_context(settings: Settings, confirmation: Confirmation) -> RequestContext:
    """Return a context with the permissions of the first administrator and no change notification."""
    if await company.find_company() is None:
        raise confirmation.fail(Message("There is no company yet: run `./run setup` first."))
    admin = next(iter(await people.list_admins()), None)
    if admin is None:
        raise confirmation.fail(Message("The company has no active administrator to act as."))
    return await create_import_context(settings, admin, DEFAULT_LANGUAGE)
