"""Logging: configuration, redaction of secrets, request ids, and a middleware with one line per request.

All log records, of the server and of libraries, go through one chain of processors to standard error, as text or as
JSON. A request's id is in each of its log lines, in the `X-Request-Id` header of the response and in errors sent to
clients, so that one can be found from the other.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex
from typing import Final, Protocol, TextIO

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import EventDict, Processor, WrappedLogger

from server.observability.log_format import REQUEST_LOGGER, LogFormatter, RequestRecord

QUIET_PATHS: Final = ("/health/", "/metrics")  # polled every few seconds: logged at level DEBUG only

_request_logger: Final = logging.getLogger(REQUEST_LOGGER)


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
        add_request_id,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    output = stream or sys.stderr
    handler = logging.StreamHandler(output)
    handler.setFormatter(LogFormatter(shared_processors, as_json=settings.log_format == "json", colors=output.isatty()))
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


def add_request_id(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Add the id of the current request to a log record."""
    current = _current_request.get()
    if current is not None:
        event["request_id"] = current.id
    return event


@contextmanager
def start_request() -> Iterator[RequestInfo]:
    """Run the block with a new request id: for an HTTP request, a socket, or an operation on a socket."""
    current = RequestInfo(new_request_id())
    token = _current_request.set(current)
    try:
        yield current
    finally:
        _current_request.reset(token)


def new_request_id() -> str:
    return token_hex(16)


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
        current = RequestInfo(new_request_id())

        async def logged_send(message: Message) -> None:
            nonlocal status
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                status = message["status"]
                message = {**message, "headers": [*message.get("headers", ()), (b"x-request-id", current.id.encode())]}
            elif message["type"] == "websocket.close":
                status = message.get("code", 1000)
            await send(message)

        async def logged_receive() -> Message:
            nonlocal status
            message = await receive()
            if message["type"] == "websocket.disconnect":
                status = message.get("code", 1005)
            return message

        token = _current_request.set(current)
        try:
            await self._app(scope, receive if scope["type"] == "http" else logged_receive, logged_send)
        finally:
            seconds = time.perf_counter() - started_at
            self.log_finished(method, scope["path"], status, seconds, current.operation, current.viewer)
            _current_request.reset(token)

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
        level = logging.DEBUG if path.startswith(QUIET_PATHS) else logging.INFO
        if _request_logger.isEnabledFor(level):
            event = {
                "method": method,
                "path": path[:200],
                "status": status,
                "ms": round(seconds * 1000, 1),
                "operation": operation,
                "viewer": viewer,
                "event": "request",
                **add_request_id(None, "", {}),
                "level": logging.getLevelName(level).lower(),
                "logger": REQUEST_LOGGER,
                "timestamp": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            }
            _request_logger.handle(RequestRecord(level, event))
