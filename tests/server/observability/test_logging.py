import io
import json
import logging
from dataclasses import dataclass

import pytest
import structlog

from server.observability import logging as log_setup

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@dataclass
class Said:
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
def lines(stream):
    """Return the lines logged so far."""
    log_setup.configure(Said(), stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


async def talk(app, scope, incoming=()):
    """Run one ASGI conversation and return what the app sent."""
    sent, waiting = [], list(incoming)

    async def receive():
        return waiting.pop(0)

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    return sent


async def answer(scope, receive, send):
    log_setup.name_operation("Board")
    logging.getLogger("some.library").warning("half way with %s", "it")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": log_setup.request_id().encode()})


HTTP = {"type": "http", "method": "POST", "path": "/graphql", "query_string": b"token=hunter2", "headers": []}


async def test_a_request_is_one_line_with_its_operation_and_without_its_query_string(lines, stream):
    await talk(log_setup.RequestLog(answer), HTTP)

    line = lines()[-1]
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


async def test_the_request_id_is_the_same_in_every_line_and_in_the_answer(lines):
    start, body = await talk(log_setup.RequestLog(answer), HTTP)

    ids = {line["request_id"] for line in lines()}
    assert ids == {dict(start["headers"])[b"x-request-id"].decode()} == {body["body"].decode()}
    assert log_setup.request_id() == ""


async def test_a_request_that_fails_has_its_line_too(lines):
    async def fail(scope, receive, send):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await talk(log_setup.RequestLog(fail), HTTP)

    assert lines()[-1]["status"] == 500


@pytest.mark.parametrize(("ends", "status"), [("server", 4400), ("client", 1001)])
async def test_a_socket_is_one_line_with_its_close_code(lines, ends, status):
    async def socket(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        if ends == "server":
            await send({"type": "websocket.close", "code": 4400})
        else:
            await receive()

    incoming = [{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1001}]
    await talk(log_setup.RequestLog(socket), {"type": "websocket", "path": "/graphql"}, incoming)

    assert [(line["method"], line["status"]) for line in lines()] == [("WS", status)]


async def test_health_checks_are_silent_unless_debugging(lines, stream):
    await talk(log_setup.RequestLog(answer), HTTP | {"path": "/health/live"})
    assert [line["event"] for line in lines()] == ["half way with it"]

    log_setup.configure(Said(log_level="debug"), stream)
    await talk(log_setup.RequestLog(answer), HTTP | {"path": "/health/live"})
    assert lines()[-1]["path"] == "/health/live"


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_no_secret_is_written_whatever_its_way_into_the_line(stream, log_format):
    log_setup.configure(Said(log_format), stream)
    log = structlog.stdlib.get_logger("x")

    log.warning("one", password="hunter2", refresh_token="hunter2", headers={"Authorization": "hunter2"})
    logging.getLogger("y").error("cannot reach postgres://me:hunter2@host/db with Bearer hunter2 or %s", JWT)
    log.warning("device", sent=["sld_hunter2hunter2"])
    try:
        raise ConnectionError("redis://:hunter2@host")
    except ConnectionError as error:
        log.exception("away", cause=error)

    said = stream.getvalue()
    assert "hunter2" not in said
    assert JWT not in said
    assert "Traceback" in said
    assert "postgres://me:[hidden]@host/db" in said


def test_lines_of_the_server_library_take_the_same_way_and_its_access_lines_none(lines):
    logging.getLogger("uvicorn.error").info("Started")
    logging.getLogger("uvicorn.access").info("GET /graphql?token=hunter2")

    assert [(line["event"], line["logger"]) for line in lines()] == [("Started", "uvicorn.error")]


async def test_an_operation_on_a_socket_has_an_id_of_its_own():
    with log_setup.request() as socket:
        with log_setup.request() as operation:
            assert log_setup.request_id() == operation.id != socket.id

        assert log_setup.request_id() == socket.id
