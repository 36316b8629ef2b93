"""WebSocket protocol (RFC 6455) for uvicorn: an `asyncio.Protocol` that calls a handler for each message.

uvicorn's own implementation gives every socket a task, a queue and a parser, which are most of the cost of an idle
socket, and passes each sent message through two of its layers and two of the library's. Here there is no task: the
handler is called from `data_received`, and a text for many sockets is framed once. The handshake is a separate object,
released as soon as the socket is open.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final, Protocol, cast

from uvicorn.config import Config
from uvicorn.server import ServerState
from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.extensions.base import Extension
from websockets.frames import Close, Frame, Opcode
from websockets.utils import apply_mask

from server.websocket.handshake import WebSocketHandshake

CLOSE_TIMEOUT_SECONDS: Final = 10.0  # how long a close handshake may take before the connection is aborted
ABORT_TIMEOUT_SECONDS: Final = (
    1.0  # the same if the client's answer could not be read anyway, and when the server stops
)
MAX_REASON_BYTES: Final = 123  # RFC 6455, section 5.5: a control frame has at most 125 bytes, of which 2 are the code
_PING_FRAME: Final = Frame(Opcode.PING, b"").serialize(mask=False)


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

    def close(self, code: int, reason: str) -> None:
        """Close the socket with this code: the client violated the protocol."""

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

    def close(self, code: int, reason: str) -> None: ...

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
            size = len(prefix) + len(self.body)
            self._cached_prefix, self._cached_frame = prefix, b"".join((_build_text_header(size), prefix, self.body))
        return self._cached_frame

    def drop_frame(self) -> None:
        """Free the cached frame: the text was sent, and may be kept for long."""
        self._cached_prefix, self._cached_frame = None, b""


def _build_text_header(size: int) -> bytes:
    """Return the header of a final, unmasked text frame with a payload of `size` bytes (RFC 6455, 5.2)."""
    if size < 126:
        return bytes((0x81, size))
    return b"\x81\x7e" + size.to_bytes(2, "big") if size < 65_536 else b"\x81\x7f" + size.to_bytes(8, "big")


class WebSocketProtocol(asyncio.Protocol):
    """One WebSocket.

    write_paused  the client does not read: the transport's buffer is above its high-water mark.

    There are thousands of instances, hence `__slots__`. Reading stops while the handler works on a message
    (`pause_reading`): incoming bytes then stay in `_buffer`, and once that exceeds the maximum message size the
    transport is paused too, so that a flooding client is slowed down by TCP and memory stays bounded.
    """

    __slots__ = (
        "_buffer", "_close_timer", "_closing", "_connections", "_extensions", "_failed", "_fragments", "_handler",
        "_handshake", "_is_text", "_loop", "_max_message_bytes", "_no_traffic", "_reading_paused", "_transport",
        "write_paused",
    )  # fmt: skip

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._loop = _loop or asyncio.get_running_loop()
        self._handshake: WebSocketHandshake | None = WebSocketHandshake(self, config, server_state, app_state)
        self._connections: set[Any] = server_state.connections
        self._max_message_bytes = config.ws_max_size
        self._handler: FrameHandler | None = None
        self._extensions: tuple[Extension, ...] = ()
        self._buffer = bytearray()
        self._fragments: list[bytes] | None = None  # fragments of an unfinished message
        self._is_text = False
        self._reading_paused = self._closing = self._failed = self._no_traffic = self.write_paused = False
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

    def abort_handshake(self) -> None:
        self._handshake, self._closing = None, True
        self._transport.close()

    # called by the application and its handler

    def attach(self, handler: FrameHandler) -> None:
        """Call this handler from now on, also for messages that have arrived already."""
        self._handler = handler
        if self._transport.is_closing():
            self._loop.call_soon(handler.on_disconnect, 1006)
        else:
            self._loop.call_soon(self._process_buffer)

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
            self._transport.write(_build_text_header(len(text)) + text)

    def pause_reading(self) -> None:
        """Deliver no further messages until `resume_reading`."""
        self._reading_paused = True

    def resume_reading(self) -> None:
        """Deliver buffered messages and read on."""
        self._reading_paused = False
        if not self._transport.is_closing():
            self._transport.resume_reading()
            self._process_buffer()

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
        self._closing = True
        self._handler = self._handler or NullHandler()
        close_frame = Frame(Opcode.CLOSE, Close(code, _shorten_reason(reason)).serialize())
        self._transport.write(close_frame.serialize(mask=False))
        self._abort_after(ABORT_TIMEOUT_SECONDS if self._failed else CLOSE_TIMEOUT_SECONDS)
        self._loop.call_soon(self.resume_reading)  # the client's close frame may be buffered behind messages

    def _abort_after(self, seconds: float) -> None:
        if self._close_timer is not None:
            self._close_timer.cancel()
        self._close_timer = self._loop.call_later(seconds, self._transport.abort)

    # called by uvicorn

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
        self._buffer.clear()
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
        if self._handshake is not None and not self._handshake.started:
            self._handshake.start(data)
        elif not self._failed:
            self._buffer += data
            if self._reading_paused or self._handler is None:
                if len(self._buffer) > self._max_message_bytes:
                    self._transport.pause_reading()
            else:
                self._process_buffer()

    # frames

    def _process_buffer(self) -> None:
        """Handle the complete frames in the buffer, until the handler pauses reading."""
        handler = self._handler
        if handler is None:
            return
        try:
            while not self._reading_paused and not self._failed and (frame := self._take_frame()):
                self._handle_frame(frame, handler)
        except ProtocolError as error:
            self._fail(handler, 1002, str(error))
        except UnicodeDecodeError:
            self._fail(handler, 1007, "A text message must be UTF-8")
        except PayloadTooBig:
            self._fail(handler, 1009, f"A message has at most {self._max_message_bytes} bytes")

    def _fail(self, handler: FrameHandler, code: int, reason: str) -> None:
        self._failed = True  # the position of the next frame in the stream is unknown from here on
        self._buffer.clear()
        handler.close(code, reason)

    def _take_frame(self) -> Frame | None:
        """Remove the next frame from the buffer and return it, unmasked and decompressed; None while it is incomplete.

        raises  ProtocolError, PayloadTooBig. The size is checked before the payload has arrived.
        """
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        first_byte, second_byte = buffer[0], buffer[1]
        payload_size = second_byte & 127
        mask_start = {126: 4, 127: 10}.get(payload_size, 2)
        if len(buffer) < mask_start:
            return None
        if mask_start > 2:
            payload_size = int.from_bytes(buffer[2:mask_start], "big")
        if not second_byte & 128:
            raise ProtocolError("A client must mask its frames")
        if payload_size > self._max_message_bytes:
            raise PayloadTooBig(payload_size, self._max_message_bytes)
        frame_end = mask_start + 4 + payload_size
        if len(buffer) < frame_end:
            return None
        payload = apply_mask(bytes(buffer[mask_start + 4 : frame_end]), bytes(buffer[mask_start : mask_start + 4]))
        del buffer[:frame_end]
        try:
            opcode = Opcode(first_byte & 15)
        except ValueError:
            raise ProtocolError("Unknown opcode") from None
        frame = Frame(
            opcode, payload, bool(first_byte & 128), bool(first_byte & 64), bool(first_byte & 32), bool(first_byte & 16)
        )
        for extension in reversed(self._extensions):
            frame = extension.decode(frame, max_size=self._max_message_bytes)
        frame.check()
        return frame

    def _handle_frame(self, frame: Frame, handler: FrameHandler) -> None:
        payload = bytes(frame.data)
        if frame.opcode is Opcode.CLOSE:
            self._handle_close(payload, handler)
        elif self._closing:
            return
        elif frame.opcode is Opcode.PING:
            self._transport.write(Frame(Opcode.PONG, payload).serialize(mask=False))
            handler.on_control_frame()
        elif frame.opcode is Opcode.PONG:
            handler.on_control_frame()
        else:
            self._add_fragment(frame, payload, handler)

    def _add_fragment(self, frame: Frame, payload: bytes, handler: FrameHandler) -> None:
        """Add a data frame to the current message; pass the message on if it is complete."""
        if (frame.opcode is Opcode.CONT) is (self._fragments is None):
            raise ProtocolError("Unexpected continuation frame, or a new message within a fragmented one")
        if self._fragments is None:
            self._fragments, self._is_text = [], frame.opcode is Opcode.TEXT
        self._fragments.append(payload)
        if sum(map(len, self._fragments)) > self._max_message_bytes:
            raise PayloadTooBig(None, self._max_message_bytes)
        if not frame.fin:
            handler.on_control_frame()
            return
        message, self._fragments = b"".join(self._fragments), None
        handler.on_message(message.decode() if self._is_text else None)

    def _handle_close(self, payload: bytes, handler: FrameHandler) -> None:
        """Handle a close frame: answer it, or complete the close handshake that the server started."""
        code = Close.parse(payload).code
        if not self._closing:
            self._closing = True
            self._transport.write(Frame(Opcode.CLOSE, payload).serialize(mask=False))
            handler.on_disconnect(int(code))
        self._abort_after(ABORT_TIMEOUT_SECONDS)  # abort if the client does not read the rest of the write buffer
        self._transport.close()


def _shorten_reason(reason: str) -> str:
    """Return the characters of a close reason that fit into its frame as a whole."""
    return reason.encode(errors="replace")[:MAX_REASON_BYTES].decode(errors="ignore")
