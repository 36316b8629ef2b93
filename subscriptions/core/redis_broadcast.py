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
import math
from typing import NoReturn

from broadcaster import Broadcast, BroadcastBackend, Event
from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from subscriptions.core.hub import LOST, RESYNC, ended, pauses

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
        # What is heard is read off the connection itself: the client's way sets a timeout and asks for a retry around
        # each message, and would connect again without anyone noticing the gap. In the old protocol it is plain lists.
        self._listening = ConnectionPool.from_url(
            url, protocol=2, retry=Retry(NoBackoff(), 0), socket_connect_timeout=deadline
        )
        # The publishing one has a retry, for a pooled connection that a restart of the server left stale.
        self._publishing = Redis.from_url(
            url, retry=Retry(NoBackoff(), 1), socket_connect_timeout=deadline, socket_timeout=deadline
        )
        self._quiet, self._deadline = quiet, deadline
        self._channels: set[str] = set()
        self._events: asyncio.Queue[Event] = asyncio.Queue(room)
        self._ear: asyncio.Task[None] | None = None
        self._connected: bool | None = None
        self._heard = 0  # how often anything was

    async def connect(self) -> None:
        """Do nothing yet: the connection is made with the first subscription, and Redis may be absent."""

    async def disconnect(self) -> None:
        self._channels.clear()
        await self._listen()
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
            connection: AbstractConnection = self._listening.make_connection()  # type: ignore[no-untyped-call]
            try:
                async with asyncio.timeout(self._deadline):
                    await connection.connect()  # type: ignore[no-untyped-call]
                    await connection.send_command("SUBSCRIBE", *self._channels)
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._hear(connection), name="redis messages")
                    group.create_task(self._check(connection), name="redis signs of life")
            except Exception as error:  # noqa: BLE001 - whatever it was, nobody else connects again
                reason = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
                if self._connected:
                    waits = pauses()
                if self._connected is not False:
                    log.warning("Redis is lost (%r); connecting again until it answers.", reason)
                    self._put(LOST, *self._channels)
                self._connected = False
            finally:
                await connection.disconnect(nowait=True)
            await asyncio.sleep(next(waits))

    async def _hear(self, connection: AbstractConnection) -> NoReturn:
        while True:
            heard = await connection.read_response(timeout=math.inf)
            self._heard += 1
            match heard:
                case [b"message", channel, said]:
                    self._put(said.decode(errors="replace"), channel.decode())
                case [b"subscribe", channel, _]:
                    if not self._connected:
                        log.info("Redis is connected.")
                        self._connected = True
                    self._put(RESYNC, channel.decode())

    async def _check(self, connection: AbstractConnection) -> NoReturn:
        """Ask for a sign of life after each silence. Raises TimeoutError where none comes."""
        while True:
            heard = self._heard
            await asyncio.sleep(self._quiet)
            if heard != self._heard:
                continue
            async with asyncio.timeout(self._deadline):
                await connection.send_command("PING")
            await asyncio.sleep(self._deadline)
            if heard == self._heard:
                raise TimeoutError("no sign of life")

    def _put(self, message: str, *channels: str) -> None:
        for channel in channels:
            if self._events.full():
                while not self._events.empty():
                    self._events.get_nowait()
                for every in self._channels:
                    self._events.put_nowait(Event(every, RESYNC))
            else:
                self._events.put_nowait(Event(channel, message))
