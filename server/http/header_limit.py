"""Checks HTTP request heads, which uvicorn and httptools leave to the application, and the reading of responses.

httptools accepts a request line and headers of any length, and copies an unfinished line again with every packet, so
an endless header costs quadratic time. It also accepts a request without `Host`, and any header several times. And a
client that does not read its response would keep it in memory for ever.
"""

from __future__ import annotations

import asyncio
import re
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from server.http.security_headers import DATA_POLICY
from server.websocket.handshake import HandshakeRequest
from server.websocket.protocol import WebSocketProtocol

MAX_HEAD_BYTES: Final = 32_768  # each header counts with 32 bytes of overhead, as in RFC 9113, 6.5.2
_CHUNK_BYTES: Final = 16_384  # data is parsed in chunks of this size, counted after each
SLOW_READER_SECONDS: Final = 30.0  # how long a client may read nothing of a response
# Proxies and servers choose differently between two values of these headers, so that a check of one may not hold for
# the other.
_SINGLE_HEADERS: Final = (b"host", b"authorization", b"content-type", b"origin")
_HOST: Final = re.compile(rb"[\w.~!$&'()*+,;=%-]+(:\d*)?|\[[0-9A-Fa-f:.]+\](:\d*)?", re.ASCII)  # RFC 3986, 3.2.2
_TOO_LONG_BODY: Final = f"The address and headers of a request have at most {MAX_HEAD_BYTES} bytes.".encode()


class HeadTooLong(Exception):
    """Stops the parser when a head is too long."""


class InvalidHead(Exception):
    """Stops the parser when a header is missing, repeated or malformed; the message is sent to the client."""


class LimitedHttpProtocol(HttpToolsProtocol):
    """HTTP/1.1 protocol that answers 431 to a request with too long a head, 400 to one with an invalid head, and closes
    the connection. It aborts connections of clients that do not read their response.

    Counted are all bytes that are not body: `data_received` adds every byte and `on_body` takes those of the body
    away. This also bounds trailers and chunk extensions, for which the parser has no callback.
    """

    _non_body_bytes = 0  # bytes of the current request outside its body
    _head_error: InvalidHead | None = None
    _slow_reader_timer: asyncio.TimerHandle | None = None
    _unread_bytes = 0  # of the write buffer, when the timer was set
    _is_handshake: bool | None = None  # whether the current request opens a WebSocket, once all its headers are there

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data), _CHUNK_BYTES):
            chunk = data[start : start + _CHUNK_BYTES]
            super().data_received(chunk)
            if self.transport.is_closing() or self.transport.get_protocol() is not self:
                return
            self._non_body_bytes += len(chunk)
            if self._non_body_bytes > MAX_HEAD_BYTES:
                self._send_431()
                return

    def on_message_begin(self) -> None:
        self._non_body_bytes, self._is_handshake = 0, None
        super().on_message_begin()

    def _should_upgrade(self) -> bool:
        if self._is_handshake is None:  # it is asked three times, and looks through all headers
            self._is_handshake = super()._should_upgrade()
        return self._is_handshake

    def on_headers_complete(self) -> None:
        if len(self.url) + sum(len(name) + len(value) + 32 for name, value in self.headers) > MAX_HEAD_BYTES:
            self._non_body_bytes = MAX_HEAD_BYTES + 1
            raise HeadTooLong
        try:
            _check_headers(self.headers, self.parser.get_http_version())
        except InvalidHead as error:
            self._head_error = error
            raise
        super().on_headers_complete()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over to the WebSocket protocol, with the request as it was parsed."""
        self.connections.discard(self)
        protocol = WebSocketProtocol(self.config, self.server_state, self.app_state)
        protocol.connection_made(self.transport)
        self.transport.set_protocol(protocol)
        protocol.start_handshake(
            HandshakeRequest(
                self.scope["method"], self.url, self.scope["http_version"], self.headers, self.server, self.client
            )
        )
        self.parser = None  # type: ignore[assignment]  # it refers to this object: without it both are freed at once

    def on_body(self, body: bytes) -> None:
        self._non_body_bytes -= len(body)
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        """Answer a parser error: 431 if the head was too long, else 400."""
        if self._non_body_bytes > MAX_HEAD_BYTES:
            self._send_431()
        else:
            self._refuse(b"400 Bad Request", str(self._head_error or msg).encode())

    def _send_431(self) -> None:
        self._refuse(b"431 Request Header Fields Too Large", _TOO_LONG_BODY)

    def _refuse(self, status: bytes, text: bytes) -> None:
        headers = [
            *self.server_state.default_headers,
            (b"content-security-policy", DATA_POLICY.encode()),
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"%d" % len(text)),
            (b"connection", b"close"),
        ]
        lines = [b"HTTP/1.1 " + status, *(b"%b: %b" % header for header in headers), b"", text]
        self.transport.write(b"\r\n".join(lines))
        self.transport.close()

    def pause_writing(self) -> None:
        """Called when the client does not read: abort the connection unless it reads on within the time."""
        super().pause_writing()
        self._set_slow_reader_timer()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._slow_reader_timer is not None:
            self._slow_reader_timer.cancel()
            self._slow_reader_timer = None

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._slow_reader_timer is not None:
            self._slow_reader_timer.cancel()

    def _set_slow_reader_timer(self) -> None:
        self._unread_bytes = self.transport.get_write_buffer_size()
        self._slow_reader_timer = self.loop.call_later(SLOW_READER_SECONDS, self._check_slow_reader)

    def _check_slow_reader(self) -> None:
        if self.transport.get_write_buffer_size() < self._unread_bytes:
            self._set_slow_reader_timer()
        else:
            self.transport.abort()


def _check_headers(headers: list[tuple[bytes, bytes]], http_version: str) -> None:
    """Raise InvalidHead for a repeated header, or a `Host` that is missing or malformed (RFC 9112, 3.2)."""
    names = [name for name, _ in headers]
    for single_header in _SINGLE_HEADERS:
        if names.count(single_header) > 1:
            raise InvalidHead(f"Send the header {single_header.decode().title()} once.")
    host = dict(headers).get(b"host")
    if host is None and http_version == "1.0":
        return
    if host is None or not _HOST.fullmatch(host.strip()):
        raise InvalidHead("Send the header Host with the name of the server and, unless it is the default, the port.")
