"""The language of responses: the client's choice, else the one in the viewer's profile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.http_server import RunningServer, receive_message, run_test_server, send_message

pytestmark = pytest.mark.asyncio(loop_scope="module")
RECORD_CALL = (
    """mutation { recordCall(input: {direction: OUTBOUND, durationSeconds: 125, externalId: "%s"}) { call { id } } }"""
)
SUMMARY_QUERY = "{ activities(first: 1) { edges { node { summary } } } metrics { key name } }"
INVALID_DEAL = 'mutation { recordDeal(input: {title: " "}) { userErrors { message } } }'
RUSSIAN, ENGLISH = "Исходящий звонок, есть ответ, 2 минуты 5 секунд", "Outbound call, answered, 2 minutes 5 seconds"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningServer]:
    async with run_test_server(tmp_path_factory.mktemp("language")) as running:
        await running.execute(RECORD_CALL % "first")
        yield running


async def set_profile_language(server: RunningServer, language: str | None) -> None:
    update = "mutation($language: String) { updateProfile(input: {language: $language}) { userErrors { code } } }"
    await server.execute(update, language=language)


def first_summary(answer: Any) -> str:
    return answer["data"]["activities"]["edges"][0]["node"]["summary"]


@pytest.mark.parametrize(
    ("accepted", "profile_language", "expected"),
    [
        ("ru-RU,ru;q=0.9,en;q=0.8", None, RUSSIAN),
        ("en", None, ENGLISH),
        ("", None, ENGLISH),
        ("", "ru", RUSSIAN),
        ("fr", "ru", RUSSIAN),  # not supported: the profile decides
        ("en", "ru", ENGLISH),
        ("ru", "en", RUSSIAN),
    ],
)
async def test_http_language_is_that_of_header_else_of_profile(
    server: RunningServer, accepted: str, profile_language: str | None, expected: str
) -> None:
    await set_profile_language(server, profile_language)
    answer = (await server.post(SUMMARY_QUERY, headers={"accept-language": accepted})).json()
    refused = (await server.post(INVALID_DEAL, headers={"accept-language": accepted})).json()
    failed = (
        await server.post("{ activities(first: 0) { totalCount } }", headers={"accept-language": accepted})
    ).json()

    assert first_summary(answer) == expected
    names = {metric["key"]: metric["name"] for metric in answer["data"]["metrics"]}
    assert names["calls_made"] == ("Звонки" if expected is RUSSIAN else "Calls made")
    [error] = refused["data"]["recordDeal"]["userErrors"]
    assert error["message"] == ("Напишите здесь что-нибудь." if expected is RUSSIAN else "Write something here.")
    assert failed["errors"][0]["message"].startswith("first — от 1" if expected is RUSSIAN else "first must be 1")


@pytest.mark.parametrize(
    ("init_payload", "profile_language", "expected"),
    [
        ({"Accept-Language": "ru"}, None, RUSSIAN),
        ({"acceptLanguage": "ru, en;q=0.5"}, "en", RUSSIAN),
        ({"accept-language": "en"}, "ru", ENGLISH),
        ({"Accept-Language": 7}, "ru", RUSSIAN),
        ({}, "ru", RUSSIAN),
        ({}, None, ENGLISH),
    ],
)
async def test_socket_language_is_that_of_connection_init_else_of_profile(
    server: RunningServer, init_payload: dict[str, Any], profile_language: str | None, expected: str
) -> None:
    await set_profile_language(server, profile_language)
    async with server.open_socket() as socket:
        await send_message(
            socket, type="connection_init", payload={"Authorization": f"Bearer {server.token}", **init_payload}
        )
        assert await receive_message(socket) == {"type": "connection_ack"}
        await send_message(socket, id="1", type="subscribe", payload={"query": SUMMARY_QUERY})
        assert first_summary((await receive_message(socket))["payload"]) == expected
        assert (await receive_message(socket))["type"] == "complete"
        wrong = 'subscription { activities(after: "unknown") { id } }'
        await send_message(socket, id="2", type="subscribe", payload={"query": wrong})
        message = (await receive_message(socket))["payload"][0]["message"]

    assert message.startswith("`after` неизвестен" if expected is RUSSIAN else "`after` is unknown")


async def test_socket_language_is_that_of_handshake_when_connection_init_has_none(server: RunningServer) -> None:
    await set_profile_language(server, "en")
    async with server.open_socket(additional_headers={"Accept-Language": "ru"}) as socket:
        await send_message(socket, type="connection_init", payload={"Authorization": f"Bearer {server.token}"})
        await receive_message(socket)
        await send_message(socket, id="1", type="subscribe", payload={"query": SUMMARY_QUERY})
        assert first_summary((await receive_message(socket))["payload"]) == RUSSIAN
