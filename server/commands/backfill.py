"""The backfill of `reconcile --backfill`: posts older records for a metric that was added later."""

from __future__ import annotations

import sys

import click

from models.organization.company import find_company
from resolvers.crm import metric_backfill
from server.commands.contexts import create_context_factory
from server.commands.runtime import load_settings, run_with_database
from server.settings import Settings


def backfill(key: str) -> str:
    """Backfill the metric with a progress bar, and return the summary. Raises click.ClickException for a wrong key."""
    settings = load_settings()
    return run_with_database(settings, lambda: _backfill(settings, key))


async def _backfill(settings: Settings, key: str) -> str:
    if await find_company() is None:
        raise click.ClickException("There is no company yet: run `./run setup` first.")
    try:
        metric = await metric_backfill.find_metric(key)
    except metric_backfill.UnknownMetric as error:
        raise click.ClickException(str(error)) from error
    if metric_backfill.is_company_metric(metric):
        return f"{key} is one of the company's own metrics: its results are posted when they are recorded."
    create_context = create_context_factory(settings).create_for_scheduler
    with click.progressbar(
        length=await metric_backfill.count_records(metric), label="Comparing", file=sys.stderr
    ) as progress_bar:
        result = await metric_backfill.backfill_metric(create_context, metric, progress_bar.update)
    return f"{result}\nTo see that everything agrees: `./run reconcile`."
