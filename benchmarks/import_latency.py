"""Benchmarks the latency of a small query during a CSV import, compared with its latency without one."""

from __future__ import annotations

import csv
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from benchmarks.fixtures import TEAM
from benchmarks.harness import Process, percentiles
from benchmarks.scenarios import Figure, Office, at_rest
from tests.sample_exports import COLUMNS, DAY, MAP, SEPARATOR

QUERY: Final = "{ company { name } }"
_PAUSE: Final = 0.01  # between two queries
_STAGES: Final = ("Won", "Lost", "Offer", "Won")


def importing(office: Office, rows: int, seconds: float) -> Iterator[Figure]:
    """Measure the latency of sequential queries, first without other load, then while deals are imported.

    rows     number of deals to import
    seconds  duration of the first part
    """
    server = office.rig.serve()
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(1) as aside:
        folder = Path(name)
        _write(folder, rows)
        at_rest(server)
        ends = time.perf_counter() + seconds
        alone = _waits(office, server, lambda: time.perf_counter() < ends)
        began = time.perf_counter()
        brought = aside.submit(office.rig.command, "import", name, "--map", str(folder / "map.toml"))
        meanwhile = _waits(office, server, lambda: not brought.done())
        took = time.perf_counter() - began
        brought.result()
    server.stop()
    yield Figure(
        f"a small query while {rows:,} deals are imported, its p99",
        percentiles(meanwhile)["p99_ms"],
        percentiles(alone)["p99_ms"],
        "≤ 3",
        "ms",
        more={
            "answers": len(meanwhile),
            "slowest_ms": round(max(meanwhile) * 1000, 1),
            "rows_a_second": round(rows / took),
        },
    )


def _waits(office: Office, server: Process, on: Callable[[], bool]) -> list[float]:
    """Query sequentially while `keep_going()` is true and return the seconds that each answer took."""
    for _ in range(10):
        office.ask(server, QUERY)
    waits = []
    while on():
        began = time.perf_counter()
        office.ask(server, QUERY)
        waits.append(time.perf_counter() - began)
        time.sleep(_PAUSE)
    return waits


def _write(folder: Path, rows: int) -> None:
    """Write a CSV export with a year of deals of existing sellers and new clients, and the map file for it."""
    (folder / "map.toml").write_text(MAP)
    with (folder / "deals.csv").open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file, delimiter=SEPARATOR)
        out.writerow(COLUMNS)
        for row in range(rows):
            stage, created = _STAGES[row % len(_STAGES)], date(2025, 1, 1) + timedelta(days=row * 7 % 365)
            closed = "" if stage == "Offer" else f"{created + timedelta(days=row % 30):{DAY}}"
            seller, client = f"Seller {1 + row * 3 % TEAM:05}", f"Client {row * 5 % (1 + rows // 4)}"
            out.writerow(
                (f"D-{row}", f"Delivery {row}", seller, client, stage, f"{created:{DAY}}", closed, 100 + row % 900)
            )
