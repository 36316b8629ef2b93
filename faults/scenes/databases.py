"""A PostgreSQL that is killed, frozen, locked or read-only."""

from __future__ import annotations

import asyncio
import time
from typing import Final

import asyncpg

from faults.rig import seconds_since
from faults.runner import SceneRun, scene
from models.db.connection import LEDGER_LOCK_ID

MAX_REFUSAL_SECONDS: Final = 2.0  # for an answer once readiness knows that the database is away


@scene("postgres-killed", "kill -9 of all processes of PostgreSQL, which is started again", is_short=True)
async def kill_postgres(run: SceneRun) -> None:
    run.rig.postgres.kill()
    run.report("PostgreSQL is killed")
    await asyncio.sleep(run.rng.uniform(0.5, 1.5))
    await asyncio.to_thread(run.rig.postgres.start)
    run.report("PostgreSQL is back")
    await asyncio.sleep(1)


@scene("postgres-away", "PostgreSQL is away for 15 seconds")
async def stop_postgres(run: SceneRun) -> None:
    run.rig.postgres.kill()
    run.report("PostgreSQL is killed")
    await _expect_quick_refusals(run, 15)
    await asyncio.to_thread(run.rig.postgres.start)
    run.report("PostgreSQL is back")
    await asyncio.sleep(1)


@scene("postgres-frozen", "SIGSTOP of all processes of PostgreSQL for 10 seconds")
async def freeze_postgres(run: SceneRun) -> None:
    run.rig.postgres.pause()
    run.report("PostgreSQL is frozen")
    try:
        await _expect_quick_refusals(run, 10)
    finally:
        run.rig.postgres.resume()
    run.report("PostgreSQL goes on")
    await asyncio.sleep(1)


async def _expect_quick_refusals(run: SceneRun, seconds: float) -> None:
    """Wait while the database is away; expect that readiness says so, and that answers are quick from then on."""
    began_at = time.monotonic()
    known_at: float | None = None
    while seconds_since(began_at) < seconds:
        statuses = [await server.client.read_readiness() for server in run.rig.servers]
        if known_at is None and set(statuses) == {"unavailable"}:
            known_at = time.monotonic()
            run.report(f"readiness says so after {known_at - began_at:.1f} s")
        if known_at is not None and seconds_since(known_at) > 1:
            sent_at = time.monotonic()
            await run.rig.servers[0].client.execute(run.workload.journal, run.rig.admin_token, "{ company { name } }")
            answer_seconds = seconds_since(sent_at)
            run.expect(
                answer_seconds <= MAX_REFUSAL_SECONDS, f"A refusal took {answer_seconds:.1f} s though readiness knew."
            )
        await asyncio.sleep(0.3)
    run.expect(known_at is not None, "Readiness never said that the database is away.")


@scene("connections-terminated", "PostgreSQL closes all connections, several times", is_short=True)
async def terminate_connections(run: SceneRun) -> None:
    connection = await asyncpg.connect(run.rig.url)
    try:
        for _ in range(5):
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND application_name = 'scoreline'"
            )
            await asyncio.sleep(run.rng.uniform(0.1, 0.4))
    finally:
        await connection.close()


@scene("ledger-locked", "another session holds the lock of the ledger for 8 seconds")
async def lock_ledger(run: SceneRun) -> None:
    connection = await asyncpg.connect(run.rig.url)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", LEDGER_LOCK_ID)
        run.report("the ledger is locked")
        await asyncio.sleep(8)
    finally:
        await connection.close()
    run.report("the lock is released")
    await asyncio.sleep(1)


@scene("rows-locked", "another session locks the tables of records, in the opposite order of the servers")
async def lock_rows(run: SceneRun) -> None:
    connection = await asyncpg.connect(run.rig.url)
    try:
        for _ in range(3):
            try:
                async with connection.transaction():
                    await connection.execute("LOCK TABLE bell IN EXCLUSIVE MODE")
                    await asyncio.sleep(run.rng.uniform(0.2, 0.6))
                    await connection.execute("LOCK TABLE deal, score_entry IN EXCLUSIVE MODE")  # a deadlock, often
            except asyncpg.DeadlockDetectedError:
                run.report("a deadlock was resolved against the intruder")
            await asyncio.sleep(0.3)
    finally:
        await connection.close()


@scene(
    "postgres-read-only", "PostgreSQL accepts no writes for some seconds, like a replica in a failover", is_short=True
)
async def make_postgres_read_only(run: SceneRun) -> None:
    connection = await asyncpg.connect(run.rig.url)
    try:
        await _set_read_only(connection, "on")
        run.report("PostgreSQL is read-only")
        await asyncio.sleep(run.rng.uniform(1.5, 2.5))
    finally:
        await _set_read_only(connection, "off")
        await connection.close()
    run.report("PostgreSQL takes writes again")
    await asyncio.sleep(1)


async def _set_read_only(connection: asyncpg.Connection, value: str) -> None:
    await connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
    await connection.execute("SELECT pg_reload_conf()")
