"""The `/graphql` endpoint: GraphQL over HTTP (by the GraphQL-over-HTTP specification) and WebSocket upgrades."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, NoReturn

import orjson
import strawberry
from starlette.datastructures import Headers, QueryParams
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from graph.execution import error_formatting
from graph.execution.operations import Operation, Operations
from graph.execution.query_limits import Limits
from resolvers.request.client_info import Caller
from server.context_factory import Gate
from server.http import static_pages
from server.operation_runner import Answer, Answering, count_unread
from server.requests.client_info import METHODS, Door, known
from server.requests.request_parsing import Asked, BadRequest, decoded, envelope
from server.websocket.graphql_transport_ws import NOT_SPOKEN, PROTOCOL, Socket
from server.websocket.handshake import WIRE
from server.websocket.protocol import Wire
from server.websocket.session_permissions import Rights
from server.websocket.shared_subscriptions import Groups

JSON: Final = "application/json"
RESPONSE: Final = "application/graphql-response+json"

LONGEST_URL: Final = 16_384
SLOWEST: Final = 30.0  # a body must arrive within this time
LINGER: Final = 2.0  # how long the rest of a refused body is read and dropped
LINGER_BYTES: Final = 32_000_000
ROUND: Final = 20  # each socket is pinged once in this time

_STATUS: Final = {
    "UNAUTHENTICATED": 401, "TOKEN_EXPIRED": 401, "FORBIDDEN": 403, "THROTTLED": 429, "INTERNAL": 500,
    "UNAVAILABLE": 503, "STORAGE_FULL": 503, "TIMEOUT": 503,
}  # fmt: skip
_OF_DOCUMENT: Final = frozenset(
    {error_formatting.PARSE, error_formatting.VALIDATION, error_formatting.INPUT, "QUERY_TOO_COMPLEX"}
)


class Gone(Exception):
    """The client disconnected before it was sent a response."""


class Parting(Response):
    """A response to a client that is still sending its body; the connection is closed afterwards.

    The rest of the body is read and dropped for up to `DRAIN_SECONDS`: closing a TCP connection with unread bytes
    sends a reset, which would discard the response before the client reads it.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        left = LINGER_BYTES
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER):
                while left > 0 and (event := await receive()).get("more_body"):
                    left -= len(event["body"])
        await send({"type": "http.response.body"})


class Endpoint:
    """The GraphQL endpoint as an ASGI application.

    origins              allowed values of `Origin`, besides the server's own host.
    allow_introspection  whether clients that are not signed in may read the schema.
    query_page           HTML page for browsers (GET with `Accept: text/html`); None for none.
    trusted_proxies      networks whose `X-Forwarded-For` is believed.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        gate: Gate,
        rights: Rights,
        *,
        origins: Sequence[str] = (),
        open: bool = False,
        limits: Limits | None = None,
        page: bytes | None = None,
        trusted_proxies: Sequence[str] = (),
    ) -> None:
        # called with method, path, close code and seconds of each socket that was closed
        self.ended: Callable[[str, str, int, float], None] = lambda method, path, status, seconds: None
        self._limits = limits or Limits()
        self._answering = Answering(Operations(schema, self._limits, open=open), gate)
        self._groups = Groups(self._answering, rights)
        self._door = Door(origins, trusted_proxies)
        self._page = page
        self._sockets: dict[Socket, float] = {}  # open sockets, with the `perf_counter` value at which each was opened
        self._alone = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await self._http(scope, Headers(scope=scope), receive)
        except Gone:
            return
        response.headers["x-content-type-options"] = "nosniff"
        await response(scope, receive, send)

    async def close_all(self) -> None:
        """Close all sockets with 1012 (Service Restart) and wait until their operations have ended."""
        for socket in list(self._sockets):
            socket.stop()
        while self._sockets:
            self._alone.clear()
            await self._alone.wait()

    async def keep_alive(self) -> NoReturn:
        """Ping every socket once per round and close those that sent nothing since the last ping.

        Each round is spread over `KEEPALIVE_ROUND_SECONDS`, so that thousands of pings do not delay other work.
        """
        while True:
            sockets = list(self._sockets)
            share = -(-len(sockets) // ROUND) or 1
            for turn in range(ROUND):
                for socket in sockets[turn * share : (turn + 1) * share]:
                    socket.keep()
                await asyncio.sleep(1)

    # HTTP

    async def _http(self, scope: Scope, headers: Headers, receive: Receive) -> Response:
        cors = self._door.cors(headers)
        method = scope["method"]
        if method == "OPTIONS":
            return Response(status_code=204, headers={"allow": METHODS, **cors})
        if method == "GET" and self._page is not None and "text/html" in headers.get("accept", ""):
            return static_pages.response(self._page)
        response = await self._answered(scope, headers, receive)
        response.headers.update({"cache-control": "no-store", "vary": "Accept, Origin", **cors})
        return response

    async def _answered(self, scope: Scope, headers: Headers, receive: Receive) -> Response:
        stranger = self._door.stranger(scope, headers)
        try:
            media = _media(headers)
        except BadRequest as error:
            return _response(self._answering.failed(error, stranger), JSON, error.status)
        try:
            caller = known(stranger, headers.get("authorization"))
            asked = await self._asked(scope, headers, receive)
            operation = self._answering.read(asked)
            if operation.kind == "subscription":
                raise BadRequest(f"Subscriptions run over a WebSocket at this address, by the protocol {PROTOCOL}.")
            if operation.kind == "mutation" and scope["method"] == "GET":
                raise BadRequest("Mutations are sent by POST.", 405)
        except Gone:
            raise
        except Exception as error:  # noqa: BLE001 - it becomes the response
            count_unread()
            return _response(self._answering.failed(error, stranger), media, getattr(error, "status", None), headers)
        return _response(await self._executed(operation, caller, receive), media, None, headers)

    async def _executed(self, operation: Operation, caller: Caller, receive: Receive) -> Answer:
        """Execute an operation and return its result.

        A query is cancelled if the client disconnects (`ClientDisconnected`). A mutation always runs to its end:
        the client cannot know how far it had come.
        """
        running = asyncio.create_task(self._answering.execute(operation, caller))
        if operation.kind == "mutation":
            return await asyncio.shield(running)
        leaving = asyncio.create_task(_left(receive))
        try:
            await asyncio.wait({running, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                return running.result()
            raise Gone
        finally:
            running.cancel()
            leaving.cancel()

    async def _asked(self, scope: Scope, headers: Headers, receive: Receive) -> Asked:
        if scope["method"] == "POST":
            kind, _, parameters = headers.get("content-type", "").partition(";")
            charset = parameters.lower().replace(" ", "").replace('"', "")
            if kind.strip().lower() != JSON or (charset and charset != "charset=utf-8"):
                raise BadRequest(f"Send the request as `Content-Type: {JSON}`.", 415)
            body = await self._body(headers, receive)
            try:
                return envelope(decoded(body))
            except ValueError:
                raise BadRequest("The body must be a JSON object with a string `query`: this is not JSON.") from None
        if scope["method"] != "GET":
            raise BadRequest(f"Use one of {METHODS}.", 405)
        if len(scope["query_string"]) > LONGEST_URL:
            raise BadRequest(f"An address has at most {LONGEST_URL} bytes: send the query by POST.", 414)
        return _from_address(QueryParams(scope["query_string"]))

    async def _body(self, headers: Headers, receive: Receive) -> bytes:
        most = self._limits.body
        too_large = BadRequest(f"A body has at most {most} bytes.", 413)
        if headers.get("content-length", "0").isdigit() and int(headers.get("content-length", "0")) > most:
            raise too_large
        parts, size = [], 0
        try:
            async with asyncio.timeout(SLOWEST):
                while True:
                    event = await receive()
                    if event["type"] == "http.disconnect":
                        raise Gone
                    parts.append(event.get("body", b""))
                    size += len(parts[-1])
                    if size > most:
                        raise too_large
                    if not event.get("more_body", False):
                        return b"".join(parts)
        except TimeoutError:
            raise BadRequest("The body took too long to arrive.", 408) from None

    # Sockets

    async def socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        """Accept or refuse a WebSocket.

        An accepted one is handed to a `GraphQLTransportConnection` and this coroutine returns: from then on the
        protocol object calls the connection directly, without a task per socket.
        """
        await receive()  # websocket.connect
        if not self._door.welcome(headers):
            await send({"type": "websocket.close"})  # closing before accepting answers HTTP 403
            return
        if PROTOCOL not in scope["subprotocols"]:
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": NOT_SPOKEN, "reason": f"Use the subprotocol {PROTOCOL}"})
            return
        await send({"type": "websocket.accept", "subprotocol": PROTOCOL})
        wire: Wire = scope["extensions"][WIRE]
        stranger, authorization = self._door.stranger(scope, headers), headers.get("authorization")
        socket = Socket(self._answering, self._groups, stranger, authorization, wire, self._over)
        self._sockets[socket] = time.perf_counter()
        wire.attach(socket)

    def _over(self, socket: Socket, code: int) -> None:
        self.ended("WS", "/graphql", code, time.perf_counter() - self._sockets.pop(socket))
        if not self._sockets:
            self._alone.set()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


def _media(headers: Headers) -> str:
    """Return the media type of the response, by the `Accept` header. Raises BadRequest (406) if none fits."""
    accepted = headers.get("accept", "").lower()
    kinds = [part.partition(";")[0].strip() for part in accepted.split(",")]
    if RESPONSE in kinds and (JSON not in kinds or kinds.index(RESPONSE) < kinds.index(JSON)):
        return RESPONSE
    if not accepted or {JSON, "*/*", "application/*"} & set(kinds):
        return JSON
    raise BadRequest(f"Accept one of {RESPONSE} and {JSON}.", 406)


def _from_address(found: QueryParams) -> Asked:
    given: dict[str, object] = {key: found[key] for key in ("query", "operationName") if key in found}
    for key in ("variables", "extensions"):
        if found.get(key):
            try:
                given[key] = decoded(found[key])
            except ValueError:
                raise BadRequest(f"`{key}` in the address must be a JSON object.") from None
    return envelope(given)


def _response(answer: Answer, media: str, status: int | None, headers: Headers | None = None) -> Response:
    status = status or _status(answer, strict=headers is None or JSON not in headers.get("accept", ""))
    kind = Parting if status == 413 else Response
    response = kind(orjson.dumps(answer.payload), status, media_type=f"{media}; charset=utf-8")
    if status == 401:
        response.headers["www-authenticate"] = "Bearer"
    if status == 405:
        response.headers["allow"] = METHODS
    if status == 413:
        response.headers["connection"] = "close"
    if status in (429, 503):
        waits = [each["extensions"].get("retryAfterMs", 1000) for each in answer.payload["errors"]]
        response.headers["retry-after"] = str(max(1, -(-max(waits) // 1000)))
    return response


def _status(answer: Answer, *, strict: bool) -> int:
    """Return the HTTP status of a result.

    strict  False for a client that accepts `application/json` by name: by the specification such clients get 200
            for every well-formed request, also if its document is invalid.
    """
    if not answer.codes or not answer.empty:
        return 200
    of_code = _STATUS.get(answer.codes[0])
    if "data" in answer.payload:
        return of_code if of_code in (401, 429, 500, 503) else 200
    if not strict and _OF_DOCUMENT.issuperset(answer.codes):
        return 200
    return of_code or 400
