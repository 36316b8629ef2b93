"""Benchmarks of alerts: CPU cost of channels, and a replayed year compared with the dry run of its rules.

.venv/bin/python -m benchmarks.alerts year       every deal of the largest practice set, through the public mutations
.venv/bin/python -m benchmarks.alerts channels   CPU per mutation with the receiver of a webhook up and down, in one run
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from itertools import count
from pathlib import Path

from tests import empty_database
from tests.acceptance import year_replay
from tests.acceptance.test_alerts import AlertCompany, lose_deals
from tests.backing_services import Postgres
from tests.notification_receivers import WebhookReceiver, run_receiver
from tests.practice_set.practice_sets import SET_NAMES, load_practice_set
from tests.processes import Workspace, prepare_database, running_server
from tests.world import open_world

ROUNDS, LOSSES = 8, 150
SETTLE_SECONDS = 4.0  # after each round, for the scheduler to finish the work of the round


async def run_year() -> None:
    empty_database.dump_schema()
    step_numbers, started_at = count(1), time.perf_counter()

    def report_progress(step: year_replay.ReplayStep) -> None:
        if (steps_done := next(step_numbers)) % 500 == 0:
            print(f"{steps_done} steps, {step.at:%Y-%m-%d}, {time.perf_counter() - started_at:.0f} s", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        practice_set = load_practice_set(SET_NAMES[-1], Path(folder))
        async with open_world("sqlite://:memory:", currency="USD") as world:
            await year_replay.replay_year(world, practice_set, 1, report_progress)
            counts = await year_replay.compare_counts(world)
    for kind, (raised, predicted) in counts.items():
        print(
            f"{kind:20} raised {raised:6}  testAlertRule {predicted:6}  {'equal' if raised == predicted else 'DIFFERENT'}"
        )


async def run_channels() -> None:
    """Lose deals with the receiver up and down in turn; each round with it up starts with an empty outbox."""
    postgres = Postgres()
    try:
        with tempfile.TemporaryDirectory() as folder:
            await _measure_channels(postgres.url, Path(folder))
    finally:
        postgres.stop()


async def _measure_channels(url: str, folder: Path) -> None:
    await asyncio.to_thread(prepare_database, url)
    cpu_milliseconds: dict[bool, list[float]] = {True: [], False: []}
    async with run_receiver() as crm:
        home = Workspace(folder, database_url=url, channels=f"crm={crm.address}")
        async with running_server(home) as server:
            assert server.process is not None
            office = AlertCompany([server])
            await office.create_people()
            await office.find_scheduler_leader()
            await office.act("createAlertRule", "admin", kind="DEAL_LOST", recipients=["DIRECTORS"], channels=["crm"])
            await lose_deals(office, LOSSES)
            for round_number in range(ROUNDS):
                is_up = round_number % 2 == 0
                if is_up != crm.is_up:
                    await (crm.start() if is_up else crm.stop())
                if is_up:
                    await wait_until_received(crm, LOSSES * (round_number + 1))
                cpu_before = server.process.cpu_seconds()
                await lose_deals(office, LOSSES)
                await asyncio.sleep(SETTLE_SECONDS)
                per_mutation = (server.process.cpu_seconds() - cpu_before) / LOSSES * 1000
                cpu_milliseconds[is_up].append(per_mutation)
                print(f"receiver {'up  ' if is_up else 'down'}  {per_mutation:6.2f} ms of CPU per mutation", flush=True)
    median_up, median_down = statistics.median(cpu_milliseconds[True]), statistics.median(cpu_milliseconds[False])
    print(f"median: up {median_up:.2f} ms, down {median_down:.2f} ms: {(median_down / median_up - 1) * 100:+.1f} %")


async def wait_until_received(crm: WebhookReceiver, messages: int) -> None:
    while len(set(crm.accepted_ids)) < messages:  # noqa: ASYNC110 - filled by a server process, without an event here
        await asyncio.sleep(1)


if __name__ == "__main__":
    asyncio.run(run_year() if sys.argv[1] == "year" else run_channels())
