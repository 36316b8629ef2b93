"""Every response tells browsers how to treat it, and nothing is served that is not meant to be."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2
import pytest
import pytest_asyncio
from websockets.exceptions import InvalidStatus

from server.http.header_limit import MAX_HEAD_BYTES
from server.http.security_headers import list_common_headers
from tests.http_server import RunningServer, run_test_server

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPTS_OF_PAGES = {"/": "'self'", "/wallboard": "'self'", "/password": "'sha256-"}
DATA_REQUESTS = [
    ("GET", "/health/live", 200),
    ("GET", "/health/ready", 200),
    ("GET", "/metrics", 200),
    ("GET", "/graphql?query={company{name}}", 401),
    ("POST", "/graphql", 415),
    ("PUT", "/graphql", 405),
    ("OPTIONS", "/graphql", 204),
    ("POST", "/wallboard", 405),
    ("GET", "/unknown", 404),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningServer]:
    async with run_test_server(tmp_path_factory.mktemp("headers"), hsts=True) as running:
        yield running


def assert_common_headers(headers: httpx2.Headers) -> None:
    for name, value in list_common_headers(hsts=True):
        assert headers.get_list(name) == [value]


def read_policy(response: httpx2.Response) -> dict[str, str]:
    """Return the directives of the only Content-Security-Policy of a response."""
    [policy] = response.headers.get_list("content-security-policy")
    return {name: value for name, _, value in (directive.strip().partition(" ") for directive in policy.split(";"))}


@pytest.mark.parametrize(("method", "path", "status"), DATA_REQUESTS)
async def test_data_is_neither_guessed_embedded_executed_nor_cached(
    server: RunningServer, method: str, path: str, status: int
) -> None:
    response = await server.http.request(method, path)

    assert response.status_code == status
    assert_common_headers(response.headers)
    policy = read_policy(response)
    assert [policy[name] for name in ("default-src", "base-uri", "frame-ancestors", "sandbox")] == ["'none'"] * 3 + [""]
    assert response.headers.get("cache-control") == "no-store"


@pytest.mark.parametrize(("path", "source"), SCRIPTS_OF_PAGES.items())
async def test_page_is_not_embedded_and_runs_its_own_script_only(server: RunningServer, path: str, source: str) -> None:
    response = await server.http.get(path)

    assert_common_headers(response.headers)
    policy = read_policy(response)
    assert [policy[name] for name in ("default-src", "base-uri", "form-action", "frame-ancestors")] == ["'none'"] * 4
    assert policy["script-src"].startswith(source)


@pytest.mark.parametrize(
    ("header", "status"), [({"authorization": "a", "Authorization": "b"}, 400), ({"a": "x" * MAX_HEAD_BYTES}, 431)]
)
async def test_refusal_of_a_malformed_request_has_the_headers(
    server: RunningServer, header: dict[str, str], status: int
) -> None:
    response = await server.http.get("/wallboard", headers=list(header.items()))

    assert response.status_code == status
    assert_common_headers(response.headers)
    assert read_policy(response)["frame-ancestors"] == "'none'"
    assert response.headers["content-type"] == "text/plain; charset=utf-8"


async def test_handshakes_have_the_headers(server: RunningServer) -> None:
    async with server.open_socket() as socket:
        assert socket.response is not None
        accepted = socket.response.headers
    with pytest.raises(InvalidStatus) as refusal:
        async with server.open_socket(origin="https://evil.example.com"):
            pass

    assert refusal.value.response.status_code == 403
    for headers in (accepted, refusal.value.response.headers):
        assert_common_headers(httpx2.Headers(list(headers.raw_items())))


async def test_hsts_is_sent_by_setting_only() -> None:
    name, value = "strict-transport-security", "max-age=31536000; includeSubDomains"

    assert dict(list_common_headers(hsts=True))[name] == value
    assert name not in dict(list_common_headers(hsts=False))


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/wallboard", "text/html; charset=utf-8"),
        ("/health/live", "application/json"),
        ("/unknown", "text/plain; charset=utf-8"),
        ("/graphql?query={company{name}}", "application/graphql-response+json; charset=utf-8"),
    ],
)
async def test_text_states_its_character_set(server: RunningServer, path: str, content_type: str) -> None:
    assert (await server.http.get(path)).headers["content-type"] == content_type


@pytest.mark.parametrize(
    "path",
    [
        "/web/",
        "/web/main.js",
        "/web/x/index.html",
        "/web/x/..%2f..%2frun",
        "/.git/config",
        "/server/",
        "/server/assets/password.html",
        "/graph/schema.graphql",
        "/wallboard/..%2f",
    ],
)
async def test_files_and_folders_are_not_served(server: RunningServer, path: str) -> None:
    assert (await server.http.get(path)).status_code == 404


@pytest.mark.parametrize("path", ["/graphql", "/wallboard", "/health/live"])
async def test_trace_is_refused(server: RunningServer, path: str) -> None:
    response = await server.http.request("TRACE", path, headers={"authorization": "Bearer secret"})

    assert response.status_code == 405
    assert "secret" not in response.text


@pytest.mark.parametrize(
    "path", ["/graphql", "/graphql?query={__typename}", *SCRIPTS_OF_PAGES, "/health/live", "/metrics"]
)
async def test_no_response_sets_a_cookie(server: RunningServer, path: str) -> None:
    response = await server.http.get(path, headers={"cookie": "session=1"})

    assert "set-cookie" not in response.headers
