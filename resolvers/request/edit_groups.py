"""Group commit: edits that wait for the lock of the ledger are made in one unit of work.

While one edit holds the lock, the next one waits for it, and those that come meanwhile join that one. So a burst of new
records costs one read, one write and one entry of the change log for all of them. An edit that nobody joins is made as
if there were no groups.

Clients that send one edit after another would form two groups that take turns: while one is made, those that the other has
answered wait. So a group that has waited for a shared one waits a moment longer, until the clients of both have come.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Hashable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from resolvers.request.viewer import Viewer

MAX_GROUP_SIZE: Final = 16  # the scores of so many deals still have topics of their own
_MAX_GATHERING_SECONDS: Final = 0.01  # about as long as a small group takes


class GroupDissolved(Exception):
    """Raised where edits cannot be made together: each is made alone then, with its own error or response."""


@dataclass(frozen=True, eq=False)
class GroupedEdit:
    """An edit that may be made together with others.

    concerns  names of what no other edit of the group may concern: records, and idempotency keys
    """

    viewer: Viewer
    concerns: frozenset[Hashable]


Edit = TypeVar("Edit", bound=GroupedEdit)


class EditGroup(Generic[Edit]):
    """An edit that waits for the lock of the ledger, and those that have joined it."""

    def __init__(self, first: Edit) -> None:
        self.edits, self.is_open = [first], True
        self._waiters: list[asyncio.Future[object]] = []
        self._has_grown = asyncio.Event()
        self._task: asyncio.Task[Sequence[object]] | None = None

    @property
    def is_shared(self) -> bool:
        return len(self.edits) > 1

    def accepts(self, edit: Edit) -> bool:
        """Return whether the edit can join: of the same person with the same rights, and independent of the others."""
        return (
            self.is_open
            and len(self.edits) < MAX_GROUP_SIZE
            and all(other.concerns.isdisjoint(edit.concerns) for other in self.edits)
            and self.edits[0].viewer.has_same_rights(edit.viewer)
        )

    async def join(self, edit: Edit) -> object:
        """Return the outcome of the edit once all are committed. Raises GroupDissolved, or the error of all."""
        waiter: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self.edits.append(edit)
        self._waiters.append(waiter)
        self._has_grown.set()
        return await waiter

    async def wait_until_ended(self) -> None:
        if self._task is not None:
            await asyncio.wait([self._task])

    async def gather(self, size: int) -> None:
        """Wait until so many edits have joined, or a moment is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_MAX_GATHERING_SECONDS):
                while len(self.edits) < min(size, MAX_GROUP_SIZE):
                    self._has_grown.clear()
                    await self._has_grown.wait()

    async def run(self, unit_of_work: Coroutine[object, object, Sequence[object]]) -> object:
        """Run the unit of work of all edits, which returns their outcomes; return that of the first.

        If the first request is cancelled, the edits are made nevertheless if others have joined it.
        """
        task = self._task = asyncio.create_task(unit_of_work)
        task.add_done_callback(self._settle)
        try:
            return (await asyncio.shield(task))[0]
        except asyncio.CancelledError:
            if not self.is_shared:
                self.is_open = False
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            raise

    def _settle(self, task: asyncio.Task[Sequence[object]]) -> None:
        """Give the others the outcomes of their edits."""
        error = None if task.cancelled() else task.exception()
        for index, waiter in enumerate(self._waiters, 1):
            if waiter.done():  # its request was cancelled
                continue
            if task.cancelled():  # with the process
                waiter.cancel()
            elif error is not None:
                waiter.set_exception(GroupDissolved() if isinstance(error, GroupDissolved) else error)
            else:
                waiter.set_result(task.result()[index])


AnyEditGroup = EditGroup[Any]


class EditGroups:
    """The groups of a process that wait for the lock of the ledger, by mutation and viewer."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, AnyEditGroup] = {}
        self._last: dict[Hashable, AnyEditGroup] = {}  # as long as it waits or is made

    def find(self, key: Hashable) -> AnyEditGroup | None:
        return self._waiting.get(key)

    def open(self, key: Hashable, edit: Edit) -> EditGroup[Edit]:
        """Return a new group, which others may join until it is closed."""
        group = self._waiting[key] = EditGroup(edit)
        return group

    @asynccontextmanager
    async def turn(self, key: Hashable, group: AnyEditGroup) -> AsyncIterator[None]:
        """Wait until the group before has ended; at the end of the block let the next one begin."""
        before, self._last[key] = self._last.get(key), group
        try:
            if before is not None:
                await before.wait_until_ended()
                if before.is_shared:
                    await group.gather(len(before.edits) + len(group.edits))
            yield
        finally:
            self.close(key, group)
            if self._last[key] is group:
                del self._last[key]

    def close(self, key: Hashable, group: AnyEditGroup) -> None:
        """Let nobody else join the group."""
        group.is_open = False
        if self._waiting.get(key) is group:
            del self._waiting[key]
