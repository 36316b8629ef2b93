"""Simulates the sellers of the demo company: every few seconds one of them records something through the public API.

A simulated seller signs in, queries their open work and executes one mutation, as a client of theirs would. Nothing
bypasses the API, so a wallboard is updated in the same way as for a real company.

Actions that would make a monthly goal look implausibly good are skipped (see `rate_control`), with rare exceptions.
Wins can still go on for hours, because some won deals are reopened and won again.
"""

from __future__ import annotations

import asyncio
import http.client
import logging
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

from demo import company_data
from demo.api_client import Ask, Refused, Session
from demo.rate_control import fits, room

log = logging.getLogger(__name__)

FEWEST, MOST = 2.0, 4.0  # between two actions
_LONGEST_REST: Final = 60.0  # limit of the backoff when the server does not answer
_TRIES: Final = 5  # actions tried before a turn is given up
_BOLD = 0.003  # of an action that exceeds the headroom: so that a few goals are reached
_SOON: Final = 0.2  # that the next turn wins a reopened deal again: goals miss its amount only briefly
_DESK: Final = """
query Desk($ripe: [ID!]) {
  goals { metric { key } target period { kind } progress { value expectedByNow } }
  ripe: deals(first: 20, filter: {status: [OPEN], stage: $ripe}) {
    edges { node { id saleKind amount { amount currency } } }
  }
  closed: deals(first: 20, filter: {status: [WON, LOST], period: {kind: MONTH}}) { edges { node { id status } } }
  deals(first: 40, filter: {status: [OPEN]}) { edges { node { id problem stage { id } } } }
  tasks(first: 10, filter: {completed: false}) { edges { node { id } } }
  leads(first: 10, filter: {status: [NEW, IN_PROGRESS]}) { edges { node { id title } } }
  clients(first: 40) { edges { node { id name } } }
}
"""
_PIPELINES: Final = "{ pipelines { stages { id position } } }"

Desk = Mapping[str, Sequence[Mapping[str, Any]]]
_NONE: Final = Decimal(0)
_ONE: Final = Decimal(1)


class Seller:
    """One employee: chooses and executes random actions through their own API session."""

    def __init__(self, session: Session, luck: random.Random) -> None:
        self.session, self.luck = session, luck
        self._next: dict[str, str] = {}  # ids of stages to the id of the next stage
        self._before: dict[str, str] = {}  # and to the id of the previous stage
        self._ripe: list[str] = []  # ids of the last stage of each pipeline
        self.back: list[str] = []  # ids of won deals that were reopened and are to be won again

    async def act(self) -> str | None:
        """Perform one action and return the name of its mutation; None if none of the actions tried was possible."""
        desk = await self.desk()
        if self.back:
            return await self.win(desk)
        for does in self.luck.choices([act for act, _ in ACTS], [weight for _, weight in ACTS], k=_TRIES):
            if done := await does(self, desk):
                return done
        return None

    async def desk(self) -> Desk:
        """Query goals, open deals (`ripe`: in their last stage), deals closed this month, tasks, leads and clients."""
        if not self._ripe:
            for pipeline in (await self.session.ask(_PIPELINES))["pipelines"]:
                stages = [stage["id"] for stage in sorted(pipeline["stages"], key=lambda stage: stage["position"])]
                self._next.update(pairwise(stages))
                self._before.update(pairwise(stages[::-1]))
                self._ripe.append(stages[-1])
        found = await self.session.ask(_DESK, ripe=self._ripe)
        goals = found["goals"]
        pages = {name: page for name, page in found.items() if name != "goals"}
        return {"goals": goals, **{name: [edge["node"] for edge in page["edges"]] for name, page in pages.items()}}

    def _may(self, desk: Desk, **gains: Decimal) -> bool:
        """Return whether the gains, by metric, keep the goals plausible (or this action may be an exception)."""
        return fits(room(desk["goals"]), gains) or self.luck.random() < _BOLD

    async def _mutate(self, mutation: str, **given: Any) -> str:
        kind = f"{mutation[0].upper()}{mutation[1:]}Input"
        document = f"mutation($input: {kind}!) {{ {mutation}(input: $input) {{ userErrors {{ message }} }} }}"
        await self.session.ask(document, input=given)
        return mutation

    async def call(self, desk: Desk) -> str | None:
        answered = self.luck.random() < 0.7
        seconds = int(self.luck.lognormvariate(5.2, 0.9)) % 5400 if answered else 0
        hours, heard = Decimal(seconds) / 3600, _ONE if answered else _NONE
        if not self._may(desk, calls_made=_ONE, calls_answered=heard, call_hours=hours):
            return None
        client = {"client": self.luck.choice(desk["clients"])["id"]} if desk["clients"] else {}
        return await self._mutate(
            "recordCall",
            direction=self.luck.choice(("OUTBOUND", "OUTBOUND", "INBOUND")),
            outcome="ANSWERED" if answered else "NO_ANSWER",
            durationSeconds=seconds,
            note=self.luck.choice(company_data.NOTES),
            **client,
        )

    async def lead(self, desk: Desk) -> str | None:
        if not self._may(desk, leads_created=_ONE):
            return None
        return await self._mutate(
            "recordLead",
            title=f"Request: {self.luck.choice(company_data.PRODUCTS).name}",
            source=self.luck.choice(company_data.SOURCES),
            contactName=self.luck.choice(company_data.CONTACTS),
        )

    async def contact(self, desk: Desk) -> str | None:
        if not desk["clients"] or not self._may(desk, contacts_added=_ONE):
            return None
        client = self.luck.choice(desk["clients"])["id"]
        return await self._mutate("recordContact", name=self.luck.choice(company_data.CONTACTS), client=client)

    async def task(self, desk: Desk) -> str:
        if desk["tasks"] and self.luck.random() < 0.6 and self._may(desk, tasks_completed=_ONE):
            document = "mutation($id: ID!) { completeTask(id: $id) { userErrors { message } } }"
            await self.session.ask(document, id=self.luck.choice(desk["tasks"])["id"])
            return "completeTask"
        return await self._mutate("createTask", title=self.luck.choice(company_data.ERRANDS))

    async def deal(self, desk: Desk) -> str | None:
        if not desk["clients"] or not self._may(desk, deals_created=_ONE):
            return None
        client = self.luck.choice(desk["clients"])
        return await self._mutate("recordDeal", client=client["id"], **self._offer(f" for {client['name']}"))

    async def convert(self, desk: Desk) -> str | None:
        if not desk["leads"] or not self._may(desk, leads_converted=_ONE, deals_created=_ONE):
            return None
        return await self._mutate("convertLead", id=self.luck.choice(desk["leads"])["id"], deal=self._offer(""))

    async def move(self, desk: Desk) -> str | None:
        """Move a deal to the next stage, or less often to the previous one."""
        steps = self._next if self.luck.random() < 0.6 else self._before
        movable = [deal for deal in desk["deals"] if deal["stage"]["id"] in steps]
        if not movable:
            return None
        deal = self.luck.choice(movable)
        return await self._mutate("moveDeal", id=deal["id"], stage=steps[deal["stage"]["id"]])

    async def win(self, desk: Desk) -> str | None:
        """Win a reopened deal, else one in its last stage that fits within the headroom; without one, move a deal."""
        if self.back:
            return await self._mutate("winDeal", id=self.back.pop())
        left, bold = room(desk["goals"]), self.luck.random() < _BOLD
        fitting = [deal for deal in desk["ripe"] if bold or fits(left, _gains(deal))]
        return await self._mutate("winDeal", id=self.luck.choice(fitting)["id"]) if fitting else await self.move(desk)

    async def reopen(self, desk: Desk) -> str | None:
        """Reopen a deal that was closed this month; one that was won is noted, so that it is won again."""
        if not desk["closed"]:
            return None
        deal = self.luck.choice(desk["closed"])
        if deal["status"] == "WON":
            self.back.append(deal["id"])
        return await self._mutate("reopenDeal", id=deal["id"])

    async def lose(self, desk: Desk) -> str | None:
        if not desk["deals"]:
            return None
        deal = self.luck.choice(desk["deals"])
        return await self._mutate("loseDeal", id=deal["id"], reason=self.luck.choice(company_data.LOST))

    async def flag(self, desk: Desk) -> str | None:
        """Flag a deal with a problem, or clear its flag."""
        if not desk["deals"]:
            return None
        deal = self.luck.choice(desk["deals"])
        problem = None if deal["problem"] else self.luck.choice(company_data.PROBLEMS)
        return await self._mutate("flagDeal", id=deal["id"], problem=problem)

    def _offer(self, whom: str) -> dict[str, Any]:
        product = self.luck.choice(company_data.PRODUCTS)
        amount = round(product.price * self.luck.lognormvariate(0.25, 0.65), -1)
        return {"title": f"{product.name}{whom}", "product": product.name, "amount": {"amount": f"{amount:.0f}"}}


def _gains(deal: Mapping[str, Any]) -> Mapping[str, Decimal]:
    """Return the gains of winning a deal by metric, for the metrics that have monthly goals."""
    kind = "first" if deal["saleKind"] == "FIRST" else "repeat"
    amount = Decimal(deal["amount"]["amount"]) if deal["amount"] else _NONE
    return {"deals_won_amount": amount, "deals_won": _ONE, f"{kind}_deals_won": _ONE}


_Act = Callable[[Seller, Desk], Awaitable[str | None]]
ACTS: Final[tuple[tuple[_Act, int], ...]] = (
    (Seller.call, 24),
    (Seller.lead, 10),
    (Seller.contact, 6),
    (Seller.task, 12),
    (Seller.deal, 10),
    (Seller.convert, 4),
    (Seller.move, 16),
    (Seller.win, 8),
    (Seller.lose, 2),
    (Seller.reopen, 6),
    (Seller.flag, 5),
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
    """Let these employees work until cancelled.

    Errors are logged; after each one the pause doubles, up to a minute, until an action succeeds.

    sleep  waits for a number of seconds
    """
    luck = random.Random(seed)  # noqa: S311 - a story, not a secret
    sellers = [Seller(Session(ask, clock, email, password), luck) for email in emails]
    wait = FEWEST
    while True:
        try:
            busy = [seller for seller in sellers if seller.back] if luck.random() < _SOON else []
            log.debug("demo: %s", await luck.choice(busy or sellers).act())
        except (Refused, OSError, http.client.HTTPException, ValueError) as error:
            wait = min(max(wait, FEWEST) * 2, _LONGEST_REST)
            log.warning("The demo could not record anything (%s); trying again in %.0f seconds.", error, wait)
        else:
            wait = luck.uniform(FEWEST, MOST)
        await rest(wait)
