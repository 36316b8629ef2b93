"""Fixture with a small demo company: three weeks of history in an in-memory database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from broadcaster import Broadcast

from demo.history_generator import Story
from demo.seeding import Made, make
from graph.schema import make as schema
from models.db import connection
from models.live import change_log
from resolvers.request.services import Services
from subscriptions.core.hub import Hub
from tests import empty_database
from tests.world import Unthrottled, World

NOW = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)  # a Wednesday that is a public holiday in Latvia


@dataclass
class Demo:
    story: Story
    made: Made
    world: World


@pytest.fixture
async def demo() -> AsyncIterator[Demo]:
    async with connection.connected("sqlite://:memory:"):
        await empty_database.make()
        hub = Hub(Broadcast("memory://"), change_log.after, change_log.newest)
        await hub.start()
        try:
            services = Services("s" * 32, Unthrottled(), hub.ring, hub)
            story = Story(7, NOW, days=21)
            made = await make(story, services)
            world = World(services, schema(open_=True), NOW)
            world.tokens["wallboard"] = made.wallboard
            yield Demo(story, made, world)
        finally:
            await hub.stop()
