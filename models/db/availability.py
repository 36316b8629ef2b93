"""Whether the database is known to answer, and the operations to give up when it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from tortoise.backends.base.client import Capabilities, TransactionContext

from models.db.errors import DatabaseUnavailable
from models.db.values import SqlRecord, SqlStatement
from models.db.write_queue import WriteQueue


class Availability:
    """State of the database as `DatabaseMonitor` sees it; a database that is not monitored counts as answering."""

    def __init__(self) -> None:
        self.is_answering = True
        self._away_futures: set[asyncio.Future[None]] = set()

    def set_answering(self) -> None:
        self.is_answering = True

    def set_away(self) -> None:
        """Refuse new statements, and give up all operations that wait for an answer."""
        self.is_answering = False
        for future in self._away_futures:
            if not future.done():
                future.set_result(None)

    def check(self) -> None:
        """Raise DatabaseUnavailable if the database is known not to answer."""
        if not self.is_answering:
            raise DatabaseUnavailable("The database does not answer.")

    @contextmanager
    def watch(self, wake: asyncio.Future[None]) -> Iterator[None]:
        """Have the future done once the database is known not to answer, until the end of the block."""
        self._away_futures.add(wake)
        try:
            yield
        finally:
            self._away_futures.discard(wake)


class MonitoredClient(Protocol):
    """What both backends add to Tortoise's clients."""

    capabilities: Capabilities
    write_queue: WriteQueue
    availability: Availability

    async def fetch_records(self, statements: Sequence[SqlStatement]) -> list[Sequence[SqlRecord]]:
        """Return the rows of each statement, run one after another on one connection."""

    def in_locked_transaction(self, lock_id: int | None, *, reuses_plans: bool) -> TransactionContext:
        """Return a transaction that begins in one round trip, whatever it needs at its beginning.

        lock_id       of the advisory lock that it takes on PostgreSQL; None for none
        reuses_plans  whether PostgreSQL plans each of its prepared statements once, and not for each set of values
        """
