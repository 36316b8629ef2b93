"""The serve command."""

from __future__ import annotations

import asyncio
import resource
from typing import Final

import click
import uvicorn
from uvicorn.supervisors import Multiprocess

from models import migrator
from models.db import connection
from models.db.errors import DatabaseUnavailable
from models.organization.company import find_company
from server.commands.runtime import load_settings
from server.settings import Settings
from server.uvicorn_runner import exit_cleanly_on_sigterm, server_config

_LOW_FILE_LIMIT: Final = 4_096


def serve_until_stopped(host: str | None, port: int | None) -> None:
    """Serve, also while PostgreSQL is down or there is no company yet. Raises ClickException for pending migrations."""
    settings = load_settings(host=host, port=port)
    settings.check_fit_to_serve()

    async def inspect_database() -> tuple[bool, bool]:
        async with connection.connect(settings.database_url):
            needs_migration = bool(await migrator.list_pending())
            return needs_migration, not needs_migration and await find_company() is None

    try:
        needs_migration, needs_company = asyncio.run(inspect_database())
    except DatabaseUnavailable as error:
        if settings.database_file is not None:
            raise  # a file that cannot be opened does not come back by itself, unlike a server
        click.echo(f"The database cannot be reached ({error}); serving anyway, ready once it can.", err=True)
        needs_migration = needs_company = False
    if needs_migration:
        raise click.ClickException("The database is not up to date: run `./run migrate` first.")
    if needs_company:
        click.echo("There is no company yet: `./run setup` creates it, in this or another terminal.", err=True)
    _run_server(settings)


def _run_server(settings: Settings) -> None:
    """Serve until stopped: in this process, or in `settings.workers` child processes."""
    exit_cleanly_on_sigterm()
    _raise_open_file_limit()
    if settings.workers == 1:
        uvicorn.Server(server_config(settings)).run()
        return
    config = server_config(settings, "server.app:create_app_from_environment")
    Multiprocess(config, [config.bind_socket()]).run()


def _raise_open_file_limit() -> None:
    """Raise the limit of open files to the hard limit, since each socket is a file; warn if that is low."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < _LOW_FILE_LIMIT:
        click.echo(f"Only {hard} files may be open: about {hard - 100} sockets at once. Raise `ulimit -Hn`.", err=True)
