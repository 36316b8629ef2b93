"""Indexes of texts whose memory does not grow with their size: private temporary databases of SQLite.

SQLite keeps such a database in its page cache, and moves what does not fit to a file that the operating system deletes
when the process ends. A key is stored as its digest of 128 bits, so two texts never share an entry in practice.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from typing import Final

_CACHE_KIBIBYTES: Final = 8_192  # of each index
_KEYS_PER_STATEMENT: Final = 500


def _digest(key: str) -> bytes:
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _open_database(schema: str) -> sqlite3.Connection:
    database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    database.executescript(
        f"PRAGMA cache_size = -{_CACHE_KIBIBYTES}; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; {schema}"
    )
    return database


class SpillCounter:
    """Counts texts."""

    def __init__(self) -> None:
        self._database = _open_database("CREATE TABLE occurrence (key BLOB PRIMARY KEY, times INTEGER) WITHOUT ROWID")

    def add(self, key: str) -> int:
        """Count the text once more; return how often it has occurred."""
        sql = "INSERT INTO occurrence VALUES (?, 1) ON CONFLICT (key) DO UPDATE SET times = times + 1 RETURNING times"
        times: int = self._database.execute(sql, (_digest(key),)).fetchall()[0][0]
        return times


class SpillRegistry:
    """Remembers three numbers for each text: those with which it was registered first."""

    def __init__(self) -> None:
        self._database = _open_database(
            "CREATE TABLE entry (key BLOB PRIMARY KEY, first INTEGER, second INTEGER, third INTEGER) WITHOUT ROWID"
        )

    def register(self, entries: Sequence[tuple[str, tuple[int, int, int]]]) -> list[tuple[int, int, int]]:
        """Return the numbers of each text: the given ones, unless it has others already. They have at most 64 bits."""
        rows = [(_digest(key), *numbers) for key, numbers in entries]
        inserted = self._database.executemany("INSERT OR IGNORE INTO entry VALUES (?, ?, ?, ?)", rows)
        if inserted.rowcount == len(rows):
            return [numbers for _, numbers in entries]
        sql = "SELECT first, second, third FROM entry WHERE key = ?"
        return [self._database.execute(sql, row[:1]).fetchone() for row in rows]

    def forget(self, key: str) -> None:
        """Forget the numbers of the text, if it has any."""
        self._database.execute("DELETE FROM entry WHERE key = ?", (_digest(key),))


class SpillMultiMap:
    """Maps texts to sets of texts."""

    def __init__(self) -> None:
        self._database = _open_database(
            "CREATE TABLE pair (key BLOB, value TEXT, PRIMARY KEY (key, value)) WITHOUT ROWID"
        )

    def add(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Add pairs of key and value."""
        rows = [(_digest(key), value) for key, value in pairs]
        self._database.executemany("INSERT OR IGNORE INTO pair VALUES (?, ?)", rows)

    def discard(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Remove pairs of key and value."""
        rows = [(_digest(key), value) for key, value in pairs]
        self._database.executemany("DELETE FROM pair WHERE key = ? AND value = ?", rows)

    def find(self, keys: Collection[str]) -> dict[str, tuple[int, str]]:
        """Return how many values each key has, and one of them; nothing for a key without any."""
        keys_by_digest = {_digest(key): key for key in keys}
        values: dict[str, tuple[int, str]] = {}
        all_digests = [*keys_by_digest]
        for start in range(0, len(all_digests), _KEYS_PER_STATEMENT):
            digests = all_digests[start : start + _KEYS_PER_STATEMENT]
            sql = f"SELECT key, count(*), min(value) FROM pair WHERE key IN ({', '.join('?' * len(digests))}) GROUP BY key"  # noqa: S608
            for digest, count, value in self._database.execute(sql, digests):
                values[keys_by_digest[digest]] = count, value
        return values
