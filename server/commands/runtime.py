"""What most commands begin with: settings, logging and a connected database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TypeVar

import click

from models import migrator
from models.db import connection
from models.db.private_copy import connect_to_copy
from models.db.write_queue import COMMAND_LIMITS
from server import settings
from server.observability import logging
from server.settings import Settings

Result = TypeVar("Result")


def load_settings(**overrides: object) -> Settings:
    """Read the settings from the environment and configure logging by them."""
    loaded_settings = settings.load(**overrides)
    logging.configure_logging(loaded_settings)
    return loaded_settings


def run_with_database(
    settings: Settings, command: Callable[[], Coroutine[object, None, Result]], *, on_copy: bool = False
) -> Result:
    """Run a coroutine with the database connected, without a limit of time for its statements and locks.

    on_copy  whether it runs on a private copy of the database, so that nothing of its changes stays

    Raises ClickException if migrations are pending.
    """

    async def run_connected() -> Result:
        connect = connect_to_copy if on_copy else connection.connect
        async with connect(settings.database_url, limits=COMMAND_LIMITS):
            if await migrator.list_pending():
                raise click.ClickException("The database is not up to date: run `./run migrate` first.")
            return await command()

    return asyncio.run(run_connected())
