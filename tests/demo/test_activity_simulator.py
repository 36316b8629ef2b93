"""The simulated sellers of the demo use the public API and back off when it fails."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from demo.activity_simulator import ACTS, Seller, live
from demo.api_client import Answer, Ask, Refused, Session
from demo.company_data import Person
from demo.seeding import PASSWORD
from tests.demo.conftest import Demo


def asking(demo: Demo) -> Ask:
    async def ask(document: str, variables: Mapping[str, Any], token: str | None) -> Answer:
        if token:
            demo.world.tokens["caller"] = token
        context = await demo.world.admitted("caller" if token else None)
        result = await demo.world.schema.execute(document, variable_values=dict(variables), context_value=context)
        return {"data": result.data, "errors": [error.formatted for error in result.errors or ()]}

    return ask


def session(demo: Demo, password: str = PASSWORD, of: Person | None = None) -> Session:
    seller = of or demo.story.sellers[-1]
    return Session(asking(demo), lambda: demo.world.now, seller.email, password)


async def test_each_act_is_one_that_the_schema_takes(demo: Demo) -> None:
    seller, done = Seller(session(demo), random.Random(1)), set()
    for act in [*(act for act, _ in ACTS * 3), *[Seller.task] * 5, *[Seller.win] * 25]:
        done.add(await act(seller, {**await seller.desk(), "goals": []}))  # no goals, so nothing limits the actions
    assert done >= {
        "recordCall", "recordLead", "recordContact", "createTask", "completeTask", "recordDeal", "convertLead",
        "moveDeal", "winDeal", "reopenDeal", "loseDeal", "flagDeal",
    }  # fmt: skip


async def test_a_session_is_refreshed_before_it_ends(demo: Demo) -> None:
    seller = session(demo)
    query = "{ viewer { employee { email } } }"
    first = await seller.ask(query)
    demo.world.later(seconds=demo.world.services.access_seconds - 30)
    assert await seller.ask(query) == first


async def test_what_the_server_refuses_is_said(demo: Demo) -> None:
    with pytest.raises(Refused, match="wrong"):
        await session(demo, "another word").ask("{ viewer { role } }")


async def test_a_server_that_is_away_is_asked_ever_more_patiently(demo: Demo) -> None:
    waits: list[float] = []

    async def away(document: str, variables: Mapping[str, Any], token: str | None) -> Answer:
        raise ConnectionRefusedError("nobody listens")

    async def rest(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 7:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await live(away, lambda: demo.world.now, [demo.story.sellers[-1].email], PASSWORD, seed=1, rest=rest)
    assert waits == [4, 8, 16, 32, 60, 60, 60]


async def test_the_company_goes_on_working(demo: Demo) -> None:
    before = await _lines(demo)
    acts = 0

    async def rest(seconds: float) -> None:
        nonlocal acts
        acts += 1
        if acts == 15:
            raise asyncio.CancelledError

    emails = [person.email for person in demo.story.sellers[-3:]]
    with pytest.raises(asyncio.CancelledError):
        await live(asking(demo), lambda: demo.world.now, emails, PASSWORD, seed=1, rest=rest)
    assert await _lines(demo) > before


async def test_hours_of_wins_keep_the_goals_of_the_month_between_behind_and_ahead(demo: Demo) -> None:
    luck, done = random.Random(3), Counter[str | None]()
    sellers = [Seller(session(demo, of=person), luck) for person in demo.story.sellers]
    before = await _money_of_the_month(demo)
    for _ in range(180):  # as many wins as in three hours of the demo
        seller = luck.choice(sellers)
        act = luck.choice((Seller.win, Seller.win, Seller.win, Seller.reopen))
        done[await act(seller, await seller.desk())] += 1
        demo.world.later(minutes=1)
    after = await _money_of_the_month(demo)

    assert done["winDeal"] >= 20
    assert {"BEHIND", "AHEAD", "ACHIEVED"} <= set(after.values())
    reached = [list(paces.values()).count("ACHIEVED") for paces in (before, after)]
    assert abs(reached[1] - reached[0]) <= 4
    assert reached[1] < len(after) / 3


async def _money_of_the_month(demo: Demo) -> dict[str, str]:
    """Return the pace of each goal of this month for the amount of won deals, by goal id."""
    token = await demo.world.tried("signIn", None, email=demo.story.people[0].email, password=PASSWORD)
    demo.world.tokens["admin"] = token["accessToken"]
    goals = (await demo.world.ask("{ goals { id metric { key } period { kind } progress { pace } } }"))["goals"]
    return {
        goal["id"]: goal["progress"]["pace"]
        for goal in goals
        if goal["period"]["kind"] == "MONTH" and goal["metric"]["key"] == "deals_won_amount"
    }


async def _lines(demo: Demo) -> int:
    token = await demo.world.tried("signIn", None, email=demo.story.people[0].email, password=PASSWORD)
    demo.world.tokens["admin"] = token["accessToken"]
    return int((await demo.world.ask("{ activities(first: 1) { totalCount } }"))["activities"]["totalCount"])
