"""Runs a subscription in the test company and records its events: subscribe, act, compare with a new query."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.world import World


class SubscriptionRecorder:
    """Runs one subscription and records its events and errors."""

    def __init__(self, world: World, document: str, viewer: str, variables: dict[str, Any]) -> None:
        self.world, self.document, self.viewer, self.variables = world, document, viewer, variables
        self.events: list[dict[str, Any]] = []
        self.errors: list[Any] = []
        self._changed = asyncio.Event()

    async def run(self) -> None:
        context = await self.world.authenticated_context(self.viewer)
        context.reference_cache = self.world.reference_cache
        async for event in self.world.executor.subscribe(self.document, context, self.variables):
            if event.errors:
                self.errors += event.errors
            else:
                self.events.append(event.data)
            self._changed.set()
        self._changed.set()

    async def wait_until(self, condition: Any) -> None:
        """Wait until the condition holds; it is checked after each event."""
        async with asyncio.timeout(60):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def subscribe(
    world: World, document: str, viewer: str = "admin", **variables: Any
) -> AsyncIterator[SubscriptionRecorder]:
    recorder = SubscriptionRecorder(world, document, viewer, variables)
    task = asyncio.create_task(recorder.run())
    try:
        yield recorder
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
