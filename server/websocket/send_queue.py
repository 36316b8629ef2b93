"""Texts that wait for slow clients, and the bytes that they may take: per socket and per process."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from typing import Final, Protocol

from server.websocket.protocol import PreparedText

TEXT_OVERHEAD_BYTES: Final = 200  # of the objects around a text

log = logging.getLogger(__name__)


class MemoryHolder(Protocol):
    """Holds texts in memory, and can let go of them."""

    def release_memory(self) -> None:
        """Drop the texts, and report that to the budget."""


class MemoryBudget:
    """The bytes of text that a process holds for its sockets.

    While they are more than the maximum, the holder of the most texts has to release them: the socket of a client that
    reads too slowly is closed, and a subscription with too large states ends with an error.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._sizes: dict[MemoryHolder, int] = {}
        self.total_bytes = 0

    def resize(self, holder: MemoryHolder, difference: int) -> None:
        """Add to the bytes of a holder, or take them away."""
        size = self._sizes.get(holder, 0) + difference
        self.total_bytes += difference
        if size:
            self._sizes[holder] = size
        else:
            self._sizes.pop(holder, None)
        while self.total_bytes > self._max_bytes and difference > 0:
            largest_holder = max(self._sizes, key=self._sizes.__getitem__)
            log.warning(
                "Texts for WebSockets take %d bytes: the largest holder, with %d, is dropped.",
                self.total_bytes,
                self._sizes[largest_holder],
            )
            largest_holder.release_memory()


class SendQueue:
    """Texts that wait until a client reads, by slot: a newer text takes the slot of an older one.

    max_bytes       more is refused, except for a text that waits alone: a text of any size can be sent.
    release_memory  called when the process has too little memory.
    """

    __slots__ = ("_budget", "_reserved_bytes", "_texts", "max_bytes", "release_memory", "size")

    def __init__(self, budget: MemoryBudget, max_bytes: int, release_memory: Callable[[], None]) -> None:
        self._budget, self.max_bytes, self.release_memory = budget, max_bytes, release_memory
        self._texts: dict[Hashable, tuple[bytes, PreparedText, int]] = {}  # prefix, text and size by slot
        self._reserved_bytes = 0
        self.size = 0

    def __len__(self) -> int:
        return len(self._texts)

    def put(self, slot: Hashable, prefix: bytes, text: PreparedText, size: int) -> bool:
        """Queue a text; return False if it does not fit. `size` is what it adds to the memory of the process."""
        replaced_text = self._texts.get(slot)
        difference = size - (replaced_text[2] if replaced_text else 0)
        is_alone = len(self._texts) == (replaced_text is not None) and not self._reserved_bytes
        if self.size + difference > self.max_bytes and difference > 0 and not is_alone:
            return False
        self._texts[slot] = prefix, text, size
        self._resize(difference)
        return True

    def reserve(self, difference: int) -> bool:
        """Count bytes that wait for the client outside the queue, or no longer; return False if they do not fit."""
        if difference > 0 and self.size + difference > self.max_bytes and self.size:
            return False
        self._reserved_bytes += difference
        self._resize(difference)
        return True

    def pop(self) -> tuple[bytes, PreparedText]:
        """Remove and return the text that waits the longest, with its prefix."""
        prefix, text, size = self._texts.pop(next(iter(self._texts)))
        self._resize(-size)
        return prefix, text

    def discard(self, operation_id: str) -> None:
        """Remove the texts of an operation: those in slots that begin with its id."""
        for slot in [slot for slot in self._texts if isinstance(slot, tuple) and slot[0] == operation_id]:
            self._resize(-self._texts.pop(slot)[2])

    def clear(self) -> None:
        self._texts.clear()
        self._reserved_bytes = 0
        self._resize(-self.size)

    def _resize(self, difference: int) -> None:
        self.size += difference
        self._budget.resize(self, difference)


def size_of_text(text: PreparedText) -> int:
    """Return the bytes that a text takes in memory."""
    return len(text.body) + TEXT_OVERHEAD_BYTES
