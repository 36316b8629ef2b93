"""Checks of open sockets: nothing is sent on outdated permissions, and a failed check is repeated."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from broadcaster import Broadcast

from resolvers.auth import sessions
from server.websocket.presence_reporter import PresenceReporter
from server.websocket.session_permissions import SessionPermissions
from subscriptions.core.hub import Hub
from subscriptions.core.tasks import TaskSupervisor
from tests.world import START

ReloadViewers = Callable[[list[Any]], Any]


class FakeSocket:
    """An open socket of an employee, which records what it is told."""

    def __init__(self, employee_id: int, *, fails: bool = False) -> None:
        self.viewer = SimpleNamespace(
            id=employee_id,
            employee=SimpleNamespace(id=employee_id),
            session_id=employee_id,
            device=None,
            key=f"employee:{employee_id}",
            expires_at=START + timedelta(hours=1),
        )
        self.fails = fails
        self.calls: list[str] = []

    def on_viewer_changed(self, viewer: Any) -> None:
        if self.fails:
            raise KeyError("a bug")
        self.calls.append("changed")

    def on_session_ended(self) -> None:
        self.calls.append("ended")

    def on_token_expired(self) -> None:
        if self.fails:
            raise KeyError("a bug")
        self.calls.append("expired")


@asynccontextmanager
async def running_permissions(
    monkeypatch: pytest.MonkeyPatch, reload_viewers: ReloadViewers
) -> AsyncIterator[tuple[Hub, SessionPermissions]]:
    async def read_nothing(*_: Any) -> Any:
        return []

    async def read_zero() -> int:
        return 0

    monkeypatch.setattr(sessions, "reload_viewers", reload_viewers)
    hub = Hub(Broadcast("memory://"), read_nothing, read_zero)
    permissions = SessionPermissions(hub, lambda: START, PresenceReporter(lambda: START))
    supervisor = TaskSupervisor("server", initial_delay=0.001)
    supervisor.start({"session permissions": permissions.run, "token expiry": permissions.close_expired})
    try:
        yield hub, permissions
    finally:
        await supervisor.stop()


async def reload_same(viewers: list[Any]) -> list[Any]:
    return viewers


async def wait_until_verified(permissions: SessionPermissions) -> None:
    await asyncio.wait_for(permissions.wait_until_verified(), 60)


@pytest.mark.parametrize("error", [ConnectionError("away"), KeyError("a bug")])
async def test_failed_check_is_repeated_and_sockets_stay_unverified(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    attempts = 0

    async def fail_twice(viewers: list[Any]) -> list[Any]:
        nonlocal attempts
        attempts += 1
        if attempts <= 2:
            raise error
        return viewers

    async with running_permissions(monkeypatch, fail_twice) as (hub, permissions):
        socket = FakeSocket(1)
        permissions.register(socket, permissions.position)
        hub.publish_local(["employee:1"])
        await wait_until_verified(permissions)

    assert attempts == 3
    assert socket.calls == ["changed"]


async def test_socket_stays_unverified_during_its_check(monkeypatch: pytest.MonkeyPatch) -> None:
    checking, answer = asyncio.Event(), asyncio.Event()

    async def reload_slowly(viewers: list[Any]) -> list[Any]:
        checking.set()
        await answer.wait()
        return viewers

    async with running_permissions(monkeypatch, reload_slowly) as (hub, permissions):
        permissions.register(FakeSocket(1), permissions.position)
        hub.publish_local(["employee:1"])
        await checking.wait()
        waiter = asyncio.create_task(permissions.wait_until_verified())
        await asyncio.sleep(0.05)
        assert not waiter.done()

        answer.set()
        await asyncio.wait_for(waiter, 60)


async def test_news_during_a_check_causes_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    checks = 0

    async def publish_once(viewers: list[Any]) -> list[Any]:
        nonlocal checks
        checks += 1
        if checks == 1:
            hub.publish_local(["employee:1"])
        return viewers

    async with running_permissions(monkeypatch, publish_once) as (hub, permissions):
        socket = FakeSocket(1)
        permissions.register(socket, permissions.position)
        hub.publish_local(["employee:1"])
        await wait_until_verified(permissions)

    assert checks == 2
    assert socket.calls == ["changed", "changed"]


async def test_socket_that_leaves_before_its_check_holds_up_no_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_permissions(monkeypatch, reload_same) as (hub, permissions):
        socket = FakeSocket(1)
        permissions.register(socket, permissions.position)
        hub.publish_local(["employee:1"])
        waiter = asyncio.create_task(permissions.wait_until_verified())
        await asyncio.sleep(0)
        permissions.unregister(socket)
        await asyncio.wait_for(waiter, 60)


async def test_socket_that_fails_is_closed_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_permissions(monkeypatch, reload_same) as (hub, permissions):
        sockets = [FakeSocket(1, fails=True), FakeSocket(2)]
        for socket in sockets:
            permissions.register(socket, permissions.position)
        hub.publish_local(["people"])
        await wait_until_verified(permissions)

    assert [socket.calls for socket in sockets] == [["ended"], ["changed"]]


async def test_socket_that_cannot_be_closed_keeps_no_other_open_after_its_expiry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running_permissions(monkeypatch, reload_same) as (_, permissions):
        sockets = [FakeSocket(1, fails=True), FakeSocket(2)]
        for socket in sockets:
            socket.viewer.expires_at = START - sessions.CLOCK_LEEWAY
            permissions.register(socket, permissions.position)
        async with asyncio.timeout(60):
            while "expired" not in sockets[1].calls:
                await asyncio.sleep(0.01)
