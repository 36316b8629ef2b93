"""The epoch of the database's history: it changes when the database has gone back in time.

After a restore from a backup, or a failover to a replica that lagged behind, the newest changes are gone, and new rows
would get the positions and ids of those. What clients and processes remember (cursors, versions, caches) would then
refer to other rows. So a new epoch begins: it has a token that is part of cursors, and all positions and ids of events
rise above those that may have been used before. Its row in the change log wakes all listeners of all processes.
"""

from __future__ import annotations

import logging
import secrets
from datetime import datetime
from typing import Final

from tortoise import fields
from tortoise.models import Model

from models.db import connection
from models.db.columns import text_column
from models.live import change_log

EPOCH_TOPIC: Final = "epoch:"  # with the token: the topic of the row of the change log that begins an epoch
_POSITION_GAP: Final = 1_000_000  # more changes than can have been lost; a version of a goal is at most 2 ** 31
_ID_GAP: Final = 1_000_000_000  # the same for events, of which a change may have thousands
_EVENT_TABLES: Final = ("activity", "bell", "alert")

# What differs if this is another copy of the database: the table was created anew (by a dump that was restored), or
# the server has begun another timeline (a failover, or a recovery to a point in time).
_FINGERPRINT_SQL: Final = """
SELECT CAST(CAST('change' AS regclass) AS oid) || '/' || (SELECT oid FROM pg_database WHERE datname = current_database())
    || '/' || CASE WHEN pg_is_in_recovery() THEN '' ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END AS fingerprint
"""

log = logging.getLogger(__name__)


class Epoch(Model):
    """The current epoch: a table of one row.

    token        random, since a counter would be restored with the data
    fingerprint  of the copy of the database for which it was begun; empty on SQLite, where none can be told apart
    """

    id = fields.IntField(primary_key=True)
    token: str = text_column(16)
    fingerprint: str = text_column(100, default="")
    started_at: datetime = fields.DatetimeField()

    class Meta:
        table = "epoch"


async def check(known_position: int | None, now: datetime) -> str:
    """Return the token of the current epoch, after beginning a new one if the database has gone back in time.

    known_position  a position of the change log that was read before; None if none is known
    """
    row, fingerprint = await Epoch.get_or_none(id=1), await _read_fingerprint()
    is_behind = known_position is not None and await change_log.last_position() < known_position
    if row is not None and row.fingerprint == fingerprint and not is_behind:
        return row.token
    is_later = row is not None or is_behind
    return await _begin(row.token if row else None, fingerprint, known_position or 0, now, is_later=is_later)


async def renew(now: datetime) -> str:
    """Begin a new epoch after a restore, and return its token."""
    row = await Epoch.get_or_none(id=1)
    return await _begin(row.token if row else None, await _read_fingerprint(), 0, now, is_later=True)


async def _begin(
    previous_token: str | None, fingerprint: str, known_position: int, now: datetime, *, is_later: bool
) -> str:
    """Begin an epoch, unless another process has done so since the token was read; return the current token.

    is_later  False for the first epoch, before which nothing can have been lost
    """
    async with connection.write_transaction():
        row = await Epoch.get_or_none(id=1)
        if row is not None and row.token != previous_token:
            return row.token
        token = secrets.token_hex(4)
        if row is None:
            await Epoch.create(id=1, token=token, fingerprint=fingerprint, started_at=now)
        else:
            await Epoch.filter(id=1).update(token=token, fingerprint=fingerprint, started_at=now)
        if is_later:
            position = await _rise_above_lost_rows(known_position)
            await change_log.append(["*", f"{EPOCH_TOPIC}{token}"], now)
            await connection.execute("UPDATE goal SET version = ?", [position])
            await connection.execute("UPDATE company SET moved = ? WHERE id = 1", [position])
            log.warning("The database has gone back in time: a new epoch begins at position %d.", position)
        return token


async def _rise_above_lost_rows(known_position: int) -> int:
    """Raise the next ids of the change log and of events; return the next position of the change log."""
    for table in _EVENT_TABLES:
        await _set_last_id(table, await _last_id(table) + _ID_GAP)
    position = max(await _last_id("change"), known_position) + _POSITION_GAP
    await _set_last_id("change", position - 1)
    return position


async def _last_id(table: str) -> int:
    """Return the last id that was assigned in a table."""
    on_sqlite = connection.current_connection().capabilities.dialect == "sqlite"
    sequence = (
        f"SELECT seq FROM sqlite_sequence WHERE name = '{table}'"  # noqa: S608 - a constant
        if on_sqlite
        else f"SELECT last_value FROM {table}_id_seq"  # noqa: S608
    )
    rows = await connection.fetch_rows(
        f"SELECT COALESCE(MAX(id), 0) AS last_row, COALESCE(({sequence}), 0) AS last_assigned FROM {table}"  # noqa: S608
    )
    return max(int(rows[0]["last_row"]), int(rows[0]["last_assigned"]))


async def _set_last_id(table: str, last_id: int) -> None:
    if connection.current_connection().capabilities.dialect == "postgres":
        await connection.fetch_rows("SELECT setval(?, ?)", [f"{table}_id_seq", last_id])
        return
    await connection.execute("DELETE FROM sqlite_sequence WHERE name = ?", [table])
    await connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", [table, last_id])


async def _read_fingerprint() -> str:
    if connection.current_connection().capabilities.dialect == "sqlite":
        return ""
    return str((await connection.fetch_rows(_FINGERPRINT_SQL))[0]["fingerprint"])
