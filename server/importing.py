"""The import as a command: who acts, a progress bar, and the summary."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import click

from domain.access import Role
from domain.refusals import Refusal
from imports import mapping
from imports.loading import Loading, Result, sources
from imports.reading import FileRefused
from imports.rejects import Rejects
from imports.tables import MapError
from models import company, database, people
from models.people import Employee
from resolvers.caller import Caller
from resolvers.context import Context, Services
from resolvers.viewer import Viewer
from server.app import clock
from server.gate import Gate
from server.settings import Settings
from server.throttle import throttle


class _RolledBack(Exception):
    """The end of a dry run."""


async def bring_in(found: Settings, source: Path, map_: str, *, dry_run: bool, rejects: Path) -> str:
    """Bring a CRM's exports in as the first administrator, and return what to tell about it.

    A dry run does everything in one transaction and takes it back; nobody else can record until it is done.
    Raises click.ClickException where nothing can be brought in at all.
    """
    try:
        read = mapping.load(map_)
        files, ignored = sources(source, read)
        context = await _context(found)
        lines = sum(_lines(path) for path, _ in files)
        with (
            Rejects(rejects) as rejected,
            click.progressbar(length=lines, label="Bringing in", file=sys.stderr) as bar,
        ):
            loading = Loading(context, read, rejected, bar.update)
            if dry_run:
                with suppress(_RolledBack):
                    async with database.writing():
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
        lines.append(f"What was rejected is in {rejects}, each row with its reason.")
    if dry_run:
        lines.append("This was a dry run: nothing has been changed.")
    return "\n".join(lines)


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))


async def _context(found: Settings) -> Context:
    """Return what the import works with: the rights of the first administrator, and nobody to ring for."""
    if await company.the_company() is None:
        raise click.ClickException("There is no company yet: run `./run setup` first.")
    admin = await Employee.filter(role=Role.ADMIN, active=True).order_by("id").first()
    if admin is None:
        raise click.ClickException("The company has no active administrator to act as.")
    services = Services(found.secret_text, throttle(None), lambda: None)  # servers look at the change log themselves
    context = Gate(services, clock).context(Caller(None, "en", "import", "import"))
    context.who = Viewer.of_employee(admin, await people.tree(), 0, clock(), leads=False)
    return context
