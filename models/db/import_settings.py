"""The settings that SQLite has during an import."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from models.db import connection

SQLITE_IMPORT_SETTINGS: Final[Mapping[str, int]] = {
    "cache_size": -32_768,  # KiB of pages in memory: new rows change pages of indexes at random
    "wal_autocheckpoint": 8_000,  # pages; most are changed by several pieces and written to the database once then
}


@asynccontextmanager
async def settings_for_import() -> AsyncIterator[None]:
    """Give SQLite the settings for many writes during the block."""
    usual_settings: dict[str, int] = {}
    if connection.dialect() == "sqlite":
        usual_settings = {
            name: (await connection.fetch_records(f"PRAGMA {name}"))[0][0] for name in SQLITE_IMPORT_SETTINGS
        }
        await _apply_settings(SQLITE_IMPORT_SETTINGS)
    try:
        yield
    finally:
        await _apply_settings(usual_settings)


async def _apply_settings(settings: Mapping[str, int]) -> None:
    for name, value in settings.items():
        await connection.execute(f"PRAGMA {name} = {value}")
