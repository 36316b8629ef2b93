"""The doorbell between processes, over Redis, for as long as the process lives.

The broadcast library's own Redis backend loses first subscriptions and falls silent for
ever after a lost connection, telling nobody; this one takes its place through the
library's documented seam. Whatever happens to the connection, it is made again, and each
subscription that Redis confirms is announced as a gap (`RESYNC`): the listeners then read
again, as nothing tells what was said meanwhile.
"""

from __future__ import annotations

import asyncio
import logging

from broadcaster import Broadcast, BroadcastBackend, Event
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from subscriptions.hub import LOST, RESYNC, ended, pauses

log = logging.getLogger(__name__)


def broadcast(url: str | None) -> Broadcast:
    """Return what carries news between processes: over the Redis at `url`, or within this process alone."""
    return Broadcast("memory://") if url is None else Broadcast(backend=RedisDoorbell(url))


class RedisDoorbell(BroadcastBackend):
    """Publish and subscribe that outlives its server.

    quiet     seconds of silence after which the server is asked for a sign of life.
    deadline  seconds within which it has to give one; a frozen server is left then.
    room      how many events may wait; beyond, they become one `RESYNC` per channel.
    """

    def __init__(self, url: str, *, quiet: float = 1.0, deadline: float = 2.0, room: int = 100) -> None:
        # A retry inside the client would connect again without anyone noticing the gap, so the listening one has none;
        # the publishing one has one, for a pooled connection that a restart of the server left stale.
        self._listening = Redis.from_url(url, retry=Retry(NoBackoff(), 0), socket_connect_timeout=deadline)
        self._publishing = Redis.from_url(
            url, retry=Retry(NoBackoff(), 1), socket_connect_timeout=deadline, socket_timeout=deadline
        )
        self._quiet, self._deadline = quiet, deadline
        self._channels: set[str] = set()
        self._events: asyncio.Queue[Event] = asyncio.Queue(room)
        self._ear: asyncio.Task[None] | None = None
        self._connected: bool | None = None

    async def connect(self) -> None:
        """Do nothing yet: the connection is made with the first subscription, and Redis may be absent."""

    async def disconnect(self) -> None:
        self._channels.clear()
        await self._listen()
        await self._listening.aclose()
        await self._publishing.aclose()

    async def subscribe(self, group: str) -> None:
        self._channels.add(group)
        await self._listen()

    async def unsubscribe(self, group: str) -> None:
        self._channels.discard(group)
        await self._listen()

    async def publish(self, channel: str, message: str) -> None:
        """Publish, or raise what the client raises when the server is away or frozen."""
        await self._publishing.publish(channel, message)

    async def next_published(self) -> Event:
        return await self._events.get()

    async def _listen(self) -> None:
        """Start over with the channels as they are now: subscriptions are few, and each begins with a `RESYNC`."""
        if self._ear is not None:
            await ended(self._ear)
        self._ear = asyncio.create_task(self._keep_listening(), name="redis ear") if self._channels else None

    async def _keep_listening(self) -> None:
        waits = pauses()
        while True:
            try:
                async with self._listening.pubsub() as pubsub:
                    async with asyncio.timeout(self._deadline):
                        await pubsub.subscribe(*self._channels)
                    await self._hear(pubsub)
            except Exception as error:  # noqa: BLE001 - whatever it was, nobody else connects again
                if self._connected:
                    waits = pauses()
                if self._connected is not False:
                    log.warning("Redis is lost (%r); connecting again until it answers.", error)
                    self._put(LOST, *self._channels)
                self._connected = False
            await asyncio.sleep(next(waits))

    async def _hear(self, pubsub: PubSub) -> None:
        while True:
            heard = await pubsub.get_message(timeout=self._quiet)
            if heard is None:
                await pubsub.ping()
                async with asyncio.timeout(self._deadline):
                    heard = await pubsub.get_message(timeout=None)
            if heard is None or heard["type"] not in ("subscribe", "message"):
                continue
            confirmed = heard["type"] == "subscribe"
            if confirmed and not self._connected:
                log.info("Redis is connected.")
                self._connected = True
            self._put(RESYNC if confirmed else heard["data"].decode(errors="replace"), heard["channel"].decode())

    def _put(self, message: str, *channels: str) -> None:
        for channel in channels:
            if self._events.full():
                while not self._events.empty():
                    self._events.get_nowait()
                for every in self._channels:
                    self._events.put_nowait(Event(every, RESYNC))
            else:
                self._events.put_nowait(Event(channel, message))
