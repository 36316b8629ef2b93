"""The quick ways of usual handshakes, messages and frames do what the websockets library does."""

from __future__ import annotations

import itertools
import random
import struct
from collections.abc import Iterator

import pytest
from websockets.exceptions import InvalidHandshake
from websockets.frames import Frame, Opcode
from websockets.utils import apply_mask

from server.websocket.frame_parser import FrameParser, read_whole_text
from server.websocket.handshake import (
    HandshakeRequest,
    UnreadableHead,
    build_library_request,
    check_usual_request,
    get_checker,
)
from server.websocket.protocol import frame_text

MAX_BYTES = 65_536
KEY = (b"sec-websocket-key", b"AAAAAAAAAAAAAAAAAAAAAA==")
USUAL_HEADERS = (
    (b"host", b"localhost"),
    (b"upgrade", b"websocket"),
    (b"connection", b"Upgrade"),
    (b"sec-websocket-version", b"13"),
    KEY,
    (b"sec-websocket-protocol", b"graphql-transport-ws"),
)
HEADER_VARIATIONS: dict[bytes, tuple[bytes, ...]] = {
    b"upgrade": (b"WebSocket", b"websocket, h2c", b"h2c", b"web socket", b""),
    b"connection": (b"upgrade", b"keep-alive, Upgrade", b"close", b"Upgrade,", b", ,upgrade", b"up grade", b""),
    b"sec-websocket-version": (b"8", b"13, 8", b" 13", b""),
    b"sec-websocket-key": (
        b"AAAAAAAAAAAAAAAAAAAAAB==", b"AAAAAAAAAAAAAAAAAAAAAA=", b"AAAAAAAAAAAAAAAAAAAAAAA=", b"AAAA", b"\xff",
        b"AAAAAAAAAAAAAAAAAAAAAA== ", b"AAAAAAAAAAAAAAAAAAAAAA==\n", b"????????????????????????", b"",
    ),
    b"sec-websocket-protocol": (b"a, b", b"a,,b", b"graphql transport", b"\xff", b"graphql-transport-ws\n", b""),
    b"sec-websocket-extensions": (
        b"permessage-deflate; client_max_window_bits", b"permessage-deflate; server_max_window_bits=99", b"x-unknown",
        b";;", b"",
    ),
    b"origin": (b"https://example.com", b"null", b""),
    b"transfer-encoding": (b"chunked",),
    b"content-length": (b"0", b"5"),
    b"x-long": (b"x" * 8_200,),
}  # fmt: skip


def make_request(
    headers: tuple[tuple[bytes, bytes], ...] = USUAL_HEADERS,
    *,
    method: str = "GET",
    version: str = "1.1",
    url: bytes = b"/graphql",
) -> HandshakeRequest:
    return HandshakeRequest(method, url, version, headers, ("localhost", 80), ("localhost", 1))


def vary_requests() -> Iterator[HandshakeRequest]:
    yield make_request(method="POST")
    yield make_request(version="1.0")
    yield make_request(url="/ж".encode())
    yield make_request(USUAL_HEADERS + tuple((b"x-%d" % number, b"") for number in range(130)))
    for name, values in HEADER_VARIATIONS.items():
        others = tuple(header for header in USUAL_HEADERS if header[0] != name)
        yield make_request(others)
        for value in values:
            yield make_request((*others, (name, value)))
        for first, second in itertools.product(values, repeat=2):
            yield make_request((*others, (name, first), (name, second)))


def answer_of_library(request: HandshakeRequest, *, compress: bool) -> tuple[str, str | None] | None:
    """Return the library's answer to the key and the extensions, or None if it refuses the request."""
    try:
        key, extensions, _ = get_checker(compress=compress).process_request(build_library_request(request))
    except (InvalidHandshake, UnreadableHead):
        return None
    return key, extensions


@pytest.mark.parametrize("compress", [False, True])
def test_usual_handshakes_are_answered_as_by_the_library(compress: bool) -> None:
    answers = [(check_usual_request(request, compress=compress), request) for request in vary_requests()]

    assert check_usual_request(make_request(), compress=compress) == "ICX+Yqv66kxgM0FcWaLWlFLwTAI="
    assert [
        request
        for key, request in answers
        if key is not None and answer_of_library(request, compress=compress) != (key, None)
    ] == []


def test_extensions_are_left_to_the_library_only_if_the_server_compresses() -> None:
    request = make_request((*USUAL_HEADERS, (b"sec-websocket-extensions", b"permessage-deflate")))

    assert check_usual_request(request, compress=True) is None
    assert check_usual_request(request, compress=False) is not None


def parse_by_library(data: bytes) -> str | None:
    """Return the text of a message that these bytes are exactly, as the library's parser reads them."""
    parser = FrameParser(MAX_BYTES, ())
    parser.unread_bytes += data
    frame = parser.next_frame()
    if frame is None or frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
        return None
    message = parser.take_message(frame)
    return message.text if message is not None and parser.is_idle else None


def make_random_frame(random_source: random.Random) -> bytes:
    """Return a frame that is often valid, and often a little wrong."""
    size = random_source.choice((0, 1, 40, 124, 125, 126, 127, 128, 300, 65_535, 65_536, 65_537))
    payload = random_source.choice((b"x" * size, "ж".encode() * (size // 2), random_source.randbytes(size)))
    first_byte = random_source.choice((0x81, 0x81, 0x81, 0x81, 0x82, 0x01, 0x80, 0x89, 0xC1, 0x91, 0x83))
    mask_bit = random_source.choice((0x80, 0x80, 0x80, 0))
    length_form = random_source.choice((0, 0, 126, 127))
    if length_form == 0 and len(payload) < 126:
        head = bytes((first_byte, mask_bit | len(payload)))
    elif length_form != 127 and len(payload) < 65_536:
        head = struct.pack("!BBH", first_byte, mask_bit | 126, len(payload))
    else:
        head = struct.pack("!BBQ", first_byte, mask_bit | 127, len(payload))
    mask = random_source.randbytes(4)
    data = head + mask + apply_mask(payload, mask)
    cut = random_source.choice((0, 0, 0, 1, 5))
    return data[: len(data) - cut] + b"\x81" * random_source.choice((0, 0, 0, 1))


def test_whole_text_is_what_the_parser_reads() -> None:
    random_source = random.Random(7)
    frames = [make_random_frame(random_source) for _ in range(1_500)]
    frames += [bytes(head) for head in itertools.product((0x81,), range(256))]  # no more than the first two bytes

    texts = [read_whole_text(frame, MAX_BYTES) for frame in frames]

    assert sum(text is not None for text in texts) > 50
    assert [
        frame[:20]
        for frame, text in zip(frames, texts, strict=True)
        if text is not None and text != parse_by_library(frame)
    ] == []


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 70_000])
def test_text_is_framed_as_by_the_library(size: int) -> None:
    text = b"x" * size

    expected_frame = Frame(Opcode.TEXT, text).serialize(mask=False)
    assert frame_text(b"", text) == expected_frame
    assert frame_text(text[:7], text[7:]) == expected_frame
