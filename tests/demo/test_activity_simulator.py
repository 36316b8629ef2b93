"""The simulated sellers of the demo use the public API and back off when it fails."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from demo.activity_simulator import ACTIONS, SimulatedSeller, simulate_activity
from demo.api_client import ApiError, ApiSession, Response, Transport
from demo.company_data import DemoPerson
from demo.seeding import PASSWORD
from tests.demo.conftest import Demo


def create_test_transport(demo: Demo) -> Transport:
    async def send(document: str, variables: Mapping[str, Any], token: str | None) -> Response:
        if token:
            demo.world.tokens["caller"] = token
        context = await demo.world.authenticated_context("caller" if token else None)
        result = await demo.world.executor.execute(document, context, variables)
        return {"data": result.data, "errors": [error.formatted for error in result.errors or ()]}

    return send


def create_session(demo: Demo, password: str = PASSWORD, person: DemoPerson | None = None) -> ApiSession:
    seller = person or demo.history.sellers[-1]
    return ApiSession(create_test_transport(demo), lambda: demo.world.now, seller.email, password)


async def test_simulated_actions_use_only_valid_mutations(demo: Demo) -> None:
    seller, mutations = SimulatedSeller(create_session(demo), random.Random(1)), set()
    for action in [
        *(action for action, _ in ACTIONS * 3),
        *[SimulatedSeller.create_or_complete_task] * 5,
        *[SimulatedSeller.win_deal] * 25,
    ]:
        mutations.add(
            await action(seller, {**await seller.fetch_workload(), "goals": []})
        )  # no goals, so nothing limits the actions
    assert mutations >= {
        "recordCall", "recordLead", "recordContact", "createTask", "completeTask", "recordDeal", "convertLead",
        "moveDeal", "winDeal", "reopenDeal", "loseDeal", "flagDeal",
    }  # fmt: skip


async def test_session_is_refreshed_before_it_expires(demo: Demo) -> None:
    seller = create_session(demo)
    query = "{ viewer { employee { email } } }"
    first = await seller.execute(query)
    demo.world.advance(seconds=demo.world.services.access_token_seconds - 30)
    assert await seller.execute(query) == first


async def test_api_error_contains_the_servers_message(demo: Demo) -> None:
    with pytest.raises(ApiError, match="wrong"):
        await create_session(demo, "another word").execute("{ viewer { role } }")


async def test_simulation_backs_off_while_server_is_unreachable(demo: Demo) -> None:
    waits: list[float] = []

    async def fail_to_connect(document: str, variables: Mapping[str, Any], token: str | None) -> Response:
        raise ConnectionRefusedError("nobody listens")

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 7:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await simulate_activity(
            fail_to_connect, lambda: demo.world.now, [demo.history.sellers[-1].email], PASSWORD, seed=1, sleep=sleep
        )
    assert waits == [4, 8, 16, 32, 60, 60, 60]


async def test_simulation_records_activities(demo: Demo) -> None:
    before = await _count_activities(demo)
    actions = 0

    async def sleep(seconds: float) -> None:
        nonlocal actions
        actions += 1
        if actions == 15:
            raise asyncio.CancelledError

    emails = [person.email for person in demo.history.sellers[-3:]]
    with pytest.raises(asyncio.CancelledError):
        await simulate_activity(
            create_test_transport(demo), lambda: demo.world.now, emails, PASSWORD, seed=1, sleep=sleep
        )
    assert await _count_activities(demo) > before


async def test_hours_of_simulated_wins_keep_monthly_goals_believable(demo: Demo) -> None:
    rng, mutations = random.Random(3), Counter[str | None]()
    sellers = [SimulatedSeller(create_session(demo, person=person), rng) for person in demo.history.sellers]
    before = await _monthly_amount_goal_paces(demo)
    for _ in range(180):  # as many wins as in three hours of the demo
        seller = rng.choice(sellers)
        action = rng.choice(
            (SimulatedSeller.win_deal, SimulatedSeller.win_deal, SimulatedSeller.win_deal, SimulatedSeller.reopen_deal)
        )
        mutations[await action(seller, await seller.fetch_workload())] += 1
        demo.world.advance(minutes=1)
    after = await _monthly_amount_goal_paces(demo)

    assert mutations["winDeal"] >= 20
    assert {"BEHIND", "AHEAD", "ACHIEVED"} <= set(after.values())
    achieved_counts = [list(paces.values()).count("ACHIEVED") for paces in (before, after)]
    assert abs(achieved_counts[1] - achieved_counts[0]) <= 4
    assert achieved_counts[1] < len(after) / 3


async def _monthly_amount_goal_paces(demo: Demo) -> dict[str, str]:
    """Return the pace of each goal of this month for the amount of won deals, by goal id."""
    token = await demo.world.try_mutation("signIn", None, email=demo.history.people[0].email, password=PASSWORD)
    demo.world.tokens["admin"] = token["accessToken"]
    goals = (await demo.world.query("{ goals { id metric { key } period { kind } progress { pace } } }"))["goals"]
    return {
        goal["id"]: goal["progress"]["pace"]
        for goal in goals
        if goal["period"]["kind"] == "MONTH" and goal["metric"]["key"] == "deals_won_amount"
    }


async def _count_activities(demo: Demo) -> int:
    token = await demo.world.try_mutation("signIn", None, email=demo.history.people[0].email, password=PASSWORD)
    demo.world.tokens["admin"] = token["accessToken"]
    return int((await demo.world.query("{ activities(first: 1) { totalCount } }"))["activities"]["totalCount"])
