"""The export command: a file of all goals, and its errors."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import click
import pytest

from server.commands.export_goals import write_goals
from server.settings import Settings
from tests.world import World, open_world


@pytest.fixture
def settings() -> Settings:
    return Settings(database_url="sqlite://:memory:", secret="s" * 32)


async def set_goal(world: World) -> None:
    period = {"kind": "MONTH", "on": "2026-12-01"}
    await world.mutate("setGoal", owner=world.global_ids["company"], metric="deals_won", target=9, period=period)


async def test_goals_of_the_days_are_written(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "goals.csv"
    async with open_world("sqlite://:memory:") as world:
        await set_goal(world)
        summary = await write_goals(settings, path, (date(2026, 12, 1), date(2026, 12, 31)), "ru")

    with path.open(encoding="utf-8-sig", newline="") as file:
        [row] = csv.DictReader(file)
    assert (row["Владелец"], row["План"], row["Период"]) == ("Acme", "9", "Декабрь 2026")
    assert summary == f"Goals written to {path}: 1"


async def test_file_of_another_format_is_refused(settings: Settings, tmp_path: Path) -> None:
    async with open_world("sqlite://:memory:"):
        with pytest.raises(click.ClickException, match=r"\.csv or \.xlsx"):
            await write_goals(settings, tmp_path / "goals.pdf", None, "en")
