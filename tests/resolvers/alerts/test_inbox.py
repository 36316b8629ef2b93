"""The inbox: who has one, positions in it, and the language of its messages."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from resolvers.alerts import inbox
from resolvers.request.event_cursors import encode_event_cursor
from tests.resolvers.alerts.alert_company import fetch_inbox, lose_deal, open_company
from tests.world import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A company in which Mia has one alert."""
    async with open_company() as world:
        await lose_deal(world)
        yield world


async def test_device_cannot_mark_alerts_as_read(world: World) -> None:
    await world.create_device("Hall", "WALLBOARD")
    document = "mutation($ids: [ID!]) { markAlertsRead(ids: $ids) { userErrors { path code } } }"
    [alert] = await fetch_inbox(world, "Mia")

    of_all = (await world.query(document, "Hall"))["markAlertsRead"]
    of_one = (await world.query(document, "Hall", ids=[alert["id"]]))["markAlertsRead"]

    assert of_all == {"userErrors": [{"path": ["ids"], "code": "FORBIDDEN"}]}
    assert of_one == {"userErrors": [{"path": ["ids", "0"], "code": "NOT_FOUND"}]}


async def test_position_is_that_of_an_alert_of_the_own_inbox(world: World) -> None:
    [alert] = await fetch_inbox(world, "Mia")
    mia, max_ = await world.authenticated_context("Mia"), await world.authenticated_context("Max")
    cursor = encode_event_cursor(mia, 1)

    assert [await inbox.parse_position(mia, text) for text in (alert["id"], cursor)] == [1, 1]
    assert [await inbox.parse_position(max_, text) for text in (alert["id"], cursor)] == [None, None]
    assert await inbox.parse_position(mia, encode_event_cursor(mia, 2)) is None
    assert await inbox.parse_position(mia, world.global_ids["Mia"]) is None
    assert await inbox.parse_position(mia, "nothing") is None


async def test_language_of_the_profile_comes_before_that_of_the_client(world: World) -> None:
    await world.create_device("Hall", "WALLBOARD")

    async def get_language(actor: str) -> str:
        return inbox.get_viewer_language(await world.authenticated_context(actor, language="ru"))

    before = await get_language("Mia")
    await world.mutate("updateProfile", "Mia", language="en")

    assert (before, await get_language("Mia"), await get_language("Hall")) == ("ru", "en", "ru")
