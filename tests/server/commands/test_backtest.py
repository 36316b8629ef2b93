"""Tests of the `backtest` and `forecast` commands, each run in a process of its own."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.empty_database import finished
from tests.resolvers.forecasting.half_year_company import seasoned

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    address = f"sqlite://{tmp_path_factory.mktemp('seasoned')}/scoreline.db"

    async def make() -> None:
        async with seasoned(address):
            pass

    finished(make())
    return address


def run(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    settings = {"SCORELINE_DATABASE_URL": url, "SCORELINE_SECRET": "s" * 40, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-P", "-m", "server", *arguments]
    return subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True, timeout=120)


def rows(file: Path) -> list[dict[str, Any]]:
    with file.open(newline="") as opened:
        return list(csv.DictReader(opened))


def test_a_back_test_shows_scores_beside_plain_guesses_and_writes_its_numbers(url: str, tmp_path: Path) -> None:
    file = tmp_path / "numbers.csv"
    done = run(url, "backtest", "--from", "2026-06-30", "--to", "2026-09-30", "--csv", str(file))
    found = rows(file)

    assert done.returncode == 0, done.stderr
    for word in (
        "this forecast",
        "last value",
        "seasonal naive",
        "pipeline × win rate",
        "WAPE",
        "The next three months",
    ):
        assert word in done.stdout
    assert list(found[0]) == ["origin", "horizon", "scope", "p10", "p50", "p90", "mean"]
    assert {row["origin"] for row in found} == {"2026-06-30", "2026-07-31", "2026-08-31", "2026-09-30"}
    assert {row["scope"] for row in found} == {
        "company", "team:Sales", "team:North", "team:South", "employee:Ann", "employee:Bob",
    }  # fmt: skip
    assert {row["horizon"] for row in found} == {"month", "quarter"}


def test_one_origin_gives_the_numbers_of_the_back_test(url: str, tmp_path: Path) -> None:
    one, all_ = tmp_path / "one.csv", tmp_path / "all.csv"
    assert run(url, "forecast", "--origin", "2026-08-31", "--csv", str(one)).returncode == 0
    assert run(url, "backtest", "--csv", str(all_)).returncode == 0

    assert rows(one) == [row for row in rows(all_) if row["origin"] == "2026-08-31"]
    assert len(rows(one)) == 12


def test_a_forecast_is_shown_where_no_file_is_asked_for(url: str) -> None:
    done = run(url, "forecast", "--origin", "2026-09-15")

    assert "quarter" in done.stdout
    assert "employee:Ann" in done.stdout


def test_too_little_history_and_a_day_ahead_are_said_in_a_sentence(url: str) -> None:
    early, ahead = run(url, "forecast", "--origin", "2026-04-20"), run(url, "forecast", "--origin", "2199-01-01")

    assert "Too little was known on 2026-04-20" in early.stdout
    assert ahead.returncode == 1
    assert "The origin lies ahead" in ahead.stderr


def test_each_command_tells_what_it_takes(url: str) -> None:
    for command in ("backtest", "forecast"):
        assert "--csv FILE" in run(url, command, "--help").stdout
