"""Counts the SQL statements that a block of code runs, and its round trips to PostgreSQL."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
import pytest

CHANGE_LOG_POLL = "FROM change WHERE id >"  # polling of the change log, which runs independently of the block


@contextmanager
def count_statements() -> Iterator[list[str]]:
    """Collect the SQL statements that are run within the block."""
    statements: list[str] = []

    class Counter(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if CHANGE_LOG_POLL not in record.getMessage():
                statements.append(record.getMessage())

    logger, handler = logging.getLogger("tortoise.db_client"), Counter()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield statements
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


@contextmanager
def count_round_trips() -> Iterator[list[str]]:
    """Collect what is sent to PostgreSQL within the block: one text for each answer that is waited for."""
    round_trips: list[str] = []
    connection_type: Any = asyncpg.connection.Connection
    execute_script, execute_statement = connection_type.execute, connection_type._execute

    async def record_script(self: Any, query: str, *values: Any, **options: Any) -> Any:
        if not values:  # with values it is a prepared statement, which `_execute` sends
            round_trips.append(query)
        return await execute_script(self, query, *values, **options)

    async def record_statement(self: Any, query: str, *arguments: Any, **options: Any) -> Any:
        if CHANGE_LOG_POLL not in query:
            round_trips.append(query)
        return await execute_statement(self, query, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection_type, "execute", record_script)
        patch.setattr(connection_type, "_execute", record_statement)
        yield round_trips
