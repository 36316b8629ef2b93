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


async def test_goals_have_a_currency_if_they_are_of_money_and_archived_ones_are_left_out(
    settings: Settings, tmp_path: Path
) -> None:
    path, ids = tmp_path / "goals.csv", {}
    async with open_world("sqlite://:memory:") as world:
        for metric, target in (("deals_won", "3"), ("deals_won_amount", "700"), ("calls_made", "9")):
            goal_input = {"owner": world.global_ids["company"], "metric": metric, "target": target}
            ids[metric] = (await world.mutate("setGoal", **goal_input, period={"kind": "MONTH"}))["goal"]["id"]
        await world.query(
            "mutation($id: ID!) { archiveGoal(id: $id) { userErrors { message } } }", id=ids["calls_made"]
        )
        await world.mutate("recordDeal", title="Chairs", status="WON", amount={"amount": "100"})
        await write_goals(settings, path, (date(2026, 11, 1), date(2026, 11, 30)), "en")

    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = {row["Metric key"]: row for row in csv.DictReader(file)}
    assert {metric: row["Target currency"] for metric, row in rows.items()} == {
        "deals_won": "",
        "deals_won_amount": "EUR",
    }
    assert (rows["deals_won"]["Percent"], rows["deals_won_amount"]["Percent"]) == ("33.33", "14.29")


async def test_file_of_another_format_is_refused(settings: Settings, tmp_path: Path) -> None:
    async with open_world("sqlite://:memory:"):
        with pytest.raises(click.ClickException, match=r"\.csv or \.xlsx"):
            await write_goals(settings, tmp_path / "goals.pdf", None, "en")
