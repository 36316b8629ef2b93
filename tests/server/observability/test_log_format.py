import json
import logging

import pytest
import structlog
from hypothesis import example, given
from hypothesis import strategies as st

from server.observability import log_format
from server.observability.log_format import LogFormatter, RequestRecord, redact_text

TEXT_OF_CLIENTS = st.one_of(
    st.text(max_size=40),
    st.lists(
        st.sampled_from(
            [
                "postgres",
                "://",
                "me",
                ":",
                "hunter2",
                "@",
                "Bearer ",
                "ſLD_",
                "slp_",
                "eyJ",
                ".",
                "-",
                "_",
                " ",
                "\n",
                "é",
            ]
        ),
        max_size=12,
    ).map("".join),
)


@given(method=TEXT_OF_CLIENTS, path=TEXT_OF_CLIENTS, operation=st.none() | TEXT_OF_CLIENTS, has_id=st.booleans())
@example(method="GET", path="/\x1b[2J", operation="\ud800", has_id=True)
@pytest.mark.parametrize("as_json", [True, False])
def test_line_of_request_equals_that_of_processors(as_json, method, path, operation, has_id):
    event = {
        "method": method,
        "path": path,
        "status": 200,
        "ms": 1.5,
        "operation": operation,
        "viewer": "employee:7",
        "event": "request",
        **({"request_id": "0123456789abcdef"} if has_id else {}),
        "level": "info",
        "logger": log_format.REQUEST_LOGGER,
        "timestamp": "2026-11-30T06:00:00Z",
    }
    formatter = LogFormatter([], as_json=as_json, colors=False)

    line = formatter.format(RequestRecord(logging.INFO, event))

    assert line == structlog.stdlib.ProcessorFormatter.format(formatter, RequestRecord(logging.INFO, event))
    assert len(line.splitlines()) == 1
    if as_json:
        assert list(json.loads(line)) == list(event)


@given(TEXT_OF_CLIENTS)
@example("ſlp_12345678")  # matches, as case is ignored
def test_secrets_are_found_as_by_the_pattern_alone(text):
    pattern = log_format._SECRET_TEXT
    expected = pattern.sub(lambda match: (match["user"] or match["bearer"] or "") + log_format.REDACTED, text)

    assert redact_text(text) == expected


@pytest.mark.parametrize("value", [float("inf"), 1 << 70, "\ud800", "Привет \u2028", {1: object}, b"\xff"])
def test_any_value_is_one_line_of_ascii(value):
    line = log_format.to_json({"event": "x", "value": value})

    assert line.isascii()
    assert len(line.splitlines()) == 1
    assert json.loads(line)["event"] == "x"


def test_coloured_line_of_request_goes_through_processors():
    event = {"method": "GET", "path": "/", "status": 200, "ms": 1.5, "operation": None, "viewer": None,
             "event": "request", "level": "info", "logger": log_format.REQUEST_LOGGER, "timestamp": "2026-11-30T06:00:00Z"}  # fmt: skip
    line = LogFormatter([], as_json=False, colors=True).format(RequestRecord(logging.INFO, event))

    assert "\x1b[" in line
    assert "path" in line
