"""What uvicorn reads from a connection without an end of its own, given one.

The head of a request goes on as long as a client sends it, and what was read of a line is
copied again with every packet. Here a head has a length.
"""

from __future__ import annotations

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LONGEST_HEAD: Final = 32_768  # bytes, with 32 more for each header as RFC 9113, 6.5.2, counts them
_PIECE: Final = 16_384  # bytes that are parsed before they are counted
_TOO_LONG: Final = f"The address and headers of a request have at most {LONGEST_HEAD} bytes.".encode()


class TooLong(Exception):
    """Stops the parser in a head that is too long."""


class Http(HttpToolsProtocol):
    """HTTP/1.1 that answers 431 to a request with too long a head, and closes."""

    _beside = 0  # bytes of the request that are not its body: head, trailer, and what is between chunks

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
        """Answer what stopped the parser."""
        if self._beside > LONGEST_HEAD:
            self._refuse()
        else:
            super().send_400_response(msg)

    def _refuse(self) -> None:
        head = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: text/plain; charset=utf-8\r\n"
        self.transport.write(head + b"content-length: %d\r\nconnection: close\r\n\r\n%b" % (len(_TOO_LONG), _TOO_LONG))
        self.transport.close()
