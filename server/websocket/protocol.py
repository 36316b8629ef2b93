"""WebSocket protocol (RFC 6455) for uvicorn: an `asyncio.Protocol` that calls a handler for each message.

uvicorn's own implementation gives every socket a task, a queue and a parser, which are most of the cost of an idle
socket, and passes each sent message through two of its layers and two of the library's. Here there is no task: the
handler is called from `data_received`, and a text for many sockets is framed once. The handshake is a separate object,
released as soon as the socket is open. A message that is one whole text frame is read directly; all other frames are parsed
and answered by the library's sans-I/O protocol, which a socket has only while such a message arrives and while it is
closed (see docs/decisions/request-validation.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol, cast

from uvicorn.config import Config
from uvicorn.server import ServerState
from websockets.extensions.base import Extension
from websockets.frames import Frame, Opcode

from server.websocket.frame_parser import CONTROL_OPCODES, FrameParser, read_whole_text
from server.websocket.handshake import HandshakeRequest, WebSocketHandshake

CLOSE_TIMEOUT_SECONDS: Final = 10.0  # how long a close handshake may take before the connection is aborted
ABORT_TIMEOUT_SECONDS: Final = (
    1.0  # the same if the client's answer could not be read anyway, and when the server stops
)
MAX_REASON_BYTES: Final = 123  # RFC 6455, section 5.5: a control frame has at most 125 bytes, of which 2 are the code
_PING_FRAME: Final = Frame(Opcode.PING, b"").serialize(mask=False)
_TEXT_BYTE: Final = bytes([0x80 | Opcode.TEXT])  # first byte of a text frame that is a whole message


def frame_text(prefix: bytes, body: bytes) -> bytes:
    """Return the unmasked, uncompressed text frame with `prefix` and `body` (RFC 6455, section 5.2).

    The library does the same in several steps, which are most of what a message to one of many sockets costs.
    """
    size = len(prefix) + len(body)
    if size < 126:
        length = size.to_bytes(1, "big")
    elif size < 1 << 16:
        length = b"\x7e" + size.to_bytes(2, "big")
    else:
        length = b"\x7f" + size.to_bytes(8, "big")
    return b"".join((_TEXT_BYTE, length, prefix, body))


class FrameHandler(Protocol):
    """Receives the events of a socket. All methods are called in the event loop and must not block."""

    def on_message(self, text: str | None) -> None:
        """Handle a message; `text` is None for a binary one."""

    def on_control_frame(self) -> None:
        """Handle a frame that completes no message: a ping, a pong or a fragment. For rate limits."""

    def on_write_paused(self) -> None:
        """Stop sending: the client does not read and the write buffer is full."""

    def on_writable(self) -> None:
        """Resume sending."""

    def close_for_restart(self) -> None:
        """Close the socket: the server is shutting down."""

    def on_disconnect(self, code: int) -> None:
        """Handle the end of the connection, with its close code. May be called again, and after `close`."""


class NullHandler:
    """Handler of a socket that is closed before the application attached one."""

    def on_message(self, text: str | None) -> None: ...

    def on_control_frame(self) -> None: ...

    def on_write_paused(self) -> None: ...

    def on_writable(self) -> None: ...

    def close_for_restart(self) -> None: ...

    def on_disconnect(self, code: int) -> None: ...


class PreparedText:
    """A text sent to many sockets, each with its own prefix (the operation's id).

    The last frame is cached: most clients use the same ids for the same subscriptions, so successive sockets usually
    have the same prefix, and the text is framed once for all of them.
    """

    __slots__ = ("_cached_frame", "_cached_prefix", "body")

    def __init__(self, body: bytes) -> None:
        self.body = body
        self._cached_prefix: bytes | None = None
        self._cached_frame = b""

    def build_frame(self, prefix: bytes) -> bytes:
        """Return the unmasked, uncompressed text frame with `prefix` and the body."""
        if prefix != self._cached_prefix:
            self._cached_prefix, self._cached_frame = prefix, frame_text(prefix, self.body)
        return self._cached_frame

    def drop_frame(self) -> None:
        """Free the cached frame: the text was sent, and may be kept for long."""
        self._cached_prefix, self._cached_frame = None, b""


class WebSocketProtocol(asyncio.Protocol):
    """One WebSocket.

    write_paused  the client does not read: the transport's buffer is above its high-water mark.

    There are thousands of instances, hence `__slots__`. Reading stops while the handler works on a message
    (`pause_reading`): incoming bytes then stay in the parser, and once they exceed the maximum message size the
    transport is paused too, so that a flooding client is slowed down by TCP and memory stays bounded.
    """

    __slots__ = (
        "_close_timer", "_closing", "_connections", "_extensions", "_handler", "_handshake", "_loop",
        "_max_message_bytes", "_no_traffic", "_parser", "_reading_paused", "_transport", "write_paused",
    )  # fmt: skip

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._loop = _loop or asyncio.get_running_loop()
        self._handshake: WebSocketHandshake | None = WebSocketHandshake(self, config, server_state, app_state)
        self._connections = cast("set[asyncio.Protocol]", server_state.connections)
        self._max_message_bytes = config.ws_max_size
        self._handler: FrameHandler | None = None
        self._extensions: tuple[Extension, ...] = ()
        self._parser: FrameParser | None = None
        self._reading_paused = self._closing = self._no_traffic = self.write_paused = False
        self._close_timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport

    # called by the handshake

    @property
    def transport(self) -> asyncio.Transport:
        return self._transport

    @property
    def is_attached(self) -> bool:
        """Whether there is a handler, or the connection is closing and needs none."""
        return self._handler is not None or self._transport.is_closing()

    def finish_handshake(self, extensions: Sequence[Extension]) -> None:
        self._handshake, self._extensions = None, tuple(extensions)
        if self._parser is not None:  # the client has sent something before the handshake was answered
            self._parser.extensions = list(extensions)

    def abort_handshake(self) -> None:
        self._handshake, self._closing = None, True
        self._transport.close()

    # called by the application and its handler

    def attach(self, handler: FrameHandler) -> None:
        """Call this handler from now on, also for messages that have arrived already."""
        self._handler = handler
        if self._transport.is_closing():
            self._loop.call_soon(handler.on_disconnect, 1006)
        elif self._parser is not None:
            self._loop.call_soon(self._process_frames)

    def send_prepared(self, prefix: bytes, text: PreparedText) -> None:
        """Send a prepared text with this prefix.

        With extensions it is framed anew for each socket: a compressor has a state per connection.
        """
        if self._extensions:
            self.send_text(prefix + text.body)
        else:
            self._transport.write(text.build_frame(prefix))

    def send_text(self, text: bytes) -> None:
        """Send a text message, encoded as UTF-8."""
        if self._extensions:
            self._transport.write(Frame(Opcode.TEXT, text).serialize(mask=False, extensions=self._extensions))
        else:
            self._transport.write(frame_text(b"", text))

    def pause_reading(self) -> None:
        """Deliver no further messages until `resume_reading`."""
        self._reading_paused = True

    def resume_reading(self) -> None:
        """Deliver buffered messages and read on."""
        self._reading_paused = False
        if not self._transport.is_closing():
            self._transport.resume_reading()
            self._process_frames()

    def ping(self) -> bool:
        """Send a ping; return whether any data arrived since the last one.

        While reading is paused by the server itself, silence proves nothing and True is returned.
        """
        if self._no_traffic and not self._reading_paused:
            return False
        self._no_traffic = True
        if not self.write_paused and not self._transport.is_closing():
            self._transport.write(_PING_FRAME)
        return True

    def close(self, code: int, reason: str) -> None:
        """Start the close handshake; abort the connection if the client does not answer in time.

        reason  shortened if it does not fit into the frame.
        """
        if self._closing or self._transport.is_closing():
            return
        self._handler = self._handler or NullHandler()
        parser = self._get_parser()
        parser.send_close(code, _shorten_reason(reason))
        self._write_answers(parser)
        self._closing = True
        self._abort_after(CLOSE_TIMEOUT_SECONDS)
        self._loop.call_soon(self.resume_reading)  # the client's close frame may be buffered behind messages

    def _abort_after(self, seconds: float) -> None:
        if self._close_timer is not None:
            self._close_timer.cancel()
        self._close_timer = self._loop.call_later(seconds, self._transport.abort)

    # called by the HTTP protocol and by uvicorn

    def start_handshake(self, request: HandshakeRequest) -> None:
        """Open the WebSocket for this request, or refuse it."""
        assert self._handshake is not None, "a connection is handed over once"
        self._handshake.start(request)

    def shutdown(self) -> None:
        """Close the connection: the server is shutting down."""
        if self._handler is not None:
            self._handler.close_for_restart()
        if self._closing:
            self._abort_after(ABORT_TIMEOUT_SECONDS)
        else:
            self._transport.close()

    # called by the transport (asyncio.Protocol)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        if self._close_timer is not None:
            self._close_timer.cancel()
            self._close_timer = None
        self._parser = None
        handler, self._handler = self._handler, None
        if handler is not None:
            handler.on_disconnect(1006)

    def pause_writing(self) -> None:
        self.write_paused = True
        if self._handler is not None:
            self._handler.on_write_paused()

    def resume_writing(self) -> None:
        self.write_paused = False
        if self._handler is not None:
            self._handler.on_writable()

    def data_received(self, data: bytes) -> None:
        self._no_traffic = False
        if self._parser is None and self._handler is not None and not (self._reading_paused or self._extensions):
            text = read_whole_text(data, self._max_message_bytes)
            if text is not None:
                self._handler.on_message(text)
                return
        parser = self._get_parser()
        if parser.eof_sent:
            return  # the client has closed the socket or violated the protocol
        parser.unread_bytes += data
        if self._reading_paused or self._handler is None:
            if len(parser.unread_bytes) > self._max_message_bytes:
                self._transport.pause_reading()
        else:
            self._process_frames()

    # frames

    def _get_parser(self) -> FrameParser:
        if self._parser is None:
            self._parser = FrameParser.acquire(self._max_message_bytes, self._extensions)
        return self._parser

    def _process_frames(self) -> None:
        """Handle the complete frames that have arrived, until the handler pauses reading; then drop an idle parser."""
        handler, parser = self._handler, self._parser
        if handler is None or parser is None:
            return
        while not self._reading_paused and (frame := parser.next_frame()) is not None:
            self._write_answers(parser)
            if not self._closing and not parser.eof_sent:
                self._handle_frame(frame, parser, handler)
        if parser.eof_sent:
            self._finish(parser, handler)
        elif parser.is_idle:
            self._parser = None
            parser.release()

    def _handle_frame(self, frame: Frame, parser: FrameParser, handler: FrameHandler) -> None:
        message = None if frame.opcode in CONTROL_OPCODES else parser.take_message(frame)
        if message is not None:
            handler.on_message(message.text)
        elif not parser.eof_sent:
            handler.on_control_frame()

    def _write_answers(self, parser: FrameParser) -> None:
        """Write what the library answers by itself, except for pongs to a client that should close the socket."""
        answers = b"".join(parser.data_to_send())
        if answers and not self._closing:
            self._transport.write(answers)

    def _finish(self, parser: FrameParser, handler: FrameHandler) -> None:
        """End a socket that the client has closed, or on which it has violated the protocol; the answer is written."""
        self._write_answers(parser)
        if not self._closing and parser.close_sent is not None:
            self._closing = True
            handler.on_disconnect(int(parser.close_sent.code))
        self._abort_after(ABORT_TIMEOUT_SECONDS)  # abort if the client does not read the rest of the write buffer
        if parser.close_rcvd is not None:
            self._transport.close()


def _shorten_reason(reason: str) -> str:
    """Return the characters of a close reason that fit into its frame as a whole."""
    return reason.encode(errors="replace")[:MAX_REASON_BYTES].decode(errors="ignore")
