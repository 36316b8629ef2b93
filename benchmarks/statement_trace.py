"""The statements behind one operation: the product run in this process, and what it asks of the database written down."""

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
    """Write down every statement that is run, with its values, until the block is left."""

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

    It is run twice, each time with the next variables, and what it writes stays: the second time it reads no more
    than in a server that has been asked before.
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
    """Return what is run before the transaction, within it and after it."""
    begins = [number for number, (sql, _) in enumerate(statements) if "pg_advisory_xact_lock" in sql]
    if not begins:
        return statements, [], []
    writes = [n for n, (sql, _) in enumerate(statements) if sql.lstrip().startswith(("INSERT", "UPDATE", "DELETE"))]
    first, end = begins[0], writes[-1] + 1
    return statements[:first], statements[first:end], statements[end:]
