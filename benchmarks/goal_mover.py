"""Moves goals directly in the database: the baseline of pushes of goals."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice

import asyncpg
from redis.asyncio import Redis

from benchmarks.harness import Harness

_SELECT_GOALS = """
SELECT id, owner_id FROM goal WHERE owner_kind = 'EMPLOYEE' AND metric = 'deals_won_amount' AND kind = 'MONTH'
ORDER BY id LIMIT $1
"""


@dataclass
class GoalMover:
    """Changes the values of goals one after another, as a mutation would, and notifies the servers."""

    goals: Sequence[tuple[int, int]]  # goal id and owner's employee id
    connection: asyncpg.Connection
    redis: Redis

    @classmethod
    async def create(cls, harness: Harness, goal_count: int) -> GoalMover:
        connection = await asyncpg.connect(harness.url)
        rows = await connection.fetch(_SELECT_GOALS, goal_count)
        return cls([(row["id"], row["owner_id"]) for row in rows], connection, Redis.from_url(harness.valkey.url))

    async def move(self, events: int, text: str | None) -> None:
        """Change `events` goals in turn and notify.

        text  None: publish the change as Scoreline does; otherwise send this text through the baseline server's channel
        """
        for index, (goal_id, employee_id) in enumerate(islice(cycle(self.goals), events)):
            await self.connection.execute(
                "UPDATE daily_total SET amount = amount + 100 WHERE id = (SELECT id FROM daily_total"
                " WHERE metric = 'deals_won_amount' AND employee_id = $1 ORDER BY day DESC LIMIT 1)",
                employee_id,
            )
            position = await self.connection.fetchval(
                "INSERT INTO change (topics, at) VALUES ($1, now()) RETURNING id", json.dumps([f"goal:{goal_id}"])
            )
            await self.connection.execute("UPDATE goal SET version = $1 WHERE id = $2", position, goal_id)
            if text is None:
                await self.redis.publish("scoreline:news", json.dumps(["bench", position, [f"goal:{goal_id}"]]))
            else:
                await self.redis.publish("scoreline:floor", json.dumps([index % len(self.goals), goal_id, text]))
            await asyncio.sleep(0.02)

    async def close(self) -> None:
        await self.connection.close()
        await self.redis.aclose()
