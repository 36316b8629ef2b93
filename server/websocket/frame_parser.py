"""Parses the frames of a WebSocket, by the sans-I/O protocol of the websockets library."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import ClassVar, Final, NamedTuple, cast

from websockets import protocol
from websockets.extensions.base import Extension
from websockets.frames import CloseCode, Frame, Opcode, apply_mask  # type: ignore[attr-defined]  # C, if there

CONTROL_OPCODES: Final = (Opcode.CLOSE, Opcode.PING, Opcode.PONG)
_WHOLE_TEXT: Final = 0x80 | Opcode.TEXT  # first byte of a text frame that is a whole message, without extensions
_MASK_BIT: Final = 0x80
_LENGTH_IN_TWO_BYTES: Final = 126  # in place of a length, which the next two bytes have
_MASK_BYTES: Final = 4

log = logging.getLogger(__name__)


def read_whole_text(data: bytes, max_message_bytes: int) -> str | None:
    """Return the text of bytes that are one masked text frame and nothing else; None for all others.

    Nearly all messages of clients arrive so, and most of a parser's work is to be ready for the others, which it has to
    look at: fragments, several frames at once, control frames, and violations of the protocol.
    """
    if len(data) < 2 or data[0] != _WHOLE_TEXT:
        return None
    length, mask_start = data[1] - _MASK_BIT, 2
    if not 0 <= length <= _LENGTH_IN_TWO_BYTES:
        return None
    if length == _LENGTH_IN_TWO_BYTES:
        length, mask_start = int.from_bytes(data[2:4]), 4
    text_start = mask_start + _MASK_BYTES
    if len(data) != text_start + length or length > max_message_bytes:
        return None
    try:
        return apply_mask(data[text_start:], data[mask_start:text_start]).decode()
    except UnicodeDecodeError:
        return None


class CompleteMessage(NamedTuple):
    """A complete message; `text` is None for a binary one."""

    text: str | None


class FrameParser(protocol.Protocol):
    """The library's protocol of one open socket, which hands out one frame at a time.

    unread_bytes  arrived, and not parsed yet. They lie behind the last frame: the library would parse all of them at
                  once, but a frame may pause reading, or close the socket, before the next one is looked at.
    """

    _spares: ClassVar[list[FrameParser]] = []

    def __init__(self, max_message_bytes: int, extensions: Sequence[Extension]) -> None:
        super().__init__(protocol.Side.SERVER, max_size=max_message_bytes, logger=log)
        self.debug = False  # it would log the frames, which contain tokens
        self.extensions = list(extensions)
        self.unread_bytes = bytearray()
        self._is_within_frame = False
        self._fragments: list[bytes] = []  # of an unfinished message
        self._is_text = False

    @property
    def is_idle(self) -> bool:
        """Whether the socket is open and no part of a message has arrived: a new parser would go on in the same way."""
        is_between_messages = not (self.unread_bytes or self._is_within_frame or self._fragments)
        return is_between_messages and self.state is protocol.State.OPEN

    @classmethod
    def acquire(cls, max_message_bytes: int, extensions: Sequence[Extension]) -> FrameParser:
        """Return a parser for a socket: the one that was released last, if there is one, since that is quicker."""
        try:
            parser = cls._spares.pop()
        except IndexError:
            return cls(max_message_bytes, extensions)
        parser.max_message_size, parser.extensions = max_message_bytes, list(extensions)
        return parser

    def release(self) -> None:
        """Keep this idle parser for the next socket, unless one is kept already."""
        if not self._spares:
            self._spares.append(self)

    def next_frame(self) -> Frame | None:
        """Parse the next frame and return it; None while it is incomplete, or if it violates the protocol.

        The answer of the library to a ping, to a close frame or to a violation is then among `data_to_send`.
        """
        if self.unread_bytes:
            data, self.unread_bytes, self._is_within_frame = self.unread_bytes, bytearray(), True
            self.receive_data(data)
        events = self.events_received()
        return cast(Frame, events[0]) if events else None

    def recv_frame(self, frame: Frame) -> None:
        super().recv_frame(frame)
        self.unread_bytes, self.reader.buffer = self.reader.buffer, bytearray()
        self._is_within_frame = False

    def take_message(self, frame: Frame) -> CompleteMessage | None:
        """Return the message that a data frame completes, or None while it has further fragments.

        A text that is not UTF-8 fails the socket; this is visible in `eof_sent`, and returns None, too.
        """
        if frame.opcode is not Opcode.CONT:
            self._is_text = frame.opcode is Opcode.TEXT
        self._fragments.append(bytes(frame.data))
        if not frame.fin:
            return None
        payload, self._fragments = b"".join(self._fragments), []
        try:
            return CompleteMessage(payload.decode() if self._is_text else None)
        except UnicodeDecodeError:
            self.fail(CloseCode.INVALID_DATA, "A text message must be UTF-8")
            return None
