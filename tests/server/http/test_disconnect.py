"""A query ends when its client disconnects; a mutation runs to its end."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from server.http import graphql_endpoint
from server.http.graphql_endpoint import GraphQLEndpoint
from server.operation_runner import OperationResult
from tests.http_server import WAIT_SECONDS

SCOPE = {
    "type": "http",
    "method": "POST",
    "path": "/graphql",
    "query_string": b"",
    "headers": [(b"content-type", b"application/json")],
    "client": ("127.0.0.1", 1),
}


class SlowRunner:
    """Runs operations that end when `finish` is set."""

    def __init__(self, kind: str) -> None:
        self.operation = SimpleNamespace(kind=kind)
        self.started, self.finish = asyncio.Event(), asyncio.Event()
        self.outcome = ""

    def parse_operation(self, request: object) -> object:
        return self.operation

    async def execute(self, operation: object, client: object) -> OperationResult:
        self.started.set()
        try:
            await self.finish.wait()
        except asyncio.CancelledError:
            self.outcome = "cancelled"
            raise
        self.outcome = "finished"
        return OperationResult({"data": {"answer": 42}})


class Client:
    """The client of one request, as the server sees it."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.events.put_nowait({"type": "http.request", "body": b'{"query": "{ answer }"}'})
        self.sent: list[dict[str, Any]] = []

    def disconnect(self) -> None:
        self.events.put_nowait({"type": "http.disconnect"})

    async def send(self, message: Any) -> None:
        self.sent.append(message)


def start(runner: SlowRunner, client: Client) -> asyncio.Task[None]:
    endpoint = GraphQLEndpoint(runner, max_body_bytes=1000, max_upload_bytes=1000)
    return asyncio.create_task(endpoint(SCOPE, client.events.get, client.send))


@pytest.mark.parametrize("watch_seconds", [0, 0.05])
async def test_query_is_cancelled_when_client_disconnects(monkeypatch: Any, watch_seconds: float) -> None:
    monkeypatch.setattr(graphql_endpoint, "DISCONNECT_WATCH_SECONDS", watch_seconds)
    runner, client = SlowRunner("query"), Client()
    request = start(runner, client)
    await runner.started.wait()

    client.disconnect()
    await asyncio.wait_for(request, WAIT_SECONDS)

    assert (runner.outcome, client.sent) == ("cancelled", [])


async def test_query_is_answered_while_its_client_is_watched(monkeypatch: Any) -> None:
    monkeypatch.setattr(graphql_endpoint, "DISCONNECT_WATCH_SECONDS", 0)
    runner, client = SlowRunner("query"), Client()
    request = start(runner, client)
    await runner.started.wait()
    while client.events.empty() and not client.events._getters:
        await asyncio.sleep(0)

    runner.finish.set()
    await asyncio.wait_for(request, WAIT_SECONDS)

    assert client.sent[0]["status"] == 200
    assert orjson.loads(client.sent[1]["body"]) == {"data": {"answer": 42}}
    assert asyncio.all_tasks() == {asyncio.current_task()}  # the watch has ended


async def test_cancellation_by_the_server_is_not_taken_for_a_disconnect() -> None:
    runner, client = SlowRunner("query"), Client()
    request = start(runner, client)
    await runner.started.wait()

    request.cancel()

    with pytest.raises(asyncio.CancelledError):
        await request
    assert runner.outcome == "cancelled"


async def test_mutation_runs_to_its_end_after_its_client_disconnects() -> None:
    runner, client = SlowRunner("mutation"), Client()
    request = start(runner, client)
    await runner.started.wait()

    client.disconnect()
    request.cancel()
    await asyncio.sleep(0)
    runner.finish.set()

    with pytest.raises(asyncio.CancelledError):
        await request
    async with asyncio.timeout(WAIT_SECONDS):
        while not runner.outcome:
            await asyncio.sleep(0)
    assert runner.outcome == "finished"
