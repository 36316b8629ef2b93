"""GraphQL over HTTP at `/graphql`, by the GraphQL-over-HTTP specification."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import suppress
from functools import lru_cache
from typing import Final

from starlette.datastructures import Headers, QueryParams
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from graph.execution import error_formatting
from graph.execution.operations import Operation
from resolvers.request.client_info import ClientInfo
from server.http import static_pages, uploads
from server.http.uploads import ClientGone, UploadReader
from server.operation_runner import OperationResult, OperationRunner, count_unparsed_operation
from server.requests.client_info import anonymous_client, joined_header, with_token
from server.requests.content_negotiation import (
    GRAPHQL_RESPONSE_MEDIA_TYPE,
    JSON_FORMAT,
    JSON_MEDIA_TYPE,
    ResponseFormat,
    media_type_weight,
    negotiate_response_format,
)
from server.requests.indexed_headers import IndexedHeaders
from server.requests.multipart_request import UploadFolder
from server.requests.request_parsing import BadRequest, GraphQLRequest, parse_json, parse_request
from server.websocket.graphql_transport_ws import SUBPROTOCOL

ALLOWED_METHODS: Final = ("GET", "POST", "OPTIONS")
MAX_URL_BYTES: Final = 16_384
BODY_TIMEOUT_SECONDS: Final = 30.0  # a body must arrive within this time
MAX_CACHED_BODIES: Final = 1_000
MAX_CACHED_BODY_BYTES: Final = 4_096
DRAIN_SECONDS: Final = 2.0  # how long the rest of a refused body is read and dropped
DRAIN_BYTES: Final = 32_000_000
DISCONNECT_WATCH_SECONDS: Final = 0.05  # a query that runs for longer is watched for the end of its client

_STATUS_BY_ERROR_CODE: Final = {
    "UNAUTHENTICATED": 401, "TOKEN_EXPIRED": 401, "FORBIDDEN": 403, "THROTTLED": 429, "INTERNAL": 500,
    "UNAVAILABLE": 503, "STORAGE_FULL": 503, "TIMEOUT": 503,
}  # fmt: skip
_DOCUMENT_ERROR_CODES: Final = frozenset(
    {
        error_formatting.PARSE_FAILED,
        error_formatting.VALIDATION_FAILED,
        error_formatting.BAD_USER_INPUT,
        "QUERY_TOO_COMPLEX",
    }
)


class ClientDisconnected(Exception):
    """The client disconnected before it was sent a response."""


class DrainingResponse(Response):
    """A response to a client that is still sending its body; the connection is closed afterwards.

    The rest of the body is read and dropped for up to `DRAIN_SECONDS`: closing a TCP connection with unread bytes
    sends a reset, which would discard the response before the client reads it.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        remaining_bytes = DRAIN_BYTES
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                while remaining_bytes > 0 and (event := await receive()).get("more_body"):
                    remaining_bytes -= len(event["body"])
        await send({"type": "http.response.body"})


class ResultResponse:
    """A response with status 200, made and sent with less work than `Response`."""

    def __init__(self, body: bytes, media_type: str) -> None:
        self._body = body
        self._headers = [
            (b"content-length", b"%d" % len(body)),
            (b"content-type", b"%s; charset=utf-8" % media_type.encode()),
            _VARY_BY_ACCEPT,
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self._headers})
        await send({"type": "http.response.body", "body": self._body})


_VARY_BY_ACCEPT: Final = (b"vary", b"Accept")


class GraphQLEndpoint:
    """GraphQL over HTTP as an ASGI application.

    query_page  HTML page for browsers (GET with `Accept: text/html`); None for none.
    """

    def __init__(
        self,
        operation_runner: OperationRunner,
        *,
        max_body_bytes: int,
        max_upload_bytes: int,
        query_page: bytes | None = None,
    ) -> None:
        self._operation_runner, self._max_body_bytes, self._query_page = operation_runner, max_body_bytes, query_page
        self._queries: OrderedDict[bytes, Operation] = OrderedDict()  # by the bodies of their requests
        self._upload_reader = UploadReader(operation_runner, max_text_bytes=max_body_bytes, max_bytes=max_upload_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await self._handle_http(scope, IndexedHeaders(scope["headers"]), receive)
        except ClientDisconnected:
            return
        await response(scope, receive, send)

    async def _handle_http(self, scope: Scope, headers: Headers, receive: Receive) -> ASGIApp:
        method = scope["method"]
        if method == "OPTIONS":
            return Response(status_code=204, headers={"allow": ", ".join(ALLOWED_METHODS)})
        if method == "GET" and self._query_page is not None and _prefers_page(joined_header(headers, "accept")):
            return static_pages.make_page_response(self._query_page)
        if _is_multipart(scope, headers):
            folder = await asyncio.to_thread(uploads.create_upload_folder)
            try:
                return await self._handle_graphql(scope, headers, receive, folder)
            finally:
                await folder.clean_up()
        return await self._handle_graphql(scope, headers, receive)

    async def _handle_graphql(
        self, scope: Scope, headers: Headers, receive: Receive, folder: UploadFolder | None = None
    ) -> ASGIApp:
        """Return the response to a GraphQL request; `folder` is for the files of a multipart request."""
        client = anonymous_client(scope, headers)
        response_format = negotiate_response_format(joined_header(headers, "accept"))
        try:
            if response_format is None:
                raise BadRequest(
                    "Accept one of {one} and {other}.", 406, one=GRAPHQL_RESPONSE_MEDIA_TYPE, other=JSON_MEDIA_TYPE
                )
            authenticated_client = with_token(client, headers.get("authorization"))
            if folder is None:
                operation = await self._read_operation(scope, headers, receive)
            else:
                request = await self._upload_reader.read_request(headers, authenticated_client, receive, folder)
                operation = self._operation_runner.parse_operation(request)
            if operation.kind == "subscription":
                raise BadRequest(
                    "Subscriptions run over a WebSocket at this address, by the protocol {protocol}.",
                    protocol=SUBPROTOCOL,
                )
            if operation.kind == "mutation" and scope["method"] == "GET":
                raise BadRequest("Mutations are sent by POST.", 405)
        except (ClientDisconnected, ClientGone):
            raise ClientDisconnected from None
        except Exception as error:  # noqa: BLE001 - it becomes the response
            count_unparsed_operation()
            return _make_response(
                self._operation_runner.make_error_result(error, client),
                response_format or JSON_FORMAT,
                getattr(error, "status", None),
                is_body_unread=folder is not None,
            )
        return _make_response(await self._execute(operation, authenticated_client, receive), response_format)

    async def _execute(self, operation: Operation, client: ClientInfo, receive: Receive) -> OperationResult:
        """Execute an operation and return its result.

        A query is cancelled if the client disconnects (`ClientDisconnected`). A mutation always runs to its end:
        the client cannot know how far it had come.
        """
        if operation.kind == "mutation":
            return await asyncio.shield(asyncio.create_task(self._operation_runner.execute(operation, client)))
        watch = _DisconnectWatch(receive)
        try:
            return await self._operation_runner.execute(operation, client)
        except asyncio.CancelledError:
            if watch.has_cancelled_task:
                raise ClientDisconnected from None
            raise
        finally:
            watch.stop()

    async def _read_operation(self, scope: Scope, headers: Headers, receive: Receive) -> Operation:
        """Return the operation of a request without files; that of a body which has come before as it was parsed then."""
        runner = self._operation_runner
        if scope["method"] != "POST":
            return runner.parse_operation(_read_get_request(scope))
        if not _is_json(headers.get("content-type", "")):
            raise BadRequest("Send the request as `Content-Type: {kind}`.", 415, kind=JSON_MEDIA_TYPE)
        body = await self._read_body(headers, receive)
        operation = self._queries.get(body)
        if operation is not None:
            self._queries.move_to_end(body)
            runner.log_operation(operation)
            return operation
        operation = runner.parse_operation(_parse_body(body))
        if operation.kind == "query" and len(body) <= MAX_CACHED_BODY_BYTES:
            self._queries[body] = operation
            if len(self._queries) > MAX_CACHED_BODIES:
                self._queries.popitem(last=False)
        return operation

    async def _read_body(self, headers: Headers, receive: Receive) -> bytes:
        max_bytes = self._max_body_bytes
        content_length = headers.get("content-length", "0")
        if content_length.isdigit() and int(content_length) > max_bytes:
            raise _body_too_large(max_bytes)
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(BODY_TIMEOUT_SECONDS):
                while True:
                    event = await receive()
                    if event["type"] == "http.disconnect":
                        raise ClientDisconnected
                    part = event.get("body", b"")
                    size += len(part)
                    if size > max_bytes:
                        raise _body_too_large(max_bytes)
                    if not event.get("more_body", False):
                        return b"".join((*parts, part)) if parts else part
                    parts.append(part)
        except TimeoutError:
            raise BadRequest("The body took too long to arrive.", 408) from None


def _parse_body(body: bytes) -> GraphQLRequest:
    try:
        return parse_request(parse_json(body))
    except ValueError:
        raise BadRequest("The body must be a JSON object with a string `query`: this is not JSON.") from None


@lru_cache(maxsize=64)
def _is_json(content_type: str) -> bool:
    """Return whether a `Content-Type` is that of a JSON request."""
    media_type, _, parameters = content_type.partition(";")
    charset = parameters.lower().replace(" ", "").replace('"', "")
    return media_type.strip().lower() == JSON_MEDIA_TYPE and charset in ("", "charset=utf-8")


def _read_get_request(scope: Scope) -> GraphQLRequest:
    if scope["method"] != "GET":
        raise BadRequest("Use one of {methods}.", 405, methods=", ".join(ALLOWED_METHODS))
    if len(scope["query_string"]) > MAX_URL_BYTES:
        raise BadRequest("An address has at most {most} bytes: send the query by POST.", 414, most=MAX_URL_BYTES)
    return _parse_query_string(QueryParams(scope["query_string"]))


def _is_multipart(scope: Scope, headers: Headers) -> bool:
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    return bool(scope["method"] == "POST" and media_type == uploads.MULTIPART_MEDIA_TYPE)


def _body_too_large(max_bytes: int) -> BadRequest:
    return BadRequest("A body has at most {most} bytes.", 413, most=max_bytes)


class _DisconnectWatch:
    """Cancels the current task when the client disconnects.

    It begins to wait after `DISCONNECT_WATCH_SECONDS`: most queries are over by then, and need no second task.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive, self._watched = receive, asyncio.current_task()
        self._task: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(DISCONNECT_WATCH_SECONDS, self._start)
        self.has_cancelled_task = False

    def _start(self) -> None:
        self._task = asyncio.create_task(self._wait_for_disconnect())

    async def _wait_for_disconnect(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            continue
        assert self._watched is not None, "made by a task"
        self.has_cancelled_task = self._watched.cancel()

    def stop(self) -> None:
        self._timer.cancel()
        if self._task is not None:
            self._task.cancel()


def _prefers_page(accept: str) -> bool:
    """Return whether a client prefers HTML, like a browser, to a GraphQL response."""
    page_weight = media_type_weight(accept, "text/html")
    return (
        "text/html" in accept.lower() and page_weight > 0 and page_weight >= media_type_weight(accept, JSON_MEDIA_TYPE)
    )


def _parse_query_string(params: QueryParams) -> GraphQLRequest:
    body: dict[str, object] = {key: params[key] for key in ("query", "operationName") if key in params}
    for key in ("variables", "extensions"):
        if params.get(key):
            try:
                body[key] = parse_json(params[key])
            except ValueError:
                raise BadRequest("`{key}` in the address must be a JSON object.", key=key) from None
    return parse_request(body)


def _make_response(
    result: OperationResult, response_format: ResponseFormat, status: int | None = None, *, is_body_unread: bool = False
) -> ASGIApp:
    status = status or _http_status(result, strict=response_format.is_strict)
    is_body_unread = is_body_unread or status == 413
    body, media_type = result.body, response_format.media_type_of(status)
    if status == 200 and not is_body_unread:
        return ResultResponse(body, media_type)
    response_class = DrainingResponse if is_body_unread else Response
    response = response_class(body, status, {"vary": "Accept"}, f"{media_type}; charset=utf-8")
    if status == 401:
        response.headers["www-authenticate"] = "Bearer"
    if status == 405:
        response.headers["allow"] = ", ".join(ALLOWED_METHODS)
    if is_body_unread:
        response.headers["connection"] = "close"
    if status in (429, 503):
        retry_delays_ms = [error["extensions"].get("retryAfterMs", 1000) for error in result.payload["errors"]]
        response.headers["retry-after"] = str(max(1, -(-max(retry_delays_ms) // 1000)))
    return response


def _http_status(result: OperationResult, *, strict: bool) -> int:
    """Return the HTTP status of a result.

    strict  False for a response as `application/json`: by the specification its status is then 200 for every
            well-formed request, also if its document is invalid.
    """
    if not result.error_codes or not result.is_empty:
        return 200
    error_status = _STATUS_BY_ERROR_CODE.get(result.error_codes[0])
    if "data" in result.payload:
        return error_status if error_status in (401, 429, 500, 503) else 200
    if not strict and _DOCUMENT_ERROR_CODES.issuperset(result.error_codes):
        return 200
    return error_status or 400
