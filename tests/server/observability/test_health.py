import asyncio
from contextlib import asynccontextmanager

import pytest
from broadcaster import Broadcast, BroadcastBackend, Event

from server.observability import health
from subscriptions.core.hub import LOST, RESYNC, Hub

pytestmark = pytest.mark.timeout(30)


class Wire(BroadcastBackend):
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

    def say(self, message):
        self.events.put_nowait(Event(self.channel, message))


@asynccontextmanager
async def hubs(wire, newest):
    async def nothing(position):
        return []

    hub = Hub(Broadcast(backend=wire), nothing, newest, look_every=0.02)
    await hub.start()
    try:
        yield hub
    finally:
        await hub.stop()


async def zero():
    return 0


async def nothing_pending():
    return []


async def until(holds):
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)


@pytest.fixture
async def wire():
    return Wire()


@pytest.fixture
async def hub(wire):
    async with hubs(wire, zero) as running:
        await until(lambda: running.healthy)
        yield running


def test_alive_is_whoever_answers():
    assert health.live() == {"status": "live"}


async def test_ready_is_a_database_that_answers_and_news_that_arrives(hub):
    state = await health.ready(draining=False, pending=nothing_pending, hub=hub)

    assert state.code == 200
    assert state.body == {"status": "ready", "checks": {"database": "ok", "schema": "ok", "news": "ok"}}


async def test_a_lost_doorbell_degrades_and_refuses_nothing(hub, wire):
    wire.say(LOST)
    await until(lambda: not hub.pulse.doorbell)
    state = await health.ready(draining=False, pending=nothing_pending, hub=hub)
    assert (state.code, state.status, state.checks["news"]) == (200, "degraded", "late")

    wire.say(RESYNC)
    await until(lambda: hub.pulse.doorbell)
    assert (await health.ready(draining=False, pending=nothing_pending, hub=hub)).status == "ready"


@pytest.mark.parametrize("error", [ConnectionError, TimeoutError])
async def test_a_database_that_is_away_is_not_ready_and_nothing_is_told_of_the_error(hub, error):
    async def away():
        raise error("postgres://me:hunter2@host")

    state = await health.ready(draining=False, pending=away, hub=hub)

    assert state.code == 503
    assert state.body["checks"] == {"database": "away", "schema": "unknown", "news": "ok"}


async def test_a_database_that_does_not_answer_is_given_up(hub):
    state = await health.ready(draining=False, pending=asyncio.Event().wait, hub=hub)

    assert (state.code, state.checks["database"]) == (503, "away")


async def test_tables_that_are_not_up_to_date_are_not_ready(hub):
    async def one():
        return ["0002_goals"]

    state = await health.ready(draining=False, pending=one, hub=hub)

    assert (state.code, state.checks["schema"]) == (503, "behind")


async def test_a_process_that_is_told_to_stop_is_not_ready(hub):
    state = await health.ready(draining=True, pending=nothing_pending, hub=hub)

    assert (state.code, state.status) == (503, "draining")


async def test_news_that_cannot_be_read_is_not_ready(wire):
    async def away():
        raise ConnectionError

    async with hubs(wire, away) as hub:
        state = await health.ready(draining=False, pending=nothing_pending, hub=hub)

    assert (state.code, state.checks["news"]) == (503, "away")
