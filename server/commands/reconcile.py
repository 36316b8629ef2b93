"""The reconcile command."""

from __future__ import annotations

import click

from resolvers.ledger.reconciliation import reconcile
from server.clock import utc_now
from server.commands.runtime import load_settings, run_with_database


def report_differences(*, repair: bool) -> bool:
    """Print every difference between records, ledger and totals, and return whether there is any."""
    findings = run_with_database(load_settings(), lambda: reconcile(repair_clock=utc_now if repair else None))
    for difference in findings.differences:
        click.echo(str(difference))
    click.echo(findings.summary)
    return bool(findings.differences)
