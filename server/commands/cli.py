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

from domain.errors.user_errors import Refusal
from graph.schema import exported
from models import migrator
from models.db import connection
from models.db.connection import AWAY
from models.organization.company import the_company
from resolvers.ledger.reconciliation import reconcile as reconciled
from resolvers.organization import company
from server import settings
from server.app import clock
from server.observability import logging
from server.settings import Settings, SettingsError
from server.uvicorn_runner import end_well, server_config

Result = TypeVar("Result")
_MANY_FILES: Final = 4_096
SCHEMA = Path(__file__).parents[2] / "graph" / "schema.graphql"


class _Commands(click.Group):
    """A command group that reports settings and database errors as one sentence instead of a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            raise click.ClickException(str(error)) from error
        except AWAY as error:
            raise click.ClickException(f"The database cannot be reached: {error}") from error


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Settings come from the environment; `settings` lists them.",
)
def main() -> None:
    """Scoreline: live sales goals, leaderboards and forecasts."""


def _settings(**overrides: Any) -> Settings:
    found = settings.load(**overrides)
    logging.configure(found)
    return found


def _within(found: Settings, work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """Run a coroutine with the database connected. Raises ClickException if migrations are pending."""

    async def connected() -> Result:
        async with connection.connected(found.database_url):
            if await migrator.pending():
                raise click.ClickException("The database is not up to date: run `./run migrate` first.")
            return await work()

    return asyncio.run(connected())


@main.command("settings")
def show_settings() -> None:
    """List all settings with their meanings and defaults, as a Markdown table."""
    click.echo(settings.describe())


@main.command()
def migrate() -> None:
    """Create the tables, or migrate them to the current version. No data is lost."""
    applied = asyncio.run(migrator.migrate(_settings().database_url))
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
def setup(**given: Any) -> None:
    """Create the company, its first pipeline and its first administrator: once per installation."""
    found = _settings()
    asyncio.run(migrator.migrate(found.database_url))

    async def made() -> str:
        try:
            async with connection.writing():
                row, admin = await company.set_up(**given, now=clock())
        except Refusal as refusal:
            raise click.ClickException(f"{'.'.join(refusal.path)}: {refusal.message}") from refusal
        return f"{row.name} is set up. {admin.name} signs in with {admin.email}; `./run serve` starts the server."

    click.echo(_within(found, made))


@main.command()
@click.option("--host", default=None, help="Address to listen on [SCORELINE_HOST].")
@click.option("--port", type=int, default=None, help="Port to listen on [SCORELINE_PORT].")
def serve(host: str | None, port: int | None) -> None:
    """Serve GraphQL over HTTP and WebSocket at /graphql."""
    found = _settings(host=host, port=port)
    found.check_fit_to_serve()

    async def state() -> tuple[bool, bool]:
        async with connection.connected(found.database_url):
            behind = bool(await migrator.pending())
            return behind, not behind and await the_company() is None

    try:
        behind, empty = asyncio.run(state())
    except AWAY as error:
        click.echo(f"The database cannot be reached ({error}); serving anyway, ready once it can.", err=True)
        behind = empty = False
    if behind:
        raise click.ClickException("The database is not up to date: run `./run migrate` first.")
    if empty:
        click.echo("There is no company yet: `./run setup` creates it, in this or another terminal.", err=True)
    run(found)


def run(found: Settings) -> None:
    """Serve until stopped: in this process, or in `settings.workers` child processes."""
    end_well()
    _let_many_in()
    if found.workers == 1:
        uvicorn.Server(server_config(found)).run()
        return
    config = server_config(found, "server.app:of_environment")
    Multiprocess(config, [config.bind_socket()]).run()


def _let_many_in() -> None:
    """Raise the limit of open files to the hard limit, since each socket is a file; warn if that is low."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < _MANY_FILES:
        click.echo(f"Only {hard} files may be open: about {hard - 100} sockets at once. Raise `ulimit -Hn`.", err=True)


@main.command("import")
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--map", "map_", required=True, help="A built-in map (maven, bitrix24, amocrm, hubspot, pipedrive) or a TOML file."
)
@click.option("--dry-run", is_flag=True, help="Read and check everything, change nothing.")
@click.option("--rejects", type=click.Path(path_type=Path), default=Path("rejects.csv"), show_default=True,
              help="The CSV file to write rejected rows to.")  # fmt: skip
def import_(source: Path, map_: str, dry_run: bool, rejects: Path) -> None:
    """Import CSV exports of a CRM: a file or a directory. Running it again changes nothing."""
    from server.commands.import_csv import bring_in

    found = _settings()
    click.echo(_within(found, lambda: bring_in(found, source, map_, dry_run=dry_run, rejects=rejects)))


_DAY = click.DateTime(formats=["%Y-%m-%d"])
_CSV = click.option("--csv", "file", type=click.Path(path_type=Path, dir_okay=False), default=None,
                    help="A file to write origin, horizon, scope, p10, p50, p90 and mean to.")  # fmt: skip


@main.command()
@click.option(
    "--from", "first", type=_DAY, default=None, help="The first day; month ends from this day on are origins."
)
@click.option("--to", "last", type=_DAY, default=None, help="The last day.")
@_CSV
def backtest(first: datetime | None, last: datetime | None, file: Path | None) -> None:
    """Forecast at past month ends from the data known then, and compare with baselines and actual results.

    Each origin forecasts the next calendar month and the next three, for the company, each team and each employee.
    Without --from and --to, origins are all month ends with enough history to train on and results to compare with.
    """
    from server.commands.backtest import backtest as looked_back

    found = _settings()
    click.echo(_within(found, lambda: looked_back(found, first, last, file)))


@main.command()
@click.option("--origin", type=_DAY, required=True, help="The forecast is made at the end of this day.")
@_CSV
def forecast(origin: datetime, file: Path | None) -> None:
    """Forecast the next month and the next three at the end of a day, from the data known then.

    A database with only the data known then gives the same numbers.
    """
    from server.commands.backtest import forecast as forecast_at

    found = _settings()
    click.echo(_within(found, lambda: forecast_at(found, origin, file)))


@main.command()
@click.option("--repair", is_flag=True, help="Rebuild the totals where they differ from the ledger.")
def reconcile(repair: bool) -> None:
    """Recompute totals and postings from the records and report every difference. Exits with 1 if there is any."""
    findings = _within(_settings(), lambda: reconciled(repair=clock if repair else None))
    for difference in findings.differences:
        click.echo(str(difference))
    click.echo(findings.summary)
    sys.exit(1 if findings.differences else 0)


@main.command()
@click.option("--check", is_flag=True, help="Fail if graph/schema.graphql differs from the code.")
@click.option("--write", is_flag=True, help="Write graph/schema.graphql.")
def schema(check: bool, write: bool) -> None:
    """Print the schema in the GraphQL schema language."""
    text = exported()
    if write:
        SCHEMA.write_text(text)
    elif check:
        if not SCHEMA.exists() or SCHEMA.read_text() != text:
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
        demo_command.show(host=host, port=port, fresh=fresh)
    elif fresh or host or port:
        raise click.UsageError("--fill only creates the company: it takes no other option.")
    else:
        found = _settings()
        asyncio.run(migrator.migrate(found.database_url))
        click.echo(_within(found, lambda: demo_command.fill(found)))
