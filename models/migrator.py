"""Migration runner: creates the tables and brings them up to date.

The migrations in `models/migrations` are applied in order, each once. All pending ones run in one transaction under
a lock: a run that is killed changes nothing, and of two concurrent runs the second waits and then has nothing to do.
docs/decisions/ explains what a migration must do by hand.
"""

from __future__ import annotations

import pkgutil
from functools import cache, cached_property
from typing import Any, Final

from tortoise import Tortoise
from tortoise.migrations.executor import MigrationExecutor
from tortoise.migrations.schema_generator.state import State
from tortoise.migrations.schema_generator.state_apps import StateApps
from tortoise.transactions import in_transaction

from models import migrations
from models.db import connection as db_connection

_APPLIED: Final = "tortoise_migrations"  # Tortoise's own table
_LOCK: Final = 0x5C0E_0002


class Damaged(Exception):
    """The database's integrity check failed after the migrations; they were rolled back."""


async def migrate(url: str) -> list[str]:
    """Apply the pending migrations to the database at a URL and return their names."""
    found = db_connection.config(url)
    if db_connection.is_sqlite(url):
        db_connection.make_room(url)
        found["connections"]["sqlite"]["credentials"]["foreign_keys"] = "OFF"  # a table may have to be rebuilt
    await Tortoise.init(found, _enable_global_fallback=True)
    try:
        async with in_transaction() as connection:
            if connection.capabilities.dialect == "postgres":
                await connection.execute_query("SELECT pg_advisory_xact_lock($1)", [_LOCK])
            applied: list[str] = []

            def told(event: str, _app: str, name: str) -> None:
                if event == "apply_done":
                    applied.append(name)

            executor = _Executor(connection, found["apps"])
            # Tortoise would read the table of applied migrations before creating it
            await executor.recorder.ensure_schema(executor._schema_editor(atomic=False))
            await executor.migrate(direction="forward", progress=told)
            await _check(connection)
            return applied
    finally:
        await Tortoise.close_connections()


class _Executor(MigrationExecutor):
    """Migration executor that builds the state of earlier tables lazily.

    Tortoise rebuilds the state of all tables before each operation, but few operations look at it.
    """

    async def _project_state(self, *about: Any, **more: Any) -> State:
        found = await super()._project_state(*about, **more)
        return _Now(found.models, found.apps)


class _Now(State):
    def clone(self) -> State:
        return _Before({key: model.clone() for key, model in self.models.items()}, self.apps)


class _Before(State):
    """The state of the tables before an operation, built on first access."""

    def __init__(self, models: Any, after: StateApps) -> None:
        self.models, self._after = models, after

    @cached_property
    def apps(self) -> StateApps:  # type: ignore[override]
        return self._after.clone(model_states=self.models)


async def pending() -> list[str]:
    """Return the names of the migrations that are not yet applied to the connected database."""
    table = (
        "SELECT 1 FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = ?"
        if db_connection.connection().capabilities.dialect == "postgres"
        else "SELECT 1 FROM sqlite_master WHERE name = ?"
    )
    if not await db_connection.rows(table, [_APPLIED]):
        return list(_steps())
    done = {row["name"] for row in await db_connection.rows(f"SELECT name FROM {_APPLIED} WHERE app = ?", ["models"])}  # noqa: S608
    return [name for name in _steps() if name not in done]


@cache
def _steps() -> tuple[str, ...]:
    return tuple(sorted(name for _, name, is_package in pkgutil.iter_modules(migrations.__path__) if not is_package))


async def _check(connection: Any) -> None:
    if connection.capabilities.dialect == "sqlite":
        wrong = await connection.execute_query_dict("PRAGMA foreign_key_check")
        if wrong:
            raise Damaged(f"{len(wrong)} rows refer to missing rows; nothing was changed.")
