"""A Valkey that is killed, frozen, flushed or absent: no write may fail or wait for it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

import redis.asyncio

from faults.runner import SceneRun, scene
from faults.workload import WRITER_COUNT

NO_CODES: Final[frozenset[str]] = frozenset()
MAX_WRITE_SECONDS: Final = 5.0  # a write that waited for a frozen Valkey would take longer; usually 0.5


@scene(
    "valkey-killed", "kill -9 of Valkey, which comes back empty",
    allowed_codes=NO_CODES, max_answer_seconds=MAX_WRITE_SECONDS, is_short=True,
)  # fmt: skip
async def kill_valkey(run: SceneRun) -> None:
    run.rig.valkey.kill()
    run.report("Valkey is killed")
    await asyncio.sleep(run.rng.uniform(1.5, 2.5))
    await asyncio.to_thread(run.rig.valkey.start)
    run.report("Valkey is back, empty")
    await asyncio.sleep(1)


@scene("valkey-frozen", "SIGSTOP of Valkey for 8 seconds", allowed_codes=NO_CODES, max_answer_seconds=MAX_WRITE_SECONDS)
async def freeze_valkey(run: SceneRun) -> None:
    run.rig.valkey.pause()
    run.report("Valkey is frozen")
    await asyncio.sleep(8)
    run.rig.valkey.resume()
    run.report("Valkey goes on")
    await asyncio.sleep(1)


@scene("valkey-flushed", "FLUSHALL, three times", allowed_codes=NO_CODES, max_answer_seconds=MAX_WRITE_SECONDS)
async def flush_valkey(run: SceneRun) -> None:
    async with redis.asyncio.Redis.from_url(run.rig.valkey.url) as client:
        for _ in range(3):
            await client.flushall()
            await asyncio.sleep(run.rng.uniform(0.5, 2))


@scene(
    "valkey-subscribers-cut", "Valkey closes the connections that listen, and only those, every second",
    allowed_codes=NO_CODES, max_answer_seconds=MAX_WRITE_SECONDS,
)  # fmt: skip
async def cut_subscribers(run: SceneRun) -> None:
    async with redis.asyncio.Redis.from_url(run.rig.valkey.url) as client:
        for _ in range(6):
            with suppress(redis.ResponseError):  # if there is none at the moment
                await client.client_kill_filter(_type="pubsub")
            await asyncio.sleep(1)


@scene(
    "valkey-buffer-limit", "Valkey closes connections that listen for reading too slowly",
    allowed_codes=NO_CODES, max_answer_seconds=MAX_WRITE_SECONDS,
)  # fmt: skip
async def limit_buffers(run: SceneRun) -> None:
    async with redis.asyncio.Redis.from_url(run.rig.valkey.url) as client:
        await client.config_set("client-output-buffer-limit", "pubsub 1kb 1kb 1")
        try:
            with run.rig.valkey_link.stalled():
                run.report("server 2 does not read what Valkey announces")
                await asyncio.sleep(3)
                for _ in range(200):
                    await client.publish("scoreline:news", "x" * 3_000)
        finally:
            await client.config_set("client-output-buffer-limit", "pubsub 32mb 8mb 60")
    await asyncio.sleep(1)


@scene(
    "valkey-absent", "both servers are started while Valkey is away, and it comes later",
    max_answer_seconds=11, fits_soak=False,
)  # fmt: skip
async def start_without_valkey(run: SceneRun) -> None:
    run.rig.valkey.kill()
    for server in run.rig.servers:
        server.kill()
    run.report("Valkey and both servers are killed")
    await asyncio.gather(*(server.start() for server in run.rig.servers))
    for server in run.rig.servers:
        status = await server.client.read_readiness()
        run.expect(status == "degraded", f"{server.name} said {status} without Valkey, not degraded.")
    run.report(f"both servers serve {WRITER_COUNT} writers without Valkey")
    await asyncio.sleep(3)
    await asyncio.to_thread(run.rig.valkey.start)
    for server in run.rig.servers:
        await server.wait_until_ready(("ready",))
    run.report("Valkey is there")
    await asyncio.sleep(1)
