"""The short scenes of `./run faults`, on real servers: nothing acknowledged is lost, nothing is sent twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio

import faults.scenes  # noqa: F401 - registers the scenes
from faults import workload
from faults.rig import Rig, Store, run_rig
from faults.runner import SCENES, FaultScene, SceneRun, play, reconcile
from faults.verdict import Verdict
from tests.backing_services import ServerNotAvailable

pytestmark = pytest.mark.asyncio(loop_scope="module")

SEED = 1
SHORT_SCENES = [fault_scene for fault_scene in SCENES.values() if fault_scene.is_short]
GetRig = Callable[[Store], Awaitable[Rig]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def get_rig(services: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GetRig]:
    """A function that returns the rig of a store, started on first use."""
    rigs: dict[Store, Rig] = {}
    async with AsyncExitStack() as stack:

        async def get(store: Store) -> Rig:
            if store not in rigs:
                try:
                    rigs[store] = await stack.enter_async_context(run_rig(store, tmp_path_factory.mktemp(store.name)))
                except ServerNotAvailable as error:
                    services.skip_or_fail(error)
            return rigs[store]

        yield get


@pytest.mark.parametrize("fault_scene", SHORT_SCENES, ids=lambda fault_scene: fault_scene.name)
async def test_short_scene_loses_and_doubles_nothing(get_rig: GetRig, fault_scene: FaultScene) -> None:
    rig = await get_rig(fault_scene.store)

    verdict = await play(fault_scene, rig, SEED, print, reconciles=False)

    print(verdict.summary(), verdict.codes)
    assert verdict.list_faults() == []
    assert verdict.is_passed
    assert verdict.writes > 0


@pytest.mark.parametrize("store", Store)
async def test_ledger_agrees_with_the_records_after_all_scenes(get_rig: GetRig, store: Store) -> None:
    assert await reconcile(await get_rig(store)) == []


async def test_loss_doubling_and_invention_in_the_database_are_found(
    get_rig: GetRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workload, "MAX_CONVERGE_SECONDS", 4)  # the clients never get to see what was tampered with
    rig = await get_rig(Store.SQLITE)

    async def tamper(run: SceneRun) -> None:
        titles: list[str] = []
        while len(titles) < 2:
            await asyncio.sleep(0.05)
            titles = [write.marker for write in run.workload.journal.writes if write.kind == "win" and write.record_ids]
        await rig.execute(f"UPDATE deal SET title = 'gone' WHERE title = '{titles[0]}'")
        await rig.execute(
            "INSERT INTO bell (revoked, deal_id, employee_id, team_id, title, amount, currency, at, rung_at)"
            " SELECT revoked, deal_id, employee_id, team_id, title, amount, currency, at, rung_at FROM bell"
            f" WHERE title = '{titles[1]}'"
        )

    verdict = await play(make_scene("tampering", tamper), rig, SEED, print, reconciles=False)

    assert not verdict.is_passed
    assert verdict.findings.lost > 0
    assert verdict.findings.doubled > 0
    assert any("gone" not in detail and "not stored" in detail for detail in verdict.findings.details)


async def test_expectation_that_is_not_met_fails_the_scene(get_rig: GetRig) -> None:
    async def expect_too_much(run: SceneRun) -> None:
        run.expect(False, "Two and two are not five.")

    verdict: Verdict = await play(
        make_scene("expectation", expect_too_much), await get_rig(Store.SQLITE), SEED, print, reconciles=False
    )

    assert verdict.findings.is_clean
    assert verdict.list_faults() == ["Two and two are not five."]
    assert not verdict.is_passed


def make_scene(name: str, inject: Callable[[SceneRun], Awaitable[None]]) -> FaultScene:
    return FaultScene(name, name, inject, Store.SQLITE, frozenset(), 10, 11, is_short=False, fits_soak=False)
