"""Benchmark scenarios: each yields the cost of a unit of work and of its baseline, measured in the same run."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count, cycle, islice, repeat
from typing import Any, Final
from urllib.request import Request, urlopen

import asyncpg
import orjson
from redis.asyncio import Redis

from benchmarks.fixtures import fill_company
from benchmarks.harness import (
    ROOT,
    ROUNDS,
    BenchmarkProcess,
    Harness,
    compute_percentiles,
    cost_per_unit,
    cpu_seconds,
    resident_bytes,
)
from benchmarks.statement_trace import Statement, split_at_transaction, trace_statements

LEADERBOARD_SUBSCRIPTION: Final = """subscription($scope: ID) { leaderboard(scope: $scope, first: 20) { total version standings {
  rank previousRank value gapToNext attainmentPercent employee { id name avatarUrl } } } }"""
GOAL_SUBSCRIPTION: Final = """subscription($goals: [ID!]) { goalProgress(goals: $goals) { id name target
  progress { value attainmentPercent remaining expectedByNow pace projected version } } }"""
LEADERBOARD_QUERY: Final = """query($period: PeriodInput) { leaderboard(first: 100, period: $period) { total version standings {
  rank previousRank value gapToNext attainmentPercent employee { id name avatarUrl } } } }"""
EMPLOYEE_CARD_QUERY: Final = """query($id: ID!) { employee(id: $id) { name email team { name } manager { name } standing { rank value gapToNext }
  goals { name metric { key } target period { label } progress { value attainmentPercent pace projected version } }
  activities(first: 20) { edges { node { kind at summary } } } tasks(first: 20) { edges { node { title dueAt overdue } } }
  calls(first: 20) { edges { node { direction outcome startedAt } } } leads(first: 20) { edges { node { title status } } }
  clients(first: 20) { edges { node { name wonAmount } } }
  deals(first: 20) { edges { node { title status amount { amount } stage { name } } } } } }"""
RECORD_DEAL: Final = """mutation($input: RecordDealInput!) { recordDeal(input: $input) {
  deal { id status } goals { id progress { value } } userErrors { path message } } }"""


@dataclass
class BenchmarkResult:
    """One line of the table: a cost in CPU microseconds (or in `unit`) and the cost of its baseline."""

    name: str
    cost: float
    baseline: float | None
    target: str
    unit: str = "µs"
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        return None if not self.baseline else self.cost / self.baseline

    @property
    def rate(self) -> float | None:
        """Units of work per second on one core."""
        return 1e6 / self.cost if self.unit == "µs" and self.cost else None


@dataclass
class BenchmarkCompany:
    """A company in the benchmark's database, the access token of its administrator, and ids for the queries."""

    harness: Harness
    token: str
    ids: dict[str, str]

    def execute(self, server: BenchmarkProcess, query: str, **variables: Any) -> Any:
        """Execute an operation over HTTP as the administrator and return its data; fails on GraphQL errors."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        with urlopen(Request(f"http://{server.address}/graphql", body, headers), timeout=30) as response:
            result = json.loads(response.read())
        assert "errors" not in result, result
        return result["data"]


def set_up_company(
    harness: Harness, *, sellers: int, deals: int, on_progress: Callable[[int], None] = lambda step_count: None
) -> BenchmarkCompany:
    """Set up a company of this size and sign in as its administrator.

    on_progress  called as in `fill_company`
    """
    harness.run_command("migrate")
    harness.run_command(
        "setup", "--name", "Bench", "--currency", "EUR", "--zone", "UTC", "--admin", "Ada", "--email", "ada@example.com"
    )
    asyncio.run(fill_company(harness.url, sellers=sellers, deals=deals, on_progress=on_progress))
    server = harness.serve()
    company = BenchmarkCompany(harness, "", {})
    session = company.execute(
        server,
        "mutation($input: SignInInput!) { signIn(input: $input) { accessToken } }",
        input={"email": "ada@example.com", "password": "correct horse"},
    )
    company.token = session["signIn"]["accessToken"]
    matches = company.execute(server, '{ employees(search: "seller 00001") { edges { node { id team { id } } } } }')
    seller = matches["employees"]["edges"][0]["node"]
    company.ids.update(seller=seller["id"], team=seller["team"]["id"], company=encode_row_id("Company", 1))
    server.stop()
    return company


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


def measure_requests(company: BenchmarkCompany, times: int) -> Iterator[BenchmarkResult]:
    """Measure the CPU of server and database for the employee card, leaderboards and a won deal over HTTP.

    The baseline is the same SQL statements run through the driver alone. A cached leaderboard runs hardly any
    statements, so its baseline is the statements of an uncached one. Both are measured in turns, as in
    `measure_goal_pushes`.
    """
    harness = company.harness
    server = harness.serve()
    wait_until_idle(server)
    operations: tuple[tuple[str, str, Iterator[dict[str, Any]], str], ...] = (
        ("employee card", EMPLOYEE_CARD_QUERY, repeat({"id": company.ids["seller"]}), "≤ 15"),
        ("board of 100 rows, never asked for before", LEADERBOARD_QUERY, generate_periods(), "≤ 10"),
        ("board of 100 rows, asked for again", LEADERBOARD_QUERY, repeat({}), "≤ 10"),
        ("a won deal", RECORD_DEAL, repeat({"input": deal_input(company)}), "≤ 2.5"),
    )
    calls_per_round = times // ROUNDS
    with asyncio.Runner() as runner:
        for name, query, variables, target in operations:
            for _ in range(10):
                answer = company.execute(server, query, **next(variables))
            traced_variables = generate_periods() if query is LEADERBOARD_QUERY else variables
            replay = runner.run(StatementReplay.create(company, query, traced_variables, answer))
            runner.run(replay.measure(10))
            rounds, waits = list[tuple[float, float]](), list[float]()
            for _ in range(ROUNDS):
                began = harness.cpu_seconds(server, databases=True)
                for _ in range(calls_per_round):
                    started = time.perf_counter()
                    company.execute(server, query, **next(variables))
                    waits.append(time.perf_counter() - started)
                rounds.append(
                    (harness.cpu_seconds(server, databases=True) - began, runner.run(replay.measure(calls_per_round)))
                )
            runner.run(replay.connection.close())
            cost, baseline_cost = cost_per_unit(rounds, calls_per_round)
            yield BenchmarkResult(
                name, cost, baseline_cost, target, details={"statements": replay.count, **compute_percentiles(waits)}
            )
    server.stop()


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


def deal_input(company: BenchmarkCompany) -> dict[str, Any]:
    return {"title": "Chairs", "status": "WON", "amount": {"amount": "100.00"}, "owner": company.ids["seller"]}


def record_win(company: BenchmarkCompany, server: BenchmarkProcess) -> None:
    company.execute(server, RECORD_DEAL, input=deal_input(company))


def _push_text(server: BenchmarkProcess, text: str) -> None:
    with urlopen(Request(f"http://{server.address}/push", text.encode()), timeout=30):
        return


def encode_row_id(kind: str, row_id: int) -> str:
    from domain.primitives.global_ids import encode_global_id

    return encode_global_id(kind, row_id)


@dataclass
class GoalMover:
    """Changes the values of goals one after another, as a mutation would, and notifies the servers."""

    goals: Sequence[tuple[int, int]]  # goal id and owner's employee id
    connection: asyncpg.Connection
    redis: Redis

    @classmethod
    async def create(cls, harness: Harness, goal_count: int) -> GoalMover:
        connection = await asyncpg.connect(harness.url)
        rows = await connection.fetch("SELECT id, owner_id FROM goal ORDER BY id LIMIT $1", goal_count)
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


logging.getLogger("asyncio").setLevel(logging.ERROR)
