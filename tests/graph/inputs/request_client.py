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
from graph.execution.query_limits import QueryLimits
from graph.schema import create_schema
from models.db import connection
from models.live import change_log
from resolvers.request.client_info import ClientInfo
from resolvers.request.services import Services
from server.context_factory import ContextFactory, StreamContextFactory, build_state
from server.observability import logging
from server.operation_runner import OperationRunner
from server.requests.request_parsing import parse_json, parse_request
from subscriptions.core.hub import Hub
from tests.graph.inputs import valid_inputs
from tests.graph.inputs.import_runner_stub import StubImportRunner
from tests.graph.inputs.invalid_values import RAW_PREFIX
from tests.world import START, UnlimitedRateLimiter, World, cache_company, open_world

SCHEMA: Final = create_schema()
_SIGN_IN_TABLES: Final = {"session", "refresh_token", "presence"}  # they change without a mutation of business data
_RAW: Final = re.compile(f'"{RAW_PREFIX}([^"]*)"')


@cache_company
async def open_filled_company(url: str = "sqlite://:memory:") -> AsyncIterator[World]:
    """Open a company with a record of each kind, whose ids are among those of the world."""
    async with open_world(url) as world:
        await valid_inputs.create_company_records(world)
        yield world


@dataclass
class RequestClient:
    runner: OperationRunner
    stream_context_factory: StreamContextFactory
    token: str
    ids: dict[str, str]

    async def execute(self, query: str, language: str = "en", **variables: Any) -> dict[str, Any]:
        """Execute a query or mutation; variables that begin with RAW_PREFIX are put into the body as raw JSON."""
        with logging.start_request() as request_log:
            client = ClientInfo(self.token, language, "127.0.0.1", request_log.id)
            try:
                operation = self.runner.parse_operation(parse_request(parse_json(_encode_body(query, variables))))
            except Exception as error:  # noqa: BLE001 - as the endpoint does
                return self.runner.make_error_result(error, client).payload
            return (await self.runner.execute(operation, client)).payload

    async def receive_first(self, query: str, **variables: Any) -> dict[str, Any]:
        """Execute a subscription and return its first result."""
        with logging.start_request() as request_log:
            client = ClientInfo(self.token, "en", "127.0.0.1", request_log.id)
            try:
                operation = self.runner.parse_operation(parse_request(parse_json(_encode_body(query, variables))))
            except Exception as error:  # noqa: BLE001 - as the socket does
                return self.runner.make_error_result(error, client).payload
            viewer = (await self.runner.context_factory.create_for_request(client)).viewer
            context = self.stream_context_factory.create_context(client, viewer)
            async with aclosing(self.runner.run_subscription(operation, context)) as results:
                _, result = await anext(results)
                return result.payload

    async def execute_mutation(self, mutation: str, arguments: dict[str, Any], language: str = "en") -> dict[str, Any]:
        fields = SCHEMA._schema.mutation_type.fields[mutation].args
        declared = ", ".join(f"${name}: {argument.type}" for name, argument in fields.items())
        arguments_text = ", ".join(f"{name}: ${name}" for name in fields)
        document = f"mutation({declared}) {{ {mutation}({arguments_text}) {{ userErrors {{ path code message }} }} }}"
        document = document.replace("()", "")  # a mutation without arguments
        return await self.execute(document, language, **arguments)


def _encode_body(query: str, variables: dict[str, Any]) -> str:
    return _RAW.sub(r"\1", json.dumps({"query": query, "variables": variables}))


@asynccontextmanager
async def open_client(world: World) -> AsyncIterator[RequestClient]:
    """Yield a client that is signed in as the administrator of the company."""
    hub = Hub(Broadcast("memory://"), change_log.read_after, change_log.last_position)
    services = Services(
        "s" * 32,
        UnlimitedRateLimiter(),
        hub,
        build_state,
        access_token_seconds=400 * 86_400,
        refresh_token_days=400,
        session_idle_days=400,
        mails_links=True,
        import_runner=StubImportRunner(),
    )
    context_factory = ContextFactory(services, lambda: START)
    await hub.start()
    try:
        yield RequestClient(
            OperationRunner(Operations(SCHEMA, QueryLimits()), context_factory),
            StreamContextFactory(services, lambda: START, hub),
            world.tokens["admin"],
            world.global_ids,
        )
    finally:
        await hub.stop()


async def read_all_rows() -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows by table, except the tables of sessions and presence."""
    tables = sorted({model._meta.db_table for model in Tortoise.apps["models"].values()} - _SIGN_IN_TABLES)
    rows = await connection.fetch_records_of_all([(f"SELECT * FROM {table} ORDER BY 1", []) for table in tables])
    return {table: [tuple(row) for row in rows_of_table] for table, rows_of_table in zip(tables, rows, strict=True)}
