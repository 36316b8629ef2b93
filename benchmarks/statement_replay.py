"""Replays the statements of a request without the server: the baseline of a request."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson

from benchmarks.company import BenchmarkCompany
from benchmarks.harness import cpu_seconds
from benchmarks.statement_trace import Statement, split_at_transaction, trace_statements


@dataclass(frozen=True)
class StatementReplay:
    """The SQL statements of an operation, to be run through the driver alone; `within` are those of its transaction."""

    before: Sequence[Statement]
    within: Sequence[Statement]
    after: Sequence[Statement]
    answer: Any
    connection: asyncpg.Connection
    pids: Sequence[int]

    @classmethod
    async def create(
        cls, company: BenchmarkCompany, query: str, variable_sets: Iterator[dict[str, Any]], answer: Any
    ) -> StatementReplay:
        parts = split_at_transaction(await trace_statements(company.harness.url, company.token, query, variable_sets))
        connection = await asyncpg.connect(company.harness.url)
        return cls(*parts, answer, connection, [os.getpid(), company.harness.postgres._pid])

    @property
    def count(self) -> int:
        return len(self.before) + len(self.within) + len(self.after)

    async def measure(self, times: int) -> float:
        """Run the statements and encode the answer `times` times; return the CPU seconds, PostgreSQL's included."""
        began = cpu_seconds(self.pids)
        for _ in range(times):
            await self._run(self.before)
            if self.within:
                async with self.connection.transaction():
                    await self._run(self.within)
            await self._run(self.after)
            orjson.dumps(self.answer)
        return cpu_seconds(self.pids) - began

    async def _run(self, statements: Sequence[Statement]) -> None:
        for sql, values in statements:
            await self.connection.fetch(sql, *values)
