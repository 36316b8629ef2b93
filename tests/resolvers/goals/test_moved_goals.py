"""An edit of a deal tells which goals it has moved, and where to, as if they were read again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest

from domain.ledger.record_facts import DealStatus, SaleKind
from models.crm.deals import Deal
from models.db import connection
from resolvers.ledger.reconciliation import reconcile
from server.context_factory import build_state
from tests.resolvers.two_sellers import open_world_with_two_sellers, set_goal
from tests.seeds import each_seed
from tests.world import World, cache_company

EDITS = 25
METRICS = ("deals_won_amount", "deals_created", "first_deals_won", "repeat_deals_won")
GOAL_VALUES = "{ goals { id progress { value version } } }"
DELETE_DEAL = (
    """mutation($id: ID!) { deleteDeal(id: $id) { deal { id } goals { id progress { value } } userErrors { code } } }"""
)


@cache_company
async def open_company(url: str) -> AsyncIterator[World]:
    async with open_world_with_two_sellers(url) as world:
        for owner in ("Ann", "Bob", "South", "Sales", "company"):
            for metric in METRICS:
                await set_goal(world, owner, metric, "1000000", period={"kind": "YEAR"})
        for owner in ("Ann", "North"):
            await set_goal(world, owner, "deals_won_amount", "30")  # of the month, and soon achieved
        yield world


@pytest.fixture
async def world(usual_database_url: str) -> AsyncIterator[World]:
    async with open_company(usual_database_url) as world:
        yield world


async def read_values(world: World) -> dict[str, str]:
    """Return the values of all goals, by global id."""
    goals = (await world.query(GOAL_VALUES))["goals"]
    return {goal["id"]: goal["progress"]["value"] for goal in goals}


class DealEditor:
    """Makes random edits of deals, of which some are refused."""

    def __init__(self, world: World, dice: Random, clients: list[str]) -> None:
        self.world, self.dice, self.clients = world, dice, clients
        self.deals: list[str] = []

    async def edit(self) -> dict[str, Any]:
        """Make an edit, and return its payload."""
        if not self.deals or self.dice.random() < 0.4:
            payload = await self.world.try_mutation("recordDeal", **self._new_input())
            if payload["deal"] and payload["deal"]["id"] not in self.deals:
                self.deals.append(payload["deal"]["id"])
            return payload
        deal = self.dice.choice(self.deals)
        match self.dice.randrange(7):
            case 0:
                return await self.world.try_mutation("winDeal", id=deal, at=self._past_time())
            case 1:
                return await self.world.try_mutation("reopenDeal", id=deal)
            case 2:
                return (await self.world.query(DELETE_DEAL, id=deal))["deleteDeal"]
            case 3:
                return await self.world.try_mutation("updateDeal", id=deal, client=self._client())
            case 4:
                return await self.world.try_mutation("updateDeal", id=deal, closedAt=self._past_time())
            case 5:
                return await self.world.try_mutation("updateDeal", id=deal, owner=self._owner(), moveCredit=True)
            case _:
                return await self.world.try_mutation("updateDeal", id=deal, amount=self._amount())

    def _new_input(self) -> dict[str, Any]:
        is_won = self.dice.random() < 0.7
        return {
            "title": "Chairs",
            "owner": self._owner(),
            "client": self._client(),
            "amount": self._amount(),
            "status": "WON" if is_won else "OPEN",
            "closedAt": self._past_time() if is_won and self.dice.random() < 0.5 else None,
            "externalId": f"deal-{self.dice.randrange(8)}" if self.dice.random() < 0.4 else None,
        }

    def _owner(self) -> str:
        return self.world.global_ids[self.dice.choice(["Ann", "Bob"])]

    def _client(self) -> str | None:
        return self.dice.choice([None, *self.clients])

    def _amount(self) -> dict[str, str]:
        return {"amount": str(self.dice.randrange(1, 20))}

    def _past_time(self) -> str:
        return f"2026-{self.dice.randrange(9, 12):02}-{self.dice.randrange(1, 18):02}T10:00:00Z"


async def find_wrong_sale_kinds() -> list[int]:
    """Return the standing wins whose sale kind does not follow from the order of their client's wins."""
    wins_by_client: dict[int | None, list[Deal]] = defaultdict(list)
    for deal in await Deal.filter(status=DealStatus.WON, deleted_at=None).order_by("closed_at", "id"):
        wins_by_client[deal.client_id or -deal.id].append(deal)
    return [
        deal.id
        for wins in wins_by_client.values()
        for number, deal in enumerate(wins)
        if deal.sale_kind is not (SaleKind.REPEAT if number else SaleKind.FIRST)
    ]


async def test_value_of_moved_goal_follows_repaired_totals(world: World) -> None:
    goal = await set_goal(world, "Ann", "deals_won", "50")
    deal = {"owner": world.global_ids["Ann"], "title": "Chairs", "status": "WON", "amount": {"amount": "5"}}
    await world.mutate("recordDeal", **deal)
    await connection.execute("UPDATE daily_total SET amount = 7 WHERE metric = 'deals_won'")
    await reconcile(repair_clock=lambda: world.now)

    payload = await world.mutate("recordDeal", **deal)

    assert {row["id"]: row["progress"]["value"] for row in payload["goals"]}[goal] == "2"


async def test_value_of_moved_goal_does_not_count_refused_edit(world: World) -> None:
    goal = await set_goal(world, "Ann", "deals_won", "50")
    deal = {"owner": world.global_ids["Ann"], "title": "Chairs", "status": "WON"}
    await world.mutate("recordDeal", **deal, amount={"amount": "5"})
    await world.try_mutation("recordDeal", **deal)

    payload = await world.mutate("recordDeal", **deal, amount={"amount": "5"})

    assert {row["id"]: row["progress"]["value"] for row in payload["goals"]}[goal] == "2"


@each_seed(1, 2)
async def test_edits_return_exactly_the_goals_that_they_move(world: World, seed: int) -> None:
    dice = Random(seed)
    clients = [(await world.mutate("recordClient", "Ann", name=name))["client"]["id"] for name in ("Smith", "Jones")]
    editor = DealEditor(world, dice, clients)
    processes = [world.services.state, build_state()]

    for number in range(EDITS):
        if dice.random() < 0.3:
            world.services.state = dice.choice(processes)
        if number == EDITS // 3:
            await world.mutate("updateTeam", id=world.global_ids["South"], parent=world.global_ids["North"])
        if number == EDITS // 2:
            await world.mutate("updateEmployee", id=world.global_ids["Ann"], team=world.global_ids["South"])
        world.advance(hours=dice.random() * 3)
        values_before = await read_values(world)
        payload = await editor.edit()
        values_after = await read_values(world)

        returned_values = {goal["id"]: goal["progress"]["value"] for goal in payload["goals"]}
        assert returned_values.items() <= values_after.items()
        assert {goal for goal, value in values_after.items() if value != values_before[goal]} <= returned_values.keys()
        assert await find_wrong_sale_kinds() == []

    assert [str(difference) for difference in (await reconcile()).differences] == []
