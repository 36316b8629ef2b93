"""Client information of requests: allowed origins and forwarded addresses."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.datastructures import Headers

from server.requests.client_info import ClientInfoReader
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


def test_address_is_the_one_that_the_proxy_appended_in_a_line_of_its_own():
    reader = ClientInfoReader((), ("10.0.0.0/8",))
    headers = Headers(raw=[(b"x-forwarded-for", b"198.51.100.1"), (b"x-forwarded-for", b"203.0.113.9")])

    client = reader.anonymous_client({"type": "http", "client": ("10.0.0.7", 5)}, headers)

    assert client.address == "203.0.113.9"
