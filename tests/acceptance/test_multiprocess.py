"""`./run serve` with WEB_CONCURRENCY: several workers serve one port, and all stop with the parent."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.backing_services import free_port

ROOT = Path(__file__).parents[2]
READY_TIMEOUT_SECONDS = 60.0  # after which a server that is not ready has failed


SLOW_START_SECONDS = 7  # more than uvicorn waits by default
SLOW_WORKER = f"""
import sys, time
if "--multiprocessing-fork" in sys.orig_argv:
    time.sleep({SLOW_START_SECONDS})
"""


@pytest.fixture
def supervisor(
    request: pytest.FixtureRequest, postgres_tables_url: str, redis_url: str, tmp_path: Path
) -> Iterator[tuple[subprocess.Popen[bytes], Path, int]]:
    """The process that runs two workers, its log and its port. Parameter: the code that each process runs first."""
    (tmp_path / "sitecustomize.py").write_text(getattr(request, "param", ""))
    port, log = free_port(), tmp_path / "log"
    settings = {
        "SCORELINE_DATABASE_URL": postgres_tables_url, "SCORELINE_REDIS_URL": redis_url, "SCORELINE_SECRET": "s" * 64,
        "SCORELINE_PORT": str(port), "WEB_CONCURRENCY": "2", "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}",
    }  # fmt: skip
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SCORELINE_")}
    with log.open("wb") as output:
        parent = subprocess.Popen(
            [sys.executable, "-P", "-m", "server", "serve"],
            env=environment | settings,
            stdout=output,
            stderr=output,
            cwd=tmp_path,
        )
    try:
        yield parent, log, port
    finally:
        parent.send_signal(signal.SIGTERM)
        parent.wait(READY_TIMEOUT_SECONDS)


@pytest.mark.parametrize("supervisor", [SLOW_WORKER], indirect=True, ids=["slow"])
def test_workers_that_start_slowly_are_not_replaced_serve_one_port_and_stop_together(
    supervisor: tuple[subprocess.Popen[bytes], Path, int],
) -> None:
    parent, log, port = supervisor
    began_at = time.monotonic()

    workers = _wait_for_workers(log, parent)
    _wait_until_ready(port)
    assert time.monotonic() - began_at > SLOW_START_SECONDS
    parent.send_signal(signal.SIGTERM)
    code = parent.wait(READY_TIMEOUT_SECONDS)

    assert code == 0, log.read_text()
    assert len(workers) == 2
    assert "died" not in log.read_text()
    assert parent.pid not in workers
    assert not any(_is_running(pid) for pid in workers)


def test_workers_end_when_their_supervisor_is_killed(supervisor: tuple[subprocess.Popen[bytes], Path, int]) -> None:
    parent, log, port = supervisor
    workers = _wait_for_workers(log, parent)

    parent.kill()
    parent.wait()
    deadline = time.monotonic() + READY_TIMEOUT_SECONDS
    while any(_is_running(pid) for pid in workers):
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)

    assert log.read_text().count("Application shutdown complete") == 2  # gracefully, as after SIGTERM
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def _wait_until_ready(port: int) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_SECONDS
    while (status := httpx2.get(f"http://127.0.0.1:{port}/health/ready", timeout=60).status_code) != 200:
        assert status == 503
        assert time.monotonic() < deadline, "a busy machine takes a moment for the first jobs, but not so long"
        time.sleep(0.1)


def _wait_for_workers(log: Path, parent: subprocess.Popen[bytes]) -> set[int]:
    """Wait until two workers have started and return their process ids from the log."""
    deadline = time.monotonic() + READY_TIMEOUT_SECONDS
    while log.read_text().count("Application startup complete") < 2:
        assert time.monotonic() < deadline, log.read_text()
        assert parent.poll() is None, log.read_text()
        time.sleep(0.1)
    return {int(pid) for pid in re.findall(r"Started server process \[(\d+)\]", log.read_text())}


def _is_running(pid: int) -> bool:
    """Return whether the process runs; one that has ended but was not yet collected by its parent does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
