"""Broadcast between processes over Redis pub/sub, with a backend that reconnects.

The Redis backend of the `broadcaster` library may lose the first subscription, and stops silently when its connection
is lost. This backend replaces it through the library's extension point. It reconnects after every error, and reports
each subscription that Redis confirms as a gap (`RESYNC`): pub/sub keeps no messages, so the listeners must read again.
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

from subscriptions.core.hub import CONNECTION_LOST, RESYNC
from subscriptions.core.tasks import TaskSupervisor, backoff_delays

log = logging.getLogger(__name__)


def create_broadcast(url: str | None) -> Broadcast:
    """Return the broadcast over the Redis at `url`, or one within this process if `url` is None."""
    return Broadcast("memory://") if url is None else Broadcast(backend=ReconnectingRedisBackend(url))


class ReconnectingRedisBackend(BroadcastBackend):
    """Redis pub/sub that survives restarts and freezes of the server.

    idle_ping_after  seconds without data after which the server is pinged.
    timeout          seconds to connect or to answer a ping; a frozen server is disconnected after that.
    max_queued       events that may wait to be taken; further ones are replaced by one `RESYNC` per channel.
    """

    def __init__(self, url: str, *, idle_ping_after: float = 1.0, timeout: float = 2.0, max_queued: int = 100) -> None:
        # Messages are read from the raw connection: redis-py's PubSub wraps each read in a timeout and a retry, and
        # would reconnect without reporting the gap. RESP2, because there messages are plain lists.
        self._listen_pool = ConnectionPool.from_url(
            url, protocol=2, retry=Retry(NoBackoff(), 0), socket_connect_timeout=timeout
        )
        # One retry for publishing: a pooled connection may be stale after a restart of the server.
        self._publish_client = Redis.from_url(
            url, retry=Retry(NoBackoff(), 1), socket_connect_timeout=timeout, socket_timeout=timeout
        )
        self._idle_ping_after, self._timeout = idle_ping_after, timeout
        self._channels: set[str] = set()
        self._events: asyncio.Queue[Event] = asyncio.Queue(max_queued)
        self._listener = TaskSupervisor("broadcast")
        self._connected: bool | None = None
        self._response_count = 0  # responses read so far

    async def connect(self) -> None:
        """Do nothing: the connection is made with the first subscription, and Redis may be down at the start."""

    async def disconnect(self) -> None:
        self._channels.clear()
        await self._restart_listener()
        await self._publish_client.aclose()

    async def subscribe(self, group: str) -> None:
        self._channels.add(group)
        await self._restart_listener()

    async def unsubscribe(self, group: str) -> None:
        self._channels.discard(group)
        await self._restart_listener()

    async def publish(self, channel: str, message: str) -> None:
        """Publish a message. Raises the client's error if the server is down or frozen."""
        await self._publish_client.publish(channel, message)

    async def next_published(self) -> Event:
        return await self._events.get()

    async def _restart_listener(self) -> None:
        """Reconnect with the current channels. That is simple and rare; each subscription begins with a `RESYNC`."""
        await self._listener.stop()
        self._listener = TaskSupervisor("broadcast")
        if self._channels:
            self._listener.start({"redis listener": self._listen_forever})

    async def _listen_forever(self) -> NoReturn:
        """Connect, subscribe and read; after any error wait and start again."""
        delays = backoff_delays()
        while True:
            connection: AbstractConnection = self._listen_pool.make_connection()  # type: ignore[no-untyped-call]
            try:
                async with asyncio.timeout(self._timeout):
                    await connection.connect()  # type: ignore[no-untyped-call]
                    await connection.send_command("SUBSCRIBE", *self._channels)
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._read_messages(connection), name="redis messages")
                    tasks.create_task(self._ping_when_idle(connection), name="redis ping")
            except Exception as error:  # noqa: BLE001 - nothing else would reconnect
                reason = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
                if self._connected:
                    delays = backoff_delays()
                if self._connected is not False:
                    log.warning("The connection to Redis is lost (%r); reconnecting.", reason)
                    self._queue_event(CONNECTION_LOST, *self._channels)
                self._connected = False
            finally:
                await connection.disconnect(nowait=True)
            await asyncio.sleep(next(delays))

    async def _read_messages(self, connection: AbstractConnection) -> NoReturn:
        """Queue messages, and a `RESYNC` for each confirmed subscription."""
        while True:
            response = await connection.read_response(timeout=math.inf)
            self._response_count += 1
            match response:
                case [b"message", channel, payload]:
                    self._queue_event(payload.decode(errors="replace"), channel.decode())
                case [b"subscribe", channel, _]:
                    if not self._connected:
                        log.info("Redis is connected.")
                        self._connected = True
                    self._queue_event(RESYNC, channel.decode())

    async def _ping_when_idle(self, connection: AbstractConnection) -> NoReturn:
        """Ping the server whenever it was silent for `idle_ping_after`. Raises TimeoutError if no data follows.

        The answer is not awaited here: `_read_messages` reads the connection and counts whatever arrives.
        """
        while True:
            count_before = self._response_count
            await asyncio.sleep(self._idle_ping_after)
            if count_before != self._response_count:
                continue
            async with asyncio.timeout(self._timeout):
                await connection.send_command("PING")
            await asyncio.sleep(self._timeout)
            if count_before == self._response_count:
                raise TimeoutError("no answer to a ping")

    def _queue_event(self, message: str, *channels: str) -> None:
        """Queue a message for each channel; if the queue is full, replace all of it by one `RESYNC` per channel."""
        for channel in channels:
            if self._events.full():
                while not self._events.empty():
                    self._events.get_nowait()
                for subscribed_channel in self._channels:
                    self._events.put_nowait(Event(subscribed_channel, RESYNC))
            else:
                self._events.put_nowait(Event(channel, message))
