"""Property test of merges: after any sequence with wins, reopenings and deletions, all equals a recomputation."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from resolvers.ledger.reconciliation import reconcile
from tests.resolvers.two_sellers import open_world_with_two_sellers, read_leaderboard
from tests.seeds import each_seed
from tests.world import World

SELLERS = ("Ann", "Bob")
STEPS = (
    "client", "client", "contact", "lead", "win", "win", "win", "open deal", "close", "reopen", "re-date", "delete deal",
    "restore deal", "convert", "merge clients", "merge clients", "merge contacts", "merge leads", "delete client",
    "write by old id", "later",
)  # fmt: skip


@dataclass
class ExpectedRecord:
    """A client, contact or lead as the rules have it; `keys` are the external ids that find it."""

    id: str
    owner: str
    keys: list[str]
    deal: str | None = None


@dataclass
class ExpectedDeal:
    number: int
    id: str
    key: str
    owner: str
    client: ExpectedRecord | None
    closed_at: datetime | None
    is_deleted: bool = False


@dataclass
class ReferenceBook:
    """Applies random steps to a company, and keeps by simple rules what should come of them."""

    world: World
    random_source: random.Random
    records: dict[str, list[ExpectedRecord]] = field(default_factory=lambda: {"client": [], "contact": [], "lead": []})
    deals: list[ExpectedDeal] = field(default_factory=list)
    keys: int = 0

    def new_key(self) -> str:
        self.keys += 1
        return f"key-{self.keys}"

    def random_time(self) -> datetime:
        return self.world.now - timedelta(minutes=self.random_source.randint(0, 30 * 24 * 60))

    def pick(self, kind: str) -> ExpectedRecord | None:
        return self.random_source.choice(self.records[kind]) if self.records[kind] else None

    def pick_deal(self, *, is_won: bool | None = None, is_deleted: bool = False) -> ExpectedDeal | None:
        deals = [
            deal
            for deal in self.deals
            if deal.is_deleted is is_deleted and (is_won is None or (deal.closed_at is not None) is is_won)
        ]
        return self.random_source.choice(deals) if deals else None

    async def apply(self, step: str) -> None:
        world = self.world
        if step in ("client", "contact", "lead"):
            await self.record(step)
        elif step == "win":
            await self.record_deal(self.random_time())
        elif step == "open deal":
            await self.record_deal(None)
        elif step == "close" and (deal := self.pick_deal(is_won=False)):
            deal.closed_at = world.now - timedelta(minutes=self.random_source.randint(0, 600))
            await world.mutate("winDeal", id=deal.id, at=deal.closed_at.isoformat(), amount={"amount": "5"})
        elif step == "reopen" and (deal := self.pick_deal(is_won=True)):
            deal.closed_at = None
            await world.mutate("reopenDeal", id=deal.id)
        elif step == "re-date" and (deal := self.pick_deal(is_won=True)):
            deal.closed_at = self.random_time()
            await world.mutate("updateDeal", id=deal.id, closedAt=deal.closed_at.isoformat())
        elif step == "delete deal" and (deal := self.pick_deal()):
            deal.is_deleted = True
            await self.call("deleteDeal(id: $id) { userErrors { code } }", id=deal.id)
        elif step == "restore deal" and (deal := self.pick_deal(is_deleted=True)):
            deal.is_deleted = False
            await world.mutate("recordDeal", title="Chairs", externalId=deal.key)
        elif step == "convert" and (lead := self.pick("lead")) and lead.deal is None:
            lead.deal = (await world.mutate("convertLead", id=lead.id, deal={"title": "Asked for"}))["deal"]["id"]
        elif step.startswith("merge ") and len(self.records[kind := step[6:-1]]) > 1:
            await self.merge(kind, *self.random_source.sample(self.records[kind], 2))
        elif step == "delete client" and (client := self.pick("client")):
            if not any(deal.client is client and not deal.is_deleted for deal in self.deals):
                self.records["client"].remove(client)
                await self.call("deleteRecord(id: $id) { userErrors { code } }", id=client.id)
        elif step == "write by old id" and (client := self.pick("client")):
            key = self.random_source.choice(client.keys)
            payload = await world.mutate("recordClient", name=f"Written by {key}", externalId=key)
            assert payload["client"]["id"] == client.id
        elif step == "later":
            world.advance(hours=self.random_source.choice((1, 40, 24 * 20)))

    async def call(self, text: str, **variables: str) -> None:
        arguments = ", ".join(f"${name}: ID!" for name in variables)
        data = await self.world.query(f"mutation({arguments}) {{ it: {text} }}", **variables)
        assert data["it"]["userErrors"] == []

    async def record(self, kind: str) -> None:
        owner, key = self.random_source.choice(SELLERS), self.new_key()
        label = {"title": key} if kind == "lead" else {"name": key}
        input: dict[str, Any] = {"externalId": key, "owner": self.world.global_ids[owner]}
        input["createdAt"] = self.random_time().isoformat()
        payload = await self.world.mutate(f"record{kind.title()}", **label, **input)
        self.records[kind].append(ExpectedRecord(payload[kind]["id"], owner, [key]))

    async def record_deal(self, closed_at: datetime | None) -> None:
        owner, key, client = self.random_source.choice(SELLERS), self.new_key(), self.pick("client")
        input: dict[str, Any] = {"title": "Chairs", "externalId": key, "owner": self.world.global_ids[owner]}
        input["createdAt"] = "2026-09-01T09:00:00Z"  # before all other times
        if client is not None:  # by any of the ids that it has been known by
            input["client"] = f"ext:{self.random_source.choice(client.keys)}"
        if closed_at is not None:
            input |= {"status": "WON", "closedAt": closed_at.isoformat(), "amount": {"amount": "5"}}
        deal_id = (await self.world.mutate("recordDeal", **input))["deal"]["id"]
        self.deals.append(ExpectedDeal(len(self.deals), deal_id, key, owner, client, closed_at))

    async def merge(self, kind: str, into: ExpectedRecord, from_: ExpectedRecord) -> None:
        document = f"""mutation($input: MergeInput!) {{
          merge{kind.title()}s(input: $input) {{ {kind} {{ id }} userErrors {{ code }} }} }}"""
        data = await self.world.query(document, input={"into": into.id, "from": from_.id})
        payload = data[f"merge{kind.title()}s"]
        if kind == "lead" and into.deal and from_.deal:
            assert payload["userErrors"] == [{"code": "CONFLICT"}]
            return
        assert payload == {kind: {"id": into.id}, "userErrors": []}
        self.records[kind].remove(from_)
        into.keys += from_.keys
        into.deal = into.deal or from_.deal
        for deal in self.deals:
            if deal.client is from_:
                deal.client = into

    def sale_kinds(self) -> dict[str, str]:
        """Return the kind of sale of each standing win, by comparing it with all others."""
        wins = [deal for deal in self.deals if deal.closed_at and not deal.is_deleted]
        return {
            win.id: "REPEAT"
            if any(
                other.client is win.client and (other.closed_at, other.number) < (win.closed_at, win.number)
                for other in wins
                if win.client is not None
            )
            else "FIRST"
            for win in wins
        }


@each_seed(3, 60)
async def test_all_equals_a_recomputation_after_any_merges(seed: int) -> None:
    random_source = random.Random(seed)
    async with open_world_with_two_sellers() as world:
        book = ReferenceBook(world, random_source)
        for _ in range(50):
            await book.apply(random_source.choice(STEPS))

        assert [str(difference) for difference in (await reconcile()).differences] == []
        await assert_records_match(book)
        await assert_boards_match(book)


async def assert_records_match(book: ReferenceBook) -> None:
    data = await book.world.query(
        "{ deals(first: 100) { edges { node { id saleKind client { id } } } } clients(first: 100) { edges { node { id } } } }"
    )
    deals = {edge["node"]["id"]: edge["node"] for edge in data["deals"]["edges"]}
    kinds = book.sale_kinds()
    for deal in book.deals:
        if deal.is_deleted:
            assert deal.id not in deals
        else:
            client = {"id": deal.client.id} if deal.client in book.records["client"] else None
            assert deals[deal.id]["client"] == client
            if deal.id in kinds:  # an open deal has the kind that it would be if it were won now
                assert deals[deal.id]["saleKind"] == kinds[deal.id]
    assert {edge["node"]["id"] for edge in data["clients"]["edges"]} == {row.id for row in book.records["client"]}
    for kind, records in book.records.items():
        for record in records:
            for key in record.keys:
                answer = await book.world.query(
                    f'{{ byExternalId(type: {kind.upper()}, externalId: "{key}") {{ id }} }}'
                )
                assert answer["byExternalId"] == {"id": record.id}


async def assert_boards_match(book: ReferenceBook) -> None:
    period = {"kind": "CUSTOM", "start": "2026-09-01", "end": "2028-12-31"}
    kinds = book.sale_kinds()
    owners = {deal.id: deal.owner for deal in book.deals}
    expected = {
        "clients_added": Counter(record.owner for record in book.records["client"]),
        "contacts_added": Counter(record.owner for record in book.records["contact"]),
        "leads_created": Counter(record.owner for record in book.records["lead"]),
        "first_deals_won": Counter(owners[deal_id] for deal_id, kind in kinds.items() if kind == "FIRST"),
        "repeat_deals_won": Counter(owners[deal_id] for deal_id, kind in kinds.items() if kind == "REPEAT"),
    }
    for metric, counts in expected.items():
        board = await read_leaderboard(book.world, metric, period=period)
        assert {seller: int(board[seller]) for seller in SELLERS} == {seller: counts[seller] for seller in SELLERS}, (
            metric
        )
