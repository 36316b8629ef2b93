"""The migrate command."""

from __future__ import annotations

import asyncio

from models import migrator
from server.commands.runtime import load_settings


def migrate_database() -> str:
    """Apply the pending migrations and return their names, one per line."""
    applied = asyncio.run(migrator.migrate(load_settings().database_url))
    return "\n".join(f"applied {name}" for name in applied) or "The database is up to date."
