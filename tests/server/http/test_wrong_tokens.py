"""Wrong tokens for /metrics and for GraphQL are limited together, over HTTP and WebSocket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from resolvers.auth import attempts
from tests.http_server import ADMIN, RunningServer, run_test_server, send_message, wait_closed

TOKEN = "a token for scraping"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with run_test_server(tmp_path, metrics_token=TOKEN, trusted_proxies="127.0.0.1") as server:
        yield server


async def scrape(server: RunningServer, token: str | None, address: str = "192.0.2.9") -> int:
    headers = {"x-forwarded-for": address} | ({"authorization": f"Bearer {token}"} if token else {})
    response = await server.http.get("/metrics", headers=headers)
    if response.status_code == 429:
        assert int(response.headers["retry-after"]) > 1
    return response.status_code


async def test_wrong_tokens_are_refused_before_they_are_compared(server: RunningServer) -> None:
    statuses = [await scrape(server, f"guess {number}") for number in range(attempts.PER_NETWORK.amount + 3)]

    assert statuses == [404] * attempts.PER_NETWORK.amount + [429] * 3
    assert await scrape(server, TOKEN) == 429
    assert await scrape(server, TOKEN, "198.51.100.7") == 200


async def test_wrong_tokens_count_together_with_wrong_passwords(server: RunningServer) -> None:
    for number in range(attempts.PER_NETWORK.amount):
        await scrape(server, f"guess {number}")
    document = "mutation($input: SignInInput!) { signIn(input: $input) { accessToken } }"
    response = await server.post(
        document, token="", variables={"input": ADMIN}, headers={"x-forwarded-for": "192.0.2.9"}
    )

    assert response.status_code == 429


async def test_scrapes_with_right_one_wrong_or_no_token_are_not_limited(server: RunningServer) -> None:
    statuses = {await scrape(server, TOKEN) for _ in range(attempts.PER_NETWORK.amount + 10)}
    wrong_statuses = {await scrape(server, "mistyped") for _ in range(attempts.PER_NETWORK.amount + 10)}
    missing_statuses = {await scrape(server, None) for _ in range(attempts.PER_NETWORK.amount + 10)}

    assert (statuses, wrong_statuses, missing_statuses) == ({200}, {404}, {404})
    assert await scrape(server, TOKEN) == 200


async def test_wrong_tokens_are_throttled_over_http_and_websocket(server: RunningServer) -> None:
    forwarded = {"x-forwarded-for": "192.0.2.9"}
    statuses = [
        (await server.post("{ company { id } }", token=f"sld_guess{number}", headers=forwarded)).status_code
        for number in range(attempts.PER_NETWORK.amount + 1)
    ]
    async with server.open_socket(additional_headers=forwarded) as socket:
        await send_message(socket, type="connection_init", payload={"Authorization": "Bearer sld_another"})
        close_code, reason = await wait_closed(socket)
    valid = await server.post("{ company { id } }", headers=forwarded)

    assert statuses == [401] * attempts.PER_NETWORK.amount + [429]
    assert (close_code, reason) == (1013, "Too many wrong passwords or tokens: wait and try again.")
    assert valid.status_code == 200
