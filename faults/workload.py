"""The clients that use the servers while a scene breaks something."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from faults.journal import Journal
from faults.rig import Rig, ServerUnderTest, Store
from faults.watchers import ActivityWatcher, EventWatcher, StateWatcher, Watcher, WinWatcher
from faults.writers import PATIENCE_SECONDS, LoadWriter

WRITER_COUNT: Final = 8
WATCHERS_PER_KIND: Final = 4
WARM_UP_SECONDS: Final = 30.0
MAX_CONVERGE_SECONDS: Final = 60.0

_LEADERBOARD: Final = "leaderboard(period: {kind: YEAR}) { version total standings { rank value employee { id } } }"
_GOAL_FIELDS: Final = "id progress { value version }"


def read_leaderboard(value: dict[str, Any]) -> tuple[str, int, Any]:
    """Return key, version and the rest of a leaderboard."""
    return "leaderboard", value["version"], (value["total"], value["standings"])


def read_goal(value: dict[str, Any]) -> tuple[str, int, Any]:
    return value["id"], value["progress"]["version"], value["progress"]["value"]


@dataclass
class Workload:
    """Writers, watchers and their journal."""

    rig: Rig
    name: str
    rng: random.Random
    journal: Journal = field(default_factory=Journal)
    writers: list[LoadWriter] = field(default_factory=list)
    watchers: list[Watcher] = field(default_factory=list)
    _writer_tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _watcher_tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def spawn_rng(self) -> random.Random:
        """Return a random generator for one client, which does not depend on what the others do."""
        return random.Random(self.rng.random())

    def start_writers(self, count: int = WRITER_COUNT, servers: Sequence[ServerUnderTest] = ()) -> None:
        """Start more writers, to these servers or, by default, to all."""
        run_number = self.rig.next_run_number()
        new_writers = [
            LoadWriter(f"{self.name}-{run_number}-{number}", self.rig, self.journal, self.spawn_rng(), servers)
            for number in range(count)
        ]
        self.writers += new_writers
        self._writer_tasks += [asyncio.create_task(writer.run()) for writer in new_writers]

    async def stop_writers(self) -> None:
        """Stop the writers, each after its current write was acknowledged."""
        for writer in self.writers:
            writer.stop()
        await asyncio.wait_for(asyncio.gather(*self._writer_tasks), PATIENCE_SECONDS + 30)
        self.writers, self._writer_tasks = [], []

    def count_acknowledged(self) -> int:
        return sum(write.acknowledged_at is not None for write in self.journal.writes)

    def add_watchers(self, count_per_kind: int = WATCHERS_PER_KIND) -> None:
        rig, journal = self.rig, self.journal
        goal_variables = json_list(rig.goal_ids)
        makers: Sequence[Callable[[], Watcher]] = (
            lambda: ActivityWatcher(rig, journal, self.spawn_rng(), rig.admin_token),
            lambda: WinWatcher(rig, journal, self.spawn_rng(), rig.wallboard_token),
            lambda: StateWatcher(
                rig, journal, self.spawn_rng(), rig.wallboard_token,
                query=f"subscription {{ {_LEADERBOARD} }}", read_state=read_leaderboard,
            ),
            lambda: StateWatcher(
                rig, journal, self.spawn_rng(), rig.admin_token,
                query=f"subscription {{ goalProgress(goals: {goal_variables}) {{ {_GOAL_FIELDS} }} }}", read_state=read_goal,
            ),
        )  # fmt: skip
        new_watchers = [make() for make in makers for _ in range(count_per_kind)]
        self.watchers += new_watchers
        self._watcher_tasks += [asyncio.create_task(watcher.run()) for watcher in new_watchers]

    async def warm_up(self) -> None:
        """Wait until every watcher has received something, so that what follows can be missed. Raises TimeoutError."""
        async with asyncio.timeout(WARM_UP_SECONDS):
            while not all(watcher.message_count for watcher in self.watchers):
                await self.check_tasks()
                await asyncio.sleep(0.05)

    async def check_tasks(self) -> None:
        """Raise the error of a client that has failed."""
        for task in (*self._writer_tasks, *self._watcher_tasks):
            if task.done():
                await task

    async def converge(self) -> float | None:
        """Wait until every watcher has what the database has; return the seconds it took, None if it did not happen."""
        started_at = time.monotonic()
        while time.monotonic() - started_at < MAX_CONVERGE_SECONDS:
            await self.check_tasks()
            if not await self.find_late_watchers():
                return time.monotonic() - started_at
            await asyncio.sleep(0.1)
        return None

    async def find_late_watchers(self) -> list[Watcher]:
        """Return the watchers that do not have the newest state or event; all if the truth cannot be read."""
        states = await self._read_states()
        if states is None:
            return self.watchers
        positions = {}
        for table in ("activity", "bell"):
            ((positions[table],),) = await self.rig.fetch_rows(f"SELECT COALESCE(MAX(id), 0) FROM {table}")
        return [
            watcher
            for watcher in self.watchers
            if (isinstance(watcher, EventWatcher) and not watcher.is_at(positions))
            or (
                isinstance(watcher, StateWatcher) and any(states[key] != state for key, state in watcher.states.items())
            )
        ]

    async def _read_states(self) -> dict[str, Any] | None:
        """Return the states as a query reads them, by key; None if it fails."""
        goals = " ".join(
            f'goal{number}: node(id: "{goal_id}") {{ ... on Goal {{ {_GOAL_FIELDS} }} }}'
            for number, goal_id in enumerate(self.rig.goal_ids)
        )
        client, token = self.rig.servers[0].client, self.rig.admin_token
        data = await client.execute(Journal(), token, f"{{ {_LEADERBOARD} {goals} }}")
        if data is None:
            return None
        states = [read_leaderboard(data.pop("leaderboard")), *(read_goal(goal) for goal in data.values())]
        return {key: state for key, _, state in states}

    async def stop(self) -> None:
        for task in (*self._writer_tasks, *self._watcher_tasks):
            task.cancel()
        await asyncio.gather(*self._writer_tasks, *self._watcher_tasks, return_exceptions=True)


def json_list(ids: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{id}"' for id in ids) + "]"


@asynccontextmanager
async def run_workload(rig: Rig, name: str, rng: random.Random) -> AsyncIterator[Workload]:
    """Run writers and watchers until the end of the block; the block begins when all of them are under way."""
    workload = Workload(rig, name, rng)
    try:
        workload.add_watchers(WATCHERS_PER_KIND if rig.store is Store.POSTGRES else 1)
        workload.start_writers()
        await workload.warm_up()
        yield workload
    finally:
        await workload.stop()
