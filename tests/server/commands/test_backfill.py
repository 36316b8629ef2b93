"""The command `reconcile --backfill`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from models.db import connection
from server.commands.cli import main
from tests.empty_database import run_in_thread
from tests.world import open_world

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command in a company with one lead that `leads_created` does not count yet."""
    url = f"sqlite://{tmp_path}/scoreline.db"

    async def create_company() -> None:
        async with open_world(url) as world:
            await world.mutate("createMetric", key="demos_held", name="Demos held")
            await world.mutate("recordLead", title="Asks for chairs", owner=world.global_ids["admin"])
            for table in ("score_entry", "daily_total", "team_total"):
                await connection.execute(f"DELETE FROM {table}")

    run_in_thread(create_company())
    monkeypatch.setenv("SCORELINE_DATABASE_URL", url)
    monkeypatch.setenv("SCORELINE_SECRET", "s" * 40)
    return lambda *arguments: CliRunner().invoke(main, ["reconcile", *arguments])


def test_backfill_posts_older_records_and_leaves_reconcile_clean(run: Run) -> None:
    assert run().exit_code == 1

    result = run("--backfill", "leads_created")

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "Compared 1 lead with what is posted for leads_created: 1 posted.",
        "To see that everything agrees: `./run reconcile`.",
    ]
    assert run().exit_code == 0


def test_backfill_refuses_unknown_metric_with_nearest_keys(run: Run) -> None:
    result = run("--backfill", "lead_created")

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: There is no metric lead_created: did you mean leads_created or ")


def test_backfill_of_company_metric_says_that_nothing_is_missing(run: Run) -> None:
    result = run("--backfill", "demos_held")

    assert result.exit_code == 0
    assert (
        result.output
        == "demos_held is one of the company's own metrics: its results are posted when they are recorded.\n"
    )


def test_backfill_and_repair_are_not_combined(run: Run) -> None:
    result = run("--backfill", "leads_created", "--repair")

    assert result.exit_code == 2
    assert "it takes no --repair" in result.stderr
