"""Client information of requests: allowed origins, forwarded addresses and languages."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.datastructures import Headers

from server.requests.client_info import Door, language
from tests.http_server import served


async def test_a_demo_shows_its_schema_and_the_query_page(tmp_path: Path) -> None:
    async with served(tmp_path, demo=True) as demo:
        names = await demo.data("{ __schema { types { name } } }", token="")
        assert {"name": "Leaderboard"} in names["__schema"]["types"]
        page = await demo.http.get("/graphql", headers={"accept": "text/html"})
        assert page.status_code == 200
        assert "script-src 'sha256-" in page.headers["content-security-policy"]
        assert "Did you mean" in (await demo.post("{ compani { name } }")).text


async def test_pages_of_other_origins_are_answered_only_when_they_are_known(tmp_path: Path) -> None:
    async with served(tmp_path, origins=("https://board.example.com",)) as here:
        known = await here.http.options("/graphql", headers={"origin": "https://board.example.com"})
        assert known.headers["access-control-allow-origin"] == "https://board.example.com"
        stranger = await here.http.options("/graphql", headers={"origin": "https://evil.example.com"})
        assert "access-control-allow-origin" not in stranger.headers


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("10.0.0.7", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.7", "198.51.100.1, 203.0.113.9, 10.0.0.8", "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.0.0.7", "", "10.0.0.7"),
    ],
)
def test_a_forwarded_address_is_believed_only_of_our_own_proxies(peer: str, forwarded: str, address: str) -> None:
    door = Door((), ("10.0.0.0/8",))
    headers = Headers({"x-forwarded-for": forwarded})
    assert door.stranger({"type": "http", "client": (peer, 5)}, headers).address == address


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [("", ""), ("ru", "ru"), ("ru-RU,ru;q=0.9,en;q=0.8", "ru"), ("en-US,ru;q=0.5", "en"), ("de, ru;q=x", ""), ("fr, en;q=0", "")],
)  # fmt: skip
def test_that_is_spoken_which_a_client_prefers_and_nothing_is_taken_for_a_wish(accepted: str, expected: str) -> None:
    assert language(accepted) == expected
