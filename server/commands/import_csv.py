"""The import command: runs an import as the first administrator, with a progress bar and a summary."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click

from domain.errors.user_errors import UserError
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
    dry_run = confirmation.is_dry_run
    try:
        if map_name is None:
            found_map = confirm_map(source, confirmation)
            import_map = found_map.parse()
            map_name = found_map.ready_map or (str(confirmation.save_path) if confirmation.save_path else None)
        else:
            import_map = map_file.load_map(map_name)
        sources = find_sources(source, import_map)
        confirm_notes(sources.notes, confirmation)
        context = await _create_context(settings)
        line_count = sum(file.line_count for file in sources.files)
        with (
            RejectedRows(rejects_path, [file.path for file in sources.files]) as rejected_rows,
            click.progressbar(
                length=line_count,
                label="Checking" if dry_run else "Importing",
                show_pos=True,
                item_show_func=lambda rate: rate,
                file=sys.stderr,
            ) as progress_bar,
        ):
            importer = Importer(context, import_map, rejected_rows, create_rate_reporter(progress_bar.update))
            await importer.run(sources.files)
    except (MapError, ImportFileError) as error:
        raise click.ClickException(str(error)) from error
    except UserError as user_error:
        raise click.ClickException(str(user_error)) from user_error
    importer.result.ignored = [str(part) for part in sources.passed_over]
    return _format_summary(importer.result, dry_run, rejected_rows, map_name), importer.result.exit_code


def _format_summary(result: ImportResult, dry_run: bool, rejected_rows: RejectedRows, map_name: str | None) -> str:
    lines = [str(result)] if str(result) else []
    if not result.accepted:
        lines.append("Warning: nothing came in.")
    if rejected_rows.paths:
        map_option = f" --map {shlex.quote(map_name)}" if map_name else ""
        paths = ", ".join(map(str, rejected_rows.paths))
        source = rejected_rows.paths[0] if len(rejected_rows.paths) == 1 else rejected_rows.paths[0].parent
        lines.append(
            f"Rejected rows are in {paths}, each with its reason. "
            f"Mend them there and run `./run import {shlex.quote(str(source))}{map_option}`."
        )
    if dry_run:
        lines.append("This was a dry run: nothing has been changed.")
    return "\n".join(lines)


def create_rate_reporter(
    update: Callable[[int, str], None], clock: Callable[[], float] = time.monotonic
) -> Callable[[int], None]:
    """Return a function that adds lines to a progress bar, with the number of lines a second since the beginning."""
    began, lines_done = clock(), 0

    def report(lines: int) -> None:
        nonlocal lines_done
        lines_done += lines
        update(lines, f"{lines_done / max(clock() - began, 1e-3):,.0f} lines a second")

    return report


async def _create_context(settings: Settings) -> RequestContext:
    """Return a context with the permissions of the first administrator and no change notification."""
    if await company.find_company() is None:
        raise click.ClickException("There is no company yet: run `./run setup` first.")
    admin = next(iter(await people.list_admins()), None)
    if admin is None:
        raise click.ClickException("The company has no active administrator to act as.")
    return await create_import_context(settings, admin, "en")
