"""WebSocket handshake: done by the websockets library, presented to the application as ASGI.

The application accepts or refuses. Instead of a receive loop it then attaches a handler to the protocol object, which
it finds in the scope's extensions.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final, Protocol
from urllib.parse import unquote

from uvicorn.config import Config
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl
from uvicorn.server import ServerState
from websockets.extensions.base import Extension
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.http11 import Request
from websockets.server import ServerProtocol

WIRE: Final = "scoreline.wire"  # key of the ASGI extension that holds the protocol object

log = logging.getLogger(__name__)


class Connection(Protocol):
    """What the handshake needs of the connection that it opens."""

    @property
    def transport(self) -> asyncio.Transport:
        """The transport underneath."""

    @property
    def attached(self) -> bool:
        """Whether the application has attached a listener."""

    def opened(self, extensions: Sequence[Extension]) -> None:
        """Go on as an open WebSocket."""

    def refused(self) -> None:
        """Close the transport: the handshake was refused."""

    def close(self, code: int, reason: str) -> None:
        """Close the open WebSocket with this code."""


class Opening:
    """The opening handshake of one WebSocket; the protocol drops it once the socket is open or refused."""

    def __init__(self, wire: Connection, config: Config, state: ServerState, app_state: dict[str, Any]) -> None:
        self._wire, self._config, self._state, self._app_state = wire, config, state, app_state
        self.begun = self._over = False
        extensions = [
            ServerPerMessageDeflateFactory(
                server_max_window_bits=12, client_max_window_bits=12, compress_settings={"memLevel": 5}
            )
        ]
        self._library = ServerProtocol(extensions=extensions if config.ws_per_message_deflate else None, logger=log)

    def begin(self, head: bytes) -> None:
        """Parse the request and run the application.

        head  the whole request head, as uvicorn's HTTP protocol hands it over.
        """
        self.begun = True
        self._library.receive_data(head)
        request = next((each for each in self._library.events_received() if isinstance(each, Request)), None)
        self._response = self._library.accept(request) if request is not None else None
        if request is None or self._response is None:
            self._refuse()  # the library could not parse the request and has queued a response by itself
        elif self._response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            self._library.send_response(self._response)
            self._refuse()
        else:
            task = asyncio.create_task(self._ask(self._scope(request)))
            self._state.tasks.add(task)
            task.add_done_callback(self._state.tasks.discard)

    def _scope(self, request: Request) -> dict[str, Any]:
        transport, headers = self._wire.transport, request.headers
        path, _, query = request.path.partition("?")
        named = [each for value in headers.get_all("Sec-WebSocket-Protocol") for each in value.split(",")]
        root = self._config.root_path
        return {
            "type": "websocket",
            "asgi": {"version": self._config.asgi_version, "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "wss" if is_ssl(transport) else "ws",
            "server": get_local_addr(transport),
            "client": get_remote_addr(transport),
            "root_path": root,
            "path": root + unquote(path),
            "raw_path": root.encode("ascii") + path.encode("ascii"),
            "query_string": query.encode("ascii"),
            "headers": [(name.lower().encode("ascii"), value.encode("latin-1")) for name, value in headers.raw_items()],
            "subprotocols": [name.strip() for name in named],
            "state": self._app_state.copy(),
            "extensions": {WIRE: self._wire},
        }

    async def _ask(self, scope: dict[str, Any]) -> None:
        """Run the application and make sure that the handshake has an outcome."""
        try:
            await self._config.loaded_app(scope, self._receive, self._send)
        except Exception:  # a bug fails this socket only; the client will reconnect
            log.exception("A WebSocket could not be opened.")
        if not self._over:
            self._reject(HTTPStatus.INTERNAL_SERVER_ERROR)
        elif not self._wire.attached:
            self._wire.close(1011, "Internal server error")

    async def _receive(self) -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def _send(self, message: Any) -> None:
        match message["type"]:
            case "websocket.accept":
                self._accept(message.get("subprotocol"))
            case "websocket.close" if not self._over:
                self._reject(HTTPStatus.FORBIDDEN)
            case "websocket.close":
                self._wire.close(message.get("code", 1000), message.get("reason") or "")
            case _:
                raise RuntimeError("the application must attach a handler and send through the protocol object")

    def _accept(self, subprotocol: str | None) -> None:
        assert self._response is not None
        del self._response.headers["Date"]  # uvicorn's default headers contain it
        for name, value in self._state.default_headers:
            self._response.headers[name.decode("latin-1")] = value.decode("latin-1")
        if subprotocol:
            self._response.headers["Sec-WebSocket-Protocol"] = subprotocol
        self._library.send_response(self._response)
        self._flush()
        self._over = True
        self._wire.opened(self._library.extensions)

    def _reject(self, status: HTTPStatus) -> None:
        self._library.send_response(self._library.reject(status, ""))
        self._refuse()

    def _refuse(self) -> None:
        self._flush()
        self._over = True
        self._wire.refused()

    def _flush(self) -> None:
        if not self._wire.transport.is_closing():
            self._wire.transport.write(b"".join(self._library.data_to_send()))
