"""Benchmark harness: starts PostgreSQL, Valkey and server processes and reads the CPU time they have used."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from types import MappingProxyType
from urllib.error import URLError
from urllib.request import urlopen

from tests.backing_services import Postgres, Valkey, free_port

ROOT = Path(__file__).parent.parent
SECRET = "b" * 64
NO_HEADERS: Mapping[str, str] = MappingProxyType({})
START_SECONDS = 120  # a server starts in a few seconds, but in many more on a busy machine
ROUNDS = 5  # things to compare are measured in turns, because the speed of a machine changes within seconds


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the CPU seconds used by these processes and their live descendants, in all threads."""
    total = 0
    for pid in _with_children(pids):
        for thread in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            try:
                total += int(thread.read_text().split()[0])
            except (OSError, IndexError):
                continue
    return total / 1e9


def _with_children(pids: Iterable[int]) -> set[int]:
    """Return the process ids and those of all descendants that are alive, from /proc."""
    family = set(pids)
    parents = {}
    for stat_file in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat_file.parent.name)] = int(stat_file.read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError, ValueError):
            continue
    grown = True
    while grown:
        children = {pid for pid, parent in parents.items() if parent in family} - family
        grown = bool(children)
        family |= children
    return family


def resident_bytes(pid: int) -> int:
    """Return the anonymous resident memory of a process in bytes (`RssAnon`, which excludes shared files)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


def post(connection: HTTPConnection, path: str, body: bytes, headers: Mapping[str, str] = NO_HEADERS) -> bytes:
    """Return the answer to a POST; the connection stays open. Raises RuntimeError for another status than 200."""
    connection.request("POST", path, body, {"Content-Type": "application/json", **headers})
    with connection.getresponse() as response:
        content = response.read()
        if response.status != 200:
            raise RuntimeError(f"{path} answered with {response.status}: {content[:500]!r}")
    return content


@dataclass
class BenchmarkProcess:
    """A running server process; `address` is "host:port"."""

    popen: subprocess.Popen[bytes]
    address: str

    @property
    def pid(self) -> int:
        return self.popen.pid

    def open_connection(self) -> HTTPConnection:
        """Return an HTTP connection to the process, to be closed by the caller."""
        return HTTPConnection(self.address, timeout=30)

    def stop(self) -> None:
        self.popen.terminate()
        try:
            self.popen.wait(20)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()


class Harness:
    """A PostgreSQL, a Valkey and the server processes started with them."""

    def __init__(self) -> None:
        self.postgres, self.valkey = Postgres(), Valkey()
        self.url = self.postgres.url
        self._started: list[BenchmarkProcess] = []

    def build_environment(self) -> dict[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("SCORELINE_")},
            "PYTHONPATH": str(ROOT),
            "SCORELINE_DATABASE_URL": self.url,
            "SCORELINE_REDIS_URL": self.valkey.url,
            "SCORELINE_SECRET": SECRET,
            "SCORELINE_LOG_LEVEL": "error",
            "SCORELINE_ACCESS_MINUTES": "1440",
            "SCORELINE_SOCKETS_PER_VIEWER": "10000",
        }

    def run_command(self, *arguments: str) -> None:
        """Run a command of `python -m server` and wait until it has finished. Raises CalledProcessError."""
        subprocess.run(
            [sys.executable, "-P", "-m", "server", *arguments],
            env=self.build_environment() | {"SCORELINE_ADMIN_PASSWORD": "correct horse"},
            cwd=ROOT,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def serve(self, module: str = "server", *arguments: str, path: str = "/health/ready") -> BenchmarkProcess:
        """Start a server process and wait until GET `path` answers. Raises RuntimeError after START_SECONDS.

        module     "server", or a module that takes a port and `arguments`
        """
        port = free_port()
        command_line = ["serve", "--port", str(port)] if module == "server" else [str(port), *arguments]
        popen = subprocess.Popen(
            [sys.executable, "-P", "-m", module, *command_line], env=self.build_environment(), cwd=ROOT
        )
        process = BenchmarkProcess(popen, f"127.0.0.1:{port}")
        self._started.append(process)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                with urlopen(f"http://{process.address}{path}", timeout=2):
                    return process
            except (URLError, OSError):
                if popen.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{module} does not start") from None
                time.sleep(0.05)

    def cpu_seconds(self, *processes: BenchmarkProcess, databases: bool = False) -> float:
        pids = [process.pid for process in processes]
        return cpu_seconds([*pids, self.postgres._pid, self.valkey._pid] if databases else pids)

    def stop(self) -> None:
        for process in self._started:
            if process.popen.poll() is None:
                process.stop()
        self.postgres.stop()
        self.valkey.stop()


@contextmanager
def start_harness() -> Iterator[Harness]:
    """Start PostgreSQL and Valkey for the block; stop them and all server processes afterwards."""
    harness = Harness()
    try:
        yield harness
    finally:
        harness.stop()


def cost_per_unit(rounds: Sequence[tuple[float, float]], times: int) -> tuple[float, float]:
    """Return the mean cost of one unit of work for Scoreline and for the baseline, in CPU microseconds.

    rounds  CPU seconds of Scoreline and of the baseline in each round
    times   units of work per round
    """
    measured_cost, baseline_cost = (sum(costs) / times / len(rounds) * 1e6 for costs in zip(*rounds, strict=True))
    return measured_cost, baseline_cost


def compute_percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Return the 50th, 95th and 99th percentile in milliseconds, keyed "p50_ms" and so on; empty without values."""
    ordered = sorted(seconds)
    return {
        f"p{share}_ms": round(ordered[min(len(ordered) * share // 100, len(ordered) - 1)] * 1000, 1)
        for share in (50, 95, 99)
        if ordered
    }
