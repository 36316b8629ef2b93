"""A database that goes back in time: a restore from a backup, or a failover to a replica that lagged behind."""

from __future__ import annotations

import asyncio
import time

import asyncpg

from faults.rig import Store
from faults.runner import TRANSIENT_CODES, SceneRun, scene
from faults.watchers import CURSOR_UNKNOWN, EventWatcher
from tests import database_restore

RESTORE_CODES = TRANSIENT_CODES | {CURSOR_UNKNOWN}


@scene(
    "database-restored", "the database goes back to a copy that is some seconds old, while everything runs",
    allowed_codes=RESTORE_CODES, is_short=True, fits_soak=False,
)  # fmt: skip
async def restore_postgres(run: SceneRun) -> None:
    await _go_back_in_time(run)


@scene(
    "sqlite-restored", "the same with SQLite",
    store=Store.SQLITE, allowed_codes=RESTORE_CODES, fits_soak=False,
)  # fmt: skip
async def restore_sqlite(run: SceneRun) -> None:
    await _go_back_in_time(run)


async def _go_back_in_time(run: SceneRun) -> None:
    """Copy the database, go on for some seconds, and replace it by the copy.

    What was acknowledged since the copy is excused. All streams must be told that their cursors are unknown.
    """
    journal = run.workload.journal
    for writer in run.workload.writers:
        writer.takes_back = False  # a win that is lost with the history cannot be taken back
    await asyncio.sleep(0.5)
    copied_at = time.monotonic()
    restore = await database_restore.back_up(run.rig.url, run.rig.folder)
    run.report("a copy is made")
    await asyncio.sleep(run.rng.uniform(2, 3))
    streams = {id(watcher): watcher.stream for watcher in _event_watchers(run)}
    journal.streams.clear()
    await _restore(restore)
    restored_at = time.monotonic()
    run.report("the copy has replaced the database")
    async with asyncio.timeout(20):
        while deaf_count := sum(watcher.stream is streams[id(watcher)] for watcher in _event_watchers(run)):
            await asyncio.sleep(0.05)
    run.expect(not deaf_count, f"{deaf_count} streams of events were not told.")
    run.report("all streams of events have begun anew")
    await _wait_for_events(run)
    journal.excuse_writes(copied_at, restored_at)


def _event_watchers(run: SceneRun) -> list[EventWatcher]:
    return [watcher for watcher in run.workload.watchers if isinstance(watcher, EventWatcher)]


async def _wait_for_events(run: SceneRun) -> None:
    """Wait until each stream has sent an event again, from which on none may be missing."""
    async with asyncio.timeout(20):
        while not all(watcher.stream.events for watcher in _event_watchers(run)):
            await asyncio.sleep(0.05)


async def _restore(restore: database_restore.Restore) -> None:
    while True:
        try:
            await restore()
        except asyncpg.DeadlockDetectedError:  # with a server that was writing
            continue
        else:
            return
