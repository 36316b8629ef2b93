"""Random sequences of changes, refunds, deletions, undo and merges of clients: ledger, sale kinds and funnel equal a slow recomputation."""

from __future__ import annotations

import random
from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Any

import pytest

from models.db import connection
from resolvers.ledger.reconciliation import reconcile
from tests.resolvers.crm.sales_company import SELLERS, fetch_last_activity, record_deal, try_refund, try_undo
from tests.world import World

RATES = {"EUR": Decimal(1), "USD": Decimal("0.9")}
CREATED = "2026-11-02T08:00:00Z"
FUNNEL = "{ funnel(period: {kind: YEAR}) { stages { openDeals entered advanced lost } } }"


@dataclass
class ExpectedDeal:
    """What is known of a deal by what was done with it.

    stages   positions of all stages that it has entered
    refunds  by id: amounts in cents
    """

    client: str
    amount: int
    currency: str
    owner: str
    status: str = "OPEN"
    stage: int = 0
    stages: list[int] = field(default_factory=lambda: [0])
    credit: str = ""
    closed_at: datetime | None = None
    refunds: dict[str, int] = field(default_factory=dict)
    deleted: bool = False

    def value(self, minor: int) -> int:
        """Return an amount in the company's currency, in cents."""
        return int((minor * RATES[self.currency]).quantize(Decimal(1), ROUND_HALF_EVEN))

    def close(self, status: str, at: datetime) -> None:
        self.credit = self.credit or self.owner if status == "WON" else ""
        self.status, self.closed_at = status, at

    def enter(self, stage: int) -> None:
        self.stage = stage
        self.stages.append(stage)


class DealReplay:
    """Changes deals at random, and what is expected of them, step by step."""

    def __init__(self, world: World, dice: random.Random) -> None:
        self.world, self.dice = world, dice
        self.deals: dict[str, ExpectedDeal] = {}
        self.earlier: dict[str, list[ExpectedDeal]] = {}
        self.clients = ["Globex", "Hooli"]
        self.undone = self.merged = 0

    async def record(self) -> None:
        deal = ExpectedDeal(
            self.dice.choice(self.clients), self.dice.randrange(100, 9_999), self.dice.choice(["EUR", "USD"]),
            self.dice.choice(SELLERS),
        )  # fmt: skip
        money = {"amount": str(Decimal(deal.amount) / 100), "currency": deal.currency}
        client = self.world.global_ids[deal.client]
        deal_id = await record_deal(self.world, deal.owner, amount=money, client=client, createdAt=CREATED)
        self.deals[deal_id], self.earlier[deal_id] = deal, []

    async def merge_clients(self) -> None:
        """Merge a new client and an old one, either into the other: all deals have the one that stays."""
        name = f"Client {self.merged}"
        self.world.global_ids[name] = (await self.world.mutate("recordClient", name=name))["client"]["id"]
        self.clients.append(name)
        await self.record()
        self.world.advance(seconds=1)  # changes of one deal at one time are one change
        pair = [name, self.dice.choice(self.clients[:-1])]
        self.dice.shuffle(pair)
        into, other = pair
        document = "mutation($input: MergeInput!) { mergeClients(input: $input) { userErrors { code } } }"
        input = {"into": self.world.global_ids[into], "from": self.world.global_ids[other]}
        assert (await self.world.query(document, input=input))["mergeClients"]["userErrors"] == []
        self.clients.remove(other)
        for deal in (*self.deals.values(), *(deal for deals in self.earlier.values() for deal in deals)):
            deal.client = into if deal.client == other else deal.client
        self.merged += 1

    async def step(self) -> None:
        self.world.advance(minutes=self.dice.choice([1, 1, 3, 60]))
        if self.dice.random() < 0.05:
            await self.merge_clients()
        deal_id = self.dice.choice([*self.deals])
        expected = deepcopy(self.deals[deal_id])
        is_accepted = await self.change(deal_id, expected)
        if is_accepted and vars(expected) != vars(self.deals[deal_id]):
            self.earlier[deal_id].append(self.deals[deal_id])
            self.deals[deal_id] = expected
        while is_accepted and self.dice.random() < 0.5:
            self.world.advance(seconds=self.dice.randrange(1, 200))
            await self.undo(self.dice.choice([*[deal_id] * 12, *self.deals]))

    async def undo(self, deal_id: str) -> None:
        activity = await fetch_last_activity(self.world, deal_id) if not self.deals[deal_id].deleted else None
        if activity is None or activity["undoableUntil"] is None:
            return
        assert (await try_undo(self.world, activity["id"]))["userErrors"] == []
        self.deals[deal_id] = self.earlier[deal_id].pop()
        self.undone += 1

    async def change(self, deal_id: str, deal: ExpectedDeal) -> bool:
        """Change a deal and what is expected of it; return whether that was accepted."""
        if deal.deleted:
            return False
        kinds = ["move", "win", "win", "lose", "reopen", "owner", "credit", "refund", "refund", "withdraw", "delete"]
        match self.dice.choice(kinds):
            case "move":
                stage = self.dice.randrange(5)
                payload = await self.world.try_mutation("moveDeal", id=deal_id, stage=self.world.stage_ids[stage])
                if stage != deal.stage:
                    deal.enter(stage)
            case "win" | "lose" as kind:
                at = self.world.now - timedelta(days=self.dice.choice([0, 0, 1, 4]))
                payload = await self.world.try_mutation(f"{kind}Deal", id=deal_id, at=at.isoformat())
                deal.close("WON" if kind == "win" else "LOST", at)
            case "reopen":
                stage = self.dice.choice([deal.stage, self.dice.randrange(5)])
                payload = await self.world.try_mutation("reopenDeal", id=deal_id, stage=self.world.stage_ids[stage])
                if deal.status != "OPEN" or stage != deal.stage:
                    deal.enter(stage)
                deal.status, deal.credit, deal.closed_at = "OPEN", "", None
            case "owner" | "credit" as kind:
                deal.owner = self.dice.choice(SELLERS)
                owner = self.world.global_ids[deal.owner]
                payload = await self.world.try_mutation(
                    "updateDeal", id=deal_id, owner=owner, moveCredit=kind == "credit"
                )
                if deal.credit and kind == "credit":
                    deal.credit = deal.owner
            case "refund":
                amount = self.dice.randrange(1, 4_000)
                payload = await try_refund(self.world, deal_id, str(Decimal(amount) / 100))
                if payload["refund"]:
                    deal.refunds[payload["refund"]["id"]] = amount
            case "withdraw" if deal.refunds:
                refund = self.dice.choice([*deal.refunds])
                payload = await self.run("deleteRefund", refund)
                del deal.refunds[refund]
            case "delete" if self.dice.random() < 0.2:
                payload = await self.run("deleteDeal", deal_id)
                deal.deleted = True
            case _:
                return False
        return not payload["userErrors"]

    async def run(self, mutation: str, global_id: str) -> dict[str, Any]:
        document = f"mutation($id: ID!) {{ {mutation}(id: $id) {{ userErrors {{ code }} }} }}"
        return dict((await self.world.query(document, id=global_id))[mutation])

    # what follows from the expected deals

    def wins(self) -> dict[str, ExpectedDeal]:
        return {deal_id: deal for deal_id, deal in self.deals.items() if deal.status == "WON" and not deal.deleted}

    def sale_kinds(self) -> dict[str, str]:
        """Return FIRST for the earliest win of each client, REPEAT for the others."""
        order = [*self.deals]
        firsts = {
            min(
                (deal_id for deal_id, deal in self.wins().items() if deal.client == client),
                key=lambda deal_id: (self.deals[deal_id].closed_at, order.index(deal_id)),
                default="",
            )
            for client in self.clients
        }
        return {deal_id: "FIRST" if deal_id in firsts else "REPEAT" for deal_id in self.wins()}

    def totals(self) -> dict[str, Counter[str]]:
        """Return by metric the totals of employees: pieces and cents."""
        totals: dict[str, Counter[str]] = {name: Counter() for name in ("deals_won", "deals_won_amount", "first")}
        kinds = self.sale_kinds()
        for deal_id, deal in self.wins().items():
            value = deal.value(deal.amount)
            value -= round(Fraction(value * sum(deal.refunds.values()), deal.amount))
            totals["deals_won"][deal.credit] += 1
            totals["deals_won_amount"][deal.credit] += value
            if kinds[deal_id] == "FIRST":
                totals["first"][deal.credit] += value
        return totals

    def funnel(self) -> list[dict[str, int]]:
        stages = [Counter({"openDeals": 0, "entered": 0, "advanced": 0, "lost": 0}) for _ in range(5)]
        for deal in self.deals.values():
            if deal.deleted:
                continue
            if deal.status == "OPEN":
                stages[deal.stage]["openDeals"] += 1
            for stage in set(deal.stages):
                stages[stage]["entered"] += 1
                is_furthest = stage == max(deal.stages)
                stages[stage]["advanced"] += deal.status == "WON" or not is_furthest
                stages[stage]["lost"] += deal.status == "LOST" and is_furthest
        return [dict(stage) for stage in stages]


async def read_totals(metric: str) -> dict[str, int]:
    rows = await connection.fetch_rows(
        """SELECT name, SUM(amount) AS total FROM daily_total JOIN employee ON employee.id = employee_id
        WHERE metric = ? GROUP BY name HAVING SUM(amount) <> 0""",
        [metric],
    )
    return {row["name"]: int(row["total"]) for row in rows}


async def read_sale_kinds(replay: DealReplay) -> dict[str, str]:
    document = "query($id: ID!) { node(id: $id) { ... on Deal { saleKind } } }"
    return {deal_id: (await replay.world.query(document, id=deal_id))["node"]["saleKind"] for deal_id in replay.wins()}


@pytest.mark.parametrize(
    ("seed", "steps"), [(1, 160), *(pytest.param(seed, 400, marks=pytest.mark.long) for seed in range(2, 10))]
)
async def test_sequence_of_changes_equals_slow_recomputation(sales_company: World, seed: int, steps: int) -> None:
    replay = DealReplay(sales_company, random.Random(seed))
    for _ in range(6):
        await replay.record()
    for step in range(1, steps + 1):
        await replay.step()
        if step % 20:
            continue
        totals = replay.totals()

        assert [str(difference) for difference in (await reconcile()).differences] == [], step
        assert await read_sale_kinds(replay) == replay.sale_kinds(), step
        for metric, expected in (
            ("deals_won", totals["deals_won"]),
            ("deals_won_amount", totals["deals_won_amount"]),
            ("first_deals_won_amount", totals["first"]),
        ):
            assert await read_totals(metric) == {name: total for name, total in expected.items() if total}, step
        assert (await sales_company.query(FUNNEL))["funnel"]["stages"] == replay.funnel(), step
    assert replay.undone > steps / 20
    assert replay.merged
