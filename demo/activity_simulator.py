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
from typing import Final, NoReturn

from demo import company_data
from demo.api_client import ApiError, ApiSession, Record, Transport
from demo.rate_control import compute_headroom, fits_within

log = logging.getLogger(__name__)

MIN_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 2.0, 4.0  # between two actions
_MAX_RETRY_SECONDS: Final = 60.0  # limit of the backoff when the server does not answer
_MAX_ATTEMPTS: Final = 5  # actions tried before a turn is given up
_OVERSHOOT_PROBABILITY = 0.003  # of an action that exceeds the headroom: so that a few goals are reached
_REWIN_PROBABILITY: Final = 0.2  # that the next turn wins a reopened deal again: goals miss its amount only briefly
_WORKLOAD_QUERY: Final = """
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
_PIPELINES_QUERY: Final = "{ pipelines { stages { id position } } }"

Workload = Mapping[str, Sequence[Record]]
_ZERO: Final = Decimal(0)
_ONE: Final = Decimal(1)


class SimulatedSeller:
    """One employee: chooses and executes random actions through their own API session."""

    def __init__(self, session: ApiSession, rng: random.Random) -> None:
        self.session, self.rng = session, rng
        self._next_stage: dict[str, str] = {}  # ids of stages to the id of the next stage
        self._previous_stage: dict[str, str] = {}  # and to the id of the previous stage
        self._last_stages: list[str] = []  # ids of the last stage of each pipeline
        self.reopened_wins: list[str] = []  # ids of won deals that were reopened and are to be won again

    async def perform_action(self) -> str | None:
        """Perform one action and return the name of its mutation; None if none of the actions tried was possible."""
        workload = await self.fetch_workload()
        if self.reopened_wins:
            return await self.win_deal(workload)
        for perform in self.rng.choices(
            [action for action, _ in ACTIONS], [weight for _, weight in ACTIONS], k=_MAX_ATTEMPTS
        ):
            if mutation := await perform(self, workload):
                return mutation
        return None

    async def fetch_workload(self) -> Workload:
        """Query goals, open deals (`ripe`: in their last stage), deals closed this month, tasks, leads and clients."""
        if not self._last_stages:
            for pipeline in (await self.session.execute(_PIPELINES_QUERY))["pipelines"]:
                stages = [stage["id"] for stage in sorted(pipeline["stages"], key=lambda stage: stage["position"])]
                self._next_stage.update(pairwise(stages))
                self._previous_stage.update(pairwise(stages[::-1]))
                self._last_stages.append(stages[-1])
        data = await self.session.execute(_WORKLOAD_QUERY, ripe=self._last_stages)
        goals = data["goals"]
        connections = {name: connection for name, connection in data.items() if name != "goals"}
        return {
            "goals": goals,
            **{name: [edge["node"] for edge in connection["edges"]] for name, connection in connections.items()},
        }

    def _can_add(self, workload: Workload, **gains: Decimal) -> bool:
        """Return whether the gains, by metric, keep the goals plausible (or this action may be an exception)."""
        return fits_within(compute_headroom(workload["goals"]), gains) or self.rng.random() < _OVERSHOOT_PROBABILITY

    async def _mutate(self, mutation: str, **input: object) -> str:
        input_type = f"{mutation[0].upper()}{mutation[1:]}Input"
        document = f"mutation($input: {input_type}!) {{ {mutation}(input: $input) {{ userErrors {{ message }} }} }}"
        await self.session.execute(document, input=input)
        return mutation

    async def make_call(self, workload: Workload) -> str | None:
        answered = self.rng.random() < 0.7
        seconds = int(self.rng.lognormvariate(5.2, 0.9)) % 5400 if answered else 0
        direction = self.rng.choice(("OUTBOUND", "OUTBOUND", "INBOUND"))
        gains = {
            "calls_made": _ONE,
            "calls_outbound": _ONE if direction == "OUTBOUND" else _ZERO,
            "calls_answered": _ONE if answered else _ZERO,
            "call_hours": Decimal(seconds) / 3600,
        }
        if not self._can_add(workload, **gains):
            return None
        client_fields = {"client": self.rng.choice(workload["clients"])["id"]} if workload["clients"] else {}
        return await self._mutate(
            "recordCall",
            direction=direction,
            outcome="ANSWERED" if answered else "NO_ANSWER",
            durationSeconds=seconds,
            note=self.rng.choice(company_data.CALL_NOTES),
            **client_fields,
        )

    async def create_lead(self, workload: Workload) -> str | None:
        if not self._can_add(workload, leads_created=_ONE):
            return None
        return await self._mutate(
            "recordLead",
            title=f"Request: {self.rng.choice(company_data.PRODUCTS).name}",
            source=self.rng.choice(company_data.LEAD_SOURCES),
            contactName=self.rng.choice(company_data.CONTACT_NAMES),
        )

    async def create_contact(self, workload: Workload) -> str | None:
        if not workload["clients"] or not self._can_add(workload, contacts_added=_ONE):
            return None
        client = self.rng.choice(workload["clients"])["id"]
        return await self._mutate("recordContact", name=self.rng.choice(company_data.CONTACT_NAMES), client=client)

    async def create_or_complete_task(self, workload: Workload) -> str:
        if workload["tasks"] and self.rng.random() < 0.6 and self._can_add(workload, tasks_completed=_ONE):
            document = "mutation($id: ID!) { completeTask(id: $id) { userErrors { message } } }"
            await self.session.execute(document, id=self.rng.choice(workload["tasks"])["id"])
            return "completeTask"
        return await self._mutate("createTask", title=self.rng.choice(company_data.TASK_TITLES))

    async def create_deal(self, workload: Workload) -> str | None:
        if not workload["clients"] or not self._can_add(workload, deals_created=_ONE):
            return None
        client = self.rng.choice(workload["clients"])
        return await self._mutate(
            "recordDeal", client=client["id"], **self._random_deal_fields(f" for {client['name']}")
        )

    async def convert_lead(self, workload: Workload) -> str | None:
        if not workload["leads"] or not self._can_add(workload, leads_converted=_ONE, deals_created=_ONE):
            return None
        return await self._mutate(
            "convertLead", id=self.rng.choice(workload["leads"])["id"], deal=self._random_deal_fields("")
        )

    async def move_deal(self, workload: Workload) -> str | None:
        """Move a deal to the next stage, or less often to the previous one."""
        target_stages = self._next_stage if self.rng.random() < 0.6 else self._previous_stage
        movable = [deal for deal in workload["deals"] if deal["stage"]["id"] in target_stages]
        if not movable:
            return None
        deal = self.rng.choice(movable)
        return await self._mutate("moveDeal", id=deal["id"], stage=target_stages[deal["stage"]["id"]])

    async def win_deal(self, workload: Workload) -> str | None:
        """Win a reopened deal, else one in its last stage that fits within the headroom; without one, move a deal."""
        if self.reopened_wins:
            return await self._mutate("winDeal", id=self.reopened_wins.pop())
        headroom, overshoot = compute_headroom(workload["goals"]), self.rng.random() < _OVERSHOOT_PROBABILITY
        winnable = [deal for deal in workload["ripe"] if overshoot or fits_within(headroom, _metric_gains(deal))]
        return (
            await self._mutate("winDeal", id=self.rng.choice(winnable)["id"])
            if winnable
            else await self.move_deal(workload)
        )

    async def reopen_deal(self, workload: Workload) -> str | None:
        """Reopen a deal that was closed this month; one that was won is noted, so that it is won again."""
        if not workload["closed"]:
            return None
        deal = self.rng.choice(workload["closed"])
        if deal["status"] == "WON":
            self.reopened_wins.append(deal["id"])
        return await self._mutate("reopenDeal", id=deal["id"])

    async def lose_deal(self, workload: Workload) -> str | None:
        if not workload["deals"]:
            return None
        deal = self.rng.choice(workload["deals"])
        return await self._mutate("loseDeal", id=deal["id"], reason=self.rng.choice(company_data.LOST_REASONS))

    async def flag_deal(self, workload: Workload) -> str | None:
        """Flag a deal with a problem, or clear its flag."""
        if not workload["deals"]:
            return None
        deal = self.rng.choice(workload["deals"])
        problem = None if deal["problem"] else self.rng.choice(company_data.DEAL_PROBLEMS)
        return await self._mutate("flagDeal", id=deal["id"], problem=problem)

    def _random_deal_fields(self, title_suffix: str) -> dict[str, object]:
        product = self.rng.choice(company_data.PRODUCTS)
        amount = round(product.price * self.rng.lognormvariate(0.1, 0.35), -1)
        return {
            "title": f"{product.name}{title_suffix}",
            "product": product.name,
            "amount": {"amount": f"{amount:.0f}"},
        }


def _metric_gains(deal: Record) -> Mapping[str, Decimal]:
    """Return the gains of winning a deal by metric, for the metrics that have monthly goals."""
    kind = "first" if deal["saleKind"] == "FIRST" else "repeat"
    amount = Decimal(deal["amount"]["amount"]) if deal["amount"] else _ZERO
    return {"deals_won_amount": amount, "deals_won": _ONE, f"{kind}_deals_won": _ONE}


_Action = Callable[[SimulatedSeller, Workload], Awaitable[str | None]]
ACTIONS: Final[tuple[tuple[_Action, int], ...]] = (
    (SimulatedSeller.make_call, 24),
    (SimulatedSeller.create_lead, 10),
    (SimulatedSeller.create_contact, 6),
    (SimulatedSeller.create_or_complete_task, 12),
    (SimulatedSeller.create_deal, 10),
    (SimulatedSeller.convert_lead, 4),
    (SimulatedSeller.move_deal, 16),
    (SimulatedSeller.win_deal, 8),
    (SimulatedSeller.lose_deal, 2),
    (SimulatedSeller.reopen_deal, 6),
    (SimulatedSeller.flag_deal, 5),
)


async def simulate_activity(
    transport: Transport,
    clock: Callable[[], datetime],
    emails: Sequence[str],
    password: str,
    *,
    seed: int | None = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> NoReturn:
    """Let these employees work until cancelled.

    Errors are logged; after each one the pause doubles, up to a minute, until an action succeeds.

    sleep  waits for a number of seconds
    """
    rng = random.Random(seed)  # noqa: S311 - a story, not a secret
    sellers = [SimulatedSeller(ApiSession(transport, clock, email, password), rng) for email in emails]
    wait = MIN_PAUSE_SECONDS
    while True:
        try:
            with_reopened_wins = (
                [seller for seller in sellers if seller.reopened_wins] if rng.random() < _REWIN_PROBABILITY else []
            )
            log.debug("demo: %s", await rng.choice(with_reopened_wins or sellers).perform_action())
        except (ApiError, OSError, http.client.HTTPException, ValueError) as error:
            wait = min(max(wait, MIN_PAUSE_SECONDS) * 2, _MAX_RETRY_SECONDS)
            log.warning("The demo could not record anything (%s); trying again in %.0f seconds.", error, wait)
        else:
            wait = rng.uniform(MIN_PAUSE_SECONDS, MAX_PAUSE_SECONDS)
        await sleep(wait)
