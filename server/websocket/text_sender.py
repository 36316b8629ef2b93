"""Sends the texts of one socket, and queues them while its client does not read."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Hashable

from server.websocket.protocol import PreparedText, WebSocketProtocol
from server.websocket.send_queue import TEXT_OVERHEAD_BYTES, MemoryBudget, SendQueue, size_of_text


class TextSender:
    """The sending half of a connection.

    max_queued_bytes  of texts that wait until the client reads.

    Shared subscriptions push states and events. While the client reads, they are written at once. While it does not,
    they are queued, a newer state replacing the queued one, so that a slow client costs bounded memory and still gets
    the last state; a client that stays slow is disconnected. Results of queries and mutations wait for the client
    before they are encoded.
    """

    __slots__ = ("_closed", "_max_queued_bytes", "_memory_budget", "_protocol", "_queue_drained", "_send_queue")

    def __init__(self, protocol: WebSocketProtocol, memory_budget: MemoryBudget, max_queued_bytes: int) -> None:
        self._protocol, self._memory_budget, self._max_queued_bytes = protocol, memory_budget, max_queued_bytes
        self._closed = False
        self._send_queue: SendQueue | None = None  # created when the client is slow for the first time
        self._queue_drained: asyncio.Event | None = None

    @abstractmethod
    def close_slow_consumer(self) -> None:
        """Disconnect a client that does not read."""

    def send_state(
        self, operation_id: str, state_key: Hashable, prefix: bytes, text: PreparedText, *, is_stored: bool = False
    ) -> None:
        """Send a text of a subscription, or queue it while the client does not read.

        state_key  a queued text of the same operation and key is replaced. An event has its position as the key.
        is_stored  whether the text is the last one of a state, which the shared subscription keeps in any case
        """
        if self._closed:
            return
        if self._protocol.write_paused:
            size = TEXT_OVERHEAD_BYTES if is_stored else size_of_text(text)
            self._enqueue((operation_id, state_key), prefix, text, size)
        else:
            self._protocol.send_prepared(prefix, text)

    def _send_text(self, text: bytes) -> None:
        """Send or queue a text that is never replaced."""
        if self._closed:
            return
        if self._protocol.write_paused:
            self._enqueue(object(), b"", PreparedText(text), len(text) + TEXT_OVERHEAD_BYTES)
        else:
            self._protocol.send_text(text)

    def _enqueue(self, slot: Hashable, prefix: bytes, text: PreparedText, size: int) -> None:
        if not self._get_send_queue().put(slot, prefix, text, size):
            self.close_slow_consumer()

    def _get_send_queue(self) -> SendQueue:
        if self._send_queue is None:
            self._send_queue = SendQueue(self._memory_budget, self._max_queued_bytes, self.close_slow_consumer)
        return self._send_queue

    def _clear_queue(self) -> None:
        """Drop the queued texts, and wake what waits for the client: the connection is closed."""
        if self._send_queue is not None:
            self._send_queue.clear()
        self._notify_writable()

    def reserve_bytes(self, difference: int) -> None:
        """Count bytes that wait for this client outside its queue, or no longer (negative)."""
        if not self._closed and not self._get_send_queue().reserve(difference):
            self.close_slow_consumer()

    def _send_queued(self) -> None:
        """Send queued texts until the client stops reading again."""
        while self._send_queue and not self._protocol.write_paused:
            self._protocol.send_prepared(*self._send_queue.pop())
        self._notify_writable()

    def _notify_writable(self) -> None:
        if self._queue_drained is not None:
            self._queue_drained.set()
            self._queue_drained = None

    async def wait_writable(self) -> None:
        """Wait until at most half of the queue is full; back-pressure for results and for missed events."""
        while self._send_queue is not None and self._send_queue.size > self._max_queued_bytes // 2:
            self._queue_drained = self._queue_drained or asyncio.Event()
            await self._queue_drained.wait()
