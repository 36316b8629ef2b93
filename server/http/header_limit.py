"""Limits the size of HTTP request heads (431).

httptools accepts a request line and headers of any length, and copies an unfinished line again with every packet, so
an endless header costs quadratic time. This subclass of uvicorn's protocol counts the bytes and closes.
"""

from __future__ import annotations

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LONGEST_HEAD: Final = 32_768  # each header counts with 32 bytes of overhead, as in RFC 9113, 6.5.2
_PIECE: Final = 16_384  # data is parsed in chunks of this size, counted after each
_TOO_LONG: Final = f"The address and headers of a request have at most {LONGEST_HEAD} bytes.".encode()


class TooLong(Exception):
    """Stops the parser when a head is too long."""


class Http(HttpToolsProtocol):
    """HTTP/1.1 protocol that answers 431 to a request with too long a head, and closes the connection.

    Counted are all bytes that are not body: `data_received` adds every byte and `on_body` takes those of the body
    away. This also bounds trailers and chunk extensions, for which the parser has no callback.
    """

    _beside = 0  # bytes of the current request outside its body

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data), _PIECE):
            piece = data[start : start + _PIECE]
            super().data_received(piece)
            if self.transport.is_closing() or self.transport.get_protocol() is not self:
                return
            self._beside += len(piece)
            if self._beside > LONGEST_HEAD:
                self._refuse()
                return

    def on_message_begin(self) -> None:
        self._beside = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        if len(self.url) + sum(len(name) + len(value) + 32 for name, value in self.headers) > LONGEST_HEAD:
            self._beside = LONGEST_HEAD + 1
            raise TooLong
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._beside -= len(body)
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        """Answer a parser error: 431 if the head was too long, else uvicorn's 400."""
        if self._beside > LONGEST_HEAD:
            self._refuse()
        else:
            super().send_400_response(msg)

    def _refuse(self) -> None:
        head = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain; charset=utf-8\r\n"
        self.transport.write(head + b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (len(_TOO_LONG), _TOO_LONG))
        self.transport.close()
