"""Benchmarks CPU, memory and locking of an import, compared with bare inserts of the rows that it wrote."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from benchmarks.harness import ROOT, SECRET
from benchmarks.import_latency import write_export
from benchmarks.scenarios import BenchmarkResult
from models.db.import_settings import SQLITE_IMPORT_SETTINGS

_TABLES: Final = ("client", "deal", "stage_visit", "activity", "silence", "score_entry", "daily_total", "team_total")
_ROWS_PER_TRANSACTION: Final = 500
_SMALL_EXPORT: Final = 100  # deals: what an import needs besides its rows
_PROBE_SECONDS: Final = 0.005  # between two attempts to take the lock of the ledger


@dataclass(frozen=True)
class _ProcessUsage:
    cpu_seconds: float
    peak_bytes: int
    longest_lock_seconds: float = 0


def measure_import_cost(rows: int) -> Iterator[BenchmarkResult]:
    """Measure an import of deals into SQLite in a process of its own, by the CPU of a deal and the peak of its memory.

    The baseline inserts the rows that the import has written, of all tables, with their columns and indexes, by
    `executemany` in transactions of 500; it reads and computes nothing, and leaves SQLite its default settings. The
    details have the ratio to the same inserts with the settings that the import gives SQLite, too.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small, full = _import_deals(folder / "small", _SMALL_EXPORT), _import_deals(folder / "full", rows)
        database = folder / "full" / "scoreline.db"
        baseline_seconds = _insert_again(database, folder / "baseline", {})
        tuned_seconds = _insert_again(database, folder / "tuned", SQLITE_IMPORT_SETTINGS)
    deals = rows - _SMALL_EXPORT  # the start of the process is not the import's
    seconds_per_deal = (full.cpu_seconds - small.cpu_seconds) / deals
    yield BenchmarkResult(
        f"a deal of {rows:,} that are imported",
        seconds_per_deal * 1e6,
        baseline_seconds / rows * 1e6,
        "≤ 3.0",
        "µs",
        details={
            "ratio_with_import_settings": round(seconds_per_deal * rows / tuned_seconds, 2),
            "megabytes_above_start": round((full.peak_bytes - small.peak_bytes) / 1e6),
            "longest_lock_ms": round(full.longest_lock_seconds * 1000),
        },
    )


def _import_deals(folder: Path, rows: int) -> _ProcessUsage:
    export = folder / "export"
    export.mkdir(parents=True)
    write_export(export, rows)
    url = f"sqlite://{folder}/scoreline.db"
    _run_command(url, "migrate")
    _run_command(
        url,
        "setup",
        "--name",
        "Bench",
        "--currency",
        "EUR",
        "--zone",
        "UTC",
        "--admin",
        "Ada",
        "--email",
        "a@example.com",
    )
    with _watch_lock(folder / "scoreline.db") as longest_hold:
        usage = _run_command(
            url, "import", str(export), "--map", str(export / "map.toml"), "--rejects", str(folder / "rejects.csv")
        )
    return replace(usage, longest_lock_seconds=longest_hold())


@contextmanager
def _watch_lock(database: Path) -> Iterator[Callable[[], float]]:
    """Try to take the write lock of a database again and again during the block.

    yields  returns the longest time in seconds, to the time between two attempts, for which it was held by others
    """
    longest_seconds, is_over = 0.0, threading.Event()

    def watch() -> None:
        nonlocal longest_seconds
        locked_at: float | None = None
        with closing(sqlite3.connect(database, timeout=0, isolation_level=None)) as probe:
            while not is_over.wait(_PROBE_SECONDS):
                now = time.perf_counter()
                try:
                    probe.execute("BEGIN IMMEDIATE")
                    probe.execute("ROLLBACK")
                except sqlite3.OperationalError:
                    locked_at = locked_at or now
                    longest_seconds = max(longest_seconds, now - locked_at)
                else:
                    locked_at = None

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield lambda: longest_seconds
    finally:
        is_over.set()
        thread.join()


def _run_command(url: str, *arguments: str) -> _ProcessUsage:
    """Run a command of the server to its end, and return what it has used. Raises RuntimeError if it fails."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SCORELINE_")} | {
        "PYTHONPATH": str(ROOT),
        "SCORELINE_DATABASE_URL": url,
        "SCORELINE_SECRET": SECRET,
        "SCORELINE_LOG_LEVEL": "error",
        "SCORELINE_ADMIN_PASSWORD": "correct horse",
    }
    command = [sys.executable, "-P", "-m", "server", *arguments]
    process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ends with {process.returncode}")
    return _ProcessUsage(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def _insert_again(source: Path, folder: Path, settings: Mapping[str, int]) -> float:
    """Insert the rows of the tables into an empty database with the same schema; return the CPU seconds."""
    folder.mkdir()
    _run_command(f"sqlite://{folder}/scoreline.db", "migrate")
    cpu_seconds = 0.0
    with closing(sqlite3.connect(source)) as imported, closing(sqlite3.connect(folder / "scoreline.db")) as empty:
        empty.execute("PRAGMA synchronous = NORMAL")  # as the server has it
        for name, value in settings.items():
            empty.execute(f"PRAGMA {name} = {value}")
        for table in _TABLES:
            cursor = imported.execute(f"SELECT * FROM {table} ORDER BY id")
            places = ", ".join("?" * len(cursor.description))
            while rows := cursor.fetchmany(_ROWS_PER_TRANSACTION):
                cpu_seconds += _insert_rows(empty, f"INSERT INTO {table} VALUES ({places})", rows)
    return cpu_seconds


def _insert_rows(database: sqlite3.Connection, sql: str, rows: Sequence[Sequence[Any]]) -> float:
    began = time.process_time()
    with database:
        database.executemany(sql, rows)
    return time.process_time() - began
