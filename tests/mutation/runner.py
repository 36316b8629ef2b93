"""Runs the tests of a file against each of its mutations, in a copy of the project.

Each run is a fork of this process, which has imported the libraries: importing them takes longer than most tests. The
runs share one PostgreSQL.
"""

from __future__ import annotations

import importlib
import math
import os
import random
import resource
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.backing_services import Postgres, ServerNotAvailable
from tests.source_tree import PRODUCT_FOLDERS, ROOT

LIBRARIES: Final = (
    "asyncpg",
    "babel",
    "hypothesis",
    "numpy",
    "redis",
    "starlette",
    "strawberry",
    "tortoise",
    "uvicorn",
)
POLL_SECONDS: Final = 0.02
PYTEST_ARGUMENTS: Final = (
    "-x", "-q", "-n", "0", "-p", "no:cacheprovider", "--hypothesis-seed=0", "-o", "timeout=0",  # see `Duration`
    "-W", "ignore::pytest.PytestAssertRewriteWarning",  # libraries are imported before pytest can rewrite assertions
)  # fmt: skip


class Verdict(StrEnum):
    KILLED = "killed"
    TIMED_OUT = "timed out"
    SURVIVED = "survived"


class Duration(NamedTuple):
    """How long a run takes, or may take. A limit of CPU seconds holds on a busy machine, too."""

    cpu_seconds: float
    seconds: float


class BaselineFailed(Exception):
    """The tests fail, or do not exist, without any mutation."""


def find_tests(path: Path) -> list[Path]:
    """Return the test files for a file of the product, both relative to the root; the closest one is first.

    They are those of the folder of the same name. Streams of a subject are tested through the schema.
    """
    folders = [Path("tests") / path.parent]
    if path.parent == Path("subscriptions"):
        folders.append(Path("tests/graph"))
    files = [file.relative_to(ROOT) for folder in folders for file in sorted((ROOT / folder).glob("test_*.py"))]
    return sorted(files, key=lambda file: file.name != f"test_{path.stem}.py")


def draw(mutations: Sequence[object], count: int | None, seed: int) -> list[int]:
    """Return the indices of a random sample, in ascending order; all without a count."""
    indices = range(len(mutations))
    return (
        sorted(random.Random(seed).sample(indices, count)) if count is not None and count < len(indices) else [*indices]
    )


@contextmanager
def copied_project(folder: Path) -> Iterator[Path]:
    """Copy the project into the folder and start what the runs share; yield the root of the copy."""
    for library in LIBRARIES:
        importlib.import_module(library)
    root = folder / "project"
    shutil.copytree(ROOT, root, ignore=shutil.ignore_patterns(".git", ".venv", "var", "__pycache__", ".*_cache"))
    try:
        postgres = Postgres()
    except ServerNotAvailable:  # the tests skip or start one themselves
        yield root
        return
    os.environ["SCORELINE_TEST_POSTGRES"] = postgres.url
    try:
        yield root
    finally:
        postgres.stop()


def run_unchanged(root: Path, tests: Sequence[Path]) -> Duration:
    """Run the tests without a mutation, and return how long they took. Raises BaselineFailed."""
    started, started_cpu = time.monotonic(), _children_cpu_seconds()
    code = _run_tests(root, tests, None)
    if code != pytest.ExitCode.OK:
        raise BaselineFailed(f"The tests end with code {code} without any mutation: see {root.parent / 'log'}.")
    return Duration(_children_cpu_seconds() - started_cpu, time.monotonic() - started)


def _children_cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def try_mutant(root: Path, path: Path, mutant: bytes, tests: Sequence[Path], limit: Duration) -> Verdict:
    """Run the tests with the mutated text of a file, and put the original back."""
    file = root / path
    original = file.read_bytes()
    try:
        _write(file, mutant)
        code = _run_tests(root, tests, limit)
    finally:
        _write(file, original)
    if code is None:
        return Verdict.TIMED_OUT
    return Verdict.SURVIVED if code == pytest.ExitCode.OK else Verdict.KILLED


def _write(file: Path, text: bytes) -> None:
    """Write a module and delete its bytecode, which Python would take for current within the same second."""
    file.write_bytes(text)
    for bytecode in file.parent.glob(f"__pycache__/{file.stem}.*"):
        bytecode.unlink()


def _run_tests(root: Path, tests: Sequence[Path], limit: Duration | None) -> int | None:
    """Return the exit code of pytest in a fork; None when it took too long and was killed."""
    sys.stdout.flush()
    process_id = os.fork()
    if process_id == 0:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(limit.cpu_seconds), resource.RLIM_INFINITY))
        _become_test_run(root, tests)
    deadline = time.monotonic() + limit.seconds if limit is not None else None
    while True:
        ended_id, status = os.waitpid(process_id, os.WNOHANG)
        if ended_id:
            code = os.waitstatus_to_exitcode(status)
            return None if code == -signal.SIGXCPU else code
        if deadline is not None and time.monotonic() > deadline:
            os.kill(process_id, signal.SIGKILL)
            os.waitpid(process_id, 0)
            return None
        time.sleep(POLL_SECONDS)


def _become_test_run(root: Path, tests: Sequence[Path]) -> None:
    """Run pytest in the copy, in place of this process; does not return."""
    code = 1
    try:
        log = os.open(root.parent / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.chdir(root)
        for name in [name for name in sys.modules if name.partition(".")[0] in (*PRODUCT_FOLDERS, "tests")]:
            del sys.modules[name]
        sys.path[:] = [str(root), *(entry for entry in sys.path if entry not in ("", str(ROOT)))]
        code = int(pytest.main([*PYTEST_ARGUMENTS, *map(str, tests)]))
    finally:
        os._exit(code)
