import io
import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
import structlog

from server.observability import logging as log_setup

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@dataclass
class FakeLogSettings:
    log_format: str = "json"
    log_level: str = "info"


@pytest.fixture
def stream():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def read_lines(stream):
    """Return the lines logged so far."""
    log_setup.configure_logging(FakeLogSettings(), stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


async def run_asgi(app, scope, incoming=()):
    """Run one ASGI conversation and return what the app sent."""
    sent, queue = [], list(incoming)

    async def receive():
        return queue.pop(0)

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    return sent


async def respond(scope, receive, send):
    log_setup.set_operation_name("Board")
    logging.getLogger("some.library").warning("half way with %s", "it")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": log_setup.current_request_id().encode()})


HTTP_SCOPE = {"type": "http", "method": "POST", "path": "/graphql", "query_string": b"token=hunter2", "headers": []}


async def test_request_is_logged_with_operation_and_without_query_string(read_lines, stream):
    await run_asgi(log_setup.RequestLogMiddleware(respond), HTTP_SCOPE)

    line = read_lines()[-1]
    assert {key: line[key] for key in ("event", "method", "path", "status", "operation", "level")} == {
        "event": "request",
        "method": "POST",
        "path": "/graphql",
        "status": 200,
        "operation": "Board",
        "level": "info",
    }
    assert line["ms"] >= 0
    assert "hunter2" not in stream.getvalue()


async def test_request_id_is_equal_in_all_lines_and_in_response(read_lines):
    start, body = await run_asgi(log_setup.RequestLogMiddleware(respond), HTTP_SCOPE)

    ids = {line["request_id"] for line in read_lines()}
    assert ids == {dict(start["headers"])[b"x-request-id"].decode()} == {body["body"].decode()}
    assert log_setup.current_request_id() == ""


@pytest.mark.parametrize("log_format", ["console", "json"])
async def test_client_cannot_forge_a_line(stream, log_format):
    log_setup.configure_logging(FakeLogSettings(log_format), stream)
    forged = "/a\r\n2026-11-29 [info] signed in\x1b[2J\u2028"

    await run_asgi(log_setup.RequestLogMiddleware(respond), HTTP_SCOPE | {"path": forged})
    logging.getLogger("some.library").warning("refused %s", forged)

    assert len(stream.getvalue().splitlines()) == 3
    assert "\x1b" not in stream.getvalue()


async def test_lines_have_their_time_in_utc(read_lines):
    earliest = datetime.now(UTC)
    await run_asgi(log_setup.RequestLogMiddleware(respond), HTTP_SCOPE)
    latest = datetime.now(UTC)

    times = [datetime.fromisoformat(line["timestamp"]) for line in read_lines()]
    assert {time.utcoffset() for time in times} == {timedelta(0)}
    assert all(earliest <= time <= latest for time in times)


async def test_failed_request_is_logged(read_lines):
    async def fail(scope, receive, send):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await run_asgi(log_setup.RequestLogMiddleware(fail), HTTP_SCOPE)

    assert read_lines()[-1]["status"] == 500


@pytest.mark.parametrize(("ends", "status"), [("server", 4400), ("client", 1001)])
async def test_socket_is_logged_with_close_code(read_lines, ends, status):
    async def run_socket(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        if ends == "server":
            await send({"type": "websocket.close", "code": 4400})
        else:
            await receive()

    incoming = [{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1001}]
    await run_asgi(log_setup.RequestLogMiddleware(run_socket), {"type": "websocket", "path": "/graphql"}, incoming)

    assert [(line["method"], line["status"]) for line in read_lines()] == [("WS", status)]


async def test_health_checks_are_logged_at_debug_level_only(read_lines, stream):
    await run_asgi(log_setup.RequestLogMiddleware(respond), HTTP_SCOPE | {"path": "/health/live"})
    assert [line["event"] for line in read_lines()] == ["half way with it"]

    log_setup.configure_logging(FakeLogSettings(log_level="debug"), stream)
    await run_asgi(log_setup.RequestLogMiddleware(respond), HTTP_SCOPE | {"path": "/health/live"})
    assert read_lines()[-1]["path"] == "/health/live"


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_secrets_are_redacted_in_all_parts_of_a_line(stream, log_format):
    log_setup.configure_logging(FakeLogSettings(log_format), stream)
    log = structlog.stdlib.get_logger("x")

    log.warning("one", password="hunter2", refresh_token="hunter2", headers={"Authorization": "hunter2"})
    logging.getLogger("y").error("cannot reach postgres://me:hunter2@host/db with Bearer hunter2 or %s", JWT)
    log.warning("device", sent=["sld_hunter2hunter2"])
    try:
        raise ConnectionError("redis://:hunter2@host")
    except ConnectionError as error:
        log.exception("away", cause=error)

    output = stream.getvalue()
    assert "hunter2" not in output
    assert JWT not in output
    assert "Traceback" in output
    assert "postgres://me:[hidden]@host/db" in output


def test_uvicorn_lines_are_logged_except_access_lines(read_lines):
    logging.getLogger("uvicorn.error").info("Started")
    logging.getLogger("uvicorn.access").info("GET /graphql?token=hunter2")

    assert [(line["event"], line["logger"]) for line in read_lines()] == [("Started", "uvicorn.error")]


async def test_operation_on_socket_has_its_own_request_id():
    with log_setup.start_request() as socket:
        with log_setup.start_request() as operation:
            assert log_setup.current_request_id() == operation.id != socket.id

        assert log_setup.current_request_id() == socket.id
