"""Counts the SQL statements that a block of code runs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

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
