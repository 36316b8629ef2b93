"""Servers that are killed, frozen and restarted."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Final

from faults.journal import NO_ANSWER
from faults.rig import make_server, seconds_since
from faults.runner import TRANSIENT_CODES, SceneRun, scene

MAX_STOP_SECONDS: Final = 15.0  # from SIGTERM to the end of the process
LOCK_SECONDS: Final = 3.5  # for which a frozen server may hold the lock of the ledger
MAX_FROZEN_SECONDS: Final = 9.0
MAX_ORPHAN_SECONDS: Final = 5.0  # within which workers end after their supervisor


@scene("server-killed", "kill -9 of a server, which is started again", is_short=True)
async def kill_server(run: SceneRun) -> None:
    server = run.rng.choice(run.rig.servers)
    run.report(f"{server.name} is killed")
    server.kill()
    await asyncio.sleep(run.rng.uniform(0.5, 1.5))
    await server.start()
    run.report(f"{server.name} is back")
    await asyncio.sleep(0.5)


@scene(
    "server-killed-after-commit",
    "kill -9 of a server after commits that it could not announce, since Valkey is frozen",
    is_short=True,
)
async def kill_server_after_commit(run: SceneRun) -> None:
    run.rig.valkey.pause()
    run.report("Valkey is frozen")
    before = await _count_records(run)
    while await _count_records(run) < before + 5:
        await asyncio.sleep(0.02)
    server = run.rig.servers[0]
    server.kill()
    run.rig.valkey.resume()
    run.report(f"{server.name} is killed, Valkey goes on")
    await asyncio.sleep(run.rng.uniform(1, 2))
    await server.start()


async def _count_records(run: SceneRun) -> int:
    ((count,),) = await run.rig.fetch_rows("SELECT count(*) FROM deal")
    return int(count)


@scene(
    "server-frozen",
    "SIGSTOP of a server for some seconds while the other one writes: it may hold the lock of the ledger for three",
    allowed_codes=TRANSIENT_CODES | {NO_ANSWER},
    max_answer_seconds=15,  # of the frozen server, after it goes on
)
async def freeze_server(run: SceneRun) -> None:
    server = run.rng.choice(run.rig.servers)
    (other,) = (candidate for candidate in run.rig.servers if candidate is not server)
    server.pause()
    run.report(f"{server.name} is frozen")
    frozen_at = time.monotonic()
    await asyncio.sleep(LOCK_SECONDS)
    run.workload.start_writers(4, [other])  # those from before wait for the frozen server by now
    run.expect(await other.client.read_readiness() != "away", f"{other.name} was away while {server.name} was frozen.")
    before = run.workload.count_acknowledged()
    while seconds_since(frozen_at) < MAX_FROZEN_SECONDS and run.workload.count_acknowledged() < before + 8:
        await asyncio.sleep(0.05)
    run.expect(
        run.workload.count_acknowledged() >= before + 8, f"{other.name} did not write while {server.name} was frozen."
    )
    run.report(f"{other.name} writes after {seconds_since(frozen_at):.1f} s")
    server.resume()
    run.report(f"{server.name} goes on")
    await asyncio.sleep(0.5)


@scene("rolling-restart", "SIGTERM of one server after the other, each started again", allowed_codes=frozenset())
async def restart_servers(run: SceneRun) -> None:
    for server in run.rig.servers:
        run.report(f"{server.name} is asked to end")
        began_at = time.monotonic()
        code = await server.terminate()
        run.expect(code == 0, f"{server.name} ended with exit code {code}.")
        stop_seconds = seconds_since(began_at)
        run.expect(stop_seconds <= MAX_STOP_SECONDS, f"{server.name} took {stop_seconds:.0f} s to end.")
        await server.start()
        run.report(f"{server.name} is back")
        await asyncio.sleep(0.5)


@scene(
    "supervisor-killed",
    "kill -9 of the supervisor of a server with two workers, which must end with it",
    fits_soak=False,
)
async def kill_supervisor(run: SceneRun) -> None:
    settings = dict(run.rig.servers[0].workspace.settings)
    server = make_server(run.rig, f"server 3 of run {run.rig.next_run_number()}", **settings, workers=2)
    try:
        await server.start()
        run.rig.servers.append(server)
        run.report("a server with two workers takes part")
        await asyncio.sleep(2)
        workers = _list_children(server.pid)
        run.expect(len(workers) >= 2, f"The supervisor had {len(workers)} children, not two workers.")
        server.kill()
        killed_at = time.monotonic()
        run.report("its supervisor is killed")
        while any(map(_is_alive, workers)) and seconds_since(killed_at) < 3 * MAX_ORPHAN_SECONDS:
            await asyncio.sleep(0.05)
        orphan_seconds = seconds_since(killed_at)
        run.expect(
            orphan_seconds <= MAX_ORPHAN_SECONDS, f"Workers lived {orphan_seconds:.0f} s longer than their supervisor."
        )
        await server.start()
        run.report("it is started again on the same port")
        await asyncio.sleep(1)
    finally:
        if server in run.rig.servers:
            run.rig.servers.remove(server)
        await server.close()


def _list_children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
