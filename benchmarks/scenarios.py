"""Benchmark scenarios: each yields the cost of a unit of work and of its baseline, measured in the same run."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count, cycle, repeat
from operator import itemgetter
from typing import Any, Final, NamedTuple
from urllib.request import Request, urlopen

from benchmarks.company import RECORD_DEAL, BenchmarkCompany, deal_input, encode_row_id, record_win
from benchmarks.floors import create_floor_tables
from benchmarks.goal_mover import GoalMover
from benchmarks.harness import (
    ROOT,
    ROUNDS,
    BenchmarkProcess,
    compute_percentiles,
    cost_per_unit,
    cpu_seconds,
    post,
    resident_bytes,
)

LEADERBOARD_SUBSCRIPTION: Final = """subscription($scope: ID) { leaderboard(scope: $scope, first: 20) { total version standings {
  rank previousRank value gapToNext attainmentPercent employee { id name avatarUrl } } } }"""
GOAL_SUBSCRIPTION: Final = """subscription($goals: [ID!]) { goalProgress(goals: $goals) { id name target
  progress { value attainmentPercent remaining expectedByNow pace projected version } } }"""
LEADERBOARD_QUERY: Final = """query($period: PeriodInput) { leaderboard(first: 100, period: $period) { total version standings {
  rank previousRank value gapToNext attainmentPercent employee { id name avatarUrl } } } }"""
EMPLOYEE_CARD_QUERY: Final = """query($id: ID!) { employee(id: $id) { id name email role team { id name }
  standing { rank value } goals { id name metric { key } target period { start end } progress { value attainmentPercent pace version } }
  activities(first: 20) { edges { node { id kind at summary } } } tasks(first: 20) { edges { node { id title dueAt completedAt } } }
  calls(first: 20) { edges { node { id direction outcome startedAt } } }
  leads(first: 20) { edges { node { id title source status createdAt } } }
  clients(first: 20) { edges { node { id name email phone createdAt } } }
  funnel { stages { stage { name } openDeals } } } }"""


@dataclass
class BenchmarkResult:
    """One line of the table: a cost in CPU microseconds (or in `unit`) and the cost of its baseline."""

    name: str
    cost: float
    baseline: float | None
    target: str = ""
    unit: str = "µs"
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        return None if not self.baseline else self.cost / self.baseline

    @property
    def rate(self) -> float | None:
        """Units of work per second on one core."""
        return 1e6 / self.cost if self.unit == "µs" and self.cost else None


@contextmanager
def subscribe_sockets(
    company: BenchmarkCompany, server: BenchmarkProcess, payloads: list[dict[str, Any]]
) -> Iterator[Callable[[str], dict[str, Any]]]:
    """Open a socket for each `subscribe` payload, in a process of their own (see `benchmarks/websocket_clients.py`).

    Yields a function that sends a command to that process and returns the counts of messages since the last "reset".
    """
    popen = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.websocket_clients"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=company.harness.build_environment(),
    )  # fmt: skip
    assert popen.stdin is not None
    assert popen.stdout is not None
    stdin, stdout = popen.stdin, popen.stdout

    def send_command(command: str) -> dict[str, Any]:
        stdin.write(command + "\n")
        stdin.flush()
        return json.loads(stdout.readline())  # type: ignore[no-any-return]

    try:
        stdin.write(json.dumps({"address": server.address, "token": company.token, "asked": payloads}) + "\n")
        stdin.flush()
        line = stdout.readline().strip()
        assert line == "ready", line
        yield send_command
    finally:
        stdin.close()
        popen.wait(20)
        stdout.close()


def wait_until_idle(process: BenchmarkProcess) -> None:
    """Wait until a server has finished its work after start, so that the day's forecasts are not measured."""
    for _ in range(30):
        before = cpu_seconds([process.pid])
        time.sleep(1)
        if cpu_seconds([process.pid]) - before < 0.05:
            return


def measure_leaderboard_push(company: BenchmarkCompany, sockets: int, wins: int) -> Iterator[BenchmarkResult]:
    """Measure the server's CPU per delivered message with many sockets on one leaderboard of twenty rows."""
    harness = company.harness
    writer, server, baseline_server = (
        harness.serve(),
        harness.serve(),
        harness.serve("benchmarks.baseline_server", path="/"),
    )
    variables = {"scope": company.ids["team"]}
    with subscribe_sockets(
        company, server, [{"query": LEADERBOARD_SUBSCRIPTION, "variables": variables}] * sockets
    ) as send_command:
        for _ in range(3):
            record_win(company, writer)
            time.sleep(0.3)
        wait_until_idle(server)
        send_command("reset")
        began, delays = harness.cpu_seconds(server), []
        for _ in range(wins):
            expected_count, started = send_command("tell")["messages"] + sockets, time.perf_counter()
            record_win(company, writer)
            while send_command("tell")["messages"] < expected_count and time.perf_counter() - started < 2:
                time.sleep(0.01)
            delays.append(time.perf_counter() - started)
            time.sleep(0.1)
        time.sleep(0.5)
        cpu_used, counts = harness.cpu_seconds(server) - began, send_command("tell")
    assert counts["different"] == 1, "two sockets ended at different states"
    text = counts["last"]
    with subscribe_sockets(company, baseline_server, [{"query": "x"}] * sockets) as send_command:
        for _ in range(3):
            _push_text(baseline_server, text)
        wait_until_idle(baseline_server)
        send_command("reset")
        began = harness.cpu_seconds(baseline_server)
        for _ in range(wins):
            _push_text(baseline_server, text)
            time.sleep(0.1)
        time.sleep(0.5)
        baseline_cpu, baseline_counts = harness.cpu_seconds(baseline_server) - began, send_command("tell")
    for process in (writer, server, baseline_server):
        process.stop()
    yield BenchmarkResult(
        f"board of 20 to {sockets} sockets, a message",
        cpu_used / counts["messages"] * 1e6,
        baseline_cpu / baseline_counts["messages"] * 1e6,
        "≤ 1.3",
        details={"bytes": len(text), "delivered": counts["messages"], **compute_percentiles(delays)},
    )


def measure_goal_pushes(company: BenchmarkCompany, sockets: int, events: int) -> Iterator[BenchmarkResult]:
    """Measure the CPU of server, PostgreSQL and Redis per event, with each socket on the goal of a different employee.

    Scoreline and the baseline are measured in turns, because the speed of a machine changes within seconds. The server
    that is not measured is stopped by a signal, since both react to the same database and Redis.
    """
    harness = company.harness
    server = harness.serve()
    baseline_server = harness.serve("benchmarks.baseline_server", harness.url, harness.valkey.url, path="/")
    with asyncio.Runner() as runner:
        mover = runner.run(GoalMover.create(harness, sockets))
        payloads = [
            {"query": GOAL_SUBSCRIPTION, "variables": {"goals": [encode_row_id("Goal", goal)]}}
            for goal, _ in mover.goals
        ]
        with (
            subscribe_sockets(company, server, payloads) as command_clients,
            subscribe_sockets(company, baseline_server, [{"query": "x"}] * sockets) as command_baseline_clients,
        ):
            runner.run(mover.move(sockets, None))  # warm-up: each goal once
            wait_until_idle(server)
            text = command_clients("tell")["last"]
            runner.run(mover.move(sockets, text))

            def measure_round(
                process: BenchmarkProcess, send_command: Callable[[str], dict[str, Any]], text: str | None
            ) -> float:
                process.popen.send_signal(signal.SIGCONT)
                time.sleep(1.5)  # it catches up with the events of the time it was stopped
                send_command("reset")
                began = harness.cpu_seconds(process, databases=True)
                runner.run(mover.move(events_per_round, text))
                deadline = time.perf_counter() + 2
                while send_command("tell")["messages"] < events_per_round and time.perf_counter() < deadline:
                    time.sleep(0.01)
                cpu_used = harness.cpu_seconds(process, databases=True) - began
                process.popen.send_signal(signal.SIGSTOP)
                delivered = send_command("tell")["messages"]
                assert delivered == events_per_round, f"{delivered} messages for {events_per_round} events"
                return cpu_used

            events_per_round = events // ROUNDS
            baseline_server.popen.send_signal(signal.SIGSTOP)
            rounds = [
                (
                    measure_round(server, command_clients, None),
                    measure_round(baseline_server, command_baseline_clients, text),
                )
                for _ in range(ROUNDS)
            ]
            for process in (server, baseline_server):
                process.popen.send_signal(signal.SIGCONT)
        runner.run(mover.close())
    server.stop()
    baseline_server.stop()
    cost, baseline_cost = cost_per_unit(rounds, events_per_round)
    yield BenchmarkResult(
        f"goals, {sockets} different, an event",
        cost,
        baseline_cost,
        "≤ 2",
        details={"delivered": events_per_round * ROUNDS},
    )


def measure_idle_sockets(company: BenchmarkCompany, sockets: int, seconds: int) -> Iterator[BenchmarkResult]:
    """Measure the memory per idle socket and the share of a core that all of them take."""
    harness, costs = company.harness, {}
    server, baseline_server = harness.serve(), harness.serve("benchmarks.baseline_server", path="/")
    for name, process, payload in (
        ("ours", server, {"query": LEADERBOARD_SUBSCRIPTION, "variables": {"scope": company.ids["team"]}}),
        ("floor", baseline_server, {"query": "x"}),
    ):
        with subscribe_sockets(
            company, process, [payload] * 100
        ):  # one-time costs of the first sockets are not counted
            time.sleep(0.5)
        before = resident_bytes(process.pid)
        with subscribe_sockets(company, process, [payload] * sockets):
            time.sleep(2)
            memory_growth, began = resident_bytes(process.pid) - before, cpu_seconds([process.pid])
            time.sleep(seconds)
            costs[name] = memory_growth / sockets / 1024, (cpu_seconds([process.pid]) - began) / seconds * 100
    server.stop()
    baseline_server.stop()
    yield BenchmarkResult(
        f"memory of an idle subscriber, {sockets} of them", costs["ours"][0], costs["floor"][0], "≤ 1.5", "KB"
    )
    yield BenchmarkResult(
        f"CPU of {sockets} idle subscribers", costs["ours"][1], costs["floor"][1], "< 3 % of a core", "%"
    )


def generate_periods() -> Iterator[dict[str, Any]]:
    """Yield variables with a different period of 30 days each time, so that no leaderboard is served from a cache."""
    today = datetime.now(UTC).date()
    for days_back in count():
        start, end = (today - timedelta(days_back + length) for length in (30, 0))
        yield {"period": {"kind": "CUSTOM", "start": str(start), "end": str(end)}}


class HttpOperation(NamedTuple):
    """An operation over HTTP, with the statement of its baseline; each call takes the next variables and values."""

    name: str
    query: str
    variable_sets: Iterator[dict[str, Any]]
    statement: str
    value_sets: Iterator[list[Any]]


def list_http_operations(company: BenchmarkCompany) -> Iterator[HttpOperation]:
    sellers = [(seller, {"id": encode_row_id("Employee", seller)}) for seller in company.seller_ids]
    seller_values = [[seller] for seller, _ in sellers]
    yield HttpOperation(
        "employee card, of another seller each time",
        EMPLOYEE_CARD_QUERY, cycle(variables for _, variables in sellers), "card", cycle(seller_values),
    )  # fmt: skip
    yield HttpOperation(
        "employee card, asked for again",
        EMPLOYEE_CARD_QUERY, repeat(sellers[0][1]), "card", repeat(seller_values[0]),
    )  # fmt: skip
    yield HttpOperation(
        "board of 100 rows, of another period each time",
        LEADERBOARD_QUERY, generate_periods(), "new_board",
        ([period["start"], period["end"]] for period in map(itemgetter("period"), generate_periods())),
    )  # fmt: skip
    yield HttpOperation("board of 100 rows, asked for again", LEADERBOARD_QUERY, repeat({}), "board", repeat([]))
    yield HttpOperation(
        "a won deal",
        RECORD_DEAL, ({"input": deal_input(variables["id"])} for _, variables in cycle(sellers)),
        "win", ([seller, "Chairs", 10_000] for seller, _ in cycle(sellers)),
    )  # fmt: skip


def measure_requests(company: BenchmarkCompany, times: int) -> Iterator[BenchmarkResult]:
    """Measure the CPU of server, PostgreSQL and Redis for the employee card, leaderboards and a won deal over HTTP.

    The baseline is one statement by hand that returns the answer as JSON, sent as it is (see `benchmarks/floors.py`). Both
    are measured in turns, as in `measure_goal_pushes`.
    """
    harness = company.harness
    asyncio.run(create_floor_tables(harness.url))
    server = harness.serve()
    baseline_server = harness.serve("benchmarks.baseline_server", harness.url, harness.valkey.url, path="/")
    wait_until_idle(server)
    connection, baseline_connection = server.open_connection(), baseline_server.open_connection()
    calls_per_round, waits = -(-times // ROUNDS), list[float]()

    def call_server(operation: HttpOperation, times: int) -> float:
        began = harness.cpu_seconds(server, databases=True)
        for _ in range(times):
            started = time.perf_counter()
            company.execute_over(connection, operation.query, next(operation.variable_sets))
            waits.append(time.perf_counter() - started)
        return harness.cpu_seconds(server, databases=True) - began

    def call_baseline(operation: HttpOperation, times: int) -> float:
        began = harness.cpu_seconds(baseline_server, databases=True)
        for _ in range(times):
            values = json.dumps(next(operation.value_sets)).encode()
            post(baseline_connection, f"/floor/{operation.statement}", values)
        return harness.cpu_seconds(baseline_server, databases=True) - began

    for operation in list_http_operations(company):
        call_server(operation, 10)
        call_baseline(operation, 10)
        waits.clear()
        rounds = [
            (call_server(operation, calls_per_round), call_baseline(operation, calls_per_round)) for _ in range(ROUNDS)
        ]
        cost, baseline_cost = cost_per_unit(rounds, calls_per_round)
        yield BenchmarkResult(operation.name, cost, baseline_cost, details=compute_percentiles(waits))
    connection.close()
    baseline_connection.close()
    server.stop()
    baseline_server.stop()


def _push_text(server: BenchmarkProcess, text: str) -> None:
    with urlopen(Request(f"http://{server.address}/push", text.encode()), timeout=30):
        return


logging.getLogger("asyncio").setLevel(logging.ERROR)
