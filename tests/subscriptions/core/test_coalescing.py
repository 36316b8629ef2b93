"""The coalescing event, and the window in which waiting tasks are woken together."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from subscriptions.core.coalescing import CoalescingEvent, CoalescingWindow

pytestmark = pytest.mark.usefixtures("virtual_time")

WINDOW_SECONDS = 0.1


async def _set_after(delay: float, window: CoalescingWindow) -> tuple[float, float]:
    """Set an event after so many seconds; return that time, and the time at which the waiting task woke."""
    loop, event = asyncio.get_running_loop(), CoalescingEvent()
    waiter = asyncio.create_task(event.wait(window=window))
    await asyncio.sleep(delay)
    set_at = loop.time()
    event.set()
    assert await waiter
    return set_at, loop.time()


async def test_tasks_set_close_together_wake_together() -> None:
    window = CoalescingWindow(WINDOW_SECONDS)
    times = await asyncio.gather(*(_set_after(delay, window) for delay in (0, 0.01, 0.02, 0.03)))

    woken_at = [woke_at for _, woke_at in times]
    assert max(woken_at) - min(woken_at) < WINDOW_SECONDS / 4
    assert min(woken_at) - times[0][0] >= WINDOW_SECONDS * 0.99


async def test_every_task_waits_at_least_half_a_window() -> None:
    window = CoalescingWindow(WINDOW_SECONDS)
    times = await asyncio.gather(*(_set_after(delay, window) for delay in (0, 0.02, 0.07, 0.09, 0.13)))

    assert all(woke_at - set_at >= WINDOW_SECONDS / 2 * 0.99 for set_at, woke_at in times)
    first, second, third, fourth, fifth = (woke_at for _, woke_at in times)
    assert second - first < WINDOW_SECONDS / 4  # in the batch of the first
    assert third - first >= WINDOW_SECONDS * 0.99  # too late for that batch: one window later
    assert fourth - third < WINDOW_SECONDS / 4
    assert fifth - third < WINDOW_SECONDS / 4


async def test_task_that_joins_in_the_second_half_of_a_window_wakes_with_the_next_batch() -> None:
    window = CoalescingWindow(WINDOW_SECONDS)
    times = await asyncio.gather(*(_set_after(delay, window) for delay in (0, 0.045, 0.055)))

    first, early, late = (woke_at for _, woke_at in times)
    assert early == pytest.approx(first, abs=0.001)
    assert late == pytest.approx(first + WINDOW_SECONDS, abs=0.001)


async def test_events_set_before_wake_up_are_one() -> None:
    event, window = CoalescingEvent(), CoalescingWindow(0.02)
    waiter = asyncio.create_task(event.wait(window=window))
    for _ in range(3):
        await asyncio.sleep(0.002)
        event.set()

    assert await waiter
    assert not await event.wait(0.05, window=window)


async def test_timer_of_a_wait_is_cancelled_once_the_event_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, event = asyncio.get_running_loop(), CoalescingEvent()
    timers: list[asyncio.TimerHandle] = []
    call_later = loop.call_later

    def record_timer(*arguments: Any) -> asyncio.TimerHandle:
        timers.append(call_later(*arguments))
        return timers[-1]

    monkeypatch.setattr(loop, "call_later", record_timer)
    waiter = asyncio.create_task(event.wait(3600))
    await asyncio.sleep(0)
    event.set()

    assert await waiter
    assert [timer.cancelled() for timer in timers] == [True]


async def test_wait_on_event_already_set_takes_one_window() -> None:
    event = CoalescingEvent()
    event.set()

    assert await event.wait(window=CoalescingWindow(0.02))
    assert not await event.wait(0)


async def test_cancelled_task_does_not_block_its_batch() -> None:
    window, cancelled, remaining = CoalescingWindow(0.02), CoalescingEvent(), CoalescingEvent()
    tasks = [asyncio.create_task(event.wait(window=window)) for event in (cancelled, remaining)]
    await asyncio.sleep(0)
    cancelled.set()
    remaining.set()
    tasks[0].cancel()

    assert await tasks[1]
    assert tasks[0].cancelled()
