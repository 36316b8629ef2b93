"""Benchmark harness: starts PostgreSQL, Valkey and server processes and reads the CPU time they have used."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from tests.backing_services import Postgres, Valkey, free_port

ROOT = Path(__file__).parent.parent
SECRET = "b" * 64
ROUNDS = 5  # things to compare are measured in turns, because the speed of a machine changes within seconds


def cpu(pids: Iterable[int]) -> float:
    """Return the CPU seconds used by these processes and their live descendants, in all threads."""
    total = 0
    for pid in _family(pids):
        for thread in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            try:
                total += int(thread.read_text().split()[0])
            except (OSError, IndexError):
                continue
    return total / 1e9


def _family(pids: Iterable[int]) -> set[int]:
    """Return the process ids and those of all descendants that are alive, from /proc."""
    found = set(pids)
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError, ValueError):
            continue
    grown = True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        grown = bool(more)
        found |= more
    return found


def resident(pid: int) -> int:
    """Return the anonymous resident memory of a process in bytes (`RssAnon`, which excludes shared files)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


@dataclass
class Process:
    """A running server process; `address` is "host:port"."""

    running: subprocess.Popen[bytes]
    address: str

    @property
    def pid(self) -> int:
        return self.running.pid

    def stop(self) -> None:
        self.running.terminate()
        try:
            self.running.wait(20)
        except subprocess.TimeoutExpired:
            self.running.kill()
            self.running.wait()


class Rig:
    """A PostgreSQL, a Valkey and the server processes started with them."""

    def __init__(self) -> None:
        self.postgres, self.valkey = Postgres(), Valkey()
        self.url = self.postgres.url
        self._started: list[Process] = []

    def environment(self) -> dict[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("SCORELINE_")},
            "PYTHONPATH": str(ROOT),
            "SCORELINE_DATABASE_URL": self.url,
            "SCORELINE_REDIS_URL": self.valkey.url,
            "SCORELINE_SECRET": SECRET,
            "SCORELINE_LOG_LEVEL": "error",
            "SCORELINE_ACCESS_MINUTES": "1440",
        }

    def command(self, *arguments: str) -> None:
        """Run a command of `python -m server` and wait until it has finished. Raises CalledProcessError."""
        subprocess.run(
            [sys.executable, "-P", "-m", "server", *arguments],
            env=self.environment() | {"SCORELINE_ADMIN_PASSWORD": "correct horse"},
            cwd=ROOT,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def serve(self, module: str = "server", *arguments: str, path: str = "/health/ready") -> Process:
        """Start a server process and wait until GET `path` answers. Raises RuntimeError after 30 seconds.

        module     "server", or a module that takes a port and `arguments`
        """
        port = free_port()
        given = ["serve", "--port", str(port)] if module == "server" else [str(port), *arguments]
        running = subprocess.Popen([sys.executable, "-P", "-m", module, *given], env=self.environment(), cwd=ROOT)
        process = Process(running, f"127.0.0.1:{port}")
        self._started.append(process)
        until = time.monotonic() + 30
        while True:
            try:
                with urlopen(f"http://{process.address}{path}", timeout=2):
                    return process
            except (URLError, OSError):
                if running.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"{module} does not start") from None
                time.sleep(0.05)

    def cpu(self, *processes: Process, databases: bool = False) -> float:
        pids = [process.pid for process in processes]
        return cpu([*pids, self.postgres._pid, self.valkey._pid] if databases else pids)

    def stop(self) -> None:
        for process in self._started:
            if process.running.poll() is None:
                process.stop()
        self.postgres.stop()
        self.valkey.stop()


@contextmanager
def rig() -> Iterator[Rig]:
    """Start PostgreSQL and Valkey for the block; stop them and all server processes afterwards."""
    found = Rig()
    try:
        yield found
    finally:
        found.stop()


def of_each(rounds: Sequence[tuple[float, float]], times: int) -> tuple[float, float]:
    """Return the mean cost of one unit of work for Scoreline and for the baseline, in CPU microseconds.

    rounds  CPU seconds of Scoreline and of the baseline in each round
    times   units of work per round
    """
    ours, floor = (sum(costs) / times / len(rounds) * 1e6 for costs in zip(*rounds, strict=True))
    return ours, floor


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """Return the 50th, 95th and 99th percentile in milliseconds, keyed "p50_ms" and so on; empty without values."""
    ordered = sorted(seconds)
    return {
        f"p{share}_ms": round(ordered[min(len(ordered) * share // 100, len(ordered) - 1)] * 1000, 1)
        for share in (50, 95, 99)
        if ordered
    }
