"""Tests of the `backtest` and `forecast` commands, each run in a process of its own."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.empty_database import run_in_thread
from tests.resolvers.forecasting.half_year_company import seasoned_company

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    address = f"sqlite://{tmp_path_factory.mktemp('seasoned')}/scoreline.db"

    async def create() -> None:
        async with seasoned_company(address):
            pass

    run_in_thread(create())
    return address


def run(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    settings = {"SCORELINE_DATABASE_URL": url, "SCORELINE_SECRET": "s" * 40, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-P", "-m", "server", *arguments]
    return subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True, timeout=120)


def read_rows(file: Path) -> list[dict[str, Any]]:
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_backtest_prints_metrics_with_baselines_and_writes_csv(url: str, tmp_path: Path) -> None:
    file = tmp_path / "numbers.csv"
    process = run(url, "backtest", "--from", "2026-06-30", "--to", "2026-09-30", "--csv", str(file))
    csv_rows = read_rows(file)

    assert process.returncode == 0, process.stderr
    for text in (
        "this forecast",
        "last value",
        "seasonal naive",
        "pipeline × win rate",
        "WAPE",
        "The next three months",
    ):
        assert text in process.stdout
    assert list(csv_rows[0]) == ["origin", "horizon", "scope", "p10", "p50", "p90", "mean"]
    assert {row["origin"] for row in csv_rows} == {"2026-06-30", "2026-07-31", "2026-08-31", "2026-09-30"}
    assert {row["scope"] for row in csv_rows} == {
        "company", "team:Sales", "team:North", "team:South", "employee:Ann", "employee:Bob",
    }  # fmt: skip
    assert {row["horizon"] for row in csv_rows} == {"month", "quarter"}


def test_forecast_of_one_origin_equals_the_backtest(url: str, tmp_path: Path) -> None:
    single_file, all_file = tmp_path / "one.csv", tmp_path / "all.csv"
    assert run(url, "forecast", "--origin", "2026-08-31", "--csv", str(single_file)).returncode == 0
    assert run(url, "backtest", "--csv", str(all_file)).returncode == 0

    assert read_rows(single_file) == [row for row in read_rows(all_file) if row["origin"] == "2026-08-31"]
    assert len(read_rows(single_file)) == 12


def test_forecast_is_printed_without_a_file(url: str) -> None:
    process = run(url, "forecast", "--origin", "2026-09-15")

    assert "quarter" in process.stdout
    assert "employee:Ann" in process.stdout


def test_forecast_reports_too_little_history_and_a_future_origin(url: str) -> None:
    early_run, ahead_run = (
        run(url, "forecast", "--origin", "2026-04-20"),
        run(url, "forecast", "--origin", "2199-01-01"),
    )

    assert "Too little was known on 2026-04-20" in early_run.stdout
    assert ahead_run.returncode == 1
    assert "The origin lies ahead" in ahead_run.stderr


def test_commands_document_the_csv_option(url: str) -> None:
    for command in ("backtest", "forecast"):
        assert "--csv FILE" in run(url, command, "--help").stdout
