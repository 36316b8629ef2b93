"""Migration runner: creates the tables and brings them up to date.

The migrations in `models/migrations` are applied in order, each once. All pending ones run in one transaction under
a lock: a run that is killed changes nothing, and of two concurrent runs the second waits and then has nothing to do.
docs/decisions/ explains what a migration must do by hand.
"""

from __future__ import annotations

import pkgutil
from functools import cache
from typing import Final

from tortoise import Tortoise
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from models import migrations
from models.db import connection as db_connection
from models.db.migration_state import create_executor
from models.db.write_queue import COMMAND_LIMITS

_MIGRATION_TABLE: Final = "tortoise_migrations"  # Tortoise's own table
_MIGRATION_LOCK_ID: Final = 0x5C0E_0002


class IntegrityCheckFailed(Exception):
    """The database's integrity check failed after the migrations; they were rolled back."""


async def migrate(url: str) -> list[str]:
    """Apply the pending migrations to the database at a URL and return their names."""
    config = db_connection.tortoise_config(url, limits=COMMAND_LIMITS)
    if db_connection.is_sqlite(url):
        db_connection.create_parent_directory(url)
        config["connections"]["sqlite"]["credentials"]["foreign_keys"] = "OFF"  # a table may have to be rebuilt
    await Tortoise.init(config, _enable_global_fallback=True)
    try:
        async with in_transaction() as connection:
            if connection.capabilities.dialect == "postgres":
                await connection.execute_query("SELECT pg_advisory_xact_lock($1)", [_MIGRATION_LOCK_ID])
            applied: list[str] = []

            def record_progress(event: str, _app: str, name: str) -> None:
                if event == "apply_done":
                    applied.append(name)

            executor = create_executor(connection, config["apps"])
            # Tortoise would read the table of applied migrations before creating it
            await executor.recorder.ensure_schema(executor._schema_editor(atomic=False))
            await executor.migrate(direction="forward", progress=record_progress)
            await _check_foreign_keys(connection)
            return applied
    finally:
        await Tortoise.close_connections()


async def list_pending() -> list[str]:
    """Return the names of the migrations that are not yet applied to the connected database."""
    table_exists_sql = (
        "SELECT 1 FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = ?"
        if db_connection.current_connection().capabilities.dialect == "postgres"
        else "SELECT 1 FROM sqlite_master WHERE name = ?"
    )
    if not await db_connection.fetch_rows(table_exists_sql, [_MIGRATION_TABLE]):
        return list(_migration_names())
    rows = await db_connection.fetch_rows(f"SELECT name FROM {_MIGRATION_TABLE} WHERE app = 'models'")  # noqa: S608
    applied = {row["name"] for row in rows}
    return [name for name in _migration_names() if name not in applied]


@cache
def _migration_names() -> tuple[str, ...]:
    return tuple(sorted(name for _, name, is_package in pkgutil.iter_modules(migrations.__path__) if not is_package))


async def _check_foreign_keys(connection: BaseDBAsyncClient) -> None:
    if connection.capabilities.dialect == "sqlite":
        violations = await connection.execute_query_dict("PRAGMA foreign_key_check")
        if violations:
            raise IntegrityCheckFailed(f"{len(violations)} rows refer to missing rows; nothing was changed.")
