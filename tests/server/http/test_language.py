"""The language of responses: the client's choice, else the one in the viewer's profile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.http_server import Served, hear, say, served

pytestmark = pytest.mark.asyncio(loop_scope="module")
CALL = (
    """mutation { recordCall(input: {direction: OUTBOUND, durationSeconds: 125, externalId: "%s"}) { call { id } } }"""
)
SUMMARY = "{ activities(first: 1) { edges { node { summary } } } metrics { key name } }"
REFUSED = 'mutation { recordDeal(input: {title: " "}) { userErrors { message } } }'
RUSSIAN, ENGLISH = "Исходящий звонок, есть ответ, 2 минуты 5 секунд", "Outbound call, answered, 2 minutes 5 seconds"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def here(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with served(tmp_path_factory.mktemp("language")) as found:
        await found.data(CALL % "first")
        yield found


async def profile(here: Served, language: str | None) -> None:
    update = "mutation($language: String) { updateProfile(input: {language: $language}) { userErrors { code } } }"
    await here.data(update, language=language)


def summary(answer: Any) -> str:
    return answer["data"]["activities"]["edges"][0]["node"]["summary"]


@pytest.mark.parametrize(
    ("accepted", "own", "expected"),
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
async def test_over_http_the_header_decides_and_without_one_the_profile(
    here: Served, accepted: str, own: str | None, expected: str
) -> None:
    await profile(here, own)
    answer = (await here.post(SUMMARY, headers={"accept-language": accepted})).json()
    refused = (await here.post(REFUSED, headers={"accept-language": accepted})).json()
    failed = (await here.post("{ activities(first: 0) { totalCount } }", headers={"accept-language": accepted})).json()

    assert summary(answer) == expected
    names = {metric["key"]: metric["name"] for metric in answer["data"]["metrics"]}
    assert names["calls_made"] == ("Звонки" if expected is RUSSIAN else "Calls made")
    [error] = refused["data"]["recordDeal"]["userErrors"]
    assert error["message"] == ("Напишите здесь что-нибудь." if expected is RUSSIAN else "Write something here.")
    assert failed["errors"][0]["message"].startswith("first — от 1" if expected is RUSSIAN else "first must be 1")


@pytest.mark.parametrize(
    ("said", "own", "expected"),
    [
        ({"Accept-Language": "ru"}, None, RUSSIAN),
        ({"acceptLanguage": "ru, en;q=0.5"}, "en", RUSSIAN),
        ({"accept-language": "en"}, "ru", ENGLISH),
        ({"Accept-Language": 7}, "ru", RUSSIAN),
        ({}, "ru", RUSSIAN),
        ({}, None, ENGLISH),
    ],
)
async def test_over_a_socket_its_first_message_decides_and_then_the_profile(
    here: Served, said: dict[str, Any], own: str | None, expected: str
) -> None:
    await profile(here, own)
    async with here.bare() as socket:
        await say(socket, type="connection_init", payload={"Authorization": f"Bearer {here.token}", **said})
        assert await hear(socket) == {"type": "connection_ack"}
        await say(socket, id="1", type="subscribe", payload={"query": SUMMARY})
        assert summary((await hear(socket))["payload"]) == expected
        assert (await hear(socket))["type"] == "complete"
        wrong = 'subscription { activities(after: "unknown") { id } }'
        await say(socket, id="2", type="subscribe", payload={"query": wrong})
        message = (await hear(socket))["payload"][0]["message"]

    assert message.startswith("`after` неизвестен" if expected is RUSSIAN else "`after` is not known")


async def test_the_header_of_the_handshake_decides_where_the_first_message_says_nothing(here: Served) -> None:
    await profile(here, "en")
    async with here.bare(additional_headers={"Accept-Language": "ru"}) as socket:
        await say(socket, type="connection_init", payload={"Authorization": f"Bearer {here.token}"})
        await hear(socket)
        await say(socket, id="1", type="subscribe", payload={"query": SUMMARY})
        assert summary((await hear(socket))["payload"]) == RUSSIAN
