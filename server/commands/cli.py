"""Command-line interface: the commands of `./run`, from `setup` to `demo`.

Each command is declared here and implemented in a module of its own, which is imported when the command is called. So
`--help` and `settings` answer without loading the server, which takes seconds.
"""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path

import click

from server import setting_descriptions

_BUILT_IN_MAPS = sorted(path.stem for path in (Path(__file__).parents[2] / "imports" / "maps").glob("*.toml"))


class _CommandGroup(click.Group):
    """A command group that reports settings and database errors as one sentence instead of a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            from server.commands.error_sentences import find_sentence

            sentence = find_sentence(error)
            if sentence is None:
                raise
            raise click.ClickException(sentence) from error


class _AskedOption(click.Option):
    """An option that is asked for on the terminal; where nobody can answer, its default, or an error that names it."""

    def prompt_for_value(self, ctx: click.Context) -> object:
        try:
            return super().prompt_for_value(ctx)
        except click.Abort:
            if sys.stdin.isatty():
                raise
            click.echo()  # ends the line of the question
            if not isinstance(self.default, str):
                raise click.MissingParameter(ctx=ctx, param=self) from None
            return self.default


@click.group(
    cls=_CommandGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Settings come from the environment; `settings` lists them.",
)
def main() -> None:
    """Scoreline: live sales goals, leaderboards and forecasts."""


@main.command("settings")
def show_settings() -> None:
    """List all settings with their meanings and defaults, as a Markdown table."""
    click.echo(setting_descriptions.describe())


@main.command()
def migrate() -> None:
    """Create the tables, or migrate them to the current version. No data is lost."""
    from server.commands.migrate import migrate_database

    click.echo(migrate_database())


@main.command()
def restored() -> None:
    """Tell clients that the database was restored from a backup. Run it after the restore, once.

    Servers notice it by themselves on PostgreSQL, and on SQLite if they keep running; running this more often does
    no harm, apart from clients that load their data again.
    """
    from server.commands.restored import begin_epoch

    click.echo(begin_epoch())


@main.command()
@click.option("--name", cls=_AskedOption, prompt="Company", help="The company's name.")
@click.option(
    "--currency",
    cls=_AskedOption,
    prompt="Currency (ISO 4217)",
    default="EUR",
    show_default=True,
    help="The company's currency, as an ISO 4217 code.",
)
@click.option(
    "--zone",
    cls=_AskedOption,
    prompt="Time zone (IANA)",
    default="UTC",
    show_default=True,
    help="The company's time zone, by its IANA name; days begin at its midnight.",
)
@click.option("--country", default=None, help="ISO 3166 country whose public holidays are not working days.")
@click.option(
    "--admin", cls=_AskedOption, prompt="Administrator's name", help="The first employee, who creates all others."
)
@click.option(
    "--email", cls=_AskedOption, prompt="Administrator's e-mail", help="The administrator's e-mail for signing in."
)
@click.option(
    "--password", cls=_AskedOption, prompt=True, hide_input=True, confirmation_prompt=True, envvar="SCORELINE_ADMIN_PASSWORD",
    help="At least 8 characters; may come from SCORELINE_ADMIN_PASSWORD.",
)  # fmt: skip
def setup(name: str, currency: str, zone: str, country: str | None, admin: str, email: str, password: str) -> None:
    """Create the company, its first pipeline and its first administrator: once per installation."""
    from server.commands.setup import set_up_company

    click.echo(set_up_company(name, currency, zone, country, admin, email, password))


@main.command()
@click.argument("email")
@click.option("--link", is_flag=True, help="Print a one-time link instead, with which the employee sets it.")
@click.option(
    "--password", default=None, envvar="SCORELINE_NEW_PASSWORD",
    help="The new password; asked for by default, or taken from SCORELINE_NEW_PASSWORD.",
)  # fmt: skip
def password(email: str, link: bool, password: str | None) -> None:
    """Set the password of the employee with this e-mail address, e.g. of an administrator who has forgotten it."""
    from server.commands import accounts

    if link:
        click.echo(accounts.make_link(email))
        return
    password = password or click.prompt("New password", hide_input=True, confirmation_prompt=True)
    click.echo(accounts.set_password(email, password))


@main.command()
@click.argument("email")
def unlock(email: str) -> None:
    """Let the employee with this e-mail address sign in again at once after too many wrong passwords."""
    from server.commands import accounts

    click.echo(accounts.unlock(email))


@main.command()
@click.option("--host", default=None, help="Address to listen on [SCORELINE_HOST].")
@click.option("--port", type=int, default=None, help="Port to listen on [SCORELINE_PORT].")
def serve(host: str | None, port: int | None) -> None:
    """Serve GraphQL over HTTP and WebSocket at /graphql."""
    from server.commands.serve import serve_until_stopped

    serve_until_stopped(host, port)


@main.command("import")
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--map",
    "map_",
    default=None,
    help=f"A built-in map ({', '.join(_BUILT_IN_MAPS)}) or a TOML file; found from the columns by default.",
)
@click.option(
    "--save-map",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="The TOML file to write a map that was found to.",
)
@click.option(
    "--kind", default=None, help="The kind of records in the files, e.g. goals; found from the columns by default."
)
@click.option("--yes", is_flag=True, help="Import without asking.")
@click.option("--dry-run", is_flag=True, help="Read and check everything, change nothing.")
@click.option("--rejects", type=click.Path(path_type=Path), default=Path("rejects.csv"), show_default=True,
              help="The CSV file to write rejected rows to.")  # fmt: skip
def import_csv(
    source: Path, map_: str | None, save_map: Path | None, kind: str | None, yes: bool, dry_run: bool, rejects: Path
) -> None:
    """Import exports of a CRM: a file or a directory. Running it again changes nothing.

    Without --map, a map is found from the columns, shown, and confirmed on the terminal or by --yes.

    Exits with 2 if a row was rejected, with 3 if nothing came in (a dry run with the same code), and with 4 if the import
    was not confirmed.
    """
    if map_ is not None and save_map is not None:
        raise click.UsageError("--save-map writes a map that was found: it goes without --map.")
    if map_ is not None and kind is not None:
        raise click.UsageError("A map names the kinds of its files: --kind goes without --map.")
    from imports.field_specs import FIELDS_BY_KIND
    from server.commands.import_csv import run_import
    from server.commands.map_confirmation import Confirmation, find_terminal_language, is_terminal
    from server.commands.runtime import load_settings, run_with_database

    if kind is not None and kind not in FIELDS_BY_KIND:
        raise click.UsageError(f"--kind is one of {', '.join(FIELDS_BY_KIND)}.")
    settings = load_settings()
    confirmation = Confirmation(yes, is_terminal(), dry_run, save_map, find_terminal_language(os.environ), kind)
    summary, exit_code = run_with_database(
        settings,
        lambda: run_import(settings, source, map_, rejects_path=rejects, confirmation=confirmation),
        on_copy=dry_run,
    )
    click.echo(summary)
    sys.exit(exit_code)


@main.command()
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--from", "first", type=click.DateTime(formats=["%Y-%m-%d"]), default=None,
              help="The first day; goals of today's periods by default.")  # fmt: skip
@click.option("--to", "last", type=click.DateTime(formats=["%Y-%m-%d"]), default=None, help="The last day.")
def export(path: Path, first: datetime | None, last: datetime | None) -> None:
    """Export all goals to a file that ends in .csv or .xlsx. `./run import` reads it again."""
    from server.commands.export_goals import write_goals
    from server.commands.map_confirmation import find_terminal_language
    from server.commands.runtime import load_settings, run_with_database

    if (first is None) is not (last is None):
        raise click.UsageError("Give both --from and --to, or neither.")
    days = (first.date(), last.date()) if first and last else None
    settings, language = load_settings(), find_terminal_language(os.environ)
    click.echo(run_with_database(settings, lambda: write_goals(settings, path, days, language)))


@main.command("import-job", hidden=True)
@click.argument("job_id", type=int)
@click.argument("path", type=click.Path(path_type=Path))
@click.argument("language")
@click.option("--dry-run", is_flag=True, help="Whether the import stores nothing; its row says the same.")
def import_job(job_id: int, path: Path, language: str, dry_run: bool) -> None:
    """Run an import that a server has started. Servers call this; it ends when its standard input does."""
    from server.commands.import_job import run_import_job
    from server.commands.runtime import load_settings, run_with_database

    settings = load_settings()
    run_with_database(
        settings, lambda: run_import_job(settings, job_id, path, language, dry_run=dry_run), on_copy=dry_run
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
    from server.commands.runtime import load_settings, run_with_database

    settings = load_settings()
    click.echo(run_with_database(settings, lambda: run_backtest(settings, first, last, file)))


@main.command()
@click.option("--origin", type=_DAY_TYPE, required=True, help="The forecast is made at the end of this day.")
@_CSV_OPTION
def forecast(origin: datetime, file: Path | None) -> None:
    """Forecast the next month and the next three at the end of a day, from the data known then.

    A database with only the data known then gives the same numbers.
    """
    from server.commands.backtest import forecast as forecast_at
    from server.commands.runtime import load_settings, run_with_database

    settings = load_settings()
    click.echo(run_with_database(settings, lambda: forecast_at(settings, origin, file)))


@main.command()
@click.option("--repair", is_flag=True, help="Rebuild the totals where they differ from the ledger.")
@click.option("--backfill", "metric", metavar="METRIC", default=None,
              help="Post what older records are worth for a metric that was added later, instead of comparing.")  # fmt: skip
def reconcile(repair: bool, metric: str | None) -> None:
    """Recompute totals and postings from the records and report every difference. Exits with 1 if there is any."""
    if metric is not None:
        if repair:
            raise click.UsageError("--backfill posts to the ledger and its totals: it takes no --repair.")
        from server.commands.backfill import backfill

        click.echo(backfill(metric))
        return
    from server.commands.reconcile import report_differences

    sys.exit(1 if report_differences(repair=repair) else 0)


@main.command()
@click.option("--check", is_flag=True, help="Fail if graph/schema.graphql differs from the code.")
@click.option("--write", is_flag=True, help="Write graph/schema.graphql.")
def schema(check: bool, write: bool) -> None:
    """Print the schema in the GraphQL schema language."""
    from server.commands.schema import print_schema

    print_schema(check=check, write=write)


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
    if fill and (fresh or host or port):
        raise click.UsageError("--fill only creates the company: it takes no other option.")
    from server.commands.demo import fill_empty_database, run_demo

    if fill:
        click.echo(fill_empty_database())
    else:
        run_demo(host=host, port=port, recreate=fresh)
