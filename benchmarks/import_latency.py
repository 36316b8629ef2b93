"""Benchmarks the latency of a small query and of a mutation during an import, compared with that without one."""

from __future__ import annotations

import csv
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from benchmarks.company import RECORD_DEAL, BenchmarkCompany
from benchmarks.fixtures import TEAM_SIZE
from benchmarks.harness import compute_percentiles
from benchmarks.scenarios import BenchmarkResult, wait_until_idle
from tests.sample_exports import COLUMNS, DAY, MAP, SEPARATOR

QUERY: Final = "{ company { name } }"
_PAUSE_SECONDS: Final = 0.01  # between two queries
_STAGES: Final = ("Won", "Lost", "Offer", "Won")


def measure_import_latency(company: BenchmarkCompany, rows: int, seconds: float) -> Iterator[BenchmarkResult]:
    """Measure the latency of sequential queries and mutations, first without other load, then while deals are imported.

    rows     number of deals to import
    seconds  duration of the first part
    """
    server = company.harness.serve()
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(2) as executor:
        folder = Path(name)
        write_export(folder, rows)
        wait_until_idle(server)

        def query() -> None:
            company.execute(server, QUERY)

        def record_deal() -> None:
            company.execute(server, RECORD_DEAL, input={"title": "A desk"})

        deadline = time.perf_counter() + seconds
        baseline_mutations = executor.submit(_measure_waits, record_deal, lambda: time.perf_counter() < deadline)
        baseline_waits = _measure_waits(query, lambda: time.perf_counter() < deadline)
        baseline_mutation_waits = baseline_mutations.result()
        began = time.perf_counter()
        import_job = executor.submit(company.harness.run_command, "import", name, "--map", str(folder / "map.toml"))
        mutations = executor.submit(_measure_waits, record_deal, lambda: not import_job.done())
        import_waits = _measure_waits(query, lambda: not import_job.done())
        import_seconds = time.perf_counter() - began
        import_job.result()
        mutation_waits = mutations.result()
    server.stop()
    yield BenchmarkResult(
        f"a small query while {rows:,} deals are imported, its p99",
        compute_percentiles(import_waits)["p99_ms"],
        compute_percentiles(baseline_waits)["p99_ms"],
        "≤ 3",
        "ms",
        details={
            "answers": len(import_waits),
            "slowest_ms": round(max(import_waits) * 1000, 1),
            "rows_a_second": round(rows / import_seconds),
        },
    )
    yield BenchmarkResult(
        f"recordDeal while {rows:,} deals are imported, its p99",
        compute_percentiles(mutation_waits)["p99_ms"],
        compute_percentiles(baseline_mutation_waits)["p99_ms"],
        "one piece, ≤ 250 ms",
        "ms",
        details={"answers": len(mutation_waits), "slowest_ms": round(max(mutation_waits) * 1000, 1)},
    )


def _measure_waits(request: Callable[[], None], keep_going: Callable[[], bool]) -> list[float]:
    """Repeat a request while `keep_going()` is true, once at least, and return the seconds that each answer took."""
    for _ in range(10):
        request()
    waits: list[float] = []
    while not waits or keep_going():
        began = time.perf_counter()
        request()
        waits.append(time.perf_counter() - began)
        time.sleep(_PAUSE_SECONDS)
    return waits


def write_export(folder: Path, rows: int) -> None:
    """Write a CSV export with a year of deals of existing sellers and new clients, and the map file for it."""
    (folder / "map.toml").write_text(MAP)
    with (folder / "deals.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=SEPARATOR)
        writer.writerow(COLUMNS)
        for row in range(rows):
            stage, created = _STAGES[row % len(_STAGES)], date(2025, 1, 1) + timedelta(days=row * 7 % 365)
            closed = "" if stage == "Offer" else f"{created + timedelta(days=row % 30):{DAY}}"
            seller, client = f"Seller {1 + row * 3 % TEAM_SIZE:05}", f"Client {row * 5 % (1 + rows // 4)}"
            writer.writerow(
                (f"D-{row}", f"Delivery {row}", seller, client, stage, f"{created:{DAY}}", closed, 100 + row % 900)
            )
