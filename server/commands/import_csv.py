"""The import command: runs an import as the first administrator, with a progress bar and a summary."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import click

from domain.errors.user_errors import Refusal
from domain.permissions import Role
from imports import map_file
from imports.csv_reader import FileRefused
from imports.import_run import Result
from imports.importer import Loading, sources
from imports.rejected_rows import Rejects
from imports.toml_schema import MapError
from models.db import connection
from models.organization import company, people
from models.organization.people import Employee
from resolvers.request.client_info import Caller
from resolvers.request.context import Context
from resolvers.request.services import Services
from resolvers.request.viewer import Viewer
from server.app import clock
from server.context_factory import Gate
from server.http.rate_limit import throttle
from server.settings import Settings


class _RolledBack(Exception):
    """Rolls the transaction of a dry run back."""


async def bring_in(found: Settings, source: Path, map_: str, *, dry_run: bool, rejects: Path) -> str:
    """Import the exports of a CRM as the first administrator, and return the summary.

    A dry run does everything in one transaction and rolls it back; other writers wait until it is done.
    Raises click.ClickException if nothing can be imported at all.
    """
    try:
        read = map_file.load(map_)
        files, ignored = sources(source, read)
        context = await _context(found)
        lines = sum(_lines(path) for path, _ in files)
        with (
            Rejects(rejects) as rejected,
            click.progressbar(length=lines, label="Importing", file=sys.stderr) as bar,
        ):
            loading = Loading(context, read, rejected, bar.update)
            if dry_run:
                with suppress(_RolledBack):
                    async with connection.writing():
                        await loading.run(files)
                        raise _RolledBack
            else:
                await loading.run(files)
    except (MapError, FileRefused) as error:
        raise click.ClickException(str(error)) from error
    except Refusal as refusal:
        raise click.ClickException(refusal.message) from refusal
    loading.result.ignored = ignored
    return _told(loading.result, dry_run, rejects)


def _told(result: Result, dry_run: bool, rejects: Path) -> str:
    lines = [str(result)]
    if result.rejected:
        lines.append(f"Rejected rows are in {rejects}, each with its reason.")
    if dry_run:
        lines.append("This was a dry run: nothing has been changed.")
    return "\n".join(lines)


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))


async def _context(found: Settings) -> Context:
    """Return a context with the permissions of the first administrator and no change notification."""
    if await company.the_company() is None:
        raise click.ClickException("There is no company yet: run `./run setup` first.")
    admin = await Employee.filter(role=Role.ADMIN, active=True).order_by("id").first()
    if admin is None:
        raise click.ClickException("The company has no active administrator to act as.")
    services = Services(found.secret_text, throttle(None), lambda: None)  # servers poll the change log
    context = Gate(services, clock).context(Caller(None, "en", "import", "import"))
    context.who = Viewer.of_employee(admin, await people.tree(), 0, clock(), leads=False)
    return context
