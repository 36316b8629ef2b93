"""Clients that do not wait for answers, do not read, or all come back at once."""

from __future__ import annotations

import asyncio

from faults.runner import SceneRun, scene

STORM_WATCHERS_PER_KIND = 25


@scene(
    "answers-cut", "half of the requests are cut off by their client before the answer, and repeated on any server",
    allowed_codes=frozenset(), is_short=True,
)  # fmt: skip
async def cut_answers(run: SceneRun) -> None:
    for writer in run.workload.writers:
        writer.impatience_seconds = 0.04
    await asyncio.sleep(3)
    for writer in run.workload.writers:
        writer.impatience_seconds = 0.0


@scene("watchers-frozen", "half of the subscribers do not read for 25 seconds", allowed_codes=frozenset())
async def freeze_watchers(run: SceneRun) -> None:
    frozen_watchers = run.workload.watchers[::2]
    for watcher in frozen_watchers:
        watcher.reading.clear()
    run.report(f"{len(frozen_watchers)} subscribers do not read")
    await asyncio.sleep(25)
    for watcher in frozen_watchers:
        watcher.reading.set()
    run.report("they read again")
    await asyncio.sleep(1)


@scene(
    "reconnect-storm", "a hundred more subscribers; all lose their connections at once and come back, three times",
    max_converge_seconds=20, fits_soak=False,
)  # fmt: skip
async def reconnect_all(run: SceneRun) -> None:
    run.workload.add_watchers(STORM_WATCHERS_PER_KIND)
    await run.workload.warm_up()
    for _ in range(3):
        counts = [watcher.message_count for watcher in run.workload.watchers]
        for watcher in run.workload.watchers:
            watcher.drop_connection()
        run.report(f"{len(run.workload.watchers)} connections are cut")
        async with asyncio.timeout(60):
            while any(
                watcher.message_count == count for watcher, count in zip(run.workload.watchers, counts, strict=True)
            ):
                await asyncio.sleep(0.1)
