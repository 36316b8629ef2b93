"""Logging: configuration, redaction of secrets, request ids, and a middleware with one line per request.

All log records, of the server and of libraries, go through one chain of processors to standard error, as text or as
JSON. A request's id is in each of its log lines, in the `X-Request-Id` header of the response and in errors sent to
clients, so that one can be found from the other.
"""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, Protocol, TextIO
from uuid import uuid4

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import EventDict, Processor, WrappedLogger

REDACTED: Final = "[hidden]"
QUIET_PATHS: Final = ("/health/", "/metrics")  # polled every few seconds: logged at level DEBUG only
_CONTROL_CHARACTER: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SECRET_KEY: Final = re.compile(r"secret|password|passwd|token|authorization|cookie|api_?key", re.IGNORECASE)
_SECRET_TEXT: Final = re.compile(
    r"(?P<user>://[^\s:/@]*:)[^\s@/]+(?=@)"  # a password in a URL
    r"|(?P<bearer>\bbearer\s+)[\w.~+/=-]+"
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]*"  # a JWT
    r"|\bsl[dp]_[\w-]{8,}",  # a device token, or the token of a password link
    re.IGNORECASE,
)

log = structlog.stdlib.get_logger("scoreline.request")


class LogSettings(Protocol):
    """The settings that concern logging."""

    @property
    def log_format(self) -> str: ...

    @property
    def log_level(self) -> str: ...


@dataclass
class RequestInfo:
    """The current HTTP request, socket, or operation on a socket.

    operation  name of the operation in its document, for the log
    viewer     key of the signed-in viewer, for the log
    """

    id: str
    operation: str | None = None
    viewer: str | None = None


_current_request: ContextVar[RequestInfo | None] = ContextVar("request", default=None)


def configure_logging(settings: LogSettings, stream: TextIO | None = None) -> None:
    """Send all log records, also those of libraries, to `stream` (default: standard error)."""
    shared_processors: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    as_json = settings.log_format == "json"
    output = stream or sys.stderr
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(colors=output.isatty(), exception_formatter=structlog.dev.plain_traceback)
    )
    handler = logging.StreamHandler(output)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared_processors,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                redact,
                *(() if as_json else (escape_control_characters,)),
                renderer,
            ],
        )
    )
    structlog.configure(
        processors=[*shared_processors, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    library_level = max(root.level, logging.WARNING) if root.level > logging.DEBUG else logging.NOTSET
    logging.getLogger("tortoise").setLevel(library_level)  # it logs each time its connections are closed
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = name != "uvicorn.access"  # its lines contain query strings; the middleware logs requests


def escape_control_characters(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Escape control characters in the text of a line, so that what a client sends cannot pass for another line.

    The renderer does the same with all other values.
    """
    text = _CONTROL_CHARACTER.sub(lambda match: match[0].encode("unicode_escape").decode(), str(event["event"]))
    return {**event, "event": text}


def redact(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Replace secrets, recognized by key or by pattern, in all values of a log record, tracebacks included."""
    return {key: _redact_value(key, value) for key, value in event.items()}


def _redact_value(key: str, value: object) -> object:
    if _SECRET_KEY.search(key):
        return REDACTED
    if isinstance(value, str):
        return _SECRET_TEXT.sub(lambda match: (match["user"] or match["bearer"] or "") + REDACTED, value)
    if isinstance(value, dict):
        return {inner_key: _redact_value(str(inner_key), inner_value) for inner_key, inner_value in value.items()}
    if isinstance(value, list | tuple):
        return [_redact_value("", item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return _redact_value("", str(value))


@contextmanager
def start_request() -> Iterator[RequestInfo]:
    """Run the block with a new request id: for an HTTP request, a socket, or an operation on a socket."""
    current = RequestInfo(uuid4().hex)
    token = _current_request.set(current)
    with structlog.contextvars.bound_contextvars(request_id=current.id):
        try:
            yield current
        finally:
            _current_request.reset(token)


def current_request_id() -> str:
    """Return the id of the current request; empty outside of one."""
    current = _current_request.get()
    return current.id if current else ""


def set_operation_name(name: str | None) -> None:
    """Set the operation name in the current request's log line."""
    current = _current_request.get()
    if current is not None and name:
        current.operation = name[:100]


def set_viewer(key: str) -> None:
    """Set the viewer in the current request's log line."""
    current = _current_request.get()
    if current is not None:
        current.viewer = key


class RequestLogMiddleware:
    """ASGI middleware: one log line for each HTTP request and each socket, without the query string.

    on_finished  called with method, status and seconds of each request, for metrics; a socket has the method `WS`.
    """

    def __init__(self, app: ASGIApp, on_finished: Callable[[str, int, float], None] | None = None) -> None:
        self._app, self._on_finished = app, on_finished

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        method = scope.get("method", "WS")
        status, started_at = (500 if scope["type"] == "http" else 1006), time.perf_counter()

        async def logged_send(message: Message) -> None:
            nonlocal status
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                status = message["status"]
                message = {**message, "headers": [*message.get("headers", []), (b"x-request-id", current.id.encode())]}
            elif message["type"] == "websocket.close":
                status = message.get("code", 1000)
            await send(message)

        async def logged_receive() -> Message:
            nonlocal status
            message = await receive()
            if message["type"] == "websocket.disconnect":
                status = message.get("code", 1005)
            return message

        with start_request() as current:
            try:
                await self._app(scope, logged_receive, logged_send)
            finally:
                seconds = time.perf_counter() - started_at
                self.log_finished(method, scope["path"], status, seconds, current.operation, current.viewer)

    def log_finished(
        self,
        method: str,
        path: str,
        status: int,
        seconds: float,
        operation: str | None = None,
        viewer: str | None = None,
    ) -> None:
        """Log a finished request and report it to `on_finished`."""
        if self._on_finished:
            self._on_finished(method, status, seconds)
        log.log(
            logging.DEBUG if path.startswith(QUIET_PATHS) else logging.INFO,
            "request",
            method=method,
            path=path[:200],
            status=status,
            ms=round(seconds * 1000, 1),
            operation=operation,
            viewer=viewer,
        )
