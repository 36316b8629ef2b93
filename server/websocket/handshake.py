"""WebSocket handshake: done by the websockets library, presented to the application as ASGI.

The application accepts or refuses. Instead of a receive loop it then attaches a handler to the protocol object, which
it finds in the scope's extensions.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final, Protocol
from urllib.parse import unquote

from starlette.types import Message, Scope
from uvicorn.config import Config
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl
from uvicorn.server import ServerState
from websockets.extensions.base import Extension
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from server.websocket import close_codes

PROTOCOL_EXTENSION: Final = "scoreline.wire"  # key of the ASGI extension that holds the protocol object

log = logging.getLogger(__name__)


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
        self.started = self._finished = False
        extensions = [
            ServerPerMessageDeflateFactory(
                server_max_window_bits=12, client_max_window_bits=12, compress_settings={"memLevel": 5}
            )
        ]
        self._server_protocol = ServerProtocol(
            extensions=extensions if config.ws_per_message_deflate else None, logger=log
        )

    def start(self, head: bytes) -> None:
        """Parse the request and run the application.

        head  the whole request head, as uvicorn's HTTP protocol hands it over.
        """
        self.started = True
        self._server_protocol.receive_data(head)
        request = next((event for event in self._server_protocol.events_received() if isinstance(event, Request)), None)
        self._response = self._server_protocol.accept(request) if request is not None else None
        if request is None or self._response is None:
            self._finish_refused()  # the library could not parse the request and has queued a response by itself
        elif self._response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            self._add_default_headers(self._response)
            self._server_protocol.send_response(self._response)
            self._finish_refused()
        else:
            task = asyncio.create_task(self._run_application(self._build_scope(request)))
            self._server_state.tasks.add(task)
            task.add_done_callback(self._server_state.tasks.discard)

    def _build_scope(self, request: Request) -> Scope:
        transport, headers = self._protocol.transport, request.headers
        path, _, query = request.path.partition("?")
        subprotocols = [
            subprotocol for value in headers.get_all("Sec-WebSocket-Protocol") for subprotocol in value.split(",")
        ]
        root_path = self._config.root_path
        return {
            "type": "websocket",
            "asgi": {"version": self._config.asgi_version, "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "wss" if is_ssl(transport) else "ws",
            "server": get_local_addr(transport),
            "client": get_remote_addr(transport),
            "root_path": root_path,
            "path": root_path + unquote(path),
            "raw_path": root_path.encode("ascii") + path.encode("ascii"),
            "query_string": query.encode("ascii"),
            "headers": [(name.lower().encode("ascii"), value.encode("latin-1")) for name, value in headers.raw_items()],
            "subprotocols": [name.strip() for name in subprotocols],
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
        assert self._response is not None
        self._add_default_headers(self._response)
        if subprotocol:
            self._response.headers["Sec-WebSocket-Protocol"] = subprotocol
        self._server_protocol.send_response(self._response)
        self._flush()
        self._finished = True
        self._protocol.finish_handshake(self._server_protocol.extensions)

    def _reject(self, status: HTTPStatus) -> None:
        response = self._server_protocol.reject(status, "")
        self._add_default_headers(response)
        self._server_protocol.send_response(response)
        self._finish_refused()

    def _add_default_headers(self, response: Response) -> None:
        del response.headers["Date"]  # uvicorn's default headers contain it
        for name, value in self._server_state.default_headers:
            response.headers[name.decode("latin-1")] = value.decode("latin-1")

    def _finish_refused(self) -> None:
        self._flush()
        self._finished = True
        self._protocol.abort_handshake()

    def _flush(self) -> None:
        if not self._protocol.transport.is_closing():
            self._protocol.transport.write(b"".join(self._server_protocol.data_to_send()))
