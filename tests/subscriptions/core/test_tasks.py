import asyncio
from itertools import islice
from types import SimpleNamespace

import pytest

from models.db.errors import DatabaseUnavailable
from subscriptions.core import tasks
from subscriptions.core.tasks import TaskSupervisor, backoff_delays, cancel_and_wait

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]


async def run_forever():
    await asyncio.Event().wait()


async def test_backoff_delays_double_up_to_the_maximum():
    delays = list(islice(backoff_delays(initial=1, maximum=5), 6))

    for delay, longest in zip(delays, (1, 2, 4, 5, 5, 5), strict=True):
        assert longest / 2 <= delay <= longest


async def test_backoff_delays_grow_from_a_tenth_of_a_second_to_five_seconds_by_default(monkeypatch):
    monkeypatch.setattr(tasks, "random", SimpleNamespace(uniform=lambda shortest, longest: longest))

    assert list(islice(backoff_delays(), 8)) == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5]


@pytest.mark.usefixtures("virtual_time")
async def test_task_that_swallows_a_cancellation_is_cancelled_again():
    cancellations = 0

    async def swallow_first():
        nonlocal cancellations
        while cancellations < 2:
            try:
                await run_forever()
            except asyncio.CancelledError:
                cancellations += 1

    task = asyncio.create_task(swallow_first())
    await asyncio.sleep(0)
    started_at = asyncio.get_running_loop().time()

    await cancel_and_wait(task)

    assert cancellations == 2
    assert asyncio.get_running_loop().time() - started_at == pytest.approx(1, abs=0.1)


async def test_failed_task_is_restarted_and_counted(caplog, wait_until):
    starts, restarts = [], []

    async def fail_twice():
        starts.append(supervisor.all_running)
        if len(starts) <= 2:
            raise ValueError("a bad row")
        await run_forever()

    supervisor = TaskSupervisor("hub", initial_delay=0.001, on_restart=lambda: restarts.append(supervisor.restarts))
    supervisor.start({"reader": fail_twice, "writer": run_forever})
    await wait_until(lambda: len(starts) == 3)

    assert (supervisor.all_running, supervisor.restarts, restarts) == (True, 2, [1, 2])
    assert caplog.text.count("The task “reader” of the hub failed and is restarted.") == 2

    await supervisor.stop()
    assert not supervisor.all_running


async def test_supervisor_does_not_run_while_a_task_waits_for_its_restart(wait_until):
    async def fail():
        raise ValueError("a bad row")

    supervisor = TaskSupervisor("hub", initial_delay=3600)
    states = [supervisor.all_running]
    supervisor.start({"reader": fail, "writer": run_forever})
    states.append(supervisor.all_running)
    await wait_until(lambda: supervisor.restarts == 1)
    states.append(supervisor.all_running)
    await supervisor.stop()

    assert states == [False, True, False]


async def test_task_that_cannot_reach_the_database_is_restarted_without_a_traceback(caplog, wait_until):
    starts = []

    async def fail_once():
        starts.append(1)
        if len(starts) == 1:
            raise DatabaseUnavailable("ConnectionRefusedError")
        await run_forever()

    supervisor = TaskSupervisor("hub", initial_delay=0.001)
    supervisor.start({"reader": fail_once})
    await wait_until(lambda: len(starts) == 2)
    await supervisor.stop()

    assert "The task “reader” of the hub is restarted: ConnectionRefusedError" in caplog.text
    assert "Traceback" not in caplog.text


async def test_pause_is_short_again_after_a_long_healthy_run(monkeypatch, wait_until):
    pauses, starts, now = [], [], 0.0

    def yield_pauses(initial):
        pauses.append(initial)
        while True:
            yield 0.001

    monkeypatch.setattr(tasks, "backoff_delays", yield_pauses)
    monkeypatch.setattr(tasks, "time", SimpleNamespace(monotonic=lambda: now))

    async def fail_after_a_while():
        nonlocal now
        starts.append(1)
        now += tasks.HEALTHY_SECONDS if len(starts) == 2 else 1
        raise ValueError("a bad row")

    supervisor = TaskSupervisor("hub")
    supervisor.start({"reader": fail_after_a_while})
    await wait_until(lambda: len(starts) >= 3)
    await supervisor.stop()

    assert pauses == [0.1, 0.1]  # at the start, and after the long run
