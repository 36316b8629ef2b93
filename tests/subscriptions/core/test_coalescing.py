"""The coalescing event, and the window in which waiting tasks are woken together."""

from __future__ import annotations

import asyncio

from subscriptions.core.coalescing import Flag, Pace

WINDOW = 0.1


async def _rung(after: float, pace: Pace) -> tuple[float, float]:
    """Set an event after so many seconds; return that time, and the time at which the waiting task woke."""
    loop, flag = asyncio.get_running_loop(), Flag()
    waiting = asyncio.create_task(flag.wait(pace=pace))
    await asyncio.sleep(after)
    rung = loop.time()
    flag.ring()
    assert await waiting
    return rung, loop.time()


async def test_those_who_are_rung_close_together_go_on_together() -> None:
    pace = Pace(WINDOW)
    found = await asyncio.gather(*(_rung(after, pace) for after in (0, 0.01, 0.02, 0.03)))

    went_on = [on for _, on in found]
    assert max(went_on) - min(went_on) < WINDOW / 4
    assert min(went_on) - found[0][0] >= WINDOW * 0.99


async def test_everybody_rests_for_half_a_window() -> None:
    pace = Pace(WINDOW)
    found = await asyncio.gather(*(_rung(after, pace) for after in (0, 0.02, 0.07, 0.09, 0.13)))

    assert all(on - rung >= WINDOW / 2 * 0.99 for rung, on in found)
    first, second, third, fourth, fifth = (on for _, on in found)
    assert second - first < WINDOW / 4  # in the batch of the first
    assert third - first >= WINDOW * 0.99  # too late for that batch: one window later
    assert fourth - third < WINDOW / 4
    assert fifth - third < WINDOW / 4


async def test_what_is_rung_until_one_goes_on_is_the_same() -> None:
    flag, pace = Flag(), Pace(0.02)
    waiting = asyncio.create_task(flag.wait(pace=pace))
    for _ in range(3):
        await asyncio.sleep(0.002)
        flag.ring()

    assert await waiting
    assert not await flag.wait(0.05, pace=pace)


async def test_what_was_rung_before_is_waited_for_no_more_than_a_window() -> None:
    flag = Flag()
    flag.ring()

    assert await flag.wait(pace=Pace(0.02))
    assert not await flag.wait(0)


async def test_who_leaves_while_he_rests_keeps_nobody_up() -> None:
    pace, gone, stays = Pace(0.02), Flag(), Flag()
    tasks = [asyncio.create_task(flag.wait(pace=pace)) for flag in (gone, stays)]
    await asyncio.sleep(0)
    gone.ring()
    stays.ring()
    tasks[0].cancel()

    assert await tasks[1]
    assert tasks[0].cancelled()
