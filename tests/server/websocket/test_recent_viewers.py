"""Viewers of tokens that were checked lately: found again only while no news about them can be missing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
from broadcaster import Broadcast

from server.websocket import recent_viewers
from server.websocket.recent_viewers import MAX_AGE, RecentViewers
from subscriptions.core.hub import BROADCAST_CHANNEL, CONNECTION_LOST, RESYNC, Hub
from tests.world import START

TOKEN = "token"


def make_viewer(number: int = 1, expires_at: datetime = START + timedelta(hours=1)) -> Any:
    employee = SimpleNamespace(id=number)
    return SimpleNamespace(employee=employee, device=None, session_id=number, expires_at=expires_at)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@asynccontextmanager
async def running_viewers() -> AsyncIterator[tuple[Hub, RecentViewers, Clock]]:
    """Run a hub over an empty change log, and the viewers that follow its news."""

    async def read_nothing(position: int) -> list[Any]:
        return []

    async def read_zero() -> int:
        return 0

    clock = Clock()
    hub = Hub(Broadcast("memory://"), read_nothing, read_zero)
    await hub.start()
    try:
        await wait_until(lambda: hub.is_up_to_date)
        yield hub, RecentViewers(hub, clock), clock
    finally:
        await hub.stop()


async def wait_until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


async def test_viewer_of_a_token_is_found_again() -> None:
    async with running_viewers() as (hub, viewers, _):
        viewer = make_viewer()
        viewers.add(TOKEN, viewer, hub.position)
        entry = viewers.find(TOKEN)

        assert entry is not None
        assert (entry.token, entry.viewer) == (TOKEN, viewer)
        assert viewers.find("another") is None


@pytest.mark.parametrize("topic", ["people", "employee:1", "session:1"])
async def test_viewer_is_forgotten_with_news_of_its_permissions_or_session(topic: str) -> None:
    async with running_viewers() as (hub, viewers, _):
        viewers.add(TOKEN, make_viewer(1), hub.position)
        viewers.add("another", make_viewer(2), hub.position)
        hub.publish_local(["session:3", topic])

        assert viewers.find(TOKEN) is None
        assert (viewers.find("another") is None) == (topic == "people")


async def test_viewer_is_not_remembered_if_news_arrived_while_the_token_was_checked() -> None:
    async with running_viewers() as (hub, viewers, _):
        viewers.add(TOKEN, make_viewer(), (hub.position or 0) - 1)

        assert viewers.find(TOKEN) is None


async def test_viewer_is_not_found_while_a_committed_row_was_not_delivered() -> None:
    async with running_viewers() as (hub, viewers, _):
        viewers.add(TOKEN, make_viewer(), hub.position)
        hub.publish(5, ["deals"])  # rows 1 to 4 may be about the session

        assert viewers.find(TOKEN) is None


async def test_viewer_is_not_found_until_the_log_was_read_for_an_announcement_without_position() -> None:
    async with running_viewers() as (hub, viewers, _):
        viewers.add(TOKEN, make_viewer(), hub.position)
        hub.notify()

        assert viewers.find(TOKEN) is None
        await wait_until(lambda: viewers.find(TOKEN) is not None)


async def test_viewer_is_not_found_while_the_broadcast_is_away() -> None:
    async with running_viewers() as (hub, viewers, _):
        viewers.add(TOKEN, make_viewer(), hub.position)
        await hub._broadcast.publish(BROADCAST_CHANNEL, CONNECTION_LOST)
        await wait_until(lambda: viewers.find(TOKEN) is None)
        await hub._broadcast.publish(BROADCAST_CHANNEL, RESYNC)  # news may have been missed: all are forgotten
        await wait_until(lambda: len(viewers) == 0)


@pytest.mark.parametrize("expires_at", [START + MAX_AGE, START + timedelta(hours=1)], ids=["token", "check"])
async def test_viewer_is_not_found_once_its_token_has_expired_or_its_check_is_too_old(expires_at: datetime) -> None:
    async with running_viewers() as (hub, viewers, clock):
        viewers.add(TOKEN, make_viewer(expires_at=expires_at), hub.position)
        clock.now = START + MAX_AGE - timedelta(seconds=1)
        found_before = viewers.find(TOKEN) is not None
        clock.now = START + MAX_AGE

        assert found_before
        assert viewers.find(TOKEN) is None


async def test_old_viewers_are_removed_with_their_listeners() -> None:
    async with running_viewers() as (hub, viewers, clock):
        listeners = hub.status.listeners
        viewers.add(TOKEN, make_viewer(1), hub.position)
        clock.now += MAX_AGE / 2
        viewers.add("later", make_viewer(2), hub.position)
        clock.now += MAX_AGE / 2
        viewers.remove_old()

        assert viewers.find(TOKEN) is None
        assert viewers.find("later") is not None
        assert hub.status.listeners == listeners + 1


async def test_the_oldest_of_too_many_viewers_is_removed() -> None:
    async with running_viewers() as (hub, viewers, _):
        with patch.object(recent_viewers, "_MAX_ENTRIES", 2):
            for number in (1, 2, 3):
                viewers.add(str(number), make_viewer(number), hub.position)

        assert [viewers.find(token) is not None for token in "123"] == [False, True, True]
