"""A company with goals, alert rules and deals of two clients, random changes of its deals, and dumps of its tables."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from datetime import timedelta
from fractions import Fraction
from typing import Any, Final

from tortoise import Tortoise

from models.db import connection
from tests.world import World, cache_company, open_world

SELLERS: Final = ("Ann", "Bob", "Mia")
_CHANNELS: Final = frozenset({"chat", "mail"})
# Not dumped: the doorbell and the answers of requests, sign-ins, and what tells that a change was taken back
_OTHER_TABLES: Final = frozenset(
    {"change", "repeatable_call", "session", "refresh_token", "presence", "undo_record", "undone_activity", "bell"}
)
_VERSIONS: Final = {"goal": "version"}  # positions in the change log, by table


@cache_company
async def open_sales_company(url: str = "sqlite://:memory:") -> AsyncIterator[World]:
    """Open a company: Ann and Bob sell in North under Mia, Cid in South; goals are low enough to be reached."""
    async with open_world(url) as world:
        allow_channels(world)
        await world.mutate("setExchangeRate", currency="USD", rate="0.9", **{"from": "2026-01-01"})
        await world.mutate("updateCompany", closeAfterWorkdays=5)
        await world.create_team("Sales")
        await world.create_team("North", "Sales")
        await world.create_team("South", "Sales")
        await world.create_employee("Mia", "North", role="MANAGER")
        await world.mutate("updateTeam", id=world.global_ids["North"], manager=world.global_ids["Mia"])
        await world.create_employee("Ann", "North")
        await world.create_employee("Bob", "North")
        await world.create_employee("Cid", "South")
        await world.create_employee("Dora", role="DIRECTOR")
        for kind, fields in (
            ("DEAL_WON", {"channels": ["chat"]}),
            ("DEAL_LOST", {"channels": ["mail"], "minAmount": "1"}),
            ("GOAL_ACHIEVED", {"channels": ["chat"], "recipients": ["EMPLOYEE", "MANAGER"]}),
        ):
            await world.mutate("createAlertRule", **{"kind": kind, "recipients": ["MANAGER"], **fields})
        await record_stages(world)
        stage = world.stage_ids[1]
        await world.mutate("createAlertRule", kind="DEAL_ENTERED_STAGE", recipients=["MANAGER"], stage=stage)
        month = {"kind": "MONTH"}
        for owner, metric, target in (
            ("Ann", "deals_won", 2), ("Ann", "deals_won_amount", 500), ("Bob", "repeat_deals_won", 1),
            ("Mia", "deals_won_profit", 50), ("North", "deals_won_amount", 900), ("Sales", "first_deals_won", 3),
        ):  # fmt: skip
            await world.mutate("setGoal", owner=world.global_ids[owner], metric=metric, target=target, period=month)
        for client in ("Globex", "Hooli"):
            payload = await world.mutate("recordClient", "Mia", name=client)
            world.global_ids[client] = payload["client"]["id"]
        yield world


def allow_channels(world: World) -> None:
    world.services.notification_channels, world.services.shared_channels = _CHANNELS, frozenset({"chat"})


async def record_stages(world: World) -> None:
    """Note the stages of the pipeline."""
    pipelines = (await world.query("{ pipelines { stages { id } } }"))["pipelines"]
    world.stage_ids[:] = [stage["id"] for stage in pipelines[0]["stages"]]


async def record_deal(world: World, owner: str = "Ann", amount: str | dict[str, str] = "100", **fields: Any) -> str:
    money = {"amount": amount} if isinstance(amount, str) else amount
    deal = {"title": "Chairs", "owner": world.global_ids[owner], "amount": money, **fields}
    return str((await world.mutate("recordDeal", **deal))["deal"]["id"])


async def fetch_last_activity(world: World, deal: str) -> dict[str, Any]:
    """Return the newest activity about a deal, as the administrator sees it."""
    document = """query($id: ID!) { node(id: $id) { ... on Deal {
      activities(first: 1) { edges { node { id kind at undoableUntil } } } } } }"""
    data = await world.query(document, id=deal)
    return dict(data["node"]["activities"]["edges"][0]["node"])


async def try_undo(world: World, activity: str, actor: str = "admin", key: str | None = None) -> dict[str, Any]:
    document = """mutation($activity: ID!, $key: String) { undo(activity: $activity, idempotencyKey: $key) {
      deal { id status stage { id } owner { name } } goals { id progress { value } } userErrors { path code message } } }"""
    return dict((await world.query(document, actor, activity=activity, key=key))["undo"])


async def try_refund(world: World, deal: str, value: str, actor: str = "admin", **fields: Any) -> dict[str, Any]:
    document = """mutation($input: RecordRefundInput!) { recordRefund(input: $input) {
      refund { id amount { amount } } deal { refundedAmount { amount } } userErrors { path code message } } }"""
    input = {"deal": deal, "amount": {"amount": value}, **fields}
    return dict((await world.query(document, actor, input=input))["recordRefund"])


async def undo_last(world: World, deal: str, actor: str = "admin") -> dict[str, Any]:
    """Take the last change of a deal back; fail the test on user errors."""
    payload = await try_undo(world, (await fetch_last_activity(world, deal))["id"], actor)
    assert payload["userErrors"] == [], payload["userErrors"]
    return payload


async def dump_tables() -> dict[str, list[str]]:
    """Return all rows of all tables by table, except those and the columns that only tell of changes."""
    dump = {}
    for table in sorted({model._meta.db_table for model in Tortoise.apps["models"].values()} - _OTHER_TABLES):
        rows = await connection.fetch_rows(f"SELECT * FROM {table} ORDER BY 1")
        dump[table] = [
            str({name: _normalize(name, row[name]) for name in row if name != _VERSIONS.get(table)}) for row in rows
        ]
    dump["standing bells"] = await list_standing_wins()
    return dump


def _normalize(column: str, value: Any) -> Any:
    """Return the value of a column; exchange rates as numbers, since SQLite keeps them as texts such as 1 or 1.000."""
    return Fraction(value) if column.endswith("rate") and value is not None else value


async def list_standing_wins() -> list[str]:
    """Return the announced wins that are not revoked."""
    columns = "deal_id, employee_id, team_id, title, amount, currency, at"
    rows = await connection.fetch_rows(
        f"""SELECT {columns} FROM bell WHERE NOT revoked
        AND NOT EXISTS (SELECT 1 FROM bell other WHERE other.win_id = bell.id) ORDER BY deal_id, at"""
    )
    return [str(row) for row in rows]


def compare_dumps(before: dict[str, list[str]], after: dict[str, list[str]]) -> dict[str, tuple[list[str], list[str]]]:
    """Return, by table, the rows that are gone and those that are new."""
    return {
        table: (
            [row for row in before[table] if row not in after[table]],
            [row for row in after[table] if row not in before[table]],
        )
        for table in before
        if before[table] != after[table]
    }


class RandomDealChanges:
    """Changes deals at random, as sellers and their managers do."""

    def __init__(self, world: World, dice: random.Random) -> None:
        self.world, self.dice = world, dice
        self.deals: list[str] = []

    def pick(self, *values: Any) -> Any:
        return self.dice.choice(values)

    def past_time(self) -> str | None:
        days = self.pick(0, 0, 0, 1, 3, 40)
        return (self.world.now - timedelta(days=days, minutes=self.dice.randrange(60))).isoformat() if days else None

    async def record(self) -> str:
        fields = {
            "owner": self.world.global_ids[self.pick(*SELLERS)],
            "client": self.world.global_ids[self.pick("Globex", "Hooli")],
            "createdAt": "2026-09-01T08:00:00Z",
            "cost": self.pick(None, {"amount": str(self.dice.randrange(1, 50))}),
        }
        money = {"amount": str(self.dice.randrange(1, 400)), "currency": self.pick("EUR", "USD")}
        deal = await self.world.mutate("recordDeal", "admin", title="Chairs", amount=money, **fields)
        self.deals.append(deal["deal"]["id"])
        return self.deals[-1]

    async def change(self, deal: str) -> bool:
        """Make a change that can be taken back; return whether it had an effect."""
        match self.pick("move", "move", "win", "win", "win", "lose", "reopen", "owner", "credit"):
            case "move":
                input = {"stage": self.pick(*self.world.stage_ids), "at": self.pick(None, None, self.past_time())}
                payload = await self.world.try_mutation("moveDeal", "admin", id=deal, **input)
            case "win":
                payload = await self.world.try_mutation("winDeal", "admin", id=deal, at=self.past_time())
            case "lose":
                input = {"at": self.past_time(), "reason": self.pick(None, "Price")}
                payload = await self.world.try_mutation("loseDeal", "admin", id=deal, **input)
            case "reopen":
                stage = self.pick(None, *self.world.stage_ids)
                payload = await self.world.try_mutation("reopenDeal", "admin", id=deal, stage=stage)
            case kind:
                owner = self.world.global_ids[self.pick(*SELLERS)]
                payload = await self.world.try_mutation(
                    "updateDeal", "admin", id=deal, owner=owner, moveCredit=kind == "credit"
                )
        return not payload["userErrors"]
