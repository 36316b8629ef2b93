"""Benchmarks of alerts: CPU cost of channels, and a replayed year compared with the dry run of its rules.

.venv/bin/python -m benchmarks.alerts year       every deal of the maven set, through the public mutations
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
from tests.acceptance.test_alerts import Office, losses
from tests.backing_services import Postgres
from tests.notification_receivers import Receiver, receiver
from tests.processes import Home, prepared, serving
from tests.world import opened

ROUNDS, LOSSES = 8, 150
SETTLES = 4.0  # after each round, for the scheduler to finish the work of the round


async def year() -> None:
    empty_database.script()
    number, began = count(1), time.perf_counter()

    def told(step: year_replay.Step) -> None:
        if (done := next(number)) % 500 == 0:
            print(f"{done} steps, {step.at:%Y-%m-%d}, {time.perf_counter() - began:.0f} s", flush=True)

    async with opened("sqlite://:memory:", currency="USD") as world:
        await year_replay.lived(world, 1, told)
        counts = await year_replay.compared(world)
    for kind, (lived, said) in counts.items():
        print(f"{kind:20} raised {lived:6}  testAlertRule {said:6}  {'equal' if lived == said else 'DIFFERENT'}")


async def channels() -> None:
    """Lose deals with the receiver up and down in turn; each round with it up starts with an empty outbox."""
    postgres = Postgres()
    try:
        with tempfile.TemporaryDirectory() as folder:
            await _channels(postgres.url, Path(folder))
    finally:
        postgres.stop()


async def _channels(url: str, folder: Path) -> None:
    await asyncio.to_thread(prepared, url)
    spent: dict[bool, list[float]] = {True: [], False: []}
    async with receiver() as crm:
        home = Home(folder, database_url=url, channels=f"crm={crm.address}")
        async with serving(home) as server:
            assert server.process is not None
            office = Office([server])
            await office.hire()
            await office.keeper()
            await office.act("createAlertRule", "admin", kind="DEAL_LOST", recipients=["DIRECTORS"], channels=["crm"])
            await losses(office, LOSSES)
            for number in range(ROUNDS):
                up = number % 2 == 0
                if up != crm.is_up:
                    await (crm.up() if up else crm.down())
                if up:
                    await emptied(crm, LOSSES * (number + 1))
                before = server.process.cpu()
                await losses(office, LOSSES)
                await asyncio.sleep(SETTLES)
                each = (server.process.cpu() - before) / LOSSES * 1000
                spent[up].append(each)
                print(f"receiver {'up  ' if up else 'down'}  {each:6.2f} ms of CPU per mutation", flush=True)
    taken, waiting = statistics.median(spent[True]), statistics.median(spent[False])
    print(f"median: up {taken:.2f} ms, down {waiting:.2f} ms: {(waiting / taken - 1) * 100:+.1f} %")


async def emptied(crm: Receiver, messages: int) -> None:
    while len(set(crm.taken)) < messages:  # noqa: ASYNC110 - filled by a server process, without an event here
        await asyncio.sleep(1)


if __name__ == "__main__":
    asyncio.run(year() if sys.argv[1] == "year" else channels())
