"""Tests of the `backtest` and `forecast` commands, each run in a process of its own."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from tests.empty_database import run_in_thread
from tests.processes import Workspace
from tests.resolvers.forecasting.half_year_company import seasoned_company


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A folder for commands, with a company that has half a year of deals."""
    folder = tmp_path_factory.mktemp("seasoned")
    address = f"sqlite://{folder}/scoreline.db"

    async def create() -> None:
        async with seasoned_company(address):
            pass

    run_in_thread(create())
    return Workspace(folder, database_url=address)


def read_rows(file: Path) -> list[dict[str, Any]]:
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_backtest_prints_metrics_with_baselines_and_writes_csv(home: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "numbers.csv"
    result = home.run("backtest", "--from", "2026-06-30", "--to", "2026-09-30", "--csv", str(file))
    csv_rows = read_rows(file)

    assert result.code == 0, result.err
    for text in (
        "this forecast",
        "last value",
        "seasonal naive",
        "pipeline × win rate",
        "WAPE",
        "The next three months",
        "Goals of 80 to 125 % of the last results",
        "as drawn",
        "calibrated",
    ):
        assert text in result.out
    assert list(csv_rows[0]) == ["origin", "horizon", "scope", "p10", "p50", "p90", "mean"]
    assert {row["origin"] for row in csv_rows} == {"2026-06-30", "2026-07-31", "2026-08-31", "2026-09-30"}
    assert {row["scope"] for row in csv_rows} == {
        "company", "team:Sales", "team:North", "team:South", "employee:Ann", "employee:Bob",
    }  # fmt: skip
    assert {row["horizon"] for row in csv_rows} == {"month", "quarter"}


def test_forecast_of_one_origin_equals_the_backtest(home: Workspace, tmp_path: Path) -> None:
    single_file, all_file = tmp_path / "one.csv", tmp_path / "all.csv"
    assert home.run("forecast", "--origin", "2026-08-31", "--csv", str(single_file)).code == 0
    assert home.run("backtest", "--csv", str(all_file)).code == 0

    assert read_rows(single_file) == [row for row in read_rows(all_file) if row["origin"] == "2026-08-31"]
    assert len(read_rows(single_file)) == 12


def test_forecast_is_printed_without_a_file(home: Workspace) -> None:
    result = home.run("forecast", "--origin", "2026-09-15")

    assert "quarter" in result.out
    assert "employee:Ann" in result.out


def test_forecast_reports_too_little_history_and_a_future_origin(home: Workspace) -> None:
    early_run, ahead_run = (
        home.run("forecast", "--origin", "2026-04-20"),
        home.run("forecast", "--origin", "2199-01-01"),
    )

    assert "Too little was known on 2026-04-20" in early_run.out
    assert ahead_run.code == 1
    assert "The origin lies ahead" in ahead_run.err


def test_commands_document_the_csv_option(home: Workspace) -> None:
    for command in ("backtest", "forecast"):
        assert "--csv FILE" in home.run(command, "--help").out
