"""A soak: one workload for a long time, with faults at random."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from typing import Final

from faults.rig import Rig, seconds_since
from faults.runner import FaultScene, Report, SceneRun, play_round, reconcile
from faults.verdict import Verdict
from faults.workload import run_workload

CALM_SECONDS: Final = (3.0, 8.0)  # between two faults


async def soak(scenes: Sequence[FaultScene], rig: Rig, seed: int, seconds: float, report: Report) -> list[Verdict]:
    """Inject one fault after the other while the same watchers stay subscribed; return a verdict for each."""
    rng = random.Random(f"{seed} soak")
    started_at = time.monotonic()
    verdicts: list[Verdict] = []
    queue: list[FaultScene] = []
    async with run_workload(rig, "soak-0", rng) as workload:
        usage_before = _describe_usage(rig)
        while seconds_since(started_at) < seconds:
            if verdicts:
                workload.name = f"soak-{len(verdicts)}"
                workload.journal.begin_round()
                workload.start_writers()
            await asyncio.sleep(rng.uniform(*CALM_SECONDS))
            queue = queue or rng.sample(scenes, len(scenes))  # each once, in random order, before any comes again
            fault_scene = queue.pop()
            report(f"after {seconds_since(started_at) / 60:.1f} minutes, {fault_scene.name}: {fault_scene.description}")
            verdict = await play_round(fault_scene, SceneRun(rig, workload, rng, report))
            report(verdict.summary())
            verdicts.append(verdict)
        report(f"at the start: {usage_before}")
        report(f"at the end: {_describe_usage(rig)}")
    verdicts[-1].faults += await reconcile(rig)
    return verdicts


def _describe_usage(rig: Rig) -> str:
    """Return memory and open files of each server, in words."""
    return ", ".join(
        f"{server.name} has {server.read_resident_bytes() / 1e6:.0f} MB and {server.count_open_files()} open files"
        for server in rig.servers
    )
