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
from itertools import cycle
from statistics import median
from typing import Final, NamedTuple

import asyncpg
import click

from benchmarks.company import BenchmarkCompany, encode_row_id, record_win, set_up_company
from benchmarks.fixtures import count_steps
from benchmarks.harness import ROUNDS, BenchmarkProcess, Harness, start_harness
from benchmarks.scenarios import (
    EMPLOYEE_CARD_QUERY,
    LEADERBOARD_QUERY,
    LEADERBOARD_SUBSCRIPTION,
    BenchmarkResult,
    generate_periods,
    subscribe_sockets,
)
from domain.primitives.global_ids import decode_global_id
from models.organization.scopes import COMPANY_TEAM_ID


class CompanySize(NamedTuple):
    employees: int
    deals: int


FULL_SIZES: Final = (CompanySize(100, 10_000), CompanySize(100, 1_000_000), CompanySize(10_000, 10_000))
QUICK_SIZES: Final = (CompanySize(20, 500), CompanySize(20, 5_000), CompanySize(200, 500))
CARD, WON_DEAL, TEAM_PUSH, COMPANY_PUSH, COLD_LEADERBOARD, WIN_THEN_LEADERBOARD = (
    "an employee card, of another seller each time",
    "a won deal",
    "a push of a team's board",
    "a push of the company's board",
    "a cold board's first 100",
    "a won deal, and the board's first 100 after it",
)
TARGETS: Final = {
    **dict.fromkeys((CARD, WON_DEAL, TEAM_PUSH, COMPANY_PUSH, WIN_THEN_LEADERBOARD), ("≤ 1.2", "≤ 1.2")),
    COLD_LEADERBOARD: ("≤ 1.2", "≤ 4"),
}


def measure_growth(sizes: Sequence[CompanySize], times: int) -> Iterator[BenchmarkResult]:
    """Yield the cost of each operation in each larger company; its cost in the first company is the baseline.

    times  number of calls of each operation in each company, spread over `ROUNDS` rounds
    """
    with ExitStack() as stack:
        companies = [stack.enter_context(serve_company(size)) for size in sizes]
        costs: dict[str, list[list[float]]] = {operation: [] for operation in TARGETS}
        for _ in range(ROUNDS):
            for operation, rounds in costs.items():
                rounds.append([company[operation](-(-times // ROUNDS)) for company in companies])
    for operation, targets in TARGETS.items():
        smallest_cost, *larger_costs = map(median, zip(*costs[operation], strict=True))
        for size, cost, target in zip(sizes[1:], larger_costs, targets, strict=True):
            yield BenchmarkResult(f"{operation}: {describe_size(size)}", cost, smallest_cost, target)


def describe_size(size: CompanySize) -> str:
    return f"{size.employees:,} employees, {size.deals:,} deals"


@contextmanager
def serve_company(size: CompanySize) -> Iterator[Mapping[str, Callable[[int], float]]]:
    """Set up and serve a company of this size.

    Yields a function per operation: it runs the operation the given number of times and returns the CPU microseconds
    that the server, PostgreSQL and Valkey used per call (or per delivered push).
    """
    with start_harness() as harness:
        with click.progressbar(
            length=count_steps(size.deals), label=describe_size(size), file=sys.stderr
        ) as progress_bar:
            company = set_up_company(
                harness, sellers=size.employees, deals=size.deals, records=5, on_progress=progress_bar.update
            )
        server = harness.serve()
        _wait_until_warmed_up(harness, server)
        periods, seller_ids = generate_periods(), cycle(company.seller_ids)

        def win_then_read_leaderboard() -> None:
            record_win(company, server)
            company.execute(server, LEADERBOARD_QUERY)

        def read_card() -> None:
            company.execute(server, EMPLOYEE_CARD_QUERY, id=encode_row_id("Employee", next(seller_ids)))

        yield {
            CARD: lambda times: _cost_per_call(harness, server, times, read_card),
            WON_DEAL: lambda times: _cost_per_call(harness, server, times, lambda: record_win(company, server)),
            WIN_THEN_LEADERBOARD: lambda times: _cost_per_call(harness, server, times, win_then_read_leaderboard),
            COLD_LEADERBOARD: lambda times: _cost_per_call(
                harness, server, times, lambda: company.execute(server, LEADERBOARD_QUERY, **next(periods))
            ),
            TEAM_PUSH: lambda times: _cost_per_push(company, server, company.ids["team"], times),
            COMPANY_PUSH: lambda times: _cost_per_push(company, server, company.ids["company"], times),
        }


def _wait_until_warmed_up(harness: Harness, server: BenchmarkProcess) -> None:
    """Wait until the server has finished its work after start, such as training the forecast models."""
    quiet_seconds = 0
    while quiet_seconds < 3:
        began = harness.cpu_seconds(server, databases=True)
        time.sleep(1)
        quiet_seconds = quiet_seconds + 1 if harness.cpu_seconds(server, databases=True) - began < 0.1 else 0


def _cost_per_call(harness: Harness, server: BenchmarkProcess, times: int, operation: Callable[[], object]) -> float:
    """Return the CPU microseconds per call of the operation, after ten calls of warm-up."""
    for _ in range(10):
        operation()
    began = harness.cpu_seconds(server, databases=True)
    for _ in range(times):
        operation()
    return (harness.cpu_seconds(server, databases=True) - began) / times * 1e6


def _cost_per_push(company: BenchmarkCompany, server: BenchmarkProcess, scope: str, times: int) -> float:
    """Return the CPU microseconds per push of the leaderboard of `scope` to one socket.

    The seller's scores are changed by plain SQL statements; their cost is the same in every company.
    """
    seller, team = (decode_global_id(company.ids[name]) for name in ("seller", "team"))
    assert seller is not None
    assert team is not None
    with subscribe_sockets(
        company, server, [{"query": LEADERBOARD_SUBSCRIPTION, "variables": {"scope": scope}}]
    ) as send_command:
        asyncio.run(_move_scores(company.harness, seller[1], team[1], 5))
        send_command("reset")
        began = company.harness.cpu_seconds(server, databases=True)
        asyncio.run(_move_scores(company.harness, seller[1], team[1], times))
        time.sleep(0.2)
        used, pushed_count = (
            company.harness.cpu_seconds(server, databases=True) - began,
            send_command("tell")["messages"],
        )
    return float(used / pushed_count * 1e6)


async def _move_scores(harness: Harness, seller_id: int, team_id: int, times: int) -> None:
    """Change the totals of a seller and of the teams above by SQL and notify the servers, as a won deal does."""
    from redis.asyncio import Redis

    connection = await asyncpg.connect(harness.url)
    day = datetime.now(UTC).date()
    containing_team_ids = [
        COMPANY_TEAM_ID,
        team_id,
        await connection.fetchval("SELECT parent_id FROM team WHERE id = $1", team_id),
    ]
    topics = [
        f"score:deals_won_amount:{owner}@{day}" for owner in (f"employee:{seller_id}", f"team:{team_id}", "team:0")
    ]
    async with Redis.from_url(harness.valkey.url) as redis:
        for _ in range(times):
            await connection.execute(
                "INSERT INTO daily_total (metric, employee_id, team_id, day, amount)"
                " VALUES ('deals_won_amount', $1, $2, $3, 100)"
                " ON CONFLICT (metric, employee_id, day, team_id) DO UPDATE SET amount = daily_total.amount + 100",
                seller_id,
                team_id,
                day,
            )
            await connection.execute(
                "INSERT INTO team_total (metric, team_id, day, amount)"
                " SELECT 'deals_won_amount', whose, $2, 100 FROM unnest($1::int[]) whose"
                " ON CONFLICT (metric, team_id, day) DO UPDATE SET amount = team_total.amount + 100",
                containing_team_ids,
                day,
            )
            await connection.execute("INSERT INTO change (topics, at) VALUES ($1, now())", json.dumps(topics))
            await redis.publish("scoreline:news", "bench")
            await asyncio.sleep(0.15)
    await connection.close()
