"""The queries and mutations that run on one socket, as tasks by the client's operation ids."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

from subscriptions.core.tasks import cancel_and_wait


class RunningOperations:
    """The queries and mutations of a socket.

    A mutation is never cancelled, whatever the client does: it must not stop halfway.
    """

    __slots__ = ("_mutations", "_tasks")

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._mutations: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def __contains__(self, operation_id: str) -> bool:
        return operation_id in self._tasks

    def start(self, operation_id: str, execution: Coroutine[object, None, None], *, is_mutation: bool) -> None:
        task = self._tasks[operation_id] = asyncio.create_task(execution, name="socket operation")
        if is_mutation:
            self._mutations.add(task)
            task.add_done_callback(self._mutations.discard)

    def finish_current(self, operation_id: str) -> bool:
        """End the operation whose task calls this; return False if the client has completed it meanwhile.

        The id may already belong to another operation then.
        """
        if self._tasks.get(operation_id) is not asyncio.current_task():
            return False
        del self._tasks[operation_id]
        return True

    def complete(self, operation_id: str) -> None:
        """End an operation that the client completed; a mutation runs on, but its result is dropped."""
        task = self._tasks.pop(operation_id, None)
        if task is not None and task not in self._mutations:
            task.cancel()

    async def stop(self) -> None:
        """Cancel the queries, and wait until the mutations have finished."""
        await cancel_and_wait(*(task for task in self._tasks.values() if task not in self._mutations))
        if self._mutations:
            await asyncio.wait(self._mutations)
