"""The scheduler: leader election between servers, due jobs, the daily job, failures and restarts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from models.alerts.alerts import Alert
from models.organization import people
from resolvers import scheduled_jobs
from resolvers.request.context import Context
from resolvers.request.viewer import Viewer
from resolvers.scheduled_jobs import Job
from server.background.notification_worker import Delivering
from server.background.scheduler import BEAT, HOLDS, Holding, Timekeeper
from tests.world import World, opened


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with opened(database_url) as world:
        yield world


class Times:
    """The monotonic clocks of several machines, each with its own offset."""

    def __init__(self, *offsets: float) -> None:
        self.now, self.offsets = 1000.0, offsets

    def clock(self, number: int):
        return lambda: self.now + self.offsets[number]


async def test_one_of_several_servers_holds_the_lease_and_keeps_it(world: World) -> None:
    times = Times(0, 0, 0)
    servers = [Holding("clock", times.clock(number)) for number in range(3)]
    for _ in range(20):
        await asyncio.gather(*(server.look() for server in servers))
        assert [server.held for server in servers].count(True) == 1
        times.now += BEAT


@pytest.mark.parametrize("ahead", [0, 600, -600])
async def test_a_dead_holder_is_replaced_within_half_a_minute_whatever_the_clocks_say(
    world: World, ahead: float
) -> None:
    times = Times(0, ahead)
    first, second = (Holding("clock", times.clock(number)) for number in range(2))
    for _ in range(10):
        await first.look()
        await second.look()
        times.now += BEAT
    assert (first.held, second.held) == (True, False)

    died = times.now
    while not second.held:
        await second.look()
        times.now += BEAT
    assert times.now - died < 30
    assert not first.held  # when it resumes, it counts itself out


async def test_a_holder_that_stops_gives_the_lease_back_at_once(world: World) -> None:
    times = Times(0, 0)
    first, second = (Holding("clock", times.clock(number)) for number in range(2))
    await first.look()
    await first.release()
    await second.look()

    assert (first.held, second.held) == (False, True)


async def test_who_was_thought_dead_and_wakes_up_leaves_the_lease_to_the_other(world: World) -> None:
    times = Times(0, 0)
    first, second = (Holding("clock", times.clock(number)) for number in range(2))
    await first.look()
    await second.look()
    times.now += HOLDS + 1
    await second.look()
    await first.look()

    assert (first.held, second.held) == (False, True)


def keeper(world: World, **given: Any) -> Timekeeper:
    async def context() -> Context:
        found = world.context()
        found.who = Viewer.of_clock(await people.tree())
        return found

    given = {"context": context, "pace": 0.02} | given
    return Timekeeper(clock=lambda: world.now, deliver=Delivering({}, lambda: world.now), **given)


async def until(holds) -> None:
    async with asyncio.timeout(30):
        while not await holds():
            await asyncio.sleep(0.02)


async def test_a_running_clock_tells_of_what_is_due(world: World) -> None:
    due = (world.now + timedelta(minutes=1)).isoformat()
    await world.act("createTask", title="Call back", dueAt=due)
    clock = keeper(world)
    await clock.start()
    try:
        await until(lambda: _true(clock.tick.turned is not None and clock.tick.held))
        assert clock.healthy
        world.later(minutes=2)
        await until(Alert.exists)
        assert await Alert.all().count() == 1
    finally:
        await clock.stop()
    assert not clock.tick.held


async def _true(value: bool) -> bool:
    return value


async def test_a_job_that_fails_stops_no_other(world: World, caplog: pytest.LogCaptureFixture) -> None:
    done = []

    async def fails(context):
        raise ValueError("a bad row")

    async def works(context):
        done.append(1)
        return False

    clock = keeper(world, jobs=(Job("bad", timedelta(seconds=1), fails), Job("good", timedelta(seconds=5), works)))
    for _ in range(3):
        await clock.turn()
        world.later(seconds=2)

    assert len(done) == 1  # it is not due again yet
    assert clock.tick.failures == 3
    assert "job “bad” failed" in caplog.text


async def test_a_clock_that_is_set_back_goes_on(world: World) -> None:
    done = []

    async def works(context):
        done.append(world.now)
        return False

    clock = keeper(world, jobs=(Job("good", timedelta(seconds=5), works),), each_day=Job("no", timedelta(0), _nothing))
    for step in (0, 1, 5, -3600, 1, 5):
        world.later(seconds=step)
        await clock.turn()

    assert len(done) == 4


async def test_goals_are_looked_at_when_the_companys_day_begins(world: World) -> None:
    looked = []

    async def look(context):
        looked.append((await context.today()).isoformat())
        return False

    clock = keeper(world, jobs=(), each_day=Job("goals", timedelta(0), look))
    for _ in range(30):  # hours, from ten in the morning in Berlin
        await clock.turn()
        world.later(hours=1)

    assert looked == ["2026-11-18", "2026-11-19"]


async def test_a_day_whose_look_at_goals_failed_is_looked_at_again_soon_but_not_at_once(world: World, caplog) -> None:
    looked = []

    async def look(context):
        looked.append(world.now)
        if len(looked) == 1:
            raise ValueError("a bad row")
        return False

    clock = keeper(world, jobs=(), each_day=Job("goals", timedelta(minutes=1), look))
    for _ in range(12):
        await clock.turn()
        world.later(seconds=30)

    assert [at - looked[0] for at in looked] == [timedelta(0), timedelta(minutes=1)]


async def test_a_task_of_the_clock_that_dies_is_started_again_and_told(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    asked = 0

    async def breaks() -> Context:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise RuntimeError("unheard of")
        return world.context()

    clock = keeper(world, context=breaks, jobs=(), each_day=Job("nothing", timedelta(0), _nothing))
    await clock.start()
    try:
        await until(lambda: _true(asked > 2 and clock.healthy))
        assert clock.tick.deaths == 1
        assert "“job loop” failed and is restarted" in caplog.text
    finally:
        await clock.stop()


async def _nothing(context: Context) -> bool:
    return False


def test_every_job_has_a_name_of_its_own():
    names = [job.name for job in (*scheduled_jobs.JOBS, scheduled_jobs.EACH_DAY)]

    assert len(set(names)) == len(names)
