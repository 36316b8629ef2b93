"""A worker ends when its supervisor was killed, with and without the help of the operating system."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SUPERVISOR = """
import multiprocessing, os, signal, sys, time
from server import parent_watch


def work(platform):
    parent_watch.sys.platform = platform
    parent_watch.end_with_parent()
    print(os.getpid(), flush=True)
    time.sleep(60)


if __name__ == "__main__":
    multiprocessing.get_context("spawn").Process(target=work, args=(sys.argv[1],)).start()
    time.sleep(60)
"""


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize("platform", ["linux", "another system"])
def test_worker_ends_with_its_supervisor(tmp_path: Path, platform: str) -> None:
    script = tmp_path / "supervisor.py"
    script.write_text(SUPERVISOR)
    with subprocess.Popen(
        [sys.executable, str(script), platform],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
    ) as supervisor:
        assert supervisor.stdout is not None
        worker_id = int(supervisor.stdout.readline())
        assert is_running(worker_id)
        supervisor.kill()
        deadline = time.monotonic() + 20
        while is_running(worker_id):
            assert time.monotonic() < deadline
            time.sleep(0.05)
