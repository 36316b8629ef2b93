"""`demo --fill` seeds the database of the settings, for servers that are started separately."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import asyncpg
import pytest
from click.testing import CliRunner

from demo.history_generator import CompanyHistory
from demo.seeding import PASSWORD
from server.commands import demo
from server.commands.cli import main
from tests.processes import Workspace


@pytest.fixture
def short_history_database(monkeypatch: pytest.MonkeyPatch, postgres_url: str) -> str:
    """Shorten the demo's history to five days and return the URL of an empty database."""
    monkeypatch.setattr(demo, "CompanyHistory", partial(CompanyHistory, days=5))
    monkeypatch.setenv("SCORELINE_DATABASE_URL", postgres_url)
    monkeypatch.setenv("SCORELINE_SECRET", "s" * 40)
    return postgres_url


def test_demo_fill_creates_company_only_in_empty_database(short_history_database: str) -> None:
    first, second = [CliRunner().invoke(main, ["demo", "--fill"]) for _ in range(2)]

    assert first.exit_code == 0, first.output
    assert PASSWORD in first.output
    assert second.exit_code == 1
    assert "There is a company already" in second.output
    assert PASSWORD not in second.output


async def test_demo_fill_rejects_options_of_serving(short_history_database: str) -> None:
    result = CliRunner().invoke(main, ["demo", "--fill", "--fresh"])
    connection = await asyncpg.connect(short_history_database)
    try:
        tables = await connection.fetchval(
            "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
        )
    finally:
        await connection.close()

    assert (result.exit_code, tables) == (2, 0)
    assert "--fill only creates the company" in result.output


@pytest.mark.long  # the whole history, and the forecasts of all its months
def test_goals_of_the_demo_said_to_be_reached_with_70_to_80_percent_are_reached_as_often(tmp_path: Path) -> None:
    home = Workspace(tmp_path, database_url=f"sqlite://{tmp_path}/scoreline.db")
    for command in (["migrate"], ["demo", "--fill"]):
        home.succeed(*command)

    [line] = [line for line in home.succeed("backtest").out.splitlines() if "70% to 80%" in line]

    assert 65 <= int(line.split()[-1].removesuffix("%")) <= 85
