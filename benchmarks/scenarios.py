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

from benchmarks.fixtures import fill
from benchmarks.harness import ROOT, ROUNDS, Process, Rig, cpu, of_each, percentiles, resident
from benchmarks.statement_trace import Statement, parted, statements_of

BOARD: Final = """subscription($scope: ID) { leaderboard(scope: $scope, first: 20) { total version standings {
  rank previousRank value gapToNext attainmentPercent employee { id name avatarUrl } } } }"""
GOAL: Final = """subscription($goals: [ID!]) { goalProgress(goals: $goals) { id name target
  progress { value attainmentPercent remaining expectedByNow pace projected version } } }"""
BOARD_QUERY: Final = """query($period: PeriodInput) { leaderboard(first: 100, period: $period) { total version standings {
  rank previousRank value gapToNext attainmentPercent employee { id name avatarUrl } } } }"""
CARD: Final = """query($id: ID!) { employee(id: $id) { name email team { name } manager { name } standing { rank value gapToNext }
  goals { name metric { key } target period { label } progress { value attainmentPercent pace projected version } }
  activities(first: 20) { edges { node { kind at summary } } } tasks(first: 20) { edges { node { title dueAt overdue } } }
  calls(first: 20) { edges { node { direction outcome startedAt } } } leads(first: 20) { edges { node { title status } } }
  clients(first: 20) { edges { node { name wonAmount } } }
  deals(first: 20) { edges { node { title status amount { amount } stage { name } } } } } }"""
WIN: Final = """mutation($input: RecordDealInput!) { recordDeal(input: $input) {
  deal { id status } goals { id progress { value } } userErrors { path message } } }"""


@dataclass
class Figure:
    """One line of the table: a cost in CPU microseconds (or in `unit`) and the cost of its baseline."""

    name: str
    ours: float
    floor: float | None
    aim: str
    unit: str = "µs"
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        return None if not self.floor else self.ours / self.floor

    @property
    def rate(self) -> float | None:
        """Units of work per second on one core."""
        return 1e6 / self.ours if self.unit == "µs" and self.ours else None


@dataclass
class Office:
    """A company in the benchmark's database, the access token of its administrator, and ids for the queries."""

    rig: Rig
    token: str
    ids: dict[str, str]

    def ask(self, server: Process, query: str, **variables: Any) -> Any:
        """Execute an operation over HTTP as the administrator and return its data; fails on GraphQL errors."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        with urlopen(Request(f"http://{server.address}/graphql", body, headers), timeout=30) as answer:
            found = json.loads(answer.read())
        assert "errors" not in found, found
        return found["data"]


def opened(machines: Rig, *, sellers: int, deals: int, told: Callable[[int], None] = lambda steps: None) -> Office:
    """Set up a company of this size and sign in as its administrator.

    on_progress  called as in `fill_company`
    """
    machines.command("migrate")
    machines.command(
        "setup", "--name", "Bench", "--currency", "EUR", "--zone", "UTC", "--admin", "Ada", "--email", "ada@example.com"
    )
    asyncio.run(fill(machines.url, sellers=sellers, deals=deals, told=told))
    server = machines.serve()
    office = Office(machines, "", {})
    signed = office.ask(
        server,
        "mutation($input: SignInInput!) { signIn(input: $input) { accessToken } }",
        input={"email": "ada@example.com", "password": "correct horse"},
    )
    office.token = signed["signIn"]["accessToken"]
    found = office.ask(server, '{ employees(search: "seller 00001") { edges { node { id team { id } } } } }')
    seller = found["employees"]["edges"][0]["node"]
    office.ids.update(seller=seller["id"], team=seller["team"]["id"], company=id_of("Company", 1))
    server.stop()
    return office


@contextmanager
def listeners(
    office: Office, server: Process, asked: list[dict[str, Any]]
) -> Iterator[Callable[[str], dict[str, Any]]]:
    """Open a socket for each `subscribe` payload, in a process of their own (see `benchmarks/websocket_clients.py`).

    Yields a function that sends a command to that process and returns the counts of messages since the last "reset".
    """
    running = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.websocket_clients"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=office.rig.environment(),
    )  # fmt: skip
    assert running.stdin is not None
    assert running.stdout is not None
    stdin, stdout = running.stdin, running.stdout

    def heard(command: str) -> dict[str, Any]:
        stdin.write(command + "\n")
        stdin.flush()
        return json.loads(stdout.readline())  # type: ignore[no-any-return]

    try:
        stdin.write(json.dumps({"address": server.address, "token": office.token, "asked": asked}) + "\n")
        stdin.flush()
        line = stdout.readline().strip()
        assert line == "ready", line
        yield heard
    finally:
        stdin.close()
        running.wait(20)
        stdout.close()


def at_rest(process: Process) -> None:
    """Wait until a server has finished its work after start, so that the day's forecasts are not measured."""
    for _ in range(30):
        before = cpu([process.pid])
        time.sleep(1)
        if cpu([process.pid]) - before < 0.05:
            return


def board_push(office: Office, sockets: int, wins: int) -> Iterator[Figure]:
    """Measure the server's CPU per delivered message with many sockets on one leaderboard of twenty rows."""
    rig = office.rig
    writer, server, floor = rig.serve(), rig.serve(), rig.serve("benchmarks.baseline_server", path="/")
    variables = {"scope": office.ids["team"]}
    with listeners(office, server, [{"query": BOARD, "variables": variables}] * sockets) as heard:
        for _ in range(3):
            win(office, writer)
            time.sleep(0.3)
        at_rest(server)
        heard("reset")
        began, delays = rig.cpu(server), []
        for _ in range(wins):
            until, started = heard("tell")["messages"] + sockets, time.perf_counter()
            win(office, writer)
            while heard("tell")["messages"] < until and time.perf_counter() - started < 2:
                time.sleep(0.01)
            delays.append(time.perf_counter() - started)
            time.sleep(0.1)
        time.sleep(0.5)
        used, told = rig.cpu(server) - began, heard("tell")
    assert told["different"] == 1, "two sockets ended at different states"
    text = told["last"]
    with listeners(office, floor, [{"query": "x"}] * sockets) as heard:
        for _ in range(3):
            _post(floor, text)
        at_rest(floor)
        heard("reset")
        began = rig.cpu(floor)
        for _ in range(wins):
            _post(floor, text)
            time.sleep(0.1)
        time.sleep(0.5)
        least, bare = rig.cpu(floor) - began, heard("tell")
    for process in (writer, server, floor):
        process.stop()
    yield Figure(
        f"board of 20 to {sockets} sockets, a message",
        used / told["messages"] * 1e6,
        least / bare["messages"] * 1e6,
        "≤ 1.3",
        more={"bytes": len(text), "delivered": told["messages"], **percentiles(delays)},
    )


def goals_push(office: Office, sockets: int, events: int) -> Iterator[Figure]:
    """Measure the CPU of server, PostgreSQL and Redis per event, with each socket on the goal of a different employee.

    Scoreline and the baseline are measured in turns, because the speed of a machine changes within seconds. The server
    that is not measured is stopped by a signal, since both react to the same database and Redis.
    """
    rig = office.rig
    server = rig.serve()
    floor = rig.serve("benchmarks.baseline_server", rig.url, rig.valkey.url, path="/")
    with asyncio.Runner() as runner:
        moves = runner.run(Moves.begun(rig, sockets))
        asked = [{"query": GOAL, "variables": {"goals": [id_of("Goal", goal)]}} for goal, _ in moves.goals]
        with listeners(office, server, asked) as ours, listeners(office, floor, [{"query": "x"}] * sockets) as bare:
            runner.run(moves.make(sockets, None))  # warm-up: each goal once
            at_rest(server)
            text = ours("tell")["last"]
            runner.run(moves.make(sockets, text))

            def cost(process: Process, heard: Callable[[str], dict[str, Any]], text: str | None) -> float:
                process.running.send_signal(signal.SIGCONT)
                time.sleep(1.5)  # it catches up with the events of the time it was stopped
                heard("reset")
                began = rig.cpu(process, databases=True)
                runner.run(moves.make(part, text))
                until = time.perf_counter() + 2
                while heard("tell")["messages"] < part and time.perf_counter() < until:
                    time.sleep(0.01)
                used = rig.cpu(process, databases=True) - began
                process.running.send_signal(signal.SIGSTOP)
                delivered = heard("tell")["messages"]
                assert delivered == part, f"{delivered} messages for {part} events"
                return used

            part = events // ROUNDS
            floor.running.send_signal(signal.SIGSTOP)
            rounds = [(cost(server, ours, None), cost(floor, bare, text)) for _ in range(ROUNDS)]
            for process in (server, floor):
                process.running.send_signal(signal.SIGCONT)
        runner.run(moves.end())
    server.stop()
    floor.stop()
    used, least = of_each(rounds, part)
    yield Figure(f"goals, {sockets} different, an event", used, least, "≤ 2", more={"delivered": part * ROUNDS})


def idle(office: Office, sockets: int, seconds: int) -> Iterator[Figure]:
    """Measure the memory per idle socket and the share of a core that all of them take."""
    rig, found = office.rig, {}
    server, floor = rig.serve(), rig.serve("benchmarks.baseline_server", path="/")
    for name, process, payload in (
        ("ours", server, {"query": BOARD, "variables": {"scope": office.ids["team"]}}),
        ("floor", floor, {"query": "x"}),
    ):
        with listeners(office, process, [payload] * 100):  # one-time costs of the first sockets are not counted
            time.sleep(0.5)
        before = resident(process.pid)
        with listeners(office, process, [payload] * sockets):
            time.sleep(2)
            grown, began = resident(process.pid) - before, cpu([process.pid])
            time.sleep(seconds)
            found[name] = grown / sockets / 1024, (cpu([process.pid]) - began) / seconds * 100
    server.stop()
    floor.stop()
    yield Figure(f"memory of an idle subscriber, {sockets} of them", found["ours"][0], found["floor"][0], "≤ 1.5", "KB")
    yield Figure(f"CPU of {sockets} idle subscribers", found["ours"][1], found["floor"][1], "< 3 % of a core", "%")


def other_days() -> Iterator[dict[str, Any]]:
    """Yield variables with a different period of 30 days each time, so that no leaderboard is served from a cache."""
    today = datetime.now(UTC).date()
    for days in count():
        start, end = (today - timedelta(days + length) for length in (30, 0))
        yield {"period": {"kind": "CUSTOM", "start": str(start), "end": str(end)}}


def requests(office: Office, times: int) -> Iterator[Figure]:
    """Measure the CPU of server and database for the employee card, leaderboards and a won deal over HTTP.

    The baseline is the same SQL statements run through the driver alone. A cached leaderboard runs hardly any
    statements, so its baseline is the statements of an uncached one. Both are measured in turns, as in
    `measure_goal_pushes`.
    """
    rig = office.rig
    server = rig.serve()
    at_rest(server)
    scenes: tuple[tuple[str, str, Iterator[dict[str, Any]], str], ...] = (
        ("employee card", CARD, repeat({"id": office.ids["seller"]}), "≤ 15"),
        ("board of 100 rows, never asked for before", BOARD_QUERY, other_days(), "≤ 10"),
        ("board of 100 rows, asked for again", BOARD_QUERY, repeat({}), "≤ 10"),
        ("a won deal", WIN, repeat({"input": deal_of(office)}), "≤ 2.5"),
    )
    part = times // ROUNDS
    with asyncio.Runner() as runner:
        for name, query, given, aim in scenes:
            for _ in range(10):
                answer = office.ask(server, query, **next(given))
            asked = other_days() if query is BOARD_QUERY else given
            bare = runner.run(Statements.found(office, query, asked, answer))
            runner.run(bare.cost(10))
            rounds, waited = list[tuple[float, float]](), list[float]()
            for _ in range(ROUNDS):
                began = rig.cpu(server, databases=True)
                for _ in range(part):
                    started = time.perf_counter()
                    office.ask(server, query, **next(given))
                    waited.append(time.perf_counter() - started)
                rounds.append((rig.cpu(server, databases=True) - began, runner.run(bare.cost(part))))
            runner.run(bare.connection.close())
            used, least = of_each(rounds, part)
            yield Figure(name, used, least, aim, more={"statements": bare.count, **percentiles(waited)})
    server.stop()


@dataclass(frozen=True)
class Statements:
    """The SQL statements of an operation, to be run through the driver alone; `within` are those of its transaction."""

    before: Sequence[Statement]
    within: Sequence[Statement]
    after: Sequence[Statement]
    answer: Any
    connection: asyncpg.Connection
    pids: Sequence[int]

    @classmethod
    async def found(cls, office: Office, query: str, asked: Iterator[dict[str, Any]], answer: Any) -> Statements:
        parts = parted(await statements_of(office.rig.url, office.token, query, asked))
        connection = await asyncpg.connect(office.rig.url)
        return cls(*parts, answer, connection, [os.getpid(), office.rig.postgres._pid])

    @property
    def count(self) -> int:
        return len(self.before) + len(self.within) + len(self.after)

    async def cost(self, times: int) -> float:
        """Run the statements and encode the answer `times` times; return the CPU seconds, PostgreSQL's included."""
        began = cpu(self.pids)
        for _ in range(times):
            await self._run(self.before)
            if self.within:
                async with self.connection.transaction():
                    await self._run(self.within)
            await self._run(self.after)
            orjson.dumps(self.answer)
        return cpu(self.pids) - began

    async def _run(self, statements: Sequence[Statement]) -> None:
        for sql, values in statements:
            await self.connection.fetch(sql, *values)


def deal_of(office: Office) -> dict[str, Any]:
    return {"title": "Chairs", "status": "WON", "amount": {"amount": "100.00"}, "owner": office.ids["seller"]}


def win(office: Office, server: Process) -> None:
    office.ask(server, WIN, input=deal_of(office))


def _post(server: Process, text: str) -> None:
    with urlopen(Request(f"http://{server.address}/push", text.encode()), timeout=30):
        return


def id_of(kind: str, number: int) -> str:
    from domain.primitives.global_ids import encoded

    return encoded(kind, number)


@dataclass
class Moves:
    """Changes the values of goals one after another, as a mutation would, and notifies the servers."""

    goals: Sequence[tuple[int, int]]  # goal id and owner's employee id
    connection: asyncpg.Connection
    redis: Redis

    @classmethod
    async def begun(cls, rig: Rig, count: int) -> Moves:
        connection = await asyncpg.connect(rig.url)
        rows = await connection.fetch("SELECT id, owner_id FROM goal ORDER BY id LIMIT $1", count)
        return cls([(row["id"], row["owner_id"]) for row in rows], connection, Redis.from_url(rig.valkey.url))

    async def make(self, events: int, text: str | None) -> None:
        """Change `events` goals in turn and notify.

        text  None: publish the change as Scoreline does; otherwise send this text through the baseline server's channel
        """
        for place, (goal, employee) in enumerate(islice(cycle(self.goals), events)):
            await self.connection.execute(
                "UPDATE daily_total SET amount = amount + 100 WHERE id = (SELECT id FROM daily_total"
                " WHERE metric = 'deals_won_amount' AND employee_id = $1 ORDER BY day DESC LIMIT 1)",
                employee,
            )
            position = await self.connection.fetchval(
                "INSERT INTO change (topics, at) VALUES ($1, now()) RETURNING id", json.dumps([f"goal:{goal}"])
            )
            await self.connection.execute("UPDATE goal SET version = $1 WHERE id = $2", position, goal)
            if text is None:
                await self.redis.publish("scoreline:news", json.dumps(["bench", position, [f"goal:{goal}"]]))
            else:
                await self.redis.publish("scoreline:floor", json.dumps([place % len(self.goals), goal, text]))
            await asyncio.sleep(0.02)

    async def end(self) -> None:
        await self.connection.close()
        await self.redis.aclose()


logging.getLogger("asyncio").setLevel(logging.ERROR)
