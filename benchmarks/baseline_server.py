"""Minimal ASGI server that serves as the baseline: prepared text to sockets, one statement for an HTTP request.

Started as `python -m benchmarks.baseline_server PORT [DATABASE REDIS]`. POST /push sends the request body to every
socket. With a database and a Redis, POST /floor/NAME runs the statement of that name (see `benchmarks/floors.py`) with
the values in the body and answers with its JSON, and each message on the Redis channel makes it run the SQL statements
that a goal update needs and send a text to one socket.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import asyncpg
import orjson
import uvicorn
from redis.asyncio import Redis

from benchmarks.floors import STATEMENTS

GOAL_SQL = "SELECT id, name, owner_kind, owner_id, metric, target, first_day, last_day, version, archived_at FROM goal WHERE id = $1"
VALUE_SQL = (
    "SELECT SUM(amount)::bigint FROM daily_total WHERE metric = $1 AND employee_id = $2 AND day BETWEEN $3 AND $4"
)


class ConnectionWithoutReset(asyncpg.Connection):  # type: ignore[misc]
    """Connection that returns to the pool without the reset query that the driver sends after each use."""

    async def reset(self, *, timeout: float | None = None) -> None:
        await self._reset()


class BaselineServer:
    """ASGI application that accepts graphql-transport-ws sockets and sends them text unchanged."""

    def __init__(self) -> None:
        self.senders: list[Any] = []
        self.pool: asyncpg.Pool | None = None
        self.redis: Redis | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while (await receive())["type"] != "lifespan.shutdown":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})
        elif scope["type"] == "http":
            body = b""
            while True:
                event = await receive()
                body += event.get("body", b"")
                if not event.get("more_body"):
                    break
            if scope["path"] == "/push":
                text = body.decode()
                for send_to_socket in self.senders:
                    await send_to_socket({"type": "websocket.send", "text": text})
            answer = await self.run_statement(scope["path"][7:], body) if scope["path"].startswith("/floor/") else b"ok"
            await send(
                {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(answer))]}
            )
            await send({"type": "http.response.body", "body": answer})
        else:
            await receive()
            await send({"type": "websocket.accept", "subprotocol": "graphql-transport-ws"})
            while True:
                event = await receive()
                if event["type"] == "websocket.disconnect":
                    return
                if "connection_init" in event["text"]:
                    await send({"type": "websocket.send", "text": '{"type":"connection_ack"}'})
                else:
                    self.senders.append(send)
                    await send({"type": "websocket.send", "text": '{"id":"1","type":"next","payload":{}}'})

    async def run_statement(self, operation: str, body: bytes) -> bytes:
        """Run the statement of an operation with the values of the request, and return the body of the answer."""
        assert self.pool is not None
        assert self.redis is not None
        answer: str = await self.pool.fetchval(STATEMENTS[operation], *orjson.loads(body))
        if operation == "win":
            await self.redis.publish("floor:news", answer)
        return b'{"data":' + answer.encode() + b"}"

    async def listen(self, database_url: str, redis_url: str) -> None:
        """Handle messages `[socket index, goal id, text]`: run the goal's statements, send the text to the socket."""
        pool = self.pool = await asyncpg.create_pool(
            database_url, min_size=1, max_size=4, connection_class=ConnectionWithoutReset
        )
        self.redis = Redis.from_url(redis_url, socket_timeout=None)
        async with self.redis.pubsub() as pubsub:
            await pubsub.subscribe("scoreline:floor")
            async for message in pubsub.listen():
                if message["type"] != "message":
                    continue
                socket_index, goal_id, text = orjson.loads(message["data"])
                async with pool.acquire() as connection:
                    row = await connection.fetchrow(GOAL_SQL, goal_id)
                    await connection.fetchval(
                        VALUE_SQL, row["metric"], row["owner_id"], row["first_day"], row["last_day"]
                    )
                await self.senders[socket_index]({"type": "websocket.send", "text": text})


async def main() -> None:
    app = BaselineServer()
    config = uvicorn.Config(
        app,
        port=int(sys.argv[1]),
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_max_size=65_536,
        log_config=None,
        access_log=False,
        server_header=False,
    )
    server_task = asyncio.create_task(uvicorn.Server(config).serve())
    listen_task = asyncio.create_task(app.listen(*sys.argv[2:])) if len(sys.argv) > 2 else None
    await server_task
    if listen_task:
        listen_task.cancel()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
