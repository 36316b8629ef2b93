"""WebSocket handshake: checked by the websockets library, unless it is a usual one, presented to the application as ASGI.

The application accepts or refuses. Instead of a receive loop it then attaches a handler to the protocol object, which
it finds in the scope's extensions. The HTTP protocol has parsed the request already, so the library does not parse it
again; what its parser would refuse is refused here.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Final, Protocol
from urllib.parse import unquote

from starlette.types import Message, Scope
from uvicorn.config import Config
from uvicorn.protocols.utils import is_ssl
from uvicorn.server import ServerState
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake
from websockets.extensions.base import Extension, ServerExtensionFactory
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.http11 import MAX_LINE_LENGTH, MAX_NUM_HEADERS, Request, Response
from websockets.server import ServerProtocol
from websockets.utils import accept_key

from server.websocket import close_codes

PROTOCOL_EXTENSION: Final = "scoreline.wire"  # key of the ASGI extension that holds the protocol object
_SEPARATORS_BYTES: Final = 4  # of a header line: colon, space and line end
_CHECKED_HEADERS: Final = frozenset(
    {
        b"upgrade", b"connection", b"sec-websocket-key", b"sec-websocket-version", b"sec-websocket-protocol",
        b"sec-websocket-extensions", b"origin", b"transfer-encoding", b"content-length",
    }
)  # fmt: skip
_CONNECTION_VALUES: Final = (b"Upgrade", b"upgrade", b"keep-alive, Upgrade")
_KEY: Final = re.compile(rb"[A-Za-z0-9+/]{21}[AQgw]==")  # 16 bytes in base64
_SUBPROTOCOL: Final = re.compile(rb"[a-z-]+")  # a single one

log = logging.getLogger(__name__)
_library_log = logging.getLogger(f"{__name__}.library")
_library_log.setLevel(logging.WARNING)  # it would write a line for each opened socket; the closed one is logged

_EXTENSIONS: Final = (
    ServerPerMessageDeflateFactory(
        server_max_window_bits=12, client_max_window_bits=12, compress_settings={"memLevel": 5}
    ),
)


@dataclass(frozen=True, slots=True)
class HandshakeRequest:
    """The request that opens a WebSocket, as the HTTP protocol has parsed it.

    headers         with names in lower case
    server, client  address and port of both ends, as ASGI has them
    """

    method: str
    url: bytes
    http_version: str
    headers: Sequence[tuple[bytes, bytes]]
    server: tuple[str, int | None] | None
    client: tuple[str, int] | None


class HandshakeConnection(Protocol):
    """What the handshake needs of the connection that it opens."""

    @property
    def transport(self) -> asyncio.Transport:
        """The transport underneath."""

    @property
    def is_attached(self) -> bool:
        """Whether the application has attached a frame handler."""

    def finish_handshake(self, extensions: Sequence[Extension]) -> None:
        """Go on as an open WebSocket."""

    def abort_handshake(self) -> None:
        """Close the transport: the handshake was refused."""

    def close(self, code: int, reason: str) -> None:
        """Close the open WebSocket with this code."""


class WebSocketHandshake:
    """The opening handshake of one WebSocket; the protocol drops it once the socket is open or refused."""

    def __init__(
        self, protocol: HandshakeConnection, config: Config, server_state: ServerState, app_state: dict[str, object]
    ) -> None:
        self._protocol, self._config, self._server_state, self._app_state = protocol, config, server_state, app_state
        self._finished = False
        self._accept_key = ""
        self._extensions_header: str | None = None
        self._extensions: Sequence[Extension] = ()

    def start(self, request: HandshakeRequest) -> None:
        """Check the request and run the application."""
        if usual_accept_key := check_usual_request(request, compress=self._config.ws_per_message_deflate):
            self._accept_key = usual_accept_key
            self._start_application(request)
            return
        try:
            library_request = build_library_request(request)
        except UnreadableHead as error:
            self._reject(error.status)
            return
        checker = get_checker(compress=self._config.ws_per_message_deflate)
        try:
            self._accept_key, self._extensions_header, _ = checker.process_request(library_request)
        except InvalidHandshake:
            self._refuse(_make_server_protocol().accept(library_request))  # which knows the response to each error
            return
        self._extensions = checker.extensions
        self._start_application(request)

    def _start_application(self, request: HandshakeRequest) -> None:
        task = asyncio.create_task(self._run_application(self._build_scope(request)))
        self._server_state.tasks.add(task)
        task.add_done_callback(self._server_state.tasks.discard)

    def _build_scope(self, request: HandshakeRequest) -> Scope:
        path, _, query = request.url.partition(b"?")
        root_path = self._config.root_path
        subprotocols = [
            subprotocol.strip().decode("latin-1")
            for name, value in request.headers
            if name == b"sec-websocket-protocol"
            for subprotocol in value.split(b",")
        ]
        return {
            "type": "websocket",
            "asgi": {"version": self._config.asgi_version, "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "wss" if is_ssl(self._protocol.transport) else "ws",
            "server": request.server,
            "client": request.client,
            "root_path": root_path,
            "path": root_path + unquote(path.decode("ascii")),
            "raw_path": root_path.encode("ascii") + path,
            "query_string": query,
            "headers": request.headers,
            "subprotocols": subprotocols,
            "state": self._app_state.copy(),
            "extensions": {PROTOCOL_EXTENSION: self._protocol},
        }

    async def _run_application(self, scope: Scope) -> None:
        """Run the application and make sure that the handshake has an outcome."""
        try:
            await self._config.loaded_app(scope, self._receive, self._send)
        except Exception:  # a bug fails this socket only; the client will reconnect
            log.exception("A WebSocket could not be opened.")
        if not self._finished:
            self._reject(HTTPStatus.INTERNAL_SERVER_ERROR)
        elif not self._protocol.is_attached:
            self._protocol.close(close_codes.TRY_AGAIN_LATER, "Internal error: connect again after a pause")

    async def _receive(self) -> Message:
        return {"type": "websocket.connect"}

    async def _send(self, message: Message) -> None:
        match message["type"]:
            case "websocket.accept":
                self._accept(message.get("subprotocol"))
            case "websocket.close" if not self._finished:
                self._reject(HTTPStatus.FORBIDDEN)
            case "websocket.close":
                self._protocol.close(message.get("code", 1000), message.get("reason") or "")
            case _:
                raise RuntimeError("the application must attach a handler and send through the protocol object")

    def _accept(self, subprotocol: str | None) -> None:
        headers = [
            (b"Upgrade", b"websocket"),
            (b"Connection", b"Upgrade"),
            (b"Sec-WebSocket-Accept", self._accept_key.encode("ascii")),
            *self._server_state.default_headers,
        ]
        if self._extensions_header is not None:
            headers.append((b"Sec-WebSocket-Extensions", self._extensions_header.encode("ascii")))
        if subprotocol:
            headers.append((b"Sec-WebSocket-Protocol", subprotocol.encode("ascii")))
        lines = [b"HTTP/1.1 101 Switching Protocols", *(b"%b: %b" % header for header in headers), b"", b""]
        self._write(b"\r\n".join(lines))
        self._finished = True
        self._protocol.finish_handshake(self._extensions)

    def _reject(self, status: HTTPStatus) -> None:
        self._refuse(_make_server_protocol().reject(status, ""))

    def _refuse(self, response: Response) -> None:
        del response.headers["Date"]  # uvicorn's default headers contain it
        for name, value in self._server_state.default_headers:
            response.headers[name.decode("latin-1")] = value.decode("latin-1")
        self._write(response.serialize())
        self._finished = True
        self._protocol.abort_handshake()

    def _write(self, data: bytes) -> None:
        if not self._protocol.transport.is_closing():
            self._protocol.transport.write(data)


class UnreadableHead(Exception):
    """A request head that the parser of the websockets library would refuse, with the status of the response."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status)
        self.status = status


def _make_server_protocol(extensions: Sequence[ServerExtensionFactory] | None = None) -> ServerProtocol:
    return ServerProtocol(extensions=extensions, logger=_library_log)


@cache
def get_checker(*, compress: bool) -> ServerProtocol:
    """Return the object that checks requests: one for all, since a check leaves nothing but its result in it."""
    return _make_server_protocol(_EXTENSIONS if compress else None)


def check_usual_request(request: HandshakeRequest, *, compress: bool) -> str | None:
    """Return `Sec-WebSocket-Accept` for a request as browsers and client libraries write it; None for any other.

    The library decides about the others, also about those that may be valid in another form: its check and its objects
    take most of a handshake.

    compress  whether the server may accept an extension
    """
    if request.method != "GET" or request.http_version != "1.1" or not request.url.isascii():
        return None
    if len(request.headers) > MAX_NUM_HEADERS:
        return None
    values: dict[bytes, bytes] = {}
    for name, value in request.headers:
        if len(name) + len(value) + _SEPARATORS_BYTES > MAX_LINE_LENGTH:
            return None
        if name in _CHECKED_HEADERS:
            if name in values:
                return None
            values[name] = value
    key = values.get(b"sec-websocket-key", b"")
    if (
        values.get(b"upgrade") != b"websocket"
        or values.get(b"connection") not in _CONNECTION_VALUES
        or values.get(b"sec-websocket-version") != b"13"
        or _KEY.fullmatch(key) is None
        or not _SUBPROTOCOL.fullmatch(values.get(b"sec-websocket-protocol", b"?"))
        or (compress and b"sec-websocket-extensions" in values)
        or b"transfer-encoding" in values
        or b"content-length" in values
    ):
        return None
    return accept_key(key.decode("ascii"))


def build_library_request(request: HandshakeRequest) -> Request:
    """Return the request as the library has it. Raises UnreadableHead for one that its parser would refuse."""
    if len(request.headers) > MAX_NUM_HEADERS:
        raise UnreadableHead(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
    if not request.url.isascii():
        raise UnreadableHead(HTTPStatus.BAD_REQUEST)
    headers = Headers()
    for name, value in request.headers:
        if len(name) + len(value) + _SEPARATORS_BYTES > MAX_LINE_LENGTH:
            raise UnreadableHead(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        if name == b"transfer-encoding" or (name == b"content-length" and value.strip() != b"0"):
            raise UnreadableHead(HTTPStatus.BAD_REQUEST)  # a handshake has no body
        headers.set_insecure(name.decode("latin-1"), value.strip(b" \t").decode("latin-1"))
    return Request(request.url.decode("ascii"), headers, request.method, f"HTTP/{request.http_version}")
