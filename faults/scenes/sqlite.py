"""An SQLite file that is locked, full or read-only, and the only server killed."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from faults.rig import Store
from faults.runner import TRANSIENT_CODES, SceneRun, scene

FULL_CODES: Final = TRANSIENT_CODES | {"STORAGE_FULL"}
_ROOM_BYTES: Final = 60_000  # that are left when the disk gets full


@scene("sqlite-killed", "kill -9 of the only server, which is started again", store=Store.SQLITE, is_short=True)
async def kill_server(run: SceneRun) -> None:
    (server,) = run.rig.servers
    for _ in range(2):
        server.kill()
        await server.start()
        await asyncio.sleep(run.rng.uniform(0.3, 0.8))
    await _expect_intact_file(run)


@scene("sqlite-locked", "another process holds the write lock of the file for 8 seconds", store=Store.SQLITE)
async def lock_file(run: SceneRun) -> None:
    with closing(sqlite3.connect(run.rig.database_file, timeout=20, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        run.report("the file is locked")
        await asyncio.sleep(8)
        connection.execute("ROLLBACK")
    run.report("the lock is released")
    await asyncio.sleep(1)


@scene(
    "sqlite-disk-full", "the server's files cannot grow any more (RLIMIT_FSIZE), and can again later, without a restart",
    store=Store.SQLITE, allowed_codes=FULL_CODES, is_short=True,
)  # fmt: skip
async def fill_disk(run: SceneRun) -> None:
    (server,) = run.rig.servers
    sizes = [path.stat().st_size for path in _list_files(run)]
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (max(sizes) + _ROOM_BYTES, resource.RLIM_INFINITY))
    try:
        await _wait_for_code(run, lambda codes: not codes.isdisjoint(FULL_CODES))
        run.report("the disk is full")
        await _expect_reads(run)
        await asyncio.sleep(1)
    finally:
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    run.report("there is room again")
    await asyncio.sleep(1)
    await _expect_intact_file(run)


@scene(
    "sqlite-page-limit", "the file reaches its largest size (PRAGMA max_page_count), until a restart",
    store=Store.SQLITE, allowed_codes=FULL_CODES,
)  # fmt: skip
async def limit_pages(run: SceneRun) -> None:
    ((pages,),) = await run.rig.fetch_rows("PRAGMA page_count")
    await _restart_with(run, f"max_page_count={pages + 20}")
    await _wait_for_code(run, lambda codes: "STORAGE_FULL" in codes)
    run.report("the file is full")
    await _expect_reads(run)
    await _restart_with(run, "")
    await _expect_intact_file(run)


@scene(
    "sqlite-read-only",
    "the server may only read (PRAGMA query_only), until a restart",
    store=Store.SQLITE,
)
async def make_read_only(run: SceneRun) -> None:
    await _restart_with(run, "query_only=1")
    await _wait_for_code(run, lambda codes: "UNAVAILABLE" in codes)
    run.report("the file is read-only")
    await _expect_reads(run)
    await _restart_with(run, "")
    await asyncio.sleep(0.5)


def _list_files(run: SceneRun) -> list[Path]:
    return list(run.rig.database_file.parent.glob(f"{run.rig.database_file.name}*"))


async def _restart_with(run: SceneRun, pragma: str) -> None:
    """Restart the server with a setting of SQLite in the URL of its database; empty: without."""
    (server,) = run.rig.servers
    run.expect(await server.terminate() == 0, "The server did not end with exit code 0.")
    await server.start(database_url=f"{run.rig.url}?{pragma}" if pragma else run.rig.url)


async def _wait_for_code(run: SceneRun, is_met: Callable[[set[str]], bool]) -> None:
    journal = run.workload.journal
    async with asyncio.timeout(30):
        while not is_met(set(journal.answers)):
            await asyncio.sleep(0.05)


async def _expect_reads(run: SceneRun) -> None:
    data = await run.rig.servers[0].client.execute(
        run.workload.journal, run.rig.admin_token, "{ company { name } deals(first: 1) { totalCount } }"
    )
    run.expect(data is not None, "The server did not answer a query while it could not write.")


async def _expect_intact_file(run: SceneRun) -> None:
    ((answer,),) = await run.rig.fetch_rows("PRAGMA integrity_check")
    run.expect(answer == "ok", f"The integrity check of SQLite says {answer}.")
