"""Fixture with a small demo company: three weeks of history in an in-memory database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from broadcaster import Broadcast

from demo.history_generator import CompanyHistory
from demo.seeding import DeviceTokens, seed_demo
from graph.schema import create_schema as build_schema
from models.db import connection
from models.live import change_log
from resolvers.request.services import Services
from server.context_factory import ContextFactory, build_state
from subscriptions.core.hub import Hub
from tests import empty_database
from tests.database_snapshot import Snapshot, connect_restored, take_snapshot
from tests.operations import executor_of
from tests.world import UnlimitedRateLimiter, World

NOW = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)  # a Wednesday that is a public holiday in Latvia


@dataclass
class Demo:
    history: CompanyHistory
    tokens: DeviceTokens
    world: World


@pytest.fixture
async def demo() -> AsyncIterator[Demo]:
    async with open_demo(NOW) as demo:
        yield demo


_seeded_demos: dict[datetime, tuple[Snapshot, CompanyHistory, DeviceTokens]] = {}  # by time; seeded once per process


@asynccontextmanager
async def open_demo(now: datetime) -> AsyncIterator[Demo]:
    """Yield a demo company with three weeks of history until now."""
    seeded_demo = _seeded_demos.get(now)
    async with (
        connect_restored("sqlite://:memory:", seeded_demo[0])
        if seeded_demo
        else connection.connect("sqlite://:memory:")
    ):
        if not seeded_demo:
            await empty_database.create_tables()
        hub = Hub(Broadcast("memory://"), change_log.read_after, change_log.last_position)
        await hub.start()
        try:
            services = Services("s" * 32, UnlimitedRateLimiter(), hub, build_state)
            if seeded_demo:
                _, history, tokens = seeded_demo
            else:
                history = CompanyHistory(7, now, days=21)
                tokens = await seed_demo(history, ContextFactory(services, lambda: now).create_at)
                _seeded_demos[now] = await take_snapshot(), history, tokens
            schema = build_schema(allow_suggestions=True)
            world = World(services, schema, executor_of(schema), hub, now)
            world.tokens["wallboard"] = tokens.wallboard
            yield Demo(history, tokens, world)
        finally:
            await hub.stop()
