"""Content negotiation: media types and languages by their weights."""

from __future__ import annotations

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from server.requests.content_negotiation import (
    GRAPHQL_FORMAT,
    GRAPHQL_RESPONSE_MEDIA_TYPE,
    JSON_FORMAT,
    JSON_MEDIA_TYPE,
    SERVER_CHOICE,
    media_type_weight,
    negotiate_language,
    negotiate_response_format,
)

GRAPHQL, JSON = GRAPHQL_RESPONSE_MEDIA_TYPE, JSON_MEDIA_TYPE
APOLLO = f"{GRAPHQL},{JSON};q=0.9"
URQL = f"{GRAPHQL}, application/graphql+json, {JSON}, text/event-stream, multipart/mixed"
weights = st.decimals(0, 1, places=3)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (APOLLO, GRAPHQL_FORMAT),
        (URQL, GRAPHQL_FORMAT),
        (JSON, JSON_FORMAT),
        (GRAPHQL, GRAPHQL_FORMAT),
        (f"{JSON}, {GRAPHQL}", JSON_FORMAT),
        (f"{GRAPHQL};q=0.5, {JSON}", JSON_FORMAT),
        (f"{GRAPHQL} ; Q=0.5 , {JSON};q=0.4", GRAPHQL_FORMAT),
        (f"{GRAPHQL};q=0, {JSON};q=0.1", JSON_FORMAT),
        (f"{GRAPHQL};q=0, */*", JSON_FORMAT),
        (f"{JSON};q=0, */*;q=0.1", GRAPHQL_FORMAT),
        (f"{JSON}, text/plain, */*", JSON_FORMAT),
        (f"{JSON};charset=utf-8", JSON_FORMAT),
        (f"application/*;q=0.2, {GRAPHQL};q=0.1", JSON_FORMAT),
        (f"{JSON};q=2, {GRAPHQL};q=0.1", GRAPHQL_FORMAT),
        ("", SERVER_CHOICE),
        ("*/*", SERVER_CHOICE),
        ("application/*;q=0.001", SERVER_CHOICE),
        ("text/html, */*;q=0.8", SERVER_CHOICE),
        ("text/csv", None),
        (f"{JSON};q=0", None),
        ("*/*;q=0", None),
        (f"{JSON};q=0.0, {GRAPHQL};q=0.000, */*", None),
    ],
)
def test_response_format_is_the_acceptable_one_with_the_highest_weight(accept, expected):
    assert negotiate_response_format(accept) is expected


@for_all(weights, weights, st.booleans())
def test_response_format_follows_the_weights_in_any_order(graphql_weight, json_weight, reverse):
    parts = [f"{GRAPHQL};q={graphql_weight}", f"{JSON};q={json_weight}"]
    accept = ",".join(reversed(parts) if reverse else parts)

    response_format = negotiate_response_format(accept)

    if graphql_weight == json_weight == 0:
        assert response_format is None
    elif graphql_weight != json_weight:
        assert response_format is (GRAPHQL_FORMAT if graphql_weight > json_weight else JSON_FORMAT)
    else:
        assert response_format is (JSON_FORMAT if reverse else GRAPHQL_FORMAT)


@for_all(st.text(max_size=100))
def test_any_header_has_weights_from_0_to_1(accept):
    assert 0 <= media_type_weight(accept, JSON) <= 1


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [("", ""), ("ru", "ru"), ("ru-RU,ru;q=0.9,en;q=0.8", "ru"), ("en-US,ru;q=0.5", "en"), ("de, ru;q=x", ""), ("fr, en;q=0", ""),
     ("RU-ru;q=0.2, EN-gb;q=0.1", "ru"), ("ru, en", "ru"), ("en, ru", "en"), ("*", ""), ("ru;q=0.3,en;q=0.8,en-US", "en"),
     ("en_US", ""), ("-", ""), (";q=1,ru", "ru"), ("x" * 3000 + ",ru", "")],
)  # fmt: skip
def test_language_is_the_preferred_supported_one_or_empty(accepted, expected):
    assert negotiate_language(accepted) == expected
