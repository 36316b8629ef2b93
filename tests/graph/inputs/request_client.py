"""Executes requests from their JSON body to the response without HTTP, and reads all rows of the database."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from broadcaster import Broadcast
from tortoise import Tortoise

from graph.execution.operations import Operations
from graph.execution.query_limits import Limits
from graph.schema import make
from models.db import connection
from models.live import change_log
from resolvers.request.client_info import Caller
from resolvers.request.services import Services
from server.context_factory import Gate
from server.observability import logging
from server.operation_runner import Answering
from server.requests.request_parsing import decoded, envelope
from subscriptions.core.hub import Hub
from tests.graph.inputs import valid_inputs
from tests.graph.inputs.invalid_values import RAW
from tests.world import START, Unthrottled, opened

SCHEMA: Final = make()
_OF_SIGNING_IN: Final = {"session", "refresh_token", "presence"}  # they change without a mutation of business data
_RAW: Final = re.compile(f'"{RAW}([^"]*)"')


@dataclass(frozen=True)
class Made:
    """A filled database to be copied, with the administrator's token and the ids of its records by name."""

    url: str
    token: str
    ids: dict[str, str]


async def made(url: str) -> Made:
    async with opened(url) as world:
        await valid_inputs.furnished(world)
        return Made(url, world.tokens["admin"], world.ids)


@dataclass
class Edge:
    answering: Answering
    token: str
    ids: dict[str, str]

    async def ask(self, query: str, language: str = "en", **variables: Any) -> dict[str, Any]:
        """Execute a query or mutation; variables that begin with RAW_PREFIX are put into the body as raw JSON."""
        with logging.request() as request:
            caller = Caller(self.token, language, "127.0.0.1", request.id)
            try:
                operation = self.answering.read(envelope(decoded(_body(query, variables))))
            except Exception as error:  # noqa: BLE001 - as the endpoint does
                return self.answering.failed(error, caller).payload
            return (await self.answering.execute(operation, caller)).payload

    async def hear(self, query: str, **variables: Any) -> dict[str, Any]:
        """Execute a subscription and return its first result."""
        with logging.request() as request:
            caller = Caller(self.token, "en", "127.0.0.1", request.id)
            try:
                operation = self.answering.read(envelope(decoded(_body(query, variables))))
            except Exception as error:  # noqa: BLE001 - as the socket does
                return self.answering.failed(error, caller).payload
            context = await self.answering.gate.admit(caller)
            async with aclosing(self.answering.events(operation, context)) as answers:
                _, answer = await anext(answers)
                return answer.payload

    async def act(self, mutation: str, arguments: dict[str, Any], language: str = "en") -> dict[str, Any]:
        fields = SCHEMA._schema.mutation_type.fields[mutation].args
        declared = ", ".join(f"${name}: {argument.type}" for name, argument in fields.items())
        passed = ", ".join(f"{name}: ${name}" for name in fields)
        document = f"mutation({declared}) {{ {mutation}({passed}) {{ userErrors {{ path code message }} }} }}"
        document = document.replace("()", "")  # a mutation without arguments
        return await self.ask(document, language, **arguments)


def _body(query: str, variables: dict[str, Any]) -> str:
    return _RAW.sub(r"\1", json.dumps({"query": query, "variables": variables}))


@asynccontextmanager
async def opened_again(made: Made, url: str) -> AsyncIterator[Edge]:
    """Open the copy of the template at `url` and yield a client for it."""
    async with connection.connected(url):
        hub = Hub(Broadcast("memory://"), change_log.after, change_log.newest)
        services = Services("s" * 32, Unthrottled(), hub.ring, hub, access_seconds=400 * 86_400, refresh_days=400)
        gate = Gate(services, lambda: START)
        await hub.start()
        try:
            yield Edge(Answering(Operations(SCHEMA, Limits()), gate), made.token, made.ids)
        finally:
            await hub.stop()


async def held() -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows by table, except the tables of sessions and presence."""
    tables = sorted({model._meta.db_table for model in Tortoise.apps["models"].values()} - _OF_SIGNING_IN)
    return {
        table: [tuple(row.values()) for row in await connection.rows(f"SELECT * FROM {table} ORDER BY 1")]
        for table in tables
    }
