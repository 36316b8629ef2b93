"""Timer wheel: callbacks at instants of the wall clock, however the clock moves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from subscriptions.core.tasks import cancel_and_wait
from subscriptions.core.timer_wheel import TimerWheel

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]

START = datetime(2026, 11, 18, 14, 0, tzinfo=UTC)


class SettableClock:
    def __init__(self) -> None:
        self.now, self.looks = START, 0

    def __call__(self) -> datetime:
        self.looks += 1
        return self.now


@asynccontextmanager
async def running_wheel(clock: SettableClock, resolution: float = 0.005) -> AsyncIterator[TimerWheel]:
    wheel = TimerWheel(clock, resolution=resolution)
    task = asyncio.create_task(wheel.run())
    try:
        yield wheel
    finally:
        await cancel_and_wait(task)


async def let_wheel_run() -> None:
    for _ in range(10):
        await asyncio.sleep(0.005)


async def test_callbacks_are_called_when_the_clock_reaches_their_instants():
    clock, called = SettableClock(), []
    async with running_wheel(clock) as wheel:
        for minutes in (30, 15, 15, 45):
            wheel.call_at(START + timedelta(minutes=minutes), partial(called.append, minutes))

        clock.now = START + timedelta(minutes=15) - timedelta(microseconds=1)
        await let_wheel_run()
        assert called == []
        clock.now = START + timedelta(minutes=15)
        await let_wheel_run()
        assert called == [15, 15]
        clock.now = START + timedelta(minutes=40)  # as after a suspension of the machine
        await let_wheel_run()
        assert called == [15, 15, 30]
        assert len(wheel) == 1


async def test_cancelled_timer_is_not_called():
    clock, called = SettableClock(), []
    async with running_wheel(clock) as wheel:
        first, second = (wheel.call_at(START + timedelta(seconds=1), partial(called.append, n)) for n in (1, 2))
        first.cancel()
        first.cancel()

        clock.now = START + timedelta(seconds=1)
        await let_wheel_run()

        assert called == [2]
        second.cancel()
        assert len(wheel) == 0


async def test_timer_within_the_same_second_is_not_called_early():
    clock, called = SettableClock(), []
    async with running_wheel(clock) as wheel:
        for fraction in (0.2, 0.9):
            wheel.call_at(START + timedelta(seconds=fraction), partial(called.append, fraction))

        clock.now = START + timedelta(seconds=0.5)
        await let_wheel_run()

        assert called == [0.2]


async def test_instant_that_has_passed_is_called_at_once_and_a_callback_may_add_timers():
    clock, called = SettableClock(), []
    async with running_wheel(clock, resolution=60) as wheel:
        await let_wheel_run()
        wheel.call_at(START + timedelta(hours=1), lambda: called.append("later"))

        wheel.call_at(START, lambda: wheel.call_at(START - timedelta(hours=1), lambda: called.append("added")))
        await let_wheel_run()

        assert called == ["added"]


async def test_waiting_wheel_does_not_look_at_the_clock_when_later_timers_are_added():
    clock = SettableClock()
    async with running_wheel(clock, resolution=60) as wheel:
        wheel.call_at(START + timedelta(hours=1), lambda: None)
        await let_wheel_run()
        looks = clock.looks
        for minutes in range(61, 1000):
            wheel.call_at(START + timedelta(minutes=minutes), lambda: None)
        await let_wheel_run()

        assert clock.looks == looks


@pytest.mark.usefixtures("virtual_time")
async def test_timer_is_called_within_milliseconds_of_its_instant():
    loop, called_at = asyncio.get_running_loop(), []
    started_at = loop.time()
    wheel = TimerWheel(lambda: START + timedelta(seconds=loop.time() - started_at))
    task = asyncio.create_task(wheel.run())
    for seconds in (0.3, 0.7, 5.2):
        wheel.call_at(START + timedelta(seconds=seconds), lambda: called_at.append(loop.time() - started_at))
    await asyncio.sleep(6)
    await cancel_and_wait(task)

    assert called_at == pytest.approx([0.3, 0.7, 5.2], abs=0.003)


@pytest.mark.usefixtures("virtual_time")
async def test_clock_that_is_set_forward_is_noticed_within_a_second():
    loop, clock, called_at = asyncio.get_running_loop(), SettableClock(), []
    wheel = TimerWheel(clock)
    task = asyncio.create_task(wheel.run())
    wheel.call_at(START + timedelta(hours=1), lambda: called_at.append(loop.time() - set_at))
    await asyncio.sleep(0.5)
    set_at, clock.now = loop.time(), START + timedelta(hours=2)
    await asyncio.sleep(5)
    await cancel_and_wait(task)

    assert called_at == pytest.approx([0.5], abs=0.01)
