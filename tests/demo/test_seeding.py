"""Seeding the demo company leaves a consistent database with plausible goals and working accounts."""

from __future__ import annotations

from decimal import Decimal

from demo.banner import EXAMPLE_QUERY, format_banner
from demo.seeding import PASSWORD
from resolvers.ledger.reconciliation import reconcile
from tests.demo.conftest import Demo


async def test_seeded_demo_passes_reconciliation(demo: Demo) -> None:
    assert (await reconcile()).differences == []


async def test_banners_example_query_returns_leaders(demo: Demo) -> None:
    leaderboard = (await demo.world.query(EXAMPLE_QUERY, "wallboard"))["leaderboard"]
    assert len(leaderboard["standings"]) == 5
    assert Decimal(leaderboard["standings"][0]["value"]) > 0


async def test_demo_people_sign_in_with_the_shared_password(demo: Demo) -> None:
    for person in demo.history.people[::13]:
        session = await demo.world.try_mutation("signIn", None, email=person.email, password=PASSWORD)
        assert session["viewer"]["role"] == person.role


async def test_demo_has_achieved_and_unachieved_goals(demo: Demo) -> None:
    session = await demo.world.try_mutation("signIn", None, email=demo.history.people[0].email, password=PASSWORD)
    demo.world.tokens["admin"] = session["accessToken"]
    goals = (await demo.world.query("{ goals { target progress { value } } }"))["goals"]
    reached = [Decimal(goal["progress"]["value"]) >= Decimal(goal["target"]) for goal in goals]
    assert True in reached
    assert False in reached


async def test_banner_lists_a_sign_in_for_each_role_and_the_device_tokens(demo: Demo) -> None:
    banner = format_banner("127.0.0.1:8000", demo.history.people, demo.tokens)
    for word in ("employee", "manager", "director", "admin", PASSWORD, demo.tokens.wallboard, demo.tokens.integration):
        assert word in banner
