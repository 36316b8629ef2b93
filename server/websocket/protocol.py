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

from server.websocket.handshake import Opening

PATIENCE: Final = 10.0  # how long a close handshake may take before the connection is aborted
SHORTLY: Final = 1.0  # the same if the client's answer could not be read anyway, and when the server stops
_PING: Final = Frame(Opcode.PING, b"").serialize(mask=False)


class Listener(Protocol):
    """Receives the events of a socket. All methods are called in the event loop and must not block."""

    def heard(self, text: str | None) -> None:
        """Handle a message; `text` is None for a binary one."""

    def noise(self) -> None:
        """Handle a frame that completes no message: a ping, a pong or a fragment. For rate limits."""

    def paused(self) -> None:
        """Stop sending: the client does not read and the write buffer is full."""

    def drained(self) -> None:
        """Resume sending."""

    def close(self, code: int, reason: str) -> None:
        """Close the socket with this code: the client violated the protocol."""

    def stop(self) -> None:
        """Close the socket: the server is shutting down."""

    def gone(self, code: int) -> None:
        """Handle the end of the connection, with its close code. May be called again, and after `close`."""


class Nobody:
    """Handler of a socket that is closed before the application attached one."""

    def heard(self, text: str | None) -> None: ...

    def noise(self) -> None: ...

    def paused(self) -> None: ...

    def drained(self) -> None: ...

    def close(self, code: int, reason: str) -> None: ...

    def stop(self) -> None: ...

    def gone(self, code: int) -> None: ...


class Text:
    """A text sent to many sockets, each with its own prefix (the operation's id).

    The last frame is cached: most clients use the same ids for the same subscriptions, so successive sockets usually
    have the same prefix, and the text is framed once for all of them.
    """

    __slots__ = ("_frame", "_start", "rest")

    def __init__(self, rest: bytes) -> None:
        self.rest = rest
        self._start: bytes | None = None
        self._frame = b""

    def frame(self, start: bytes) -> bytes:
        """Return the unmasked, uncompressed text frame with `prefix` and the body."""
        if start != self._start:
            size = len(start) + len(self.rest)
            self._start, self._frame = start, b"".join((_head(size), start, self.rest))
        return self._frame


def _head(size: int) -> bytes:
    """Return the header of a final, unmasked text frame whose payload has `size` bytes (RFC 6455, 5.2)."""
    if size < 126:
        return bytes((0x81, size))
    return b"\x81\x7e" + size.to_bytes(2, "big") if size < 65_536 else b"\x81\x7f" + size.to_bytes(8, "big")


class Wire(asyncio.Protocol):
    """One WebSocket.

    write_paused  the client does not read: the transport's buffer is above its high-water mark.

    There are thousands of instances, hence `__slots__`. Reading stops while the handler works on a message
    (`pause_reading`): incoming bytes then stay in `_buffer`, and once that exceeds the maximum message size the
    transport is paused too, so that a flooding client is slowed down by TCP and memory stays bounded.
    """

    __slots__ = (
        "_buffer", "_closing", "_connections", "_deaf", "_extensions", "_held", "_is_text", "_listener", "_loop", "_most",
        "_opening", "_parts", "_silent", "_timer", "_transport", "paused",
    )  # fmt: skip

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._loop = _loop or asyncio.get_running_loop()
        self._opening: Opening | None = Opening(self, config, server_state, app_state)
        self._connections: set[Any] = server_state.connections
        self._most = config.ws_max_size
        self._listener: Listener | None = None
        self._extensions: tuple[Extension, ...] = ()
        self._buffer = bytearray()
        self._parts: list[bytes] | None = None  # fragments of an unfinished message
        self._is_text = False
        self._held = self._closing = self._deaf = self._silent = self.paused = False
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport

    # called by the handshake

    @property
    def transport(self) -> asyncio.Transport:
        return self._transport

    @property
    def attached(self) -> bool:
        """Whether there is a handler, or the connection is closing and needs none."""
        return self._listener is not None or self._transport.is_closing()

    def opened(self, extensions: Sequence[Extension]) -> None:
        self._opening, self._extensions = None, tuple(extensions)

    def refused(self) -> None:
        self._opening, self._closing = None, True
        self._transport.close()

    # called by the application and its handler

    def attach(self, listener: Listener) -> None:
        """Call this handler from now on, also for messages that have arrived already."""
        self._listener = listener
        if self._transport.is_closing():
            self._loop.call_soon(listener.gone, 1006)
        else:
            self._loop.call_soon(self._read)

    def tell(self, start: bytes, text: Text) -> None:
        """Send a prepared text with this prefix.

        With extensions it is framed anew for each socket: a compressor has a state per connection.
        """
        if self._extensions:
            self.say(start + text.rest)
        else:
            self._transport.write(text.frame(start))

    def say(self, text: bytes) -> None:
        """Send a text message, encoded as UTF-8."""
        if self._extensions:
            self._transport.write(Frame(Opcode.TEXT, text).serialize(mask=False, extensions=self._extensions))
        else:
            self._transport.write(_head(len(text)) + text)

    def hold(self) -> None:
        """Deliver no further messages until `resume_reading`."""
        self._held = True

    def go_on(self) -> None:
        """Deliver buffered messages and read on."""
        self._held = False
        if not self._transport.is_closing():
            self._transport.resume_reading()
            self._read()

    def ping(self) -> bool:
        """Send a ping; return whether any data arrived since the last one.

        While reading is paused by the server itself, silence proves nothing and True is returned.
        """
        if self._silent and not self._held:
            return False
        self._silent = True
        if not self.paused and not self._transport.is_closing():
            self._transport.write(_PING)
        return True

    def close(self, code: int, reason: str) -> None:
        """Start the close handshake; abort the connection if the client does not answer in time."""
        if self._closing or self._transport.is_closing():
            return
        self._closing = True
        self._listener = self._listener or Nobody()
        self._transport.write(Frame(Opcode.CLOSE, Close(code, reason).serialize()).serialize(mask=False))
        self._end_within(SHORTLY if self._deaf else PATIENCE)
        self._loop.call_soon(self.go_on)  # the client's close frame may be buffered behind messages

    def _end_within(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self._transport.abort)

    # called by uvicorn

    def shutdown(self) -> None:
        """Close the connection: the server is shutting down."""
        if self._listener is not None:
            self._listener.stop()
        if self._closing:
            self._end_within(SHORTLY)
        else:
            self._transport.close()

    # called by the transport (asyncio.Protocol)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._buffer.clear()
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.gone(1006)

    def pause_writing(self) -> None:
        self.paused = True
        if self._listener is not None:
            self._listener.paused()

    def resume_writing(self) -> None:
        self.paused = False
        if self._listener is not None:
            self._listener.drained()

    def data_received(self, data: bytes) -> None:
        self._silent = False
        if self._opening is not None and not self._opening.begun:
            self._opening.begin(data)
        elif not self._deaf:
            self._buffer += data
            if self._held or self._listener is None:
                if len(self._buffer) > self._most:
                    self._transport.pause_reading()
            else:
                self._read()

    # frames

    def _read(self) -> None:
        """Handle the complete frames in the buffer, until the handler pauses reading."""
        listener = self._listener
        if listener is None:
            return
        try:
            while not self._held and not self._deaf and (frame := self._frame()):
                self._heed(frame, listener)
        except ProtocolError as error:
            self._fail(listener, 1002, str(error))
        except UnicodeDecodeError:
            self._fail(listener, 1007, "A text message must be UTF-8")
        except PayloadTooBig:
            self._fail(listener, 1009, f"A message has at most {self._most} bytes")

    def _fail(self, listener: Listener, code: int, reason: str) -> None:
        self._deaf = True  # the position of the next frame in the stream is unknown from here on
        self._buffer.clear()
        listener.close(code, reason)

    def _frame(self) -> Frame | None:
        """Remove the next frame from the buffer and return it, unmasked and decompressed; None while it is incomplete.

        raises  ProtocolError, PayloadTooBig. The size is checked before the payload has arrived.
        """
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        first, second = buffer[0], buffer[1]
        size = second & 127
        start = {126: 4, 127: 10}.get(size, 2)
        if len(buffer) < start:
            return None
        if start > 2:
            size = int.from_bytes(buffer[2:start], "big")
        if not second & 128:
            raise ProtocolError("A client must mask its frames")
        if size > self._most:
            raise PayloadTooBig(size, self._most)
        end = start + 4 + size
        if len(buffer) < end:
            return None
        data = apply_mask(bytes(buffer[start + 4 : end]), bytes(buffer[start : start + 4]))
        del buffer[:end]
        try:
            opcode = Opcode(first & 15)
        except ValueError:
            raise ProtocolError("Unknown opcode") from None
        frame = Frame(opcode, data, bool(first & 128), bool(first & 64), bool(first & 32), bool(first & 16))
        for extension in reversed(self._extensions):
            frame = extension.decode(frame, max_size=self._most)
        frame.check()
        return frame

    def _heed(self, frame: Frame, listener: Listener) -> None:
        data = bytes(frame.data)
        if frame.opcode is Opcode.CLOSE:
            self._end(data, listener)
        elif self._closing:
            return
        elif frame.opcode is Opcode.PING:
            self._transport.write(Frame(Opcode.PONG, data).serialize(mask=False))
            listener.noise()
        elif frame.opcode is Opcode.PONG:
            listener.noise()
        else:
            self._gather(frame, data, listener)

    def _gather(self, frame: Frame, data: bytes, listener: Listener) -> None:
        """Add a data frame to the current message; pass the message on if it is complete."""
        if (frame.opcode is Opcode.CONT) is (self._parts is None):
            raise ProtocolError("Unexpected continuation frame, or a new message within a fragmented one")
        if self._parts is None:
            self._parts, self._is_text = [], frame.opcode is Opcode.TEXT
        self._parts.append(data)
        if sum(map(len, self._parts)) > self._most:
            raise PayloadTooBig(None, self._most)
        if not frame.fin:
            listener.noise()
            return
        whole, self._parts = b"".join(self._parts), None
        listener.heard(whole.decode() if self._is_text else None)

    def _end(self, data: bytes, listener: Listener) -> None:
        """Handle a close frame: answer it, or complete the close handshake that the server started."""
        code = Close.parse(data).code
        if not self._closing:
            self._closing = True
            self._transport.write(Frame(Opcode.CLOSE, data).serialize(mask=False))
            listener.gone(int(code))
        self._end_within(SHORTLY)  # abort if the client does not read the rest of the write buffer
        self._transport.close()
