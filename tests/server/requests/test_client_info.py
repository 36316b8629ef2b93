"""Client information of requests: allowed origins, forwarded addresses and languages."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.datastructures import Headers

from server.requests.client_info import ClientInfoReader, negotiate_language
from tests.http_server import run_test_server


async def test_demo_serves_schema_and_query_page_without_sign_in(tmp_path: Path) -> None:
    async with run_test_server(tmp_path, demo=True) as demo:
        names = await demo.execute("{ __schema { types { name } } }", token="")
        assert {"name": "Leaderboard"} in names["__schema"]["types"]
        page = await demo.http.get("/graphql", headers={"accept": "text/html"})
        assert page.status_code == 200
        assert "script-src 'sha256-" in page.headers["content-security-policy"]
        assert "Did you mean" in (await demo.post("{ compani { name } }")).text


async def test_cors_headers_are_sent_for_allowed_origins_only(tmp_path: Path) -> None:
    async with run_test_server(tmp_path, origins=("https://board.example.com",)) as server:
        allowed = await server.http.options("/graphql", headers={"origin": "https://board.example.com"})
        assert allowed.headers["access-control-allow-origin"] == "https://board.example.com"
        foreign = await server.http.options("/graphql", headers={"origin": "https://evil.example.com"})
        assert "access-control-allow-origin" not in foreign.headers


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("10.0.0.7", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.7", "198.51.100.1, 203.0.113.9, 10.0.0.8", "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.0.0.7", "", "10.0.0.7"),
    ],
)
def test_forwarded_address_is_used_from_trusted_proxies_only(peer: str, forwarded: str, address: str) -> None:
    reader = ClientInfoReader((), ("10.0.0.0/8",))
    headers = Headers({"x-forwarded-for": forwarded})
    assert reader.anonymous_client({"type": "http", "client": (peer, 5)}, headers).address == address


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [("", ""), ("ru", "ru"), ("ru-RU,ru;q=0.9,en;q=0.8", "ru"), ("en-US,ru;q=0.5", "en"), ("de, ru;q=x", ""), ("fr, en;q=0", "")],
)  # fmt: skip
def test_language_is_the_preferred_supported_one_or_empty(accepted: str, expected: str) -> None:
    assert negotiate_language(accepted) == expected
