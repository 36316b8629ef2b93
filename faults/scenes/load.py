"""Much work at once: batches, an import that is killed, and many clients that change the same rows."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from faults.journal import WriteKind, WriteRecord
from faults.rig import Rig
from faults.runner import TRANSIENT_CODES, SceneRun, scene
from faults.writers import PATIENCE_SECONDS
from tests.processes import Workspace

BATCH_SIZE: Final = 500
IMPORT_ROWS: Final = 3_000

_RECORD_DEALS: Final = """mutation($inputs: [RecordDealInput!]!) {
  recordDeals(inputs: $inputs) { deals { id } userErrors { path code message } } }"""
_READ_GOAL: Final = "query($id: ID!) { node(id: $id) { ... on Goal { target progress { version } } } }"
_UPDATE_GOAL: Final = """mutation($input: UpdateGoalInput!) {
  updateGoal(input: $input) { goal { id } userErrors { code } } }"""
_UPDATE_DEAL: Final = """mutation($input: UpdateDealInput!) {
  updateDeal(input: $input) { deal { id } userErrors { code message } } }"""


@scene(
    "batches", "eight integrations send recordDeals of 500 at once, while single wins go on",
    allowed_codes=TRANSIENT_CODES | {"THROTTLED"}, max_converge_seconds=30, fits_soak=False,
)  # fmt: skip
async def send_batches(run: SceneRun) -> None:
    tasks = [_send_batch(run, number, token) for number, token in enumerate(run.rig.integration_tokens)]
    began_at, before = time.monotonic(), run.workload.count_acknowledged()
    await asyncio.gather(*tasks)
    seconds = time.monotonic() - began_at
    singles = run.workload.count_acknowledged() - before - BATCH_SIZE * len(tasks)
    run.report(f"{len(tasks)} batches were recorded in {seconds:.1f} s, and {singles} single writes meanwhile")
    run.expect(singles >= seconds, f"Only {singles} single writes were acknowledged in {seconds:.0f} s of batches.")


async def _send_batch(run: SceneRun, number: int, token: str) -> None:
    """Send a batch until it is acknowledged, to any server, then once more: it must not be recorded twice."""
    rig, journal = run.rig, run.workload.journal
    markers = [f"{run.workload.name}-batch-{number}-{item}" for item in range(BATCH_SIZE)]
    writes = [WriteRecord(WriteKind.OPEN_DEAL, marker) for marker in markers]
    journal.writes += writes
    inputs = [
        {"title": marker, "idempotencyKey": marker, "owner": rig.seller_ids[item % len(rig.seller_ids)]}
        for item, marker in enumerate(markers)
    ]
    acknowledgements = 0
    deadline = time.monotonic() + 2 * PATIENCE_SECONDS
    while acknowledgements < 2 and time.monotonic() < deadline:
        data = await run.rng.choice(rig.servers).client.execute(journal, token, _RECORD_DEALS, {"inputs": inputs})
        if data is None:
            await asyncio.sleep(run.rng.uniform(0.5, 3))
            continue
        for error in data["recordDeals"]["userErrors"]:
            journal.note_code(f"user error {error['code']}", error["message"])
        acknowledgements += 1
        for write, deal in zip(writes, data["recordDeals"]["deals"], strict=True):
            write.acknowledged_at = time.monotonic()
            write.record_ids.add(deal["id"])


@scene(
    "import-killed", "kill -9 of an import, which is then repeated to its end", fits_soak=False, max_converge_seconds=30
)
async def kill_import(run: SceneRun) -> None:
    markers = [f"{run.workload.name}-row-{number}" for number in range(IMPORT_ROWS)]
    workspace = Workspace(run.rig.folder / f"import {run.rig.next_run_number()}", database_url=run.rig.url)
    file = workspace.folder / "deals.csv"
    created = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}"
    lines = [
        f"{marker},{marker},Seller {1 + number % 4},Open,Offer,100,EUR,{created}"
        for number, marker in enumerate(markers)
    ]
    file.write_text("\n".join(["ID,Title,Owner,Status,Stage,Value,Currency,Deal created", *lines]) + "\n")
    arguments = ("import", str(file), "--map", "pipedrive")

    process = workspace.start(*arguments)
    share = run.rng.uniform(0.1, 0.8)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while process.code is None and await _count_rows(run.rig, run.workload.name) < share * IMPORT_ROWS:
            await asyncio.sleep(0.02)
    run.expect(process.code is None, f"The import ended before it was killed: {process.stderr_text[-500:]}")
    process.kill()
    stored = await _count_rows(run.rig, run.workload.name)
    run.report(f"the import is killed after {stored} of {IMPORT_ROWS} rows")
    result = await asyncio.to_thread(workspace.run, *arguments)
    run.expect(result.code == 0, f"The repeated import failed: {result.err[-500:]}")
    run.report("the repeated import has ended")
    run.workload.journal.writes += [
        WriteRecord(WriteKind.OPEN_DEAL, marker, acknowledged_at=time.monotonic()) for marker in markers
    ]


async def _count_rows(rig: Rig, prefix: str) -> int:
    ((count,),) = await rig.fetch_rows(f"SELECT count(*) FROM deal WHERE title LIKE '{prefix}-row-%'")
    return int(count)


@scene(
    "same-rows", "six clients change the same deals in different orders, and one goal that only one of them may change",
)  # fmt: skip
async def change_same_rows(run: SceneRun) -> None:
    deals: list[str] = []
    while len(deals) < 3:
        await asyncio.sleep(0.05)
        deals = [next(iter(write.record_ids)) for write in run.workload.journal.writes if _is_stored_win(write)][:3]
    goal = run.rig.quiet_goal_id
    target, _ = await _read_goal(run, goal)
    attempts = await asyncio.gather(*(_change(run, deals, goal) for _ in range(6)))
    new_target, _ = await _read_goal(run, goal)
    raises = len(attempts) * len(deals)
    run.report(f"{raises} raises of the goal needed {sum(attempts)} attempts")
    run.expect(
        new_target - target == raises, f"The goal was raised by {new_target - target} in {raises} acknowledged raises."
    )
    run.expect(sum(attempts) > raises, "No raise of the goal met another one.")


def _is_stored_win(write: WriteRecord) -> bool:
    return write.kind is WriteKind.WIN and write.acknowledged_at is not None


async def _change(run: SceneRun, deals: list[str], goal: str) -> int:
    """Change each deal, in random order, and raise the goal after each; return the number of attempts for that."""
    attempts = 0
    for deal in run.rng.sample(deals, len(deals)):
        input = {"amount": {"amount": str(run.rng.randint(1, 900))}, "owner": run.rng.choice(run.rig.seller_ids)}
        errors = await _mutate(run, _UPDATE_DEAL, {"id": deal, **input})
        run.expect(errors == [], f"updateDeal says {errors}.")
        errors = ["CONFLICT"]
        while errors == ["CONFLICT"]:
            attempts += 1
            target, version = await _read_goal(run, goal)
            errors = await _mutate(
                run, _UPDATE_GOAL, {"id": goal, "ifVersion": version, "target": str(target + 1), "reason": "raised"}
            )
        run.expect(errors == [], f"updateGoal says {errors}.")
    return attempts


async def _mutate(run: SceneRun, document: str, input: dict[str, Any]) -> list[str]:
    """Return the codes of the user errors."""
    key = f"{run.workload.name} {run.rng.random()}"
    (payload,) = (await _execute(run, document, {"input": {**input, "idempotencyKey": key}})).values()
    return [error["code"] for error in payload["userErrors"]]


async def _read_goal(run: SceneRun, goal: str) -> tuple[int, int]:
    """Return target and version."""
    node = (await _execute(run, _READ_GOAL, {"id": goal}))["node"]
    return int(float(node["target"])), node["progress"]["version"]


async def _execute(run: SceneRun, document: str, variables: dict[str, Any]) -> dict[str, Any]:
    """Return the data of an answer, repeating the request until there is one. Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            client = run.rng.choice(run.rig.servers).client
            data = await client.execute(run.workload.journal, run.rig.admin_token, document, variables)
            if data is not None:
                return data
            await asyncio.sleep(run.rng.uniform(0, 1))
