"""The lines of the log as text: JSON or columns, without secrets, and without what could pass for another line."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

REDACTED: Final = "[hidden]"
REQUEST_LOGGER: Final = "scoreline.request"
_CONTROL_CHARACTER: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NON_ASCII: Final = re.compile(r"[^\x00-\x7f]+")
_QUOTED_IN_COLUMNS: Final = re.compile(r"[ \t=\r\n\"']")
_SECRET_KEY: Final = re.compile(r"secret|password|passwd|token|authorization|cookie|api_?key", re.IGNORECASE)
_SECRET_TEXT: Final = re.compile(
    r"(?P<user>://[^\s:/@]*:)[^\s@/]+(?=@)"  # a password in a URL
    r"|(?P<bearer>\bbearer\s+)[\w.~+/=-]+"
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]*"  # a JWT
    r"|\bsl[dp]_[\w-]{8,}",  # a device token, or the token of a password link
    re.IGNORECASE,
)
_SECRET_SIGNS: Final = ("://", "bearer", "eyj", "sld_", "slp_")  # each match of `_SECRET_TEXT` contains one, casefolded


def redact_text(text: str) -> str:
    """Replace secrets in a text, recognized by pattern."""
    folded = text.casefold()
    if not any(sign in folded for sign in _SECRET_SIGNS):  # several times faster than the pattern
        return text
    return _SECRET_TEXT.sub(lambda match: (match["user"] or match["bearer"] or "") + REDACTED, text)


_redact_repeated: Final = lru_cache(maxsize=1024)(redact_text)


def redact(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Replace secrets, recognized by key or by pattern, in all values of a log record, tracebacks included."""
    return {key: _redact_value(key, value) for key, value in event.items()}


def _redact_value(key: str, value: object) -> object:
    if _is_secret_key(key):
        return REDACTED
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, dict):
        return {inner_key: _redact_value(str(inner_key), inner_value) for inner_key, inner_value in value.items()}
    if isinstance(value, list | tuple):
        return [_redact_value("", item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return _redact_value("", str(value))


@lru_cache(maxsize=512)
def _is_secret_key(key: str) -> bool:
    return _SECRET_KEY.search(key) is not None


def escape_control_characters(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Escape control characters in the text of a line, so that what a client sends cannot pass for another line.

    The renderer does the same with all other values.
    """
    text = _CONTROL_CHARACTER.sub(lambda match: match[0].encode("unicode_escape").decode(), str(event["event"]))
    return {**event, "event": text}


def to_json(event: Mapping[str, object], **_: object) -> str:
    """Return a log record as one line of JSON in ASCII."""
    try:
        text = orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # a lone surrogate or a huge number
        return json.dumps(event, default=str)
    return text if text.isascii() else _NON_ASCII.sub(lambda match: json.dumps(match[0])[1:-1], text)


class _ColumnRenderer(structlog.dev.ConsoleRenderer):
    """Structlog's columns; a value with characters that are not printable is quoted like one with spaces."""

    def _repr(self, val: Any) -> str:
        return _to_column(val) if isinstance(val, str) else super()._repr(val)


def _to_column(value: object) -> str:
    return _text_to_column(value) if isinstance(value, str) else repr(value)


@lru_cache(maxsize=1024)  # of few texts, such as paths and names of operations, there are many lines
def _text_to_column(value: str) -> str:
    return value if value.isprintable() and _QUOTED_IN_COLUMNS.search(value) is None else repr(value)


class LogFormatter(structlog.stdlib.ProcessorFormatter):
    """Formats log records, of the server and of libraries.

    The line of a request (`format_request`), of which there are more than of all others, is not sent through the
    processors: its fields are known, and only those with text of clients can contain a secret.

    colors  whether columns are coloured, for a terminal
    """

    def __init__(self, foreign_pre_chain: list[Processor], *, as_json: bool, colors: bool) -> None:
        renderer: Processor = (
            structlog.processors.JSONRenderer(to_json)
            if as_json
            else _ColumnRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)
        )
        super().__init__(
            foreign_pre_chain=foreign_pre_chain,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                redact,
                *(() if as_json else (escape_control_characters,)),
                renderer,
            ],
        )
        self._as_json, self._colors = as_json, colors

    def format(self, record: logging.LogRecord) -> str:
        if isinstance(record, RequestRecord) and not self._colors:
            return format_request(record.event, as_json=self._as_json)
        return super().format(record)


class RequestRecord(logging.LogRecord):
    """The record of a finished request, with the attributes that structlog's formatter expects.

    event  its fields, in the order in which they are written as JSON
    """

    def __init__(self, level: int, event: dict[str, Any]) -> None:
        # Not by the base class, which takes a third of the time of the whole line to find out what no line shows.
        self.__dict__.update(_EMPTY_RECORD)
        self.levelno, self.levelname = level, logging.getLevelName(level)
        self.msg, self.event, self._name = event, event, event["level"]
        self.created = time.time()
        self.msecs = self.created % 1 * 1000


_EMPTY_RECORD: Final = {
    **vars(logging.LogRecord(REQUEST_LOGGER, logging.INFO, "", 0, "", None, None)),
    "_logger": None,
}


def format_request(event: Mapping[str, Any], *, as_json: bool) -> str:
    """Return the line of a request, equal to that of the processors."""
    operation = event["operation"]
    event = {
        **event,
        "method": _redact_repeated(event["method"]),
        "path": _redact_repeated(event["path"]),
        "operation": operation and _redact_repeated(operation),
    }
    if as_json:
        return to_json(event)
    columns = " ".join([f"{key}={_to_column(event[key])}" for key in _REQUEST_COLUMNS if key in event])
    return f"{event['timestamp']} [{event['level']:<9}] {event['event']:<30} [{event['logger']}] {columns}"


_REQUEST_COLUMNS: Final = ("method", "ms", "operation", "path", "request_id", "status", "viewer")
