"""Seeding the demo company leaves a consistent database with plausible goals and working accounts."""

from __future__ import annotations

from decimal import Decimal

from demo.banner import QUERY, text
from demo.seeding import PASSWORD
from resolvers.ledger.reconciliation import reconcile
from tests.demo.conftest import Demo


async def test_making_leaves_nothing_to_reconcile(demo: Demo) -> None:
    assert (await reconcile()).differences == []


async def test_the_board_shows_who_leads(demo: Demo) -> None:
    board = (await demo.world.ask(QUERY, "wallboard"))["leaderboard"]
    assert len(board["standings"]) == 5
    assert Decimal(board["standings"][0]["value"]) > 0


async def test_everybody_signs_in_with_the_same_password(demo: Demo) -> None:
    for person in demo.story.people[::13]:
        session = await demo.world.tried("signIn", None, email=person.email, password=PASSWORD)
        assert session["viewer"]["role"] == person.role


async def test_some_goals_are_reached_and_some_are_behind(demo: Demo) -> None:
    session = await demo.world.tried("signIn", None, email=demo.story.people[0].email, password=PASSWORD)
    demo.world.tokens["admin"] = session["accessToken"]
    goals = (await demo.world.ask("{ goals { target progress { value } } }"))["goals"]
    reached = [Decimal(goal["progress"]["value"]) >= Decimal(goal["target"]) for goal in goals]
    assert True in reached
    assert False in reached


async def test_the_welcome_names_a_sign_in_for_each_role_and_the_tokens(demo: Demo) -> None:
    said = text("127.0.0.1:8000", demo.story.people, demo.made)
    for word in ("employee", "manager", "director", "admin", PASSWORD, demo.made.wallboard, demo.made.integration):
        assert word in said
