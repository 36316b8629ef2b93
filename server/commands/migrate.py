"""The migrate command."""

from __future__ import annotations

import asyncio

from models import migrator
from models.live import epoch
from server.clock import utc_now
from server.commands.runtime import load_settings, run_with_database


def migrate_database() -> str:
    """Apply the pending migrations and return their names, one per line.

    If the database is another copy than before (a dump that was restored), a new epoch begins.
    """
    settings = load_settings()
    applied = asyncio.run(migrator.migrate(settings.database_url))
    run_with_database(settings, lambda: epoch.check(None, utc_now()))
    return "\n".join(f"applied {name}" for name in applied) or "The database is up to date."
