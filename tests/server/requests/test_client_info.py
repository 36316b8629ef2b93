"""Client information of requests: allowed origins and forwarded addresses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from starlette.datastructures import Headers

from server.requests.client_info import anonymous_client
from server.settings import load
from server.uvicorn_runner import server_config
from tests.http_server import run_test_server

BOARD = "https://board.example.com"


async def test_demo_serves_schema_and_query_page_without_sign_in(tmp_path: Path) -> None:
    async with run_test_server(tmp_path, demo=True) as demo:
        names = await demo.execute("{ __schema { types { name } } }", token="")
        assert {"name": "Leaderboard"} in names["__schema"]["types"]
        page = await demo.http.get("/graphql", headers={"accept": "text/html"})
        assert page.status_code == 200
        assert "script-src 'sha256-" in page.headers["content-security-policy"]
        assert "Did you mean" in (await demo.post("{ compani { name } }")).text


async def test_preflight_allows_our_headers_to_allowed_origins_only(tmp_path: Path) -> None:
    request = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}
    async with run_test_server(tmp_path, origins=(BOARD,)) as server:
        allowed = await server.http.options("/graphql", headers={"origin": BOARD, **request})
        foreign = await server.http.options("/graphql", headers={"origin": "https://evil.example.com", **request})

    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == BOARD
    assert {"Authorization", "Content-Type", "Accept-Language"} <= set(
        allowed.headers["access-control-allow-headers"].split(", ")
    )
    assert "access-control-allow-credentials" not in allowed.headers
    assert allowed.headers["content-security-policy"].startswith("default-src 'none'")
    assert foreign.status_code == 400
    assert "access-control-allow-origin" not in foreign.headers


async def test_response_names_its_origin_if_allowed_and_differs_by_origin(tmp_path: Path) -> None:
    async with run_test_server(tmp_path, origins=(BOARD,)) as server:
        allowed = await server.post("{ company { name } }", headers={"origin": BOARD})
        foreign = await server.post("{ company { name } }", headers={"origin": f"{BOARD}.evil.example.com"})

    assert allowed.headers["access-control-allow-origin"] == BOARD
    assert allowed.headers["access-control-expose-headers"] == "X-Request-Id, Retry-After"
    assert "access-control-allow-origin" not in foreign.headers
    assert allowed.headers["vary"] == foreign.headers["vary"] == "Accept, Origin"


async def read_address(tmp_path: Path, trusted_proxies: str, peer: str, forwarded: Sequence[str]) -> str:
    """Return the client's address behind a peer with these lines of `X-Forwarded-For`, as the application reads it."""
    settings = load(database_url=f"sqlite://{tmp_path}/a.db", secret="s" * 32, trusted_proxies=trusted_proxies)
    config = server_config(settings)
    config.load()
    scope: Any = {"type": "http", "client": (peer, 5)}
    scope["headers"] = [(b"x-forwarded-for", line.encode()) for line in forwarded]
    addresses: list[str] = []

    async def record_address(scope: Any, receive: Any, send: Any) -> None:
        addresses.append(anonymous_client(scope, Headers(scope=scope)).address)

    proxy_middleware: Any = config.loaded_app
    proxy_middleware.app = record_address
    await proxy_middleware(scope, None, None)
    return addresses[0]


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("10.0.0.7", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.7", ["198.51.100.1, 203.0.113.9, 10.0.0.8"], "203.0.113.9"),
        ("10.0.0.7", ["198.51.100.1", "203.0.113.9"], "203.0.113.9"),  # the proxy appended a line of its own
        ("10.0.0.7", ["198.51.100.1, 203.0.113.9:4711"], "203.0.113.9"),
        ("10.0.0.7", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        ("10.0.0.7", [""], "10.0.0.7"),
        ("10.0.0.7", [], "10.0.0.7"),
        ("10.0.0.7", ["x" * 200], "x" * 100),
    ],
)
@pytest.mark.parametrize("trusted_proxies", ["10.0.0.0/8", "127.0.0.1, 10.9.9.9/8"])
async def test_forwarded_address_is_used_from_trusted_proxies_only(
    tmp_path: Path, trusted_proxies: str, peer: str, forwarded: Sequence[str], address: str
) -> None:
    assert await read_address(tmp_path, trusted_proxies, peer, forwarded) == address


async def test_no_proxy_is_trusted_by_default_whatever_the_server_s_own_variable_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")

    assert await read_address(tmp_path, "", "127.0.0.1", ["203.0.113.9"]) == "127.0.0.1"
