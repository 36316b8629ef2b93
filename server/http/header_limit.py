"""Limits the size of HTTP request heads (431).

httptools accepts a request line and headers of any length, and copies an unfinished line again with every packet, so
an endless header costs quadratic time. This subclass of uvicorn's protocol counts the bytes and closes.
"""

from __future__ import annotations

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES: Final = 32_768  # each header counts with 32 bytes of overhead, as in RFC 9113, 6.5.2
_CHUNK_BYTES: Final = 16_384  # data is parsed in chunks of this size, counted after each
_TOO_LONG_BODY: Final = f"The address and headers of a request have at most {MAX_HEAD_BYTES} bytes.".encode()


class HeadTooLong(Exception):
    """Stops the parser when a head is too long."""


class LimitedHttpProtocol(HttpToolsProtocol):
    """HTTP/1.1 protocol that answers 431 to a request with too long a head, and closes the connection.

    Counted are all bytes that are not body: `data_received` adds every byte and `on_body` takes those of the body
    away. This also bounds trailers and chunk extensions, for which the parser has no callback.
    """

    _non_body_bytes = 0  # bytes of the current request outside its body

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
        self._non_body_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        if len(self.url) + sum(len(name) + len(value) + 32 for name, value in self.headers) > MAX_HEAD_BYTES:
            self._non_body_bytes = MAX_HEAD_BYTES + 1
            raise HeadTooLong
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._non_body_bytes -= len(body)
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        """Answer a parser error: 431 if the head was too long, else uvicorn's 400."""
        if self._non_body_bytes > MAX_HEAD_BYTES:
            self._send_431()
        else:
            super().send_400_response(msg)

    def _send_431(self) -> None:
        response_head = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain; charset=utf-8\r\n"
        self.transport.write(
            response_head + b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (len(_TOO_LONG_BODY), _TOO_LONG_BODY)
        )
        self.transport.close()
