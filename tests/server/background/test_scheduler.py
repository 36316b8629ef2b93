"""The scheduler: leader election between servers, due jobs, the daily job, failures and restarts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from models.alerts.alerts import Alert
from models.forecasting import snapshots as snapshot_rows
from models.forecasting.snapshots import ForecastSnapshot
from models.organization import people
from resolvers import scheduled_jobs
from resolvers.request.context import RequestContext
from resolvers.request.viewer import Viewer
from resolvers.scheduled_jobs import ScheduledJob
from server.background.notification_worker import NotificationWorker
from server.background.scheduler import HEARTBEAT_SECONDS, LEASE_SECONDS, LeaseHolder, Scheduler
from tests.world import World, open_world


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    async with open_world(database_url) as world:
        yield world


class MachineClocks:
    """The monotonic clocks of several machines, each with its own offset."""

    def __init__(self, *offsets: float) -> None:
        self.now, self.offsets = 1000.0, offsets

    def clock_of(self, index: int):
        return lambda: self.now + self.offsets[index]


async def test_lease_is_held_by_one_of_several_servers(world: World) -> None:
    clocks = MachineClocks(0, 0, 0)
    servers = [LeaseHolder("clock", clocks.clock_of(number)) for number in range(3)]
    for _ in range(20):
        await asyncio.gather(*(server.acquire_or_renew() for server in servers))
        assert [server.is_held for server in servers].count(True) == 1
        clocks.now += HEARTBEAT_SECONDS


@pytest.mark.parametrize("ahead", [0, 600, -600])
async def test_dead_lease_holder_is_replaced_despite_clock_differences(world: World, ahead: float) -> None:
    clocks = MachineClocks(0, ahead)
    first, second = (LeaseHolder("clock", clocks.clock_of(number)) for number in range(2))
    for _ in range(10):
        await first.acquire_or_renew()
        await second.acquire_or_renew()
        clocks.now += HEARTBEAT_SECONDS
    assert (first.is_held, second.is_held) == (True, False)

    died = clocks.now
    while not second.is_held:
        await second.acquire_or_renew()
        clocks.now += HEARTBEAT_SECONDS
    assert clocks.now - died < 30
    assert not first.is_held  # when it resumes, it counts itself out


async def test_stopping_lease_holder_releases_the_lease(world: World) -> None:
    clocks = MachineClocks(0, 0)
    first, second = (LeaseHolder("clock", clocks.clock_of(number)) for number in range(2))
    await first.acquire_or_renew()
    await first.release()
    await second.acquire_or_renew()

    assert (first.is_held, second.is_held) == (False, True)


async def test_late_lease_holder_does_not_take_the_lease_back(world: World) -> None:
    clocks = MachineClocks(0, 0)
    first, second = (LeaseHolder("clock", clocks.clock_of(number)) for number in range(2))
    await first.acquire_or_renew()
    await second.acquire_or_renew()
    clocks.now += LEASE_SECONDS + 1
    await second.acquire_or_renew()
    await first.acquire_or_renew()

    assert (first.is_held, second.is_held) == (False, True)


def create_scheduler(world: World, **arguments: Any) -> Scheduler:
    async def create_context() -> RequestContext:
        context = world.build_context()
        context.current_viewer = Viewer.for_scheduler(await people.load_team_tree())
        return context

    arguments = {"create_context": create_context, "interval": 0.02} | arguments
    return Scheduler(
        clock=lambda: world.now, notification_worker=NotificationWorker({}, lambda: world.now), **arguments
    )


async def wait_until(condition) -> None:
    async with asyncio.timeout(60):
        while not await condition():
            await asyncio.sleep(0.02)


async def test_running_scheduler_raises_alerts_that_become_due(world: World) -> None:
    due = (world.now + timedelta(minutes=1)).isoformat()
    await world.mutate("createTask", title="Call back", dueAt=due)
    scheduler = create_scheduler(world)
    await scheduler.start()
    try:
        await wait_until(
            lambda: _as_coroutine(scheduler.status.last_run_age is not None and scheduler.status.is_leader)
        )
        assert scheduler.is_healthy
        world.advance(minutes=2)
        await wait_until(Alert.exists)
        assert await Alert.all().count() == 1
    finally:
        await scheduler.stop()
    assert not scheduler.status.is_leader


async def _as_coroutine(value: bool) -> bool:
    return value


async def test_failing_job_does_not_stop_other_jobs(world: World, caplog: pytest.LogCaptureFixture) -> None:
    runs = []

    async def fails(context):
        raise ValueError("a bad row")

    async def works(context):
        runs.append(1)
        return False

    scheduler = create_scheduler(
        world,
        jobs=(ScheduledJob("bad", timedelta(seconds=1), fails), ScheduledJob("good", timedelta(seconds=5), works)),
    )
    for _ in range(3):
        await scheduler.run_due_jobs()
        world.advance(seconds=2)

    assert len(runs) == 1  # it is not due again yet
    assert scheduler.status.job_failures == 3
    assert "job “bad” failed" in caplog.text


async def test_scheduler_continues_when_the_clock_is_set_back(world: World) -> None:
    runs = []

    async def works(context):
        runs.append(world.now)
        return False

    scheduler = create_scheduler(
        world,
        jobs=(ScheduledJob("good", timedelta(seconds=5), works),),
    )
    for step in (0, 1, 5, -3600, 1, 5):
        world.advance(seconds=step)
        await scheduler.run_due_jobs()

    assert len(runs) == 4


async def test_daily_job_runs_when_the_companys_day_begins(world: World) -> None:
    run_days = []

    async def record_run(context):
        run_days.append((await context.today()).isoformat())
        return False

    scheduler = create_scheduler(world, jobs=(ScheduledJob("goals", timedelta(0), record_run, daily=True),))
    for _ in range(30):  # hours, from ten in the morning in Berlin
        await scheduler.run_due_jobs()
        world.advance(hours=1)

    assert run_days == ["2026-11-18", "2026-11-19"]


async def test_failed_daily_job_is_retried_after_its_interval(world: World, caplog) -> None:
    run_times = []

    async def fail_first(context):
        run_times.append(world.now)
        if len(run_times) == 1:
            raise ValueError("a bad row")
        return False

    scheduler = create_scheduler(world, jobs=(ScheduledJob("goals", timedelta(minutes=1), fail_first, daily=True),))
    for _ in range(12):
        await scheduler.run_due_jobs()
        world.advance(seconds=30)

    assert [at - run_times[0] for at in run_times] == [timedelta(0), timedelta(minutes=1)]


async def test_slow_job_does_not_hold_up_the_others(world: World) -> None:
    may_finish, slow_runs, quick_runs = asyncio.Event(), [], []

    async def wait_for_permission(context):
        slow_runs.append(1)
        await may_finish.wait()
        return False

    async def record_run(context):
        quick_runs.append(1)
        return False

    scheduler = create_scheduler(
        world,
        jobs=(
            ScheduledJob("slow", timedelta(0), wait_for_permission, daily=True, is_slow=True),
            ScheduledJob("quick", timedelta(0), record_run),
        ),
    )
    await scheduler.start()
    try:
        await wait_until(lambda: _as_coroutine(bool(slow_runs)))
        runs_before = len(quick_runs)
        await wait_until(lambda: _as_coroutine(len(quick_runs) > runs_before + 3))
        may_finish.set()
        world.advance(days=1)
        await wait_until(lambda: _as_coroutine(len(slow_runs) == 2))
    finally:
        await scheduler.stop()


async def test_slow_job_runs_as_soon_as_the_server_is_the_leader(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sleep, waits = asyncio.sleep, list[float]()
    waits_before_run = asyncio.get_running_loop().create_future()

    async def run(context: RequestContext) -> bool:
        waits_before_run.set_result([*waits])
        return False

    async def record_wait(seconds: float) -> None:
        waits.append(seconds)
        await sleep(seconds)

    jobs = (ScheduledJob("slow", timedelta(0), run, daily=True, is_slow=True),)
    scheduler = create_scheduler(world, jobs=jobs, interval=3600)
    monkeypatch.setattr(asyncio, "sleep", record_wait)
    await scheduler.start()
    try:
        async with asyncio.timeout(60):
            assert 10 * 3600 not in await waits_before_run  # which it waits between two runs
    finally:
        await scheduler.stop()


async def test_forecast_snapshots_are_stored_once_soon_after_each_day_begins(world: World) -> None:
    scheduler, stored = create_scheduler(world), {}
    for _ in range(30):  # hours, from ten in the morning in Berlin
        await scheduler.run_due_jobs(slow=True)
        days = await ForecastSnapshot.all().distinct().values_list("day", flat=True)
        stored |= {day.isoformat(): world.now.isoformat() for day in days if day.isoformat() not in stored}
        world.advance(hours=1)

    assert stored == {"2026-11-18": "2026-11-18T09:00:00+00:00", "2026-11-19": "2026-11-18T23:00:00+00:00"}


async def test_failed_snapshots_are_retried_and_logged(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    save_all = snapshot_rows.save_all

    async def fail(rows):
        raise ValueError("a bad row")

    scheduler = create_scheduler(world)
    monkeypatch.setattr(snapshot_rows, "save_all", fail)
    await scheduler.run_due_jobs(slow=True)
    monkeypatch.setattr(snapshot_rows, "save_all", save_all)
    world.advance(minutes=1)
    await scheduler.run_due_jobs(slow=True)

    assert scheduler.status.job_failures == 1
    assert "The scheduled job “forecast snapshots” failed." in caplog.text
    assert await ForecastSnapshot.exists()


async def test_crashed_scheduler_task_is_restarted_and_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    calls = 0

    async def fail_once() -> RequestContext:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise RuntimeError("unheard of")
        return world.build_context()

    scheduler = create_scheduler(world, create_context=fail_once, jobs=())
    await scheduler.start()
    try:
        await wait_until(lambda: _as_coroutine(calls > 2 and scheduler.is_healthy))
        assert scheduler.status.restarts == 1
        assert "The task “job loop” of the scheduler failed and is restarted." in caplog.text
    finally:
        await scheduler.stop()


def test_job_names_are_unique():
    names = [job.name for job in scheduled_jobs.SCHEDULED_JOBS]

    assert len(set(names)) == len(names)
