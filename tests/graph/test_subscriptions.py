"""Subscriptions: after changes, the last event equals the result of a new query."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from models.db import connection
from resolvers.ledger.reconciliation import reconcile
from tests.statement_counter import counted
from tests.world import World, opened

BOARD = "leaderboard { total totalCount standings { rank previousRank employee { name } value target gapToNext } }"
GOAL = "id name target archivedAt progress { value pace attainmentPercent version }"


class Listener:
    """Runs one subscription and records its events and errors."""

    def __init__(self, world: World, document: str, who: str, variables: dict[str, Any]) -> None:
        self.world, self.document, self.who, self.variables = world, document, who, variables
        self.heard: list[dict[str, Any]] = []
        self.errors: list[Any] = []
        self._more = asyncio.Event()

    async def run(self) -> None:
        context = await self.world.admitted(self.who)
        result = await self.world.schema.subscribe(self.document, variable_values=self.variables, context_value=context)
        async for one in result:
            if one.errors:
                self.errors += one.errors
            else:
                self.heard.append(one.data)
            self._more.set()
        self._more.set()

    async def until(self, fulfilled: Any) -> None:
        """Wait until the condition holds; it is checked after each event."""
        async with asyncio.timeout(10):
            while not fulfilled():
                self._more.clear()
                await self._more.wait()


@asynccontextmanager
async def listening(world: World, document: str, who: str = "admin", **variables: Any) -> AsyncIterator[Listener]:
    listener = Listener(world, document, who, variables)
    task = asyncio.create_task(listener.run())
    try:
        yield listener
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with opened("sqlite://:memory:") as world:
        await world.team("Sales")
        await world.hire("Ann", "Sales")
        await world.hire("Bob", "Sales")
        yield world


async def test_a_board_is_sent_at_once_and_after_each_win(world: World) -> None:
    async with listening(world, f"subscription {{ {BOARD} }}", "Bob") as board:
        await board.until(lambda: len(board.heard) == 1)
        await world.act("recordDeal", "Ann", title="Chairs", status="WON", amount={"amount": "10"})

        await board.until(lambda: board.heard[-1]["leaderboard"]["total"] == "10.00")
        assert board.heard[-1] == await world.ask(f"{{ {BOARD} }}", "Bob")


async def test_a_storm_of_writes_ends_at_what_a_query_says(world: World) -> None:
    async with listening(world, f"subscription {{ {BOARD} }}", "Bob") as board:
        await board.until(lambda: len(board.heard) == 1)
        for number in range(25):
            who = ("Ann", "Bob")[number % 2]
            await world.act("recordDeal", who, title="Chairs", status="WON", amount={"amount": str(number)})
        fresh = await world.ask(f"{{ {BOARD} }}", "Bob")

        await board.until(lambda: board.heard[-1] == fresh)
        assert len(board.heard) < 25  # changes close together arrive as one


async def test_what_does_not_move_a_board_is_not_sent(world: World) -> None:
    async with listening(world, f"subscription {{ {BOARD} }}", "Bob") as board:
        await board.until(lambda: len(board.heard) == 1)
        await world.act("recordCall", "Ann", direction="OUTBOUND")
        await world.act("recordDeal", "Ann", title="Chairs", status="WON", amount={"amount": "10"})

        await board.until(lambda: len(board.heard) == 2)
        assert [one["leaderboard"]["total"] for one in board.heard] == ["0.00", "10.00"]


async def test_a_win_moves_all_questions_about_a_board_by_one_read_of_the_winner(world: World) -> None:
    first = f"subscription {{ {BOARD} }}"
    second = first.replace("leaderboard", "leaderboard(first: 1)")
    async with listening(world, first) as one, listening(world, second) as two:
        for board in (one, two):
            await board.until(lambda: len(board.heard) == 1)  # noqa: B023 - awaited within the loop
        await world.act("recordDeal", "Bob", title="Chairs", status="WON", amount={"amount": "10"})
        with counted() as statements:
            for board in (one, two):
                await board.until(lambda: len(board.heard) == 2)  # noqa: B023

        assert len([each for each in statements if "FROM daily_total" in each]) == 1
        assert not [each for each in statements if "membership" in each or "SELECT goal.owner_id" in each]
        assert two.heard[-1]["leaderboard"]["standings"] == one.heard[-1]["leaderboard"]["standings"][:1]


async def test_every_goal_is_sent_first_and_then_each_that_moved(world: World) -> None:
    period = {"kind": "MONTH"}
    await world.act("setGoal", owner=world.ids["Ann"], metric="deals_won", target="2", period=period)
    await world.act("setGoal", owner=world.ids["Ann"], metric="calls_made", target="5", period=period)
    async with listening(world, f"subscription {{ goalProgress {{ {GOAL} metric {{ key }} }} }}", "Ann") as goals:
        await goals.until(lambda: len(goals.heard) == 2)
        await world.act("recordCall", "Ann", direction="OUTBOUND")
        await goals.until(lambda: len(goals.heard) == 3)

        moved = goals.heard[2]["goalProgress"]
        assert (moved["metric"]["key"], moved["progress"]["value"]) == ("calls_made", "1")
        assert moved["progress"]["version"] > goals.heard[1]["goalProgress"]["progress"]["version"]


async def test_a_goal_that_is_new_or_archived_is_sent(world: World) -> None:
    document = f"subscription($scope: ID) {{ goalProgress(scope: $scope) {{ {GOAL} }} }}"
    async with listening(world, document, "admin", scope=world.ids["company"]) as goals:
        made = await world.act(
            "setGoal", owner=world.ids["Sales"], metric="deals_won", target="2", period={"kind": "MONTH"}
        )
        await goals.until(lambda: len(goals.heard) == 1)
        await world.ask("mutation($id: ID!) { archiveGoal(id: $id) { userErrors { code } } }", id=made["goal"]["id"])
        await goals.until(lambda: len(goals.heard) == 2)

        assert goals.heard[0]["goalProgress"]["archivedAt"] is None
        assert goals.heard[1]["goalProgress"]["archivedAt"] is not None


async def test_the_bell_rings_once_for_a_win_and_again_when_it_is_taken_back(world: World) -> None:
    async with listening(
        world,
        "subscription { dealWon { id revoked title employee { name } amount { amount } standing { rank } } }",
        "Bob",
    ) as bell:
        await world.hub_settled()
        deal = await world.act("recordDeal", "Ann", title="Chairs", amount={"amount": "10"})
        won = {"id": deal["deal"]["id"]}
        await world.act("winDeal", "Ann", **won)
        await bell.until(lambda: len(bell.heard) == 1)
        await world.act("reopenDeal", "Ann", **won)
        await bell.until(lambda: len(bell.heard) == 2)

        first, second = (one["dealWon"] for one in bell.heard)
        assert (first["revoked"], second["revoked"]) == (False, True)
        assert first["id"] == second["id"]
        assert first["standing"] == {"rank": 1}


async def test_wins_dated_over_a_day_back_ring_no_bell(world: World) -> None:
    async with listening(world, "subscription { dealWon { title } }", "Bob") as bell:
        await world.hub_settled()
        await world.act(
            "recordDeal", "Ann", title="Old", status="WON", amount={"amount": "1"}, closedAt="2026-11-10T10:00:00Z"
        )
        await world.act("recordDeal", "Ann", title="New", status="WON", amount={"amount": "1"})
        await bell.until(lambda: len(bell.heard) == 1)

        assert bell.heard[0]["dealWon"]["title"] == "New"


async def test_activities_after_a_cursor_miss_nothing_and_repeat_nothing(world: World) -> None:
    await world.act("recordCall", "Ann", direction="OUTBOUND")
    page = await world.ask("{ activities(first: 1) { edges { cursor node { id } } } }", "Ann")
    cursor = page["activities"]["edges"][0]["cursor"]
    for _ in range(3):
        await world.act("recordCall", "Ann", direction="INBOUND")
    document = "subscription($after: String) { activities(after: $after) { id kind at } }"
    async with listening(world, document, "Ann", after=cursor) as history:
        await history.until(lambda: len(history.heard) == 3)
        await world.act("recordLead", "Ann", title="A question")
        await history.until(lambda: len(history.heard) == 4)
        ids = [one["activities"]["id"] for one in history.heard]

    assert len(set(ids)) == 4
    async with listening(world, document, "Ann", after=ids[1]) as again:
        await again.until(lambda: len(again.heard) == 2)
        assert [one["activities"]["id"] for one in again.heard] == ids[2:]


async def test_an_unknown_cursor_ends_the_subscription_with_its_code(world: World) -> None:
    document = 'subscription { activities(after: "nonsense") { id } }'
    async with listening(world, document, "Ann") as history:
        await history.until(lambda: history.errors)

        assert history.errors[0].original_error.code == "CURSOR_UNKNOWN"


async def test_a_colleagues_history_is_not_heard(world: World) -> None:
    async with listening(world, "subscription { activities { kind employee { name } } }", "Bob") as history:
        await world.hub_settled()
        await world.act("recordCall", "Ann", direction="OUTBOUND")
        await world.act("recordCall", "Bob", direction="OUTBOUND")
        await history.until(lambda: len(history.heard) == 1)

        assert history.heard[0]["activities"]["employee"] == {"name": "Bob"}


async def test_a_boards_version_is_that_of_its_last_move_live_and_in_a_fresh_query(world: World) -> None:
    board = "leaderboard { version total }"
    async with listening(world, f"subscription {{ {board} }}") as live:
        await live.until(lambda: live.heard)
        for amount, total in (("10", "10.00"), ("5", "15.00")):
            await world.act("recordDeal", "Ann", title="Chairs", status="WON", amount={"amount": amount})
            await live.until(lambda total=total: live.heard[-1]["leaderboard"]["total"] == total)
            await world.act("recordLead", "Ann", title="Somebody")  # a change that does not concern the leaderboard

            assert await world.ask(f"{{ {board} }}") == live.heard[-1]
        versions = [each["leaderboard"]["version"] for each in live.heard]
        assert versions == sorted(versions)


async def test_who_is_deactivated_hears_no_more(world: World) -> None:
    async with listening(world, f"subscription {{ {BOARD} }}", "Bob") as board:
        await board.until(lambda: len(board.heard) == 1)
        await world.act("updateEmployee", id=world.ids["Bob"], active=False)
        await board.until(lambda: board.errors)

        assert board.errors[0].original_error.code == "UNAUTHENTICATED"


async def test_a_goal_hears_that_a_team_was_moved_away_from_below_it(world: World) -> None:
    await world.team("North", "Sales")
    await world.act("updateEmployee", id=world.ids["Ann"], team=world.ids["North"])
    period = {"kind": "MONTH"}
    await world.act("setGoal", owner=world.ids["Sales"], metric="deals_won", target="9", period=period)
    await world.act("recordDeal", "Ann", title="Chairs", status="WON", amount={"amount": "10"})
    goal = f"subscription($scope: ID) {{ goalProgress(scope: $scope) {{ {GOAL} }} }}"
    async with listening(world, goal, scope=world.ids["Sales"]) as goals:
        await goals.until(lambda: goals.heard and goals.heard[-1]["goalProgress"]["progress"]["value"] == "1")
        before = goals.heard[-1]["goalProgress"]["progress"]["version"]
        await world.act("updateTeam", id=world.ids["North"], parent=None)

        await goals.until(lambda: goals.heard[-1]["goalProgress"]["progress"]["value"] == "0")
        assert goals.heard[-1]["goalProgress"]["progress"]["version"] > before


async def test_a_repair_of_totals_is_heard_by_goals_and_boards(world: World) -> None:
    period = {"kind": "MONTH"}
    await world.act("setGoal", owner=world.ids["company"], metric="deals_won", target="9", period=period)
    await world.act("recordDeal", "Ann", title="Chairs", status="WON", amount={"amount": "10"})
    await connection.execute("DELETE FROM team_total")
    await connection.execute("DELETE FROM daily_total")
    goal = f"subscription($scope: ID) {{ goalProgress(scope: $scope) {{ {GOAL} }} }}"
    async with (
        listening(world, goal, scope=world.ids["company"]) as goals,
        listening(world, f"subscription {{ {BOARD} }}") as board,
    ):
        await goals.until(lambda: goals.heard and goals.heard[-1]["goalProgress"]["progress"]["value"] == "0")
        await board.until(lambda: board.heard and board.heard[-1]["leaderboard"]["total"] == "0.00")
        await reconcile(repair=lambda: world.now)
        world.services.ring()

        await goals.until(lambda: goals.heard[-1]["goalProgress"]["progress"]["value"] == "1")
        await board.until(lambda: board.heard[-1]["leaderboard"]["total"] == "10.00")
