"""A broadcast backend that fails on request, for the tests of the hub."""

import asyncio

import pytest
from broadcaster import BroadcastBackend, Event

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]


class FailingBroadcastBackend(BroadcastBackend):
    """A broadcast backend that can fail: on subscription, or by never finishing a publication."""

    def __init__(self, failures: int = 0) -> None:
        self.failures, self.publications = failures, 0
        self.messages: list[str] = []
        self.is_publishing = True
        self.may_publish = asyncio.Event()
        self.may_publish.set()
        self.events: asyncio.Queue[Event] = asyncio.Queue()

    async def connect(self) -> None: ...

    async def disconnect(self) -> None: ...

    async def subscribe(self, group: str) -> None:
        self.channel = group
        if self.failures:
            self.failures -= 1
            raise ConnectionError

    async def unsubscribe(self, group: str) -> None: ...

    async def publish(self, channel: str, message: str) -> None:
        self.publications += 1
        await self.may_publish.wait()
        if not self.is_publishing:
            raise ConnectionError
        self.messages.append(message)

    async def next_published(self) -> Event:
        return await self.events.get()

    def announce(self, message: str) -> None:
        self.events.put_nowait(Event(self.channel, message))
