"""The ratios of an earlier run, which are committed: a later run may be at most 15 % above them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from benchmarks.scenarios import BenchmarkResult

RATIOS_FILE: Final = Path(__file__).with_name("ratios.json")
TOLERANCE: Final = 1.15


def load_ratios() -> dict[str, float]:
    """Return the kept ratios by the name of the result; empty if none were ever kept."""
    if not RATIOS_FILE.exists():
        return {}
    ratios: dict[str, float] = json.loads(RATIOS_FILE.read_text())
    return ratios


def save_ratios(results: Sequence[BenchmarkResult]) -> None:
    """Keep the ratios of these results; those of other results stay."""
    ratios = load_ratios() | {result.name: round(result.ratio, 2) for result in results if result.ratio is not None}
    RATIOS_FILE.write_text(json.dumps(ratios, indent=2, ensure_ascii=False) + "\n")


def find_regressions(results: Sequence[BenchmarkResult]) -> list[str]:
    """Return a line for each result whose ratio is too far above the kept one, or that has none."""
    return [*_describe_regressions(results, load_ratios())]


def _describe_regressions(results: Sequence[BenchmarkResult], ratios: dict[str, float]) -> Iterator[str]:
    for result in results:
        if result.ratio is None:
            continue
        earlier_ratio = ratios.get(result.name)
        if earlier_ratio is None:
            yield f"{result.name}: no ratio is kept; ./run bench --save keeps one"
        elif result.ratio > earlier_ratio * TOLERANCE:
            yield f"{result.name}: {result.ratio:.2f} instead of {earlier_ratio:.2f}"
