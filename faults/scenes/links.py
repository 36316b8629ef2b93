"""The network between the second server and its database and Valkey."""

from __future__ import annotations

import asyncio

from faults.network_link import CommitCut
from faults.runner import SceneRun, scene


@scene("commit-cut", "the connection to PostgreSQL is cut just before or just after a COMMIT", is_short=True)
async def cut_commits(run: SceneRun) -> None:
    cuts: list[CommitCut] = []

    def decide_on_commit() -> CommitCut | None:
        if run.rng.random() < 0.5:
            return None
        cuts.append(run.rng.choice(list(CommitCut)))
        return cuts[-1]

    run.rig.database_link.decide_on_commit = decide_on_commit
    try:
        async with asyncio.timeout(30):
            while {CommitCut.BEFORE, CommitCut.AFTER} - set(cuts) or len(cuts) < 12:
                await asyncio.sleep(0.05)
    finally:
        run.rig.database_link.decide_on_commit = lambda: None
    run.report(f"{cuts.count(CommitCut.BEFORE)} cuts before, {cuts.count(CommitCut.AFTER)} after the COMMIT")


@scene("link-cut", "all connections of one server to PostgreSQL and Valkey are cut, again and again")
async def cut_links(run: SceneRun) -> None:
    for _ in range(8):
        run.rig.database_link.cut()
        if run.rng.random() < 0.5:
            run.rig.valkey_link.cut()
        await asyncio.sleep(run.rng.uniform(0.05, 0.5))


@scene("link-down", "one server reaches neither PostgreSQL nor Valkey for some seconds")
async def take_links_down(run: SceneRun) -> None:
    with run.rig.database_link.down(), run.rig.valkey_link.down():
        run.report("server 2 is cut off")
        await asyncio.sleep(run.rng.uniform(4, 6))
    run.report("server 2 is connected again")
    await asyncio.sleep(1)


@scene("link-stalled", "nothing gets through between one server and PostgreSQL for some seconds")
async def stall_database_link(run: SceneRun) -> None:
    with run.rig.database_link.stalled():
        run.report("the link stalls")
        await asyncio.sleep(run.rng.uniform(6, 8))
    run.report("the link flows again")
    await asyncio.sleep(1)


@scene(
    "link-lagging",
    "every message between one server and PostgreSQL takes 50 to 150 ms each way",
    max_converge_seconds=20,
)
async def delay_links(run: SceneRun) -> None:
    try:
        for _ in range(4):
            run.rig.database_link.delay_seconds = run.rng.uniform(0.05, 0.15)
            run.report(f"{run.rig.database_link.delay_seconds * 1000:.0f} ms each way")
            await asyncio.sleep(2)
    finally:
        run.rig.database_link.delay_seconds = 0.0
    await asyncio.sleep(1)
