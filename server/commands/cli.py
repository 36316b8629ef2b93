"""Command-line interface: setup, serve, migrate, import, backtest, forecast, reconcile, settings, schema, demo."""

from __future__ import annotations

import asyncio
import resource
import sys
from collections.abc import Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import uvicorn
from uvicorn.supervisors import Multiprocess

from domain.errors.user_errors import UserError
from graph.schema import export_sdl
from models import migrator
from models.db import connection
from models.db.connection import DATABASE_DOWN_ERRORS
from models.organization.company import find_company
from resolvers.ledger.reconciliation import reconcile as run_reconciliation
from resolvers.organization import company
from server import settings
from server.clock import utc_now
from server.observability import logging
from server.settings import Settings, SettingsError
from server.uvicorn_runner import exit_cleanly_on_sigterm, server_config

Result = TypeVar("Result")
_LOW_FILE_LIMIT: Final = 4_096
SCHEMA_FILE = Path(__file__).parents[2] / "graph" / "schema.graphql"


class _CommandGroup(click.Group):
    """A command group that reports settings and database errors as one sentence instead of a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            raise click.ClickException(str(error)) from error
        except DATABASE_DOWN_ERRORS as error:
            raise click.ClickException(f"The database cannot be reached: {error}") from error


@click.group(
    cls=_CommandGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Settings come from the environment; `settings` lists them.",
)
def main() -> None:
    """Scoreline: live sales goals, leaderboards and forecasts."""


def _load_settings(**overrides: Any) -> Settings:
    loaded_settings = settings.load(**overrides)
    logging.configure_logging(loaded_settings)
    return loaded_settings


def _run_with_database(settings: Settings, command: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """Run a coroutine with the database connected. Raises ClickException if migrations are pending."""

    async def run_connected() -> Result:
        async with connection.connect(settings.database_url):
            if await migrator.list_pending():
                raise click.ClickException("The database is not up to date: run `./run migrate` first.")
            return await command()

    return asyncio.run(run_connected())


@main.command("settings")
def show_settings() -> None:
    """List all settings with their meanings and defaults, as a Markdown table."""
    click.echo(settings.describe())


@main.command()
def migrate() -> None:
    """Create the tables, or migrate them to the current version. No data is lost."""
    applied = asyncio.run(migrator.migrate(_load_settings().database_url))
    click.echo("\n".join(f"applied {name}" for name in applied) or "The database is up to date.")


@main.command()
@click.option("--name", prompt="Company", help="The company's name.")
@click.option(
    "--currency",
    prompt="Currency (ISO 4217)",
    default="EUR",
    show_default=True,
    help="The company's currency, as an ISO 4217 code.",
)
@click.option(
    "--zone",
    prompt="Time zone (IANA)",
    default="UTC",
    show_default=True,
    help="The company's time zone, by its IANA name; days begin at its midnight.",
)
@click.option("--country", default=None, help="ISO 3166 country whose public holidays are not working days.")
@click.option("--admin", prompt="Administrator's name", help="The first employee, who creates all others.")
@click.option("--email", prompt="Administrator's e-mail", help="The administrator's e-mail for signing in.")
@click.option(
    "--password", prompt=True, hide_input=True, confirmation_prompt=True, envvar="SCORELINE_ADMIN_PASSWORD",
    help="At least 8 characters; may come from SCORELINE_ADMIN_PASSWORD.",
)  # fmt: skip
def setup(**options: Any) -> None:
    """Create the company, its first pipeline and its first administrator: once per installation."""
    settings = _load_settings()
    asyncio.run(migrator.migrate(settings.database_url))

    async def create_company() -> str:
        try:
            async with connection.write_transaction():
                row, admin = await company.set_up(**options, now=utc_now())
        except UserError as error:
            raise click.ClickException(f"{'.'.join(error.path)}: {error.message}") from error
        return f"{row.name} is set up. {admin.name} signs in with {admin.email}; `./run serve` starts the server."

    click.echo(_run_with_database(settings, create_company))


@main.command()
@click.option("--host", default=None, help="Address to listen on [SCORELINE_HOST].")
@click.option("--port", type=int, default=None, help="Port to listen on [SCORELINE_PORT].")
def serve(host: str | None, port: int | None) -> None:
    """Serve GraphQL over HTTP and WebSocket at /graphql."""
    settings = _load_settings(host=host, port=port)
    settings.check_fit_to_serve()

    async def inspect_database() -> tuple[bool, bool]:
        async with connection.connect(settings.database_url):
            needs_migration = bool(await migrator.list_pending())
            return needs_migration, not needs_migration and await find_company() is None

    try:
        needs_migration, needs_company = asyncio.run(inspect_database())
    except DATABASE_DOWN_ERRORS as error:
        click.echo(f"The database cannot be reached ({error}); serving anyway, ready once it can.", err=True)
        needs_migration = needs_company = False
    if needs_migration:
        raise click.ClickException("The database is not up to date: run `./run migrate` first.")
    if needs_company:
        click.echo("There is no company yet: `./run setup` creates it, in this or another terminal.", err=True)
    run_server(settings)


def run_server(settings: Settings) -> None:
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


@main.command("import")
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--map", "map_", required=True, help="A built-in map (maven, bitrix24, amocrm, hubspot, pipedrive) or a TOML file."
)
@click.option("--dry-run", is_flag=True, help="Read and check everything, change nothing.")
@click.option("--rejects", type=click.Path(path_type=Path), default=Path("rejects.csv"), show_default=True,
              help="The CSV file to write rejected rows to.")  # fmt: skip
def import_csv(source: Path, map_: str, dry_run: bool, rejects: Path) -> None:
    """Import CSV exports of a CRM: a file or a directory. Running it again changes nothing."""
    from server.commands.import_csv import run_import

    settings = _load_settings()
    click.echo(
        _run_with_database(settings, lambda: run_import(settings, source, map_, dry_run=dry_run, rejects_path=rejects))
    )


_DAY_TYPE = click.DateTime(formats=["%Y-%m-%d"])
_CSV_OPTION = click.option("--csv", "file", type=click.Path(path_type=Path, dir_okay=False), default=None,
                    help="A file to write origin, horizon, scope, p10, p50, p90 and mean to.")  # fmt: skip


@main.command()
@click.option(
    "--from", "first", type=_DAY_TYPE, default=None, help="The first day; month ends from this day on are origins."
)
@click.option("--to", "last", type=_DAY_TYPE, default=None, help="The last day.")
@_CSV_OPTION
def backtest(first: datetime | None, last: datetime | None, file: Path | None) -> None:
    """Forecast at past month ends from the data known then, and compare with baselines and actual results.

    Each origin forecasts the next calendar month and the next three, for the company, each team and each employee.
    Without --from and --to, origins are all month ends with enough history to train on and results to compare with.
    """
    from server.commands.backtest import backtest as run_backtest

    settings = _load_settings()
    click.echo(_run_with_database(settings, lambda: run_backtest(settings, first, last, file)))


@main.command()
@click.option("--origin", type=_DAY_TYPE, required=True, help="The forecast is made at the end of this day.")
@_CSV_OPTION
def forecast(origin: datetime, file: Path | None) -> None:
    """Forecast the next month and the next three at the end of a day, from the data known then.

    A database with only the data known then gives the same numbers.
    """
    from server.commands.backtest import forecast as forecast_at

    settings = _load_settings()
    click.echo(_run_with_database(settings, lambda: forecast_at(settings, origin, file)))


@main.command()
@click.option("--repair", is_flag=True, help="Rebuild the totals where they differ from the ledger.")
def reconcile(repair: bool) -> None:
    """Recompute totals and postings from the records and report every difference. Exits with 1 if there is any."""
    findings = _run_with_database(
        _load_settings(), lambda: run_reconciliation(repair_clock=utc_now if repair else None)
    )
    for difference in findings.differences:
        click.echo(str(difference))
    click.echo(findings.summary)
    sys.exit(1 if findings.differences else 0)


@main.command()
@click.option("--check", is_flag=True, help="Fail if graph/schema.graphql differs from the code.")
@click.option("--write", is_flag=True, help="Write graph/schema.graphql.")
def schema(check: bool, write: bool) -> None:
    """Print the schema in the GraphQL schema language."""
    text = export_sdl()
    if write:
        SCHEMA_FILE.write_text(text)
    elif check:
        if not SCHEMA_FILE.exists() or SCHEMA_FILE.read_text() != text:
            raise click.ClickException("graph/schema.graphql is out of date: run `./run schema --write`.")
    else:
        click.echo(text, nl=False)


@main.command()
@click.option("--host", default=None, help="Address to listen on [SCORELINE_HOST].")
@click.option("--port", type=int, default=None, help="Port to listen on [SCORELINE_PORT].")
@click.option("--fresh", is_flag=True, help="Create a new company instead of using the last one.")
@click.option("--fill", is_flag=True, help="Only create the company, in the empty database of SCORELINE_DATABASE_URL.")
def demo(host: str | None, port: int | None, fresh: bool, fill: bool) -> None:
    """Serve a demo company with simulated activity: with SQLite, without Redis; sign-ins are printed.

    With --fill the company is only created, in the database of the settings (also PostgreSQL), to be served by
    `./run serve` from any number of servers, without simulated activity.
    """
    from server.commands import demo as demo_command

    if not fill:
        demo_command.run_demo(host=host, port=port, recreate=fresh)
    elif fresh or host or port:
        raise click.UsageError("--fill only creates the company: it takes no other option.")
    else:
        settings = _load_settings()
        asyncio.run(migrator.migrate(settings.database_url))
        click.echo(_run_with_database(settings, lambda: demo_command.fill_database(settings)))
