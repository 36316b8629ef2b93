"""Plays scenes: one after the other, or at random during a soak."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from faults.auditor import audit
from faults.rig import Rig, Store, seconds_since
from faults.verdict import Verdict
from faults.workload import Workload, run_workload

Report = Callable[[str], None]
TRANSIENT_CODES: Final = frozenset({"UNAVAILABLE", "TIMEOUT"})


@dataclass
class SceneRun:
    """One run of a scene: what its function gets.

    rng     decides everything that is left to chance
    report  shows a line to the waiting user
    faults  a scene adds a sentence for each expectation of its own that was not met
    """

    rig: Rig
    workload: Workload
    rng: random.Random
    report: Report
    faults: list[str] = field(default_factory=list)

    def expect(self, condition: bool, fault: str) -> None:
        """Note a fault unless the condition is true."""
        if not condition:
            self.faults.append(fault)


@dataclass(frozen=True)
class FaultScene:
    """A fault that can be injected while the workload runs.

    inject                breaks something, waits, and repairs it
    allowed_codes         error codes that clients may see meanwhile
    max_converge_seconds  within which all watchers must have the state of the database
    max_answer_seconds    within which every request must be answered
    is_short              takes a few seconds, so that the tests play it
    fits_soak             may be drawn at random during a soak
    """

    name: str
    description: str
    inject: Callable[[SceneRun], Awaitable[None]]
    store: Store
    allowed_codes: frozenset[str]
    max_converge_seconds: float
    max_answer_seconds: float
    is_short: bool
    fits_soak: bool


SCENES: Final[dict[str, FaultScene]] = {}


def scene(
    name: str,
    description: str,
    *,
    store: Store = Store.POSTGRES,
    allowed_codes: frozenset[str] = TRANSIENT_CODES,
    max_converge_seconds: float = 10,
    max_answer_seconds: float = 11,
    is_short: bool = False,
    fits_soak: bool = True,
) -> Callable[[Callable[[SceneRun], Awaitable[None]]], Callable[[SceneRun], Awaitable[None]]]:
    """Register the function as a scene."""

    def register(inject: Callable[[SceneRun], Awaitable[None]]) -> Callable[[SceneRun], Awaitable[None]]:
        SCENES[name] = FaultScene(
            name, description, inject, store, allowed_codes, max_converge_seconds, max_answer_seconds, is_short,
            fits_soak and store is Store.POSTGRES,
        )  # fmt: skip
        return inject

    return register


async def play(fault_scene: FaultScene, rig: Rig, seed: int, report: Report, *, reconciles: bool = True) -> Verdict:
    """Play a scene with a workload of its own and return the verdict.

    reconciles  whether to recompute the ledger afterwards
    """
    rng = random.Random(f"{seed} {fault_scene.name}")
    async with run_workload(rig, f"{fault_scene.name}-{rig.next_run_number()}", rng) as workload:
        verdict = await play_round(fault_scene, SceneRun(rig, workload, rng, report))
    if reconciles:
        verdict.faults += await reconcile(rig)
    return verdict


async def play_round(fault_scene: FaultScene, run: SceneRun) -> Verdict:
    """Inject the fault, let the workload calm down, and audit it."""
    workload, journal = run.workload, run.workload.journal
    tracebacks_before = run.rig.count_tracebacks()
    try:
        await fault_scene.inject(run)
    except TimeoutError:
        run.faults.append(f"{fault_scene.name} waited too long for something that should have happened.")
    finally:
        await run.rig.heal()
    repaired_at = time.monotonic()
    await workload.stop_writers()
    settled_after = await workload.converge()
    converge_seconds = None if settled_after is None else seconds_since(repaired_at)
    tracebacks = run.rig.count_tracebacks() - tracebacks_before
    run.expect(not tracebacks, f"The servers have logged {tracebacks} tracebacks.")
    run.expect(
        journal.slowest_answer <= fault_scene.max_answer_seconds,
        f"An answer took {journal.slowest_answer:.1f} s, more than {fault_scene.max_answer_seconds:.0f} s.",
    )
    return Verdict(
        fault_scene.name,
        fault_scene.allowed_codes,
        writes=workload.count_acknowledged(),
        unanswered=sum(write.acknowledged_at is None and not write.is_excused for write in journal.writes),
        findings=await audit(run.rig, journal, workload.name),
        converge_seconds=converge_seconds,
        max_converge_seconds=fault_scene.max_converge_seconds,
        slowest_answer=journal.slowest_answer,
        codes=dict(journal.answers),
        messages=dict(journal.messages),
        faults=list(run.faults),
    )


async def reconcile(rig: Rig) -> list[str]:
    """Return the differences between ledger, totals and records, as `./run reconcile` reports them."""
    code, text = await rig.run_command("reconcile")
    return [] if code == 0 else [f"`reconcile` says: {text.strip()[:500]}"]
