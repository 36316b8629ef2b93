"""The export command: writes the goals of the company to a file, as the first administrator sees them."""

from __future__ import annotations

import asyncio
from datetime import date
from pathlib import Path

import click

from domain.errors.operation_errors import OperationError
from domain.primitives.periods import PeriodKind
from models.organization import people
from resolvers.goals.goal_export import export_goals
from resolvers.request.periods import PeriodKey
from server.commands.contexts import create_import_context
from server.http.table_files import write_csv, write_xlsx
from server.settings import Settings

_WRITERS = {".csv": write_csv, ".xlsx": write_xlsx}


async def write_goals(settings: Settings, path: Path, days: tuple[date, date] | None, language: str) -> str:
    """Write the goals whose period overlaps the days, or contains today, and return the summary."""
    write = _WRITERS.get(path.suffix.lower())
    if write is None:
        raise click.ClickException("Name a file that ends in .csv or .xlsx.")
    admin = next(iter(await people.list_admins()), None)
    if admin is None:
        raise click.ClickException("There is no administrator: run `./run setup` first.")
    context = await create_import_context(settings, admin, language)
    period = PeriodKey(PeriodKind.CUSTOM, start=days[0], end=days[1]) if days else None
    try:
        table = await export_goals(context, None, period, None)
    except OperationError as error:
        raise click.ClickException(str(error)) from error
    await asyncio.to_thread(path.write_bytes, write(table))
    return f"Goals written to {path}: {len(table.rows)}"
