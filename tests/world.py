"""Test company with a controllable clock, operated through the public GraphQL schema."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any

import strawberry
from broadcaster import Broadcast

from graph.schema import create_schema
from models.db import connection
from models.live import change_log
from models.organization import people
from resolvers import scheduled_jobs
from resolvers.auth import sessions
from resolvers.organization import company
from resolvers.request.client_info import ClientInfo
from resolvers.request.context import RequestContext
from resolvers.request.rate_limits import RateLimit
from resolvers.request.services import Services
from resolvers.request.viewer import Viewer
from server.context_factory import StreamContextFactory, build_state
from subscriptions.core.hub import Hub
from subscriptions.core.reference_cache import ReferenceCache
from subscriptions.core.stream_context import StreamContext
from tests import empty_database
from tests.database_snapshot import Snapshot, connect_restored, take_snapshot
from tests.operations import DocumentExecutor, executor_of

PASSWORD = "correct horse"
START = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)  # a Wednesday


class UnlimitedRateLimiter:
    async def hit(self, limit: RateLimit, *key: str) -> float:
        return 0.0

    async def peek(self, limit: RateLimit, *key: str) -> float:
        return 0.0

    async def undo(self, limit: RateLimit, *key: str) -> None:
        return None

    async def clear(self, limit: RateLimit, *key: str) -> None:
        return None


@dataclass
class World:
    """A company in an empty database, with its schema and clock.

    now         the current time of every operation
    address     the IP address of the client of every operation
    tokens      access tokens, by name of the employee or device
    global_ids  ids in the API, by name
    stage_ids   ids of the stages of the pipeline, where a test has filled them in
    reference_cache  company data of subscriptions, where a test has set it

    The `actor` of an operation is such a name; None runs it without a token.
    """

    services: Services
    schema: strawberry.Schema
    executor: DocumentExecutor
    hub: Hub
    now: datetime = START
    address: str = "127.0.0.1"
    tokens: dict[str, str] = field(default_factory=dict)
    global_ids: dict[str, str] = field(default_factory=dict)
    stage_ids: list[str] = field(default_factory=list)
    reference_cache: ReferenceCache | None = None

    def build_context(self, actor: str | None = None, language: str = "en") -> StreamContext:
        token = self.tokens[actor] if actor else None
        return StreamContextFactory(self.services, lambda: self.now, self.hub).create_context(
            ClientInfo(token, language, self.address, "test")
        )

    async def authenticated_context(self, actor: str | None = None, language: str = "en") -> StreamContext:
        context = self.build_context(actor, language)
        if context.client.token:
            context.current_viewer = await sessions.authenticate(context.client.token, self.services, self.now)
        return context

    async def execute(self, document: str, actor: str | None = "admin", **variables: Any) -> Any:
        return await self.executor.execute(document, await self.authenticated_context(actor), variables)

    async def query(self, document: str, actor: str | None = "admin", **variables: Any) -> dict[str, Any]:
        result = await self.execute(document, actor, **variables)
        if result.errors:
            raise AssertionError("; ".join(str(error) for error in result.errors)) from result.errors[0].original_error
        assert result.data is not None
        return result.data

    async def mutate(self, mutation: str, actor: str | None = "admin", **input: Any) -> dict[str, Any]:
        """Run a mutation that takes `input`, and return its payload; fail the test on user errors."""
        payload = await self.try_mutation(mutation, actor, **input)
        assert payload["userErrors"] == [], payload["userErrors"]
        return payload

    async def try_mutation(self, mutation: str, actor: str | None = "admin", **input: Any) -> dict[str, Any]:
        """Run a mutation that takes `input`, and return its payload, user errors included."""
        input_type = mutation[0].upper() + mutation[1:] + "Input"
        document = f"mutation($input: {_INPUT_TYPES.get(mutation, input_type)}!) {{ {mutation}(input: $input) {_PAYLOAD_FIELDS[mutation]} }}"
        return (await self.query(document, actor, input=input))[mutation]

    async def create_employee(
        self, name: str, team: str | None = None, role: str = "EMPLOYEE", email: str | None = None
    ) -> str:
        email = email or f"{name.lower()}@example.com"
        input = {"name": name, "email": email, "password": PASSWORD, "role": role}
        payload = await self.mutate("createEmployee", team=self.global_ids[team] if team else None, **input)
        self.global_ids[name] = payload["employee"]["id"]
        await self.sign_in(name, email)
        return self.global_ids[name]

    async def sign_in(self, name: str, email: str) -> None:
        payload = await self.try_mutation("signIn", None, email=email, password=PASSWORD)
        self.tokens[name] = payload["accessToken"]

    async def create_team(self, name: str, parent: str | None = None, manager: str | None = None) -> str:
        input = {"parent": self.global_ids.get(parent or ""), "manager": self.global_ids.get(manager or "")}
        payload = await self.mutate("createTeam", name=name, **input)
        self.global_ids[name] = payload["team"]["id"]
        return self.global_ids[name]

    async def create_device(self, name: str, kind: str, scope: str | None = None) -> None:
        payload = await self.mutate(
            "createDevice", name=name, kind=kind, scope=self.global_ids[scope] if scope else None
        )
        self.global_ids[name], self.tokens[name] = payload["device"]["id"], payload["token"]

    async def let_tasks_run(self) -> None:
        """Let all ready tasks run, so that a subscription that was just started is listening."""
        for _ in range(50):
            await asyncio.sleep(0.002)

    async def advance_and_run_jobs(self, **delta: float) -> None:
        """Advance the clock, and run every scheduled job but the forecast snapshots until it has no more to do."""
        self.advance(**delta)

        async def scheduler_context() -> RequestContext:
            context = self.build_context()
            context.current_viewer = Viewer.for_scheduler(await people.load_team_tree())
            return context

        for job in scheduled_jobs.SCHEDULED_JOBS:
            while job.run != scheduled_jobs.store_forecast_snapshots and await job.run(await scheduler_context()):
                pass

    def advance(self, **delta: float) -> None:
        self.now += timedelta(**delta)


_GOAL_FIELDS = "goals { id progress { value } }"
_ERROR_FIELDS = "userErrors { path code message }"
_INPUT_TYPES = {"setExchangeRate": "ExchangeRateInput", "createAlertRule": "AlertRuleInput"}
_RECORD_PAYLOAD = "{{ {0} {{ id }} {1} {2} }}"
_PAYLOAD_FIELDS = {
    "signIn": f"{{ accessToken refreshToken expiresAt trustToken viewer {{ role employee {{ id }} }} {_ERROR_FIELDS} }}",
    "inviteEmployee": f"{{ employee {{ id }} link {_ERROR_FIELDS} }}",
    "setPassword": f"{{ email {_ERROR_FIELDS} }}",
    "createDevice": f"{{ device {{ id }} token {_ERROR_FIELDS} }}",
    "convertLead": f"{{ lead {{ id status }} deal {{ id }} {_GOAL_FIELDS} {_ERROR_FIELDS} }}",
    "createAlertRule": f"{{ rule {{ id }} {_ERROR_FIELDS} }}",
    "createMetric": f"{{ metric {{ key }} {_ERROR_FIELDS} }}",
    "savePipeline": f"{{ pipeline {{ id stages {{ id name position }} }} {_ERROR_FIELDS} }}",
    "setAbsence": f"{{ absence {{ id }} {_ERROR_FIELDS} }}",
    "setGoal": f"{{ goal {{ id progress {{ value version }} }} {_ERROR_FIELDS} }}",
    "updateGoal": f"{{ goal {{ id target progress {{ value version }} }} {_ERROR_FIELDS} }}",
    **{
        name: f"{{ {row} {{ id }} {_ERROR_FIELDS} }}"
        for names, row in (
            (("createEmployee", "updateEmployee", "updateProfile"), "employee"),
            (("createTeam", "updateTeam"), "team"),
            (("updateCompany", "setExchangeRate"), "company"),
        )
        for name in names
    },
    **{
        name: _RECORD_PAYLOAD.format(row, _GOAL_FIELDS, _ERROR_FIELDS)
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


OpenCompany = Callable[..., AbstractAsyncContextManager[World]]  # of the URL of an empty database


@dataclass(frozen=True)
class _KeptCompany:
    """A company in a snapshot of its database, and what a `World` knows of it."""

    snapshot: Snapshot
    now: datetime
    tokens: dict[str, str]
    global_ids: dict[str, str]
    stage_ids: list[str]


def cache_company(open_company: Callable[..., AsyncIterator[World]]) -> OpenCompany:
    """Decorate a function that creates a company in the empty database with a URL, and yields its `World`.

    The company is created once per process, kind of database and other arguments, and copied by each later call.
    A copy has the rows, names, tokens and clock of the company, but nothing else that the function sets.
    """
    create_company = asynccontextmanager(open_company)
    companies: dict[tuple[Any, ...], _KeptCompany] = {}

    @wraps(open_company)
    @asynccontextmanager
    async def open_copy(url: str = "sqlite://:memory:", **options: Any) -> AsyncIterator[World]:
        key = connection.is_sqlite(url), *sorted(options.items())
        if saved_company := companies.get(key):
            async with _connect_world(url, saved_company.snapshot) as world:
                world.now, world.stage_ids = saved_company.now, [*saved_company.stage_ids]
                world.tokens, world.global_ids = {**saved_company.tokens}, {**saved_company.global_ids}
                yield world
            return
        async with create_company(url, **options) as world:
            companies[key] = _KeptCompany(
                await take_snapshot(), world.now, {**world.tokens}, {**world.global_ids}, [*world.stage_ids]
            )
            yield world

    return open_copy


@cache_company
async def open_world(url: str, currency: str = "EUR") -> AsyncIterator[World]:
    """Set up a company with its first administrator in the empty database, with a hub that is notified at once."""
    async with _connect_world(url) as world:
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
        world.global_ids["admin"] = (await world.query("{ viewer { employee { id } } }"))["viewer"]["employee"]["id"]
        world.global_ids["company"] = (await world.query("{ company { id } }"))["company"]["id"]
        yield world


@asynccontextmanager
async def _connect_world(url: str, snapshot: Snapshot | None = None) -> AsyncIterator[World]:
    """Connect an empty database, create its tables or restore a snapshot, and run a hub that is notified at once."""
    async with connect_restored(url, snapshot) if snapshot else connection.connect(url):
        if not snapshot:
            await empty_database.create_tables()
        hub = Hub(
            Broadcast("memory://"),
            change_log.read_after,
            change_log.last_position,
            clock=lambda: world.now,
            clock_resolution=0.01,
        )
        services = Services(
            "s" * 32,
            UnlimitedRateLimiter(),
            hub,
            build_state,
            access_token_seconds=400 * 86_400,
            refresh_token_days=400,
            session_idle_days=400,
        )
        schema = create_schema(allow_suggestions=True)
        world = World(services, schema, executor_of(schema), hub)
        await hub.start()
        try:
            yield world
        finally:
            await hub.stop()
