"""The import command: runs an import as the first administrator, with a progress bar and a summary."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import click

from domain.errors.user_errors import UserError
from imports import map_file
from imports.csv_reader import ImportFileError
from imports.import_run import ImportResult
from imports.importer import Importer, find_sources
from imports.rejected_rows import RejectedRows
from imports.toml_schema import MapError
from models.organization import company, people
from resolvers.request.client_info import ClientInfo
from resolvers.request.context import RequestContext
from resolvers.request.viewer import Viewer
from server.clock import utc_now
from server.commands.contexts import create_context_factory
from server.settings import Settings


async def run_import(settings: Settings, source: Path, map_name: str, *, dry_run: bool, rejects_path: Path) -> str:
    """Import the exports of a CRM as the first administrator, and return the summary.

    A dry run does the same, connected to a private copy of the database.

    Raises click.ClickException if nothing can be imported at all.
    """
    try:
        import_map = map_file.load_map(map_name)
        files, ignored = find_sources(source, import_map)
        context = await _create_context(settings)
        line_count = sum(_count_lines(path) for path, _ in files)
        with (
            RejectedRows(rejects_path) as rejected_rows,
            click.progressbar(
                length=line_count,
                label="Checking" if dry_run else "Importing",
                show_pos=True,
                item_show_func=lambda rate: rate,
                file=sys.stderr,
            ) as progress_bar,
        ):
            importer = Importer(context, import_map, rejected_rows, create_rate_reporter(progress_bar.update))
            await importer.run(files)
    except (MapError, ImportFileError) as error:
        raise click.ClickException(str(error)) from error
    except UserError as user_error:
        raise click.ClickException(str(user_error)) from user_error
    importer.result.ignored = ignored
    return _format_summary(importer.result, dry_run, rejects_path)


def _format_summary(result: ImportResult, dry_run: bool, rejects_path: Path) -> str:
    lines = [str(result)]
    if result.rejected:
        lines.append(f"Rejected rows are in {rejects_path}, each with its reason.")
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


def _count_lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))


async def _create_context(settings: Settings) -> RequestContext:
    """Return a context with the permissions of the first administrator and no change notification."""
    if await company.find_company() is None:
        raise click.ClickException("There is no company yet: run `./run setup` first.")
    admin = next(iter(await people.list_admins()), None)
    if admin is None:
        raise click.ClickException("The company has no active administrator to act as.")
    context = create_context_factory(settings).create_context(ClientInfo(None, "en", "import", "import"))
    context.current_viewer = Viewer.for_employee(
        admin, await people.load_team_tree(), 0, utc_now(), has_direct_reports=False
    )
    return context
