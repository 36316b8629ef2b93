"""Traces the SQL statements of one GraphQL operation by executing it in this process."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from graph.schema import make
from models.db import connection
from resolvers.auth import sessions
from resolvers.request.client_info import Caller
from resolvers.request.context import Context
from resolvers.request.services import Services
from server.app import clock
from server.http.rate_limit import throttle

Statement = tuple[str, list[Any]]


@contextmanager
def noted(statements: list[Statement]) -> Iterator[None]:
    """Append every statement that runs within the block, with its values, to `statements`.

    Reads Tortoise's debug log, which is the one place that sees all statements.
    """

    class Note(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if isinstance(record.args, tuple) and record.msg == "%s: %s":
                values: Any = record.args[1]
                statements.append((str(record.args[0]), list(values or ())))

    log, handler = logging.getLogger("tortoise.db_client"), Note()
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)


async def statements_of(url: str, token: str, query: str, asked: Iterator[dict[str, Any]]) -> list[Statement]:
    """Return the statements that the operation runs, with their values, in order.

    The operation is executed twice, each time with the next variables, and its writes are kept. Only the second
    execution is returned: as in a server that has been running for a while, its caches are filled by then.
    """
    from strawberry.dataloader import DataLoader

    from benchmarks.harness import SECRET

    found: list[Statement] = []
    services = Services(SECRET, throttle(), lambda: None)
    async with connection.connected(url):
        caller = Caller(token, "en", "", "bench")
        schema = make()
        for statements in ([], found):
            context = Context(caller, services, clock, lambda by_keys: DataLoader(load_fn=by_keys, cache=False))
            with noted(statements):
                context.who = await sessions.viewer(token, services, clock())
                result = await schema.execute(query, variable_values=next(asked), context_value=context)
            assert not result.errors, result.errors
    return found


def parted(statements: list[Statement]) -> tuple[list[Statement], list[Statement], list[Statement]]:
    """Split the statements into those before, within and after the transaction.

    The advisory lock starts the transaction, the last write ends it.
    """
    begins = [number for number, (sql, _) in enumerate(statements) if "pg_advisory_xact_lock" in sql]
    if not begins:
        return statements, [], []
    writes = [n for n, (sql, _) in enumerate(statements) if sql.lstrip().startswith(("INSERT", "UPDATE", "DELETE"))]
    first, end = begins[0], writes[-1] + 1
    return statements[:first], statements[first:end], statements[end:]
