"""The demo's wallboard compares like with like: its arrows (rule 3)."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from resolvers.ledger.reconciliation import reconcile
from tests.demo.conftest import Demo, open_demo
from tests.web_documents import DOCUMENTS

FIRST_DAY_OF_DECEMBER = datetime(2026, 12, 1, 15, tzinfo=UTC)
BOARD = DOCUMENTS["wallboard/main.js BOARD"]


async def read_standings(demo: Demo) -> list[dict[str, Any]]:
    """Return the rows that the wallboard page shows."""
    document = BOARD.replace("subscription", "query", 1)
    standings: list[dict[str, Any]] = (await demo.world.query(document, "wallboard"))["leaderboard"]["standings"]
    return standings


async def test_wallboard_of_demo_shows_no_arrow_down_on_first_day_of_period() -> None:
    async with open_demo(FIRST_DAY_OF_DECEMBER) as demo:
        standings = await read_standings(demo)
        demo.world.advance(days=1)
        next_day = await read_standings(demo)

        assert sum(Decimal(row["value"]) > 0 for row in standings) > 1  # several have sold on the first day
        assert [row["previousRank"] for row in standings] == [None] * len(standings)
        assert [row["previousRank"] for row in next_day if Decimal(row["value"]) > 0] == [
            row["rank"] for row in next_day if Decimal(row["value"]) > 0
        ]  # nothing has moved since
        assert (await reconcile()).differences == []


async def test_wallboard_of_demo_moves_only_by_what_came_today(demo: Demo) -> None:
    standings = await read_standings(demo)

    assert any(row["previousRank"] is not None for row in standings)
