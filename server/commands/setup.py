"""The setup command."""

from __future__ import annotations

import asyncio

import click

from domain.errors.user_errors import UserError
from models import migrator
from models.db import connection
from resolvers.organization import company
from server.clock import utc_now
from server.commands.runtime import load_settings, run_with_database


def set_up_company(
    name: str, currency: str, zone: str, country: str | None, admin: str, email: str, password: str
) -> str:
    """Create the tables, the company and its first administrator, and return what to do next."""
    settings = load_settings()
    asyncio.run(migrator.migrate(settings.database_url))

    async def create_company() -> str:
        try:
            async with connection.write_transaction():
                row, administrator = await company.set_up(
                    name=name, currency=currency, zone=zone, country=country, admin=admin, email=email,
                    password=password, now=utc_now(),
                )  # fmt: skip
        except UserError as error:
            raise click.ClickException(f"{'.'.join(error.path)}: {error.message}") from error
        return f"{row.name} is set up. {administrator.name} signs in with {administrator.email}; `./run serve` starts the server."

    return run_with_database(settings, create_company)
