"""A benchmark run is compared with the ratios that were kept of an earlier one."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks import __main__ as command
from benchmarks import kept_ratios
from benchmarks.scenarios import BenchmarkResult


@pytest.fixture(autouse=True)
def ratios_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "ratios.json"
    monkeypatch.setattr(kept_ratios, "RATIOS_FILE", file)
    return file


def result(name: str, ratio: float | None) -> BenchmarkResult:
    return BenchmarkResult(name, 100.0 if ratio is None else ratio * 100, None if ratio is None else 100)


def test_ratio_more_than_15_percent_above_the_kept_one_is_a_regression() -> None:
    kept_ratios.save_ratios([result("card", 2.0), result("board", 1.0), result("memory", None)])

    lines = kept_ratios.find_regressions([result("card", 2.31), result("board", 1.15), result("memory", None)])

    assert lines == ["card: 2.31 instead of 2.00"]


def test_ratio_that_was_never_kept_is_named() -> None:
    assert kept_ratios.find_regressions([result("card", 2.0)]) == [
        "card: no ratio is kept; ./run bench --save keeps one"
    ]


def test_ratios_of_results_that_were_not_measured_stay() -> None:
    kept_ratios.save_ratios([result("card", 2.0)])
    kept_ratios.save_ratios([result("board", 1.0)])

    assert kept_ratios.load_ratios() == {"card": 2.0, "board": 1.0}


def test_quick_run_is_not_compared(ratios_file: Path) -> None:
    outcome = CliRunner().invoke(command.main, ["--quick", "--check"])

    assert outcome.exit_code == 2
    assert "leave out --quick" in outcome.output
    assert not ratios_file.exists()
