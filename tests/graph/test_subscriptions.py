"""Subscriptions: after changes, the last event equals the result of a new query."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from domain.primitives.global_ids import encode_global_id
from models.db import connection
from models.edits.goal_values import GoalValueCache
from resolvers.auth import sessions
from resolvers.leaderboards.leaderboard_cache import LeaderboardCache
from resolvers.ledger.reconciliation import reconcile
from resolvers.request.context import RequestContext
from subscriptions.core.reference_cache import ReferenceCache
from tests.statement_counter import count_statements
from tests.subscription_recorder import subscribe
from tests.world import World, cache_company, open_world

BOARD = "leaderboard { total totalCount standings { rank previousRank employee { name } value target gapToNext } }"
GOAL = "id name target archivedAt progress { value pace attainmentPercent version }"


@cache_company
async def open_company(url: str = "sqlite://:memory:") -> AsyncIterator[World]:
    async with open_world(url) as world:
        await world.create_team("Sales")
        await world.create_employee("Ann", "Sales")
        await world.create_employee("Bob", "Sales")
        yield world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with open_company() as world:
        yield world


@pytest.fixture
def kept_viewer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let streams keep their viewer, as a shared one takes that of its sockets."""

    async def keep_viewer(context: RequestContext) -> None:
        context.invalidate()

    monkeypatch.setattr(sessions, "reauthenticate", keep_viewer)


@pytest.fixture
def wins_of_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let leaderboards and goals hear of a win from the change log alone, as if another process had recorded it."""
    monkeypatch.setattr(LeaderboardCache, "apply_committed", lambda cache, change: None)
    monkeypatch.setattr(GoalValueCache, "apply_committed", lambda cache, position, previous_position, goals: None)


async def test_leaderboard_is_sent_at_once_and_after_a_win(world: World) -> None:
    async with subscribe(world, f"subscription {{ {BOARD} }}", "Bob") as board:
        await board.wait_until(lambda: len(board.events) == 1)
        await world.mutate("recordDeal", "Ann", title="Chairs", status="WON", amount={"amount": "10"})

        await board.wait_until(lambda: board.events[-1]["leaderboard"]["total"] == "10.00")
        assert board.events[-1] == await world.query(f"{{ {BOARD} }}", "Bob")


async def test_last_event_after_many_writes_equals_a_query(world: World) -> None:
    async with subscribe(world, f"subscription {{ {BOARD} }}", "Bob") as board:
        await board.wait_until(lambda: len(board.events) == 1)
        for number in range(25):
            seller = ("Ann", "Bob")[number % 2]
            await world.mutate("recordDeal", seller, title="Chairs", status="WON", amount={"amount": str(number)})
        expected = await world.query(f"{{ {BOARD} }}", "Bob")

        await board.wait_until(lambda: board.events[-1] == expected)
        assert len(board.events) < 25  # changes close together arrive as one


async def test_leaderboard_is_not_sent_when_it_has_not_changed(world: World) -> None:
    async with subscribe(world, f"subscription {{ {BOARD} }}", "Bob") as board:
        await board.wait_until(lambda: len(board.events) == 1)
        await world.mutate("recordCall", "Ann", direction="OUTBOUND")
        await world.mutate("recordDeal", "Ann", title="Chairs", status="WON", amount={"amount": "10"})

        await board.wait_until(lambda: len(board.events) == 2)
        assert [event["leaderboard"]["total"] for event in board.events] == ["0.00", "10.00"]


@pytest.mark.usefixtures("wins_of_another_process")
async def test_win_updates_all_leaderboard_subscriptions_with_one_read(world: World) -> None:
    first = f"subscription {{ {BOARD} }}"
    second = first.replace("leaderboard", "leaderboard(first: 1)")
    async with subscribe(world, first) as first_recorder, subscribe(world, second) as second_recorder:
        for board in (first_recorder, second_recorder):
            await board.wait_until(lambda: len(board.events) == 1)  # noqa: B023 - awaited within the loop
        await world.mutate("recordDeal", "Bob", title="Chairs", status="WON", amount={"amount": "10"})
        with count_statements() as statements:
            for board in (first_recorder, second_recorder):
                await board.wait_until(lambda: len(board.events) == 2)  # noqa: B023

        assert len([statement for statement in statements if "FROM daily_total" in statement]) == 1
        assert not [
            statement for statement in statements if "membership" in statement or "SELECT goal.owner_id" in statement
        ]
        assert (
            second_recorder.events[-1]["leaderboard"]["standings"]
            == first_recorder.events[-1]["leaderboard"]["standings"][:1]
        )


@pytest.mark.usefixtures("kept_viewer")
async def test_push_after_a_win_of_the_same_process_takes_no_statement(world: World) -> None:
    world.reference_cache = ReferenceCache(world.hub)
    async with subscribe(world, f"subscription {{ {BOARD} }}") as board:
        await board.wait_until(lambda: len(board.events) == 1)
        await world.mutate("recordDeal", "Bob", title="Chairs", status="WON", amount={"amount": "10"})
        with count_statements() as statements:
            await board.wait_until(lambda: len(board.events) == 2)

    assert statements == []
    assert board.events[-1]["leaderboard"]["total"] == "10.00"


@pytest.mark.usefixtures("kept_viewer")
async def test_push_of_goals_after_a_win_of_the_same_process_takes_no_statement(world: World) -> None:
    world.reference_cache = ReferenceCache(world.hub)
    win = {"title": "Chairs", "status": "WON", "amount": {"amount": "10"}}
    goal_input = {"owner": world.global_ids["Bob"], "metric": "deals_won", "target": "9", "period": {"kind": "MONTH"}}
    goal = (await world.mutate("setGoal", **goal_input))["goal"]["id"]
    document = f"subscription($goals: [ID!]) {{ goalProgress(goals: $goals) {{ {GOAL} }} }}"
    async with subscribe(world, document, "Bob", goals=[goal]) as recorder:
        await recorder.wait_until(lambda: len(recorder.events) == 1)
        payload = await world.mutate("recordDeal", "Bob", **win)
        with count_statements() as statements:
            await recorder.wait_until(lambda: len(recorder.events) == 2)

    assert statements == []
    event = recorder.events[-1]["goalProgress"]
    [moved_goal] = payload["goals"]
    assert (event["progress"]["value"], moved_goal["progress"]["value"]) == ("1", "1")


@pytest.mark.parametrize(
    ("document", "event_count"),
    [
        (f"subscription {{ {BOARD} }}", 1),
        (f"subscription($goals: [ID!]) {{ goalProgress(goals: $goals) {{ {GOAL} }} }}", 2),
    ],
    ids=["board", "goals"],
)
@pytest.mark.usefixtures("wins_of_another_process", "kept_viewer")
async def test_push_takes_one_statement(world: World, document: str, event_count: int) -> None:
    world.reference_cache = ReferenceCache(world.hub)
    goals = []
    for metric in ("deals_won", "deals_won_amount"):
        goal = {"owner": world.global_ids["Bob"], "metric": metric, "target": "9", "period": {"kind": "MONTH"}}
        goals.append((await world.mutate("setGoal", **goal))["goal"]["id"])
    statement_counts = []
    async with subscribe(world, document, "Bob", goals=goals) as recorder:
        await recorder.wait_until(lambda: len(recorder.events) == event_count)
        for number in (1, 2, 3):
            await world.mutate("recordDeal", "Bob", title="Chairs", status="WON", amount={"amount": "10"})
            with count_statements() as statements:
                await recorder.wait_until(lambda: len(recorder.events) == event_count * (1 + number))  # noqa: B023
            statement_counts.append(len(statements))

    assert max(statement_counts) <= 1


async def test_goal_progress_sends_all_goals_then_each_changed_goal(world: World) -> None:
    period = {"kind": "MONTH"}
    await world.mutate("setGoal", owner=world.global_ids["Ann"], metric="deals_won", target="2", period=period)
    await world.mutate("setGoal", owner=world.global_ids["Ann"], metric="calls_made", target="5", period=period)
    async with subscribe(world, f"subscription {{ goalProgress {{ {GOAL} metric {{ key }} }} }}", "Ann") as goals:
        await goals.wait_until(lambda: len(goals.events) == 2)
        await world.mutate("recordCall", "Ann", direction="OUTBOUND")
        await goals.wait_until(lambda: len(goals.events) == 3)

        changed_goal = goals.events[2]["goalProgress"]
        assert (changed_goal["metric"]["key"], changed_goal["progress"]["value"]) == ("calls_made", "1")
        assert changed_goal["progress"]["version"] > goals.events[1]["goalProgress"]["progress"]["version"]


async def test_goal_progress_sends_new_and_archived_goals(world: World) -> None:
    document = f"subscription($scope: ID) {{ goalProgress(scope: $scope) {{ {GOAL} }} }}"
    async with subscribe(world, document, "admin", scope=world.global_ids["company"]) as goals:
        payload = await world.mutate(
            "setGoal", owner=world.global_ids["Sales"], metric="deals_won", target="2", period={"kind": "MONTH"}
        )
        await goals.wait_until(lambda: len(goals.events) == 1)
        await world.query(
            "mutation($id: ID!) { archiveGoal(id: $id) { userErrors { code } } }", id=payload["goal"]["id"]
        )
        await goals.wait_until(lambda: len(goals.events) == 2)

        assert goals.events[0]["goalProgress"]["archivedAt"] is None
        assert goals.events[1]["goalProgress"]["archivedAt"] is not None


async def test_deal_won_is_sent_once_and_again_when_revoked(world: World) -> None:
    async with subscribe(
        world,
        "subscription { dealWon { id revoked title employee { name } amount { amount } standing { rank } } }",
        "Bob",
    ) as wins:
        await world.let_tasks_run()
        deal = await world.mutate("recordDeal", "Ann", title="Chairs", amount={"amount": "10"})
        deal_input = {"id": deal["deal"]["id"]}
        await world.mutate("winDeal", "Ann", **deal_input)
        await wins.wait_until(lambda: len(wins.events) == 1)
        await world.mutate("reopenDeal", "Ann", **deal_input)
        await wins.wait_until(lambda: len(wins.events) == 2)

        first, second = (event["dealWon"] for event in wins.events)
        assert (first["revoked"], second["revoked"]) == (False, True)
        assert first["id"] == second["id"]
        assert first["standing"] == {"rank": 1}


async def test_wins_resumed_by_cursor_after_a_revocation_are_sent_once(database_url: str) -> None:
    document = "subscription($after: ID) { dealWon(after: $after) { id cursor revoked title } }"
    async with open_world(database_url) as world:
        deals = [
            (await world.mutate("recordDeal", title=title, status="WON", amount={"amount": "1"}))["deal"]["id"]
            for title in ("One", "Two")
        ]
        after = None
        received: list[tuple[str, bool]] = []
        async with subscribe(world, document, "admin") as live:
            await world.let_tasks_run()
            await world.mutate("reopenDeal", id=deals[0])
            await live.wait_until(lambda: len(live.events) == 1)
            after = live.events[0]["dealWon"]["cursor"]
        for title in ("Three", "Four", "Five"):
            deal = await world.mutate("recordDeal", title=title, status="WON", amount={"amount": "1"})
            async with subscribe(world, document, "admin", after=after) as resumed:
                await resumed.wait_until(lambda events=resumed.events: len(events) == 1)
                await world.mutate("reopenDeal", id=deal["deal"]["id"])
                await resumed.wait_until(lambda events=resumed.events: len(events) == 2)
                await world.let_tasks_run()
                received += [(event["dealWon"]["title"], event["dealWon"]["revoked"]) for event in resumed.events]
                after = resumed.events[-1]["dealWon"]["cursor"]

    assert received == [(title, revoked) for title in ("Three", "Four", "Five") for revoked in (False, True)]


async def test_win_is_resumed_by_its_id_too(world: World) -> None:
    for title in ("One", "Two"):
        await world.mutate("recordDeal", "Ann", title=title, status="WON", amount={"amount": "1"})
    document = "subscription($after: ID) { dealWon(after: $after) { id title } }"
    async with subscribe(world, document, "Bob", after=encode_global_id("DealWon", 1)) as wins:
        await wins.wait_until(lambda: len(wins.events) == 1)

        assert wins.events[0]["dealWon"]["title"] == "Two"


async def test_deal_won_skips_wins_dated_over_a_day_back(world: World) -> None:
    async with subscribe(world, "subscription { dealWon { title } }", "Bob") as wins:
        await world.let_tasks_run()
        await world.mutate(
            "recordDeal", "Ann", title="Old", status="WON", amount={"amount": "1"}, closedAt="2026-11-10T10:00:00Z"
        )
        await world.mutate("recordDeal", "Ann", title="New", status="WON", amount={"amount": "1"})
        await wins.wait_until(lambda: len(wins.events) == 1)

        assert wins.events[0]["dealWon"]["title"] == "New"


async def test_activities_after_a_cursor_are_complete_and_unique(world: World) -> None:
    await world.mutate("recordCall", "Ann", direction="OUTBOUND")
    page = await world.query("{ activities(first: 1) { edges { cursor node { id } } } }", "Ann")
    cursor = page["activities"]["edges"][0]["cursor"]
    for _ in range(3):
        await world.mutate("recordCall", "Ann", direction="INBOUND")
    document = "subscription($after: String) { activities(after: $after) { id kind at } }"
    async with subscribe(world, document, "Ann", after=cursor) as history:
        await history.wait_until(lambda: len(history.events) == 3)
        await world.mutate("recordLead", "Ann", title="A question")
        await history.wait_until(lambda: len(history.events) == 4)
        ids = [event["activities"]["id"] for event in history.events]

    assert len(set(ids)) == 4
    async with subscribe(world, document, "Ann", after=ids[1]) as resumed:
        await resumed.wait_until(lambda: len(resumed.events) == 2)
        assert [event["activities"]["id"] for event in resumed.events] == ids[2:]


async def test_unknown_cursor_ends_the_subscription_with_cursor_unknown(world: World) -> None:
    document = 'subscription { activities(after: "nonsense") { id } }'
    async with subscribe(world, document, "Ann") as history:
        await history.wait_until(lambda: history.errors)

        assert history.errors[0].original_error.code == "CURSOR_UNKNOWN"


async def test_activities_of_a_colleague_are_not_sent(world: World) -> None:
    async with subscribe(world, "subscription { activities { kind employee { name } } }", "Bob") as history:
        await world.let_tasks_run()
        await world.mutate("recordCall", "Ann", direction="OUTBOUND")
        await world.mutate("recordCall", "Bob", direction="OUTBOUND")
        await history.wait_until(lambda: len(history.events) == 1)

        assert history.events[0]["activities"]["employee"] == {"name": "Bob"}


async def test_leaderboard_version_is_the_same_live_and_in_a_query(world: World) -> None:
    board = "leaderboard { version total }"
    async with subscribe(world, f"subscription {{ {board} }}") as recorder:
        await recorder.wait_until(lambda: recorder.events)
        for amount, total in (("10", "10.00"), ("5", "15.00")):
            await world.mutate("recordDeal", "Ann", title="Chairs", status="WON", amount={"amount": amount})
            await recorder.wait_until(lambda total=total: recorder.events[-1]["leaderboard"]["total"] == total)
            await world.mutate("recordLead", "Ann", title="Somebody")  # a change that does not concern the leaderboard

            assert await world.query(f"{{ {board} }}") == recorder.events[-1]
        versions = [event["leaderboard"]["version"] for event in recorder.events]
        assert versions == sorted(versions)


async def test_deactivated_viewer_loses_the_subscription(world: World) -> None:
    async with subscribe(world, f"subscription {{ {BOARD} }}", "Bob") as board:
        await board.wait_until(lambda: len(board.events) == 1)
        await world.mutate("updateEmployee", id=world.global_ids["Bob"], active=False)
        await board.wait_until(lambda: board.errors)

        assert board.errors[0].original_error.code == "UNAUTHENTICATED"


async def test_team_goal_is_updated_when_a_subteam_moves_away(world: World) -> None:
    await world.create_team("North", "Sales")
    await world.mutate("updateEmployee", id=world.global_ids["Ann"], team=world.global_ids["North"])
    period = {"kind": "MONTH"}
    await world.mutate("setGoal", owner=world.global_ids["Sales"], metric="deals_won", target="9", period=period)
    await world.mutate("recordDeal", "Ann", title="Chairs", status="WON", amount={"amount": "10"})
    goal = f"subscription($scope: ID) {{ goalProgress(scope: $scope) {{ {GOAL} }} }}"
    async with subscribe(world, goal, scope=world.global_ids["Sales"]) as goals:
        await goals.wait_until(lambda: goals.events and goals.events[-1]["goalProgress"]["progress"]["value"] == "1")
        before = goals.events[-1]["goalProgress"]["progress"]["version"]
        await world.mutate("updateTeam", id=world.global_ids["North"], parent=None)

        await goals.wait_until(lambda: goals.events[-1]["goalProgress"]["progress"]["value"] == "0")
        assert goals.events[-1]["goalProgress"]["progress"]["version"] > before


async def test_repair_of_totals_updates_goals_and_leaderboards(world: World) -> None:
    period = {"kind": "MONTH"}
    await world.mutate("setGoal", owner=world.global_ids["company"], metric="deals_won", target="9", period=period)
    await world.mutate("recordDeal", "Ann", title="Chairs", status="WON", amount={"amount": "10"})
    await connection.execute("DELETE FROM team_total")
    await connection.execute("DELETE FROM daily_total")
    goal = f"subscription($scope: ID) {{ goalProgress(scope: $scope) {{ {GOAL} }} }}"
    async with (
        subscribe(world, goal, scope=world.global_ids["company"]) as goals,
        subscribe(world, f"subscription {{ {BOARD} }}") as board,
    ):
        await goals.wait_until(lambda: goals.events and goals.events[-1]["goalProgress"]["progress"]["value"] == "0")
        await board.wait_until(lambda: board.events and board.events[-1]["leaderboard"]["total"] == "0.00")
        await reconcile(repair_clock=lambda: world.now)
        world.hub.notify()

        await goals.wait_until(lambda: goals.events[-1]["goalProgress"]["progress"]["value"] == "1")
        await board.wait_until(lambda: board.events[-1]["leaderboard"]["total"] == "10.00")
