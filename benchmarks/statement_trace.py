"""Traces the SQL statements of one GraphQL operation by executing it in this process."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from graph.execution.operations import Operations
from graph.execution.query_limits import QueryLimits
from graph.schema import create_schema
from models.db import connection
from resolvers.auth import sessions
from resolvers.request.client_info import ClientInfo
from resolvers.request.services import NullNotifier, Services
from server.clock import utc_now
from server.context_factory import ContextFactory, build_state
from server.http.rate_limit import create_rate_limiter

Statement = tuple[str, list[Any]]


@contextmanager
def record_statements(statements: list[Statement]) -> Iterator[None]:
    """Append every statement that runs within the block, with its values, to `statements`.

    Reads Tortoise's debug log, which is the one place that sees all statements.
    """

    class StatementHandler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if isinstance(record.args, tuple) and record.msg == "%s: %s":
                values: Any = record.args[1]
                statements.append((str(record.args[0]), list(values or ())))

    logger, handler = logging.getLogger("tortoise.db_client"), StatementHandler()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


async def trace_statements(
    url: str, token: str, query: str, variable_sets: Iterator[dict[str, Any]]
) -> list[Statement]:
    """Return the statements that the operation runs, with their values, in order.

    The operation is executed twice, each time with the next variables, and its writes are kept. Only the second
    execution is returned: as in a server that has been running for a while, its caches are filled by then.
    """
    from benchmarks.harness import SECRET

    traced: list[Statement] = []
    context_factory = ContextFactory(Services(SECRET, create_rate_limiter(), NullNotifier(), build_state), utc_now)
    async with connection.connect(url):
        client = ClientInfo(token, "en", "", "bench")
        operations = Operations(create_schema(), QueryLimits())
        for statements in ([], traced):
            context = context_factory.create_context(client)
            with record_statements(statements):
                context.current_viewer = await sessions.authenticate(token, context_factory.services, utc_now())
                operation = operations.parse_operation(query, None, next(variable_sets))
                result = await operations.execute_in(context, operation)
            assert not result.errors, result.errors
    return traced


def split_at_transaction(statements: list[Statement]) -> tuple[list[Statement], list[Statement], list[Statement]]:
    """Split the statements into those before, within and after the transaction.

    The advisory lock starts the transaction, the last write ends it.
    """
    lock_positions = [position for position, (sql, _) in enumerate(statements) if "pg_advisory_xact_lock" in sql]
    if not lock_positions:
        return statements, [], []
    write_positions = [
        position
        for position, (sql, _) in enumerate(statements)
        if sql.lstrip().startswith(("INSERT", "UPDATE", "DELETE"))
    ]
    transaction_start, transaction_end = lock_positions[0], write_positions[-1] + 1
    return statements[:transaction_start], statements[transaction_start:transaction_end], statements[transaction_end:]
