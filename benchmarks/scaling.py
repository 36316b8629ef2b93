"""Benchmarks how costs grow with the company: 10,000 against a million deals, 100 against 10,000 employees.

Each company has a PostgreSQL of its own that is filled by INSERTs. All companies are measured in turns, because the
speed of a machine changes within minutes by more than the difference to be measured. SQLite is left out: it is meant
for small installations, and its CPU time is part of the server's.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from statistics import median
from typing import Final, NamedTuple

import asyncpg
import click

from benchmarks.fixtures import steps
from benchmarks.harness import ROUNDS, Process, Rig, rig
from benchmarks.scenarios import BOARD, BOARD_QUERY, Figure, Office, listeners, opened, other_days, win
from domain.primitives.global_ids import decoded
from models.goals.goals import COMPANY


class Size(NamedTuple):
    employees: int
    deals: int


FULL: Final = (Size(100, 10_000), Size(100, 1_000_000), Size(10_000, 10_000))
QUICK: Final = (Size(20, 500), Size(20, 5_000), Size(200, 500))
WIN, TEAM, EVERYBODY, COLD, AGAIN = (
    "a won deal",
    "a push of a team's board",
    "a push of the company's board",
    "a cold board's first 100",
    "a won deal, and the board's first 100 after it",
)
AIMS: Final = {
    **dict.fromkeys((WIN, TEAM, EVERYBODY, AGAIN), ("≤ 1.2", "≤ 1.2")),
    COLD: ("≤ 1.2", "≤ 4"),
}


def grown(sizes: Sequence[Size], times: int) -> Iterator[Figure]:
    """Yield the cost of each operation in each larger company; its cost in the first company is the baseline.

    times  number of calls of each operation in each company, spread over `ROUNDS` rounds
    """
    with ExitStack() as opened_:
        companies = [opened_.enter_context(_company(size)) for size in sizes]
        costs: dict[str, list[list[float]]] = {work: [] for work in AIMS}
        for _ in range(ROUNDS):
            for work, rounds in costs.items():
                rounds.append([company[work](-(-times // ROUNDS)) for company in companies])
    for work, aims in AIMS.items():
        small, *larger = map(median, zip(*costs[work], strict=True))
        for size, cost, aim in zip(sizes[1:], larger, aims, strict=True):
            yield Figure(f"{work}: {_called(size)}", cost, small, aim)


def _called(size: Size) -> str:
    return f"{size.employees:,} employees, {size.deals:,} deals"


@contextmanager
def _company(size: Size) -> Iterator[Mapping[str, Callable[[int], float]]]:
    """Set up and serve a company of this size.

    Yields a function per operation: it runs the operation the given number of times and returns the CPU microseconds
    that the server, PostgreSQL and Valkey used per call (or per delivered push).
    """
    with rig() as machines:
        with click.progressbar(length=steps(size.deals), label=_called(size), file=sys.stderr) as bar:
            office = opened(machines, sellers=size.employees, deals=size.deals, told=bar.update)
        server = machines.serve()
        _settled(machines, server)
        days = other_days()

        def again() -> None:
            win(office, server)
            office.ask(server, BOARD_QUERY)

        yield {
            WIN: lambda times: _each(machines, server, times, lambda: win(office, server)),
            AGAIN: lambda times: _each(machines, server, times, again),
            COLD: lambda times: _each(machines, server, times, lambda: office.ask(server, BOARD_QUERY, **next(days))),
            TEAM: lambda times: _push(office, server, office.ids["team"], times),
            EVERYBODY: lambda times: _push(office, server, office.ids["company"], times),
        }


def _settled(machines: Rig, server: Process) -> None:
    """Wait until the server has finished its work after start, such as training the forecast models."""
    quiet = 0
    while quiet < 3:
        began = machines.cpu(server, databases=True)
        time.sleep(1)
        quiet = quiet + 1 if machines.cpu(server, databases=True) - began < 0.1 else 0


def _each(machines: Rig, server: Process, times: int, work: Callable[[], object]) -> float:
    """Return the CPU microseconds per call of the operation, after ten calls of warm-up."""
    for _ in range(10):
        work()
    began = machines.cpu(server, databases=True)
    for _ in range(times):
        work()
    return (machines.cpu(server, databases=True) - began) / times * 1e6


def _push(office: Office, server: Process, scope: str, times: int) -> float:
    """Return the CPU microseconds per push of the leaderboard of `scope` to one socket.

    The seller's scores are changed by plain SQL statements, whose cost is the same in every company.
    """
    seller, team = (decoded(office.ids[name]) for name in ("seller", "team"))
    assert seller is not None
    assert team is not None
    with listeners(office, server, [{"query": BOARD, "variables": {"scope": scope}}]) as heard:
        asyncio.run(_moves(office.rig, seller[1], team[1], 5))
        heard("reset")
        began = office.rig.cpu(server, databases=True)
        asyncio.run(_moves(office.rig, seller[1], team[1], times))
        time.sleep(0.2)
        used, pushed = office.rig.cpu(server, databases=True) - began, heard("tell")["messages"]
    return float(used / pushed * 1e6)


async def _moves(machines: Rig, seller: int, team: int, times: int) -> None:
    """Change the totals of a seller and of the teams above by SQL and notify the servers, as a won deal does."""
    from redis.asyncio import Redis

    connection = await asyncpg.connect(machines.url)
    day = datetime.now(UTC).date()
    holding = [COMPANY, team, await connection.fetchval("SELECT parent_id FROM team WHERE id = $1", team)]
    topics = [f"score:deals_won_amount:{whose}@{day}" for whose in (f"employee:{seller}", f"team:{team}", "team:0")]
    async with Redis.from_url(machines.valkey.url) as redis:
        for _ in range(times):
            await connection.execute(
                "INSERT INTO daily_total (metric, employee_id, team_id, day, amount)"
                " VALUES ('deals_won_amount', $1, $2, $3, 100)"
                " ON CONFLICT (metric, employee_id, day, team_id) DO UPDATE SET amount = daily_total.amount + 100",
                seller,
                team,
                day,
            )
            await connection.execute(
                "INSERT INTO team_total (metric, team_id, day, amount)"
                " SELECT 'deals_won_amount', whose, $2, 100 FROM unnest($1::int[]) whose"
                " ON CONFLICT (metric, team_id, day) DO UPDATE SET amount = team_total.amount + 100",
                holding,
                day,
            )
            await connection.execute("INSERT INTO change (topics, at) VALUES ($1, now())", json.dumps(topics))
            await redis.publish("scoreline:news", "bench")
            await asyncio.sleep(0.15)
    await connection.close()
