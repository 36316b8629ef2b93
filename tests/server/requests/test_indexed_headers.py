"""Indexed headers: the same answers as Starlette's."""

from __future__ import annotations

import random

import pytest
from starlette.datastructures import Headers

from server.requests.indexed_headers import IndexedHeaders

NAMES = ["accept", "content-type", "authorization", "x-other"]


@pytest.mark.parametrize("seed", range(20))
def test_look_ups_equal_those_of_starlette(seed: int) -> None:
    dice = random.Random(seed)
    lines = [(dice.choice(NAMES).encode(), dice.randbytes(3)) for _ in range(dice.randrange(6))]
    expected, headers = Headers(raw=lines), IndexedHeaders(lines)
    for name in NAMES:
        for key in (name, name.title()):
            assert headers.getlist(key) == expected.getlist(key)
            assert headers.get(key, "none") == expected.get(key, "none")
            assert (key in headers) == (key in expected)
            assert headers.get(key) is None or headers[key] == expected[key]
    assert list(headers) == list(expected)
