"""The coalescing event, and the window in which waiting tasks are woken together."""

from __future__ import annotations

import asyncio
import itertools
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
    times = await asyncio.gather(*(_set_after(delay, window) for delay in (0, 0.004, 0.008, 0.012)))

    woken_at = [woke_at for _, woke_at in times]
    assert max(woken_at) - min(woken_at) < WINDOW_SECONDS / 100


async def test_after_a_quiet_time_a_task_waits_a_quarter_of_a_window() -> None:
    window = CoalescingWindow(WINDOW_SECONDS)
    for _ in range(2):
        set_at, woke_at = await _set_after(2 * WINDOW_SECONDS, window)
        assert woke_at - set_at == pytest.approx(WINDOW_SECONDS / 4, abs=0.001)


async def test_batches_wake_no_closer_together_than_a_window() -> None:
    window = CoalescingWindow(WINDOW_SECONDS)
    times = await asyncio.gather(*(_set_after(delay / 100, window) for delay in range(60)))

    assert all(woke_at - set_at >= WINDOW_SECONDS / 8 for set_at, woke_at in times)
    assert all(woke_at - set_at <= WINDOW_SECONDS * 1.51 for set_at, woke_at in times)
    batches = sorted({round(woke_at, 3) for _, woke_at in times})
    pauses = [later - earlier for earlier, later in itertools.pairwise(batches)]
    assert pauses == pytest.approx([WINDOW_SECONDS] * len(pauses), abs=0.001)
    assert len(batches) == 8


async def test_task_that_joins_in_the_second_half_of_a_window_wakes_with_the_next_batch() -> None:
    window = CoalescingWindow(WINDOW_SECONDS)
    times = await asyncio.gather(*(_set_after(delay, window) for delay in (0, 0.03, 0.07, 0.08)))

    first, second, early, late = (woke_at for _, woke_at in times)
    assert second == pytest.approx(first + WINDOW_SECONDS, abs=0.001)
    assert early == pytest.approx(second, abs=0.001)
    assert late == pytest.approx(second + WINDOW_SECONDS, abs=0.001)


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


async def test_wait_on_event_already_set_takes_its_time() -> None:
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
