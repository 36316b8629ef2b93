"""Test company with a controllable clock, operated through the public GraphQL schema."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import strawberry
from broadcaster import Broadcast
from strawberry.dataloader import DataLoader

from graph.schema import make
from models.db import connection
from models.live import change_log
from models.organization import people
from resolvers import scheduled_jobs
from resolvers.auth import sessions
from resolvers.organization import company
from resolvers.request.client_info import Caller
from resolvers.request.context import Context
from resolvers.request.services import Services
from resolvers.request.viewer import Viewer
from subscriptions.core.hub import Hub
from tests import empty_database

PASSWORD = "correct horse"
START = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)  # a Wednesday


class Unthrottled:
    async def hit(self, *key: str) -> float:
        return 0.0

    async def clear(self, *key: str) -> None:
        return None


@dataclass
class World:
    """A company in an empty database, with its schema and clock.

    now         the current time of every operation
    tokens      access tokens, by name of the employee or device
    global_ids  ids in the API, by name
    stage_ids   ids of the stages of the pipeline, where a test has filled them in

    The `actor` of an operation is such a name; None runs it without a token.
    """

    services: Services
    schema: strawberry.Schema
    now: datetime = START
    tokens: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    stages: list[str] = field(default_factory=list)

    def context(self, who: str | None = None, language: str = "en") -> Context:
        token = self.tokens[who] if who else None
        return Context(
            Caller(token, language, "127.0.0.1", "test"),
            self.services,
            lambda: self.now,
            lambda by_keys: DataLoader(load_fn=by_keys, cache=False),
        )

    async def admitted(self, who: str | None = None, language: str = "en") -> Context:
        context = self.context(who, language)
        if context.caller.token:
            context.who = await sessions.viewer(context.caller.token, self.services, self.now)
        return context

    async def execute(self, document: str, who: str | None = "admin", **variables: Any) -> Any:
        return await self.schema.execute(document, variable_values=variables, context_value=await self.admitted(who))

    async def ask(self, document: str, who: str | None = "admin", **variables: Any) -> dict[str, Any]:
        result = await self.execute(document, who, **variables)
        if result.errors:
            raise AssertionError("; ".join(str(error) for error in result.errors)) from result.errors[0].original_error
        assert result.data is not None
        return result.data

    async def act(self, mutation: str, who: str | None = "admin", **input_: Any) -> dict[str, Any]:
        """Run a mutation that takes `input`, and return its payload; fail the test on user errors."""
        payload = await self.tried(mutation, who, **input_)
        assert payload["userErrors"] == [], payload["userErrors"]
        return payload

    async def tried(self, mutation: str, who: str | None = "admin", **input_: Any) -> dict[str, Any]:
        """Run a mutation that takes `input`, and return its payload, user errors included."""
        kind = mutation[0].upper() + mutation[1:] + "Input"
        document = (
            f"mutation($input: {_INPUTS.get(mutation, kind)}!) {{ {mutation}(input: $input) {_SHOWN[mutation]} }}"
        )
        return (await self.ask(document, who, input=input_))[mutation]

    async def hire(self, name: str, team: str | None = None, role: str = "EMPLOYEE", email: str | None = None) -> str:
        email = email or f"{name.lower()}@example.com"
        given = {"name": name, "email": email, "password": PASSWORD, "role": role}
        payload = await self.act("createEmployee", team=self.ids[team] if team else None, **given)
        self.ids[name] = payload["employee"]["id"]
        await self.sign_in(name, email)
        return self.ids[name]

    async def sign_in(self, name: str, email: str) -> None:
        payload = await self.tried("signIn", None, email=email, password=PASSWORD)
        self.tokens[name] = payload["accessToken"]

    async def team(self, name: str, parent: str | None = None, manager: str | None = None) -> str:
        given = {"parent": self.ids.get(parent or ""), "manager": self.ids.get(manager or "")}
        payload = await self.act("createTeam", name=name, **given)
        self.ids[name] = payload["team"]["id"]
        return self.ids[name]

    async def device(self, name: str, kind: str, scope: str | None = None) -> None:
        payload = await self.act("createDevice", name=name, kind=kind, scope=self.ids[scope] if scope else None)
        self.ids[name], self.tokens[name] = payload["device"]["id"], payload["token"]

    async def hub_settled(self) -> None:
        """Let all ready tasks run, so that a subscription that was just started is listening."""
        for _ in range(50):
            await asyncio.sleep(0.002)

    async def passes(self, **delta: float) -> None:
        """Advance the clock, and run the scheduled jobs that are due."""
        self.later(**delta)

        async def nobody() -> Context:
            context = self.context()
            context.who = Viewer.of_clock(await people.tree())
            return context

        await scheduled_jobs.everything(nobody)

    def later(self, **delta: float) -> None:
        self.now += timedelta(**delta)


_GOALS = "goals { id progress { value } }"
_ERRORS = "userErrors { path code message }"
_INPUTS = {"setExchangeRate": "ExchangeRateInput", "createAlertRule": "AlertRuleInput"}
_RECORD = "{{ {0} {{ id }} {1} {2} }}"
_SHOWN = {
    "signIn": f"{{ accessToken refreshToken expiresAt viewer {{ role employee {{ id }} }} {_ERRORS} }}",
    "createDevice": f"{{ device {{ id }} token {_ERRORS} }}",
    "convertLead": f"{{ lead {{ id status }} deal {{ id }} {_GOALS} {_ERRORS} }}",
    "createAlertRule": f"{{ rule {{ id }} {_ERRORS} }}",
    "createMetric": f"{{ metric {{ key }} {_ERRORS} }}",
    "savePipeline": f"{{ pipeline {{ id stages {{ id name position }} }} {_ERRORS} }}",
    "setGoal": f"{{ goal {{ id progress {{ value version }} }} {_ERRORS} }}",
    "updateGoal": f"{{ goal {{ id target progress {{ value version }} }} {_ERRORS} }}",
    **{
        name: f"{{ {row} {{ id }} {_ERRORS} }}"
        for names, row in (
            (("createEmployee", "updateEmployee", "updateProfile"), "employee"),
            (("createTeam", "updateTeam"), "team"),
            (("updateCompany", "setExchangeRate"), "company"),
        )
        for name in names
    },
    **{
        name: _RECORD.format(row, _GOALS, _ERRORS)
        for names, row in (
            (("recordDeal", "updateDeal", "moveDeal", "winDeal", "loseDeal", "reopenDeal", "flagDeal"), "deal"),
            (("recordLead",), "lead"),
            (("recordClient",), "client"),
            (("recordContact",), "contact"),
            (("recordCall",), "call"),
            (("recordResult",), "result"),
            (("createTask",), "task"),
        )
        for name in names
    },
}


@asynccontextmanager
async def opened(url: str, currency: str = "EUR") -> AsyncIterator[World]:
    """Set up a company with its first administrator in the empty database, with a hub that is notified at once."""
    async with connection.connected(url):
        await empty_database.make()
        hub = Hub(Broadcast("memory://"), change_log.after, change_log.newest)
        await hub.start()
        try:
            services = Services("s" * 32, Unthrottled(), hub.ring, hub, access_seconds=400 * 86_400, refresh_days=400)
            world = World(services, make(open_=True))
            await company.set_up(
                name="Acme",
                currency=currency,
                zone="Europe/Berlin",
                country=None,
                admin="Ada Admin",
                email="admin@example.com",
                password=PASSWORD,
                now=world.now,
            )
            await world.sign_in("admin", "admin@example.com")
            world.ids["admin"] = (await world.ask("{ viewer { employee { id } } }"))["viewer"]["employee"]["id"]
            world.ids["company"] = (await world.ask("{ company { id } }"))["company"]["id"]
            yield world
        finally:
            await hub.stop()
