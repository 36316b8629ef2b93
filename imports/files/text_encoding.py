"""Finds the encoding of a text file: by its byte order mark, by what UTF-8 allows, and else by its words.

The single-byte encodings of Cyrillic and of Western European languages can decode almost any bytes. The right one is
recognized by the words that come out: their alphabet, capitals only where words have them, and letters as frequent as
in Russian. An encoding is certain if nearly all words are plausible in it and clearly fewer in any that would read
something else. Where none is, charset-normalizer suggests one, and the reading is shown as a warning.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from charset_normalizer import from_bytes

from domain.messages import Message
from imports.files.source_row import FileNote
from imports.files.word_plausibility import WORD_ENCODINGS, Plausibility, rate_words, sample_words

_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
_CHUNK_BYTES: Final = 1 << 20
_SAMPLE_BYTES_PER_CHUNK: Final = 16 * 1024
_MAX_SAMPLE_BYTES: Final = 1 << 20
_MIN_UTF_8_CHARACTERS: Final = 4  # so many in whole lines of valid UTF-8 are no chance
_ASCII: Final = bytes(range(0x80))
_HIGH: Final = bytes(range(0x80, 0x100))
_CERTAIN_SHARE: Final = 0.95  # of plausible words
_CERTAIN_MARGIN: Final = 0.3  # of plausible words, to the next encoding
_CERTAIN_LIKELIHOOD: Final = 8.0  # of the letters, in nats
_SHOWN_LINES: Final = 3


@dataclass(frozen=True)
class TextEncoding:
    """The encoding of a file, by its name in Python, and what is to be shown about it (None: it is certain)."""

    name: str
    note: FileNote | None = None


@dataclass
class _TextScan:
    """What the bytes of a file say.

    utf_8_characters  characters beyond ASCII in lines that are valid UTF-8
    invalid_lines     lines that are not UTF-8, as many as fit into the sample
    high_bytes        all bytes beyond ASCII that occur near such lines
    """

    utf_8_characters: int = 0
    invalid_lines: list[bytes] = field(default_factory=list)
    high_bytes: set[int] = field(default_factory=set)


def find_encoding(path: Path, map_encoding: str) -> TextEncoding:
    """Return the encoding of a text file.

    map_encoding  the one in the map; empty: none. It holds unless the file begins with a byte order mark; it is a
                  warning if the bytes clearly say another one.
    """
    with path.open("rb") as file:
        head = file.read(4096)
        marked = next((name for mark, name in _BYTE_ORDER_MARKS if head.startswith(mark)), None) or _find_utf_16(head)
        if marked:
            return TextEncoding(marked)
        if map_encoding:
            return TextEncoding(map_encoding, _check_map_encoding(path, file, map_encoding))
        file.seek(0)
        return _find_by_content(path, _scan(file))


def _find_utf_16(head: bytes) -> str | None:
    """Return UTF-16 without a byte order mark, where every other byte of ASCII letters and separators is zero."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = len(head) / 2
    if odd > 0.1 * half and even == 0:
        return "utf-16-le"
    return "utf-16-be" if even > 0.1 * half and odd == 0 else None


def _scan(file: BinaryIO) -> _TextScan:
    text_scan = _TextScan()
    sample_size = 0
    for chunk in _read_chunks(file):
        if chunk.isascii():
            continue
        try:
            text_scan.utf_8_characters += len(chunk.decode()) - len(chunk.translate(None, _HIGH))
        except UnicodeDecodeError:
            sample_size = _scan_lines(chunk, text_scan, sample_size)
    return text_scan


def _scan_lines(chunk: bytes, text_scan: _TextScan, sample_size: int) -> int:
    chunk_size = 0
    text_scan.high_bytes.update(chunk.translate(None, _ASCII))
    for line in chunk.splitlines():
        if line.isascii():
            continue
        try:
            text_scan.utf_8_characters += sum(char > "\x7f" for char in line.decode())
        except UnicodeDecodeError:
            if chunk_size < _SAMPLE_BYTES_PER_CHUNK and sample_size < _MAX_SAMPLE_BYTES:
                text_scan.invalid_lines.append(line[:_SAMPLE_BYTES_PER_CHUNK])
                chunk_size += len(line)
                sample_size += len(line)
    return sample_size


def _read_chunks(file: BinaryIO) -> Iterator[bytes]:
    """Yield the file in chunks that end with a line, as long as lines are shorter than a chunk."""
    rest = b""
    while chunk := file.read(_CHUNK_BYTES):
        chunk, newline, tail = (rest + chunk).rpartition(b"\n")
        if not newline:
            chunk, tail = tail, b""
        rest = tail
        yield chunk + newline
    if rest:
        yield rest


def _find_by_content(path: Path, text_scan: _TextScan) -> TextEncoding:
    if not text_scan.invalid_lines:
        return TextEncoding("utf-8")
    if text_scan.utf_8_characters >= _MIN_UTF_8_CHARACTERS:
        message = Message(
            "{file}: most lines are UTF-8, but some are in another encoding: these are rejected.", {"file": path.name}
        )
        sample = [line.decode("utf-8", "replace")[:100] for line in text_scan.invalid_lines[:_SHOWN_LINES]]
        return TextEncoding("utf-8", FileNote(message, sample, is_warning=True))
    ratings = _rate(text_scan)
    best = ratings[0]
    if _is_certain(ratings, text_scan):
        return TextEncoding(best.encoding)
    encoding = best.encoding if best.share >= _CERTAIN_SHARE else _suggest(text_scan) or best.encoding
    message = Message(
        "{file} seems to be in {encoding}, but that is not certain. If these lines are not right, write `encoding` into "
        "the map, or save the file as UTF-8:",
        {"file": path.name, "encoding": encoding},
    )
    return TextEncoding(encoding, FileNote(message, _show(text_scan, encoding), is_warning=True))


def _rate(text_scan: _TextScan) -> list[Plausibility]:
    """Return the ratings of the single-byte encodings, the best first."""
    words = sample_words(text_scan.invalid_lines)
    ratings = [
        rate_words(words, encoding) for encoding in WORD_ENCODINGS if _can_decode(text_scan.high_bytes, encoding)
    ]
    return sorted(ratings, key=lambda rating: (-round(rating.share, 2), -rating.likelihood))


def _is_certain(ratings: list[Plausibility], text_scan: _TextScan) -> bool:
    best = ratings[0]
    if best.share < _CERTAIN_SHARE:
        return False
    sample = b"\n".join(text_scan.invalid_lines)
    text = sample.decode(best.encoding)
    return all(
        best.share - rating.share >= _CERTAIN_MARGIN
        or best.likelihood - rating.likelihood >= _CERTAIN_LIKELIHOOD
        or sample.decode(rating.encoding, "replace") == text
        for rating in ratings[1:]
    )


def _suggest(text_scan: _TextScan) -> str | None:
    """Return the encoding that charset-normalizer takes for the best of those that decode the whole file."""
    candidates = [encoding for encoding in WORD_ENCODINGS if _can_decode(text_scan.high_bytes, encoding)]
    sample = b"\n".join(text_scan.invalid_lines)[: 64 * 1024]
    by_codec = {codecs.lookup(encoding).name: encoding for encoding in candidates}
    best = from_bytes(sample, cp_isolation=candidates).best()
    return by_codec.get(codecs.lookup(best.encoding).name) if best else None


def _check_map_encoding(path: Path, file: BinaryIO, map_encoding: str) -> FileNote | None:
    """Return a warning if the bytes clearly say another encoding than the map."""
    if map_encoding.startswith("utf"):
        return None  # what is not UTF-8 is rejected row by row
    file.seek(0)
    text_scan = _scan(file)
    detected = _find_by_content(path, text_scan)
    if detected.note is not None or (detected.name == "utf-8" and text_scan.utf_8_characters < _MIN_UTF_8_CHARACTERS):
        return None
    lines = text_scan.invalid_lines or _first_lines_beyond_ascii(file)
    if b"\n".join(lines).decode(map_encoding, "replace") == b"\n".join(lines).decode(detected.name, "replace"):
        return None
    message = Message(
        "{file} is read in {encoding}, as the map says, but looks like {other}. These lines are read as:",
        {"file": path.name, "encoding": map_encoding, "other": detected.name},
    )
    sample = [line.decode(map_encoding, "replace").strip()[:100] for line in lines[:_SHOWN_LINES]]
    return FileNote(message, sample, is_warning=True)


def _first_lines_beyond_ascii(file: BinaryIO) -> list[bytes]:
    file.seek(0)
    lines: list[bytes] = []
    for chunk in _read_chunks(file):
        lines += [line for line in chunk.splitlines() if not line.isascii()]
        if len(lines) >= _SHOWN_LINES:
            break
    return lines[:_SHOWN_LINES]


def _show(text_scan: _TextScan, encoding: str) -> list[str]:
    return [line.decode(encoding, "replace").strip()[:100] for line in text_scan.invalid_lines[:_SHOWN_LINES]]


def _can_decode(high_bytes: set[int], encoding: str) -> bool:
    try:
        bytes(high_bytes).decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
