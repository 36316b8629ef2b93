import asyncio
from contextlib import asynccontextmanager

import pytest
from broadcaster import Broadcast, BroadcastBackend, Event

from server.observability import health
from subscriptions.core.hub import CONNECTION_LOST, RESYNC, Hub

pytestmark = pytest.mark.timeout(120)


class FakeBroadcastBackend(BroadcastBackend):
    """A broadcast backend whose connection the test makes and breaks."""

    def __init__(self):
        self.events = asyncio.Queue()

    async def connect(self): ...

    async def disconnect(self): ...

    async def subscribe(self, group):
        self.channel = group

    async def unsubscribe(self, group): ...

    async def publish(self, channel, message): ...

    async def next_published(self):
        return await self.events.get()

    def announce(self, message):
        self.events.put_nowait(Event(self.channel, message))


@asynccontextmanager
async def run_hub(backend, read_last_position):
    async def read_no_rows(position):
        return []

    hub = Hub(Broadcast(backend=backend), read_no_rows, read_last_position, poll_interval=0.02)
    await hub.start()
    try:
        yield hub
    finally:
        await hub.stop()


async def read_position_zero():
    return 0


async def read_no_migrations():
    return []


async def wait_until(condition):
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture
async def backend():
    return FakeBroadcastBackend()


@pytest.fixture
async def hub(backend):
    async with run_hub(backend, read_position_zero) as running:
        await wait_until(lambda: running.healthy)
        yield running


def test_liveness_returns_live():
    assert health.check_liveness() == {"status": "live"}


async def test_readiness_is_ready_when_database_and_news_work(hub):
    state = await health.check_readiness(draining=False, pending_migrations=read_no_migrations, hub=hub)

    assert state.http_status == 200
    assert state.body == {"status": "ready", "checks": {"database": "ok", "schema": "ok", "news": "ok"}}


async def test_readiness_is_degraded_while_broadcast_is_lost(hub, backend):
    backend.announce(CONNECTION_LOST)
    await wait_until(lambda: not hub.status.broadcast_connected)
    state = await health.check_readiness(draining=False, pending_migrations=read_no_migrations, hub=hub)
    assert (state.http_status, state.status, state.checks["news"]) == (200, "degraded", "late")

    backend.announce(RESYNC)
    await wait_until(lambda: hub.status.broadcast_connected)
    assert (
        await health.check_readiness(draining=False, pending_migrations=read_no_migrations, hub=hub)
    ).status == "ready"


async def test_readiness_is_degraded_while_a_background_task_waits_for_its_restart(hub):
    state = await health.check_readiness(
        draining=False, pending_migrations=read_no_migrations, hub=hub, tasks_running=False
    )

    assert (state.http_status, state.status, state.checks["tasks"]) == (200, "degraded", "late")


@pytest.mark.parametrize("error", [ConnectionError, TimeoutError])
async def test_readiness_hides_error_when_database_is_down(hub, error):
    async def fail():
        raise error("postgres://me:hunter2@host")

    state = await health.check_readiness(draining=False, pending_migrations=fail, hub=hub)

    assert state.http_status == 503
    assert state.body["checks"] == {"database": "away", "schema": "unknown", "news": "ok"}


async def test_readiness_is_unavailable_when_database_hangs(hub):
    state = await health.check_readiness(draining=False, pending_migrations=asyncio.Event().wait, hub=hub)

    assert (state.http_status, state.checks["database"]) == (503, "away")


async def test_readiness_is_unavailable_when_migrations_are_pending(hub):
    async def read_one_migration():
        return ["0002_goals"]

    state = await health.check_readiness(draining=False, pending_migrations=read_one_migration, hub=hub)

    assert (state.http_status, state.checks["schema"]) == (503, "behind")


async def test_readiness_is_draining_during_shutdown(hub):
    state = await health.check_readiness(draining=True, pending_migrations=read_no_migrations, hub=hub)

    assert (state.http_status, state.status) == (503, "draining")


async def test_readiness_is_unavailable_when_change_log_cannot_be_read(backend):
    async def fail():
        raise ConnectionError

    async with run_hub(backend, fail) as hub:
        state = await health.check_readiness(draining=False, pending_migrations=read_no_migrations, hub=hub)

    assert (state.http_status, state.checks["news"]) == (503, "away")
