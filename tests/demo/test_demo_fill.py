"""`demo --fill` seeds the database of the settings, for servers that are started separately."""

from __future__ import annotations

from functools import partial

import asyncpg
import pytest
from click.testing import CliRunner

from demo.history_generator import Story
from demo.seeding import PASSWORD
from server.commands import demo
from server.commands.cli import main


@pytest.fixture
def few_days(monkeypatch: pytest.MonkeyPatch, postgres_url: str) -> str:
    """Shorten the demo's history to five days and return the URL of an empty database."""
    monkeypatch.setattr(demo, "Story", partial(Story, days=5))
    monkeypatch.setenv("SCORELINE_DATABASE_URL", postgres_url)
    monkeypatch.setenv("SCORELINE_SECRET", "s" * 40)
    return postgres_url


def test_the_company_is_made_once_in_an_empty_postgresql(few_days: str) -> None:
    first, second = [CliRunner().invoke(main, ["demo", "--fill"]) for _ in range(2)]

    assert first.exit_code == 0, first.output
    assert PASSWORD in first.output
    assert second.exit_code == 1
    assert "There is a company already" in second.output
    assert PASSWORD not in second.output


async def test_it_takes_no_option_of_serving(few_days: str) -> None:
    said = CliRunner().invoke(main, ["demo", "--fill", "--fresh"])
    connection = await asyncpg.connect(few_days)
    try:
        tables = await connection.fetchval(
            "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
        )
    finally:
        await connection.close()

    assert (said.exit_code, tables) == (2, 0)
    assert "--fill only creates the company" in said.output
