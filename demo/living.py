"""Keeps the demo company alive: its sellers record their work through the public API, one act every few seconds.

They sign in, look at what is on their desk, and do one thing about it, as their own client
would. Nothing is reached past the API: what moves on a wallboard has come the same way
as for a real company.
"""

from __future__ import annotations

import asyncio
import http.client
import logging
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

from demo import cast
from demo.asking import Ask, Refused, Session

log = logging.getLogger(__name__)

FEWEST, MOST = 2.0, 4.0  # seconds between two acts
_LONGEST_REST: Final = 60.0  # seconds, when the server does not answer
_DESK: Final = """
query Desk($ripe: [ID!]) {
  ripe: deals(first: 10, filter: {status: [OPEN], stage: $ripe}) { edges { node { id } } }
  deals(first: 40, filter: {status: [OPEN]}) { edges { node { id problem stage { id } } } }
  tasks(first: 10, filter: {completed: false}) { edges { node { id } } }
  leads(first: 10, filter: {status: [NEW, IN_PROGRESS]}) { edges { node { id title } } }
  clients(first: 40) { edges { node { id name } } }
}
"""
_PIPELINES: Final = "{ pipelines { stages { id position } } }"

Desk = Mapping[str, Sequence[Mapping[str, Any]]]


class Seller:
    """One employee at work."""

    def __init__(self, session: Session, luck: random.Random) -> None:
        self.session, self.luck = session, luck
        self._next: dict[str, str] = {}  # stage to the one after it
        self._ripe: list[str] = []  # the last stages

    async def act(self) -> str | None:
        """Do one thing, and return the name of the mutation; None when there was nothing to do."""
        desk = await self.desk()
        does = self.luck.choices([act for act, _ in ACTS], [weight for _, weight in ACTS])[0]
        return await does(self, desk)

    async def desk(self) -> Desk:
        """Return what is to be done: open deals (`ripe`: in their last stage), tasks, leads, clients."""
        if not self._ripe:
            for pipeline in (await self.session.ask(_PIPELINES))["pipelines"]:
                stages = [stage["id"] for stage in sorted(pipeline["stages"], key=lambda stage: stage["position"])]
                self._next.update(pairwise(stages))
                self._ripe.append(stages[-1])
        found = await self.session.ask(_DESK, ripe=self._ripe)
        return {name: [edge["node"] for edge in page["edges"]] for name, page in found.items()}

    async def _mutate(self, mutation: str, **given: Any) -> str:
        kind = f"{mutation[0].upper()}{mutation[1:]}Input"
        document = f"mutation($input: {kind}!) {{ {mutation}(input: $input) {{ userErrors {{ message }} }} }}"
        await self.session.ask(document, input=given)
        return mutation

    async def call(self, desk: Desk) -> str:
        answered = self.luck.random() < 0.7
        client = {"client": self.luck.choice(desk["clients"])["id"]} if desk["clients"] else {}
        return await self._mutate(
            "recordCall",
            direction=self.luck.choice(("OUTBOUND", "OUTBOUND", "INBOUND")),
            outcome="ANSWERED" if answered else "NO_ANSWER",
            durationSeconds=int(self.luck.lognormvariate(5.2, 0.9)) % 5400 if answered else 0,
            note=self.luck.choice(cast.NOTES),
            **client,
        )

    async def lead(self, desk: Desk) -> str:
        return await self._mutate(
            "recordLead",
            title=f"Request: {self.luck.choice(cast.PRODUCTS).name}",
            source=self.luck.choice(cast.SOURCES),
            contactName=self.luck.choice(cast.CONTACTS),
        )

    async def contact(self, desk: Desk) -> str | None:
        if not desk["clients"]:
            return None
        client = self.luck.choice(desk["clients"])["id"]
        return await self._mutate("recordContact", name=self.luck.choice(cast.CONTACTS), client=client)

    async def task(self, desk: Desk) -> str:
        if desk["tasks"] and self.luck.random() < 0.6:
            document = "mutation($id: ID!) { completeTask(id: $id) { userErrors { message } } }"
            await self.session.ask(document, id=self.luck.choice(desk["tasks"])["id"])
            return "completeTask"
        return await self._mutate("createTask", title=self.luck.choice(cast.ERRANDS))

    async def deal(self, desk: Desk) -> str | None:
        if not desk["clients"]:
            return None
        client = self.luck.choice(desk["clients"])
        return await self._mutate("recordDeal", client=client["id"], **self._offer(f" for {client['name']}"))

    async def convert(self, desk: Desk) -> str | None:
        if not desk["leads"]:
            return None
        return await self._mutate("convertLead", id=self.luck.choice(desk["leads"])["id"], deal=self._offer(""))

    async def move(self, desk: Desk) -> str | None:
        movable = [deal for deal in desk["deals"] if deal["stage"]["id"] in self._next]
        if not movable:
            return None
        deal = self.luck.choice(movable)
        return await self._mutate("moveDeal", id=deal["id"], stage=self._next[deal["stage"]["id"]])

    async def win(self, desk: Desk) -> str | None:
        if not desk["ripe"]:
            return await self.move(desk)
        return await self._mutate("winDeal", id=self.luck.choice(desk["ripe"])["id"])

    async def lose(self, desk: Desk) -> str | None:
        if not desk["deals"]:
            return None
        deal = self.luck.choice(desk["deals"])
        return await self._mutate("loseDeal", id=deal["id"], reason=self.luck.choice(cast.LOST))

    async def flag(self, desk: Desk) -> str | None:
        """Say of a deal that something is wrong with it, or no longer is."""
        if not desk["deals"]:
            return None
        deal = self.luck.choice(desk["deals"])
        problem = None if deal["problem"] else self.luck.choice(cast.PROBLEMS)
        return await self._mutate("flagDeal", id=deal["id"], problem=problem)

    def _offer(self, whom: str) -> dict[str, Any]:
        product = self.luck.choice(cast.PRODUCTS)
        amount = round(product.price * self.luck.lognormvariate(0.25, 0.65), -1)
        return {"title": f"{product.name}{whom}", "product": product.name, "amount": {"amount": f"{amount:.0f}"}}


_Act = Callable[[Seller, Desk], Awaitable[str | None]]
ACTS: Final[tuple[tuple[_Act, int], ...]] = (
    (Seller.call, 24),
    (Seller.lead, 10),
    (Seller.contact, 6),
    (Seller.task, 10),
    (Seller.deal, 10),
    (Seller.convert, 4),
    (Seller.move, 16),
    (Seller.win, 14),
    (Seller.lose, 3),
    (Seller.flag, 3),
)


async def live(
    ask: Ask,
    clock: Callable[[], datetime],
    emails: Sequence[str],
    password: str,
    *,
    seed: int | None = None,
    rest: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Let these employees work until cancelled. What fails is logged and tried again later, ever more patiently."""
    luck = random.Random(seed)  # noqa: S311 - a story, not a secret
    sellers = [Seller(Session(ask, clock, email, password), luck) for email in emails]
    wait = FEWEST
    while True:
        try:
            log.debug("demo: %s", await luck.choice(sellers).act())
        except (Refused, OSError, http.client.HTTPException, ValueError) as error:
            wait = min(max(wait, FEWEST) * 2, _LONGEST_REST)
            log.warning("The demo's company could not work (%s); trying again in %.0f seconds.", error, wait)
        else:
            wait = luck.uniform(FEWEST, MOST)
        await rest(wait)
