"""What values need before they stand in a response, by their class, and the awaiting of those of many columns together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection
from typing import Any, Final, TypeGuard

from graphql.pyutils import UndefinedType

from graph.execution.field_readers import Raised, Values
from graph.execution.plans import Shape
from graph.execution.positions import Column
from models.db.row_store import TableRow
from resolvers.request.loaders import PendingValue

NULL, ODD, AWAITABLE = 1, 2, 4


class _Kinds(dict[type, int]):
    """What a value of a class needs, found out once for each class."""

    def __missing__(self, kind: type) -> int:
        if kind is type(None):
            bits = NULL
        elif issubclass(kind, Exception | Raised | UndefinedType):
            bits = ODD
        else:
            # a Tortoise row has `__await__` but is a finished value
            bits = AWAITABLE if hasattr(kind, "__await__") and not issubclass(kind, TableRow) else 0
        self[kind] = bits
        return bits


KINDS: Final = _Kinds()


def is_awaitable(value: object) -> TypeGuard[Awaitable[Any]]:
    """Return whether a resolver's result must be awaited."""
    return bool(KINDS[type(value)] & AWAITABLE)


class Waiting:
    """Values of a column of which some must be awaited, or which an awaitable returns all at once."""

    __slots__ = ("all_values", "column", "lists", "shape", "values")

    def __init__(
        self, column: Column, shape: Shape, values: Values, all_values: Awaitable[Values] | None = None
    ) -> None:
        self.column, self.shape, self.values, self.all_values = column, shape, values, all_values
        self.lists: list[list[object] | None] = []  # of a column of items: the lists to put them into


async def wait_for_all(futures: Collection[asyncio.Future[Any]]) -> None:
    """Wait until all are done, with a value or an error. If this is cancelled, cancel those that are left, and wait for them.

    A task that is cancelled before its first step never runs, and Python warns of the coroutines it was about to await:
    it happens when a client leaves at the wrong moment. A cancelled `asyncio.wait` does not touch the tasks, and by the
    time it raises, all of them have had their first step.
    """
    if not futures:
        return
    try:
        await asyncio.wait(futures)
    except asyncio.CancelledError:
        unfinished = [future for future in futures if not future.done()]
        for future in unfinished:
            future.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        raise


async def settle(waiting: list[Waiting]) -> None:
    """Await everything that the columns wait for and put the values, or `Raised`, in place."""
    futures: dict[asyncio.Future[Any], None] = {}
    places: list[tuple[Waiting, int, asyncio.Future[object]]] = []
    wholes: list[tuple[Waiting, asyncio.Future[Values]]] = []
    loaded: list[Waiting] = []
    batches: dict[object, None] = {}
    for entry in waiting:
        if entry.all_values is not None:
            whole: asyncio.Future[Any] = asyncio.ensure_future(entry.all_values)
            wholes.append((entry, whole))
            futures[whole] = None
            continue
        for index, value in enumerate(entry.values):
            if not is_awaitable(value):
                continue
            if isinstance(value, PendingValue):
                if not value.is_loaded and value.batch not in batches:
                    batches[value.batch] = None
                    futures[value.batch.add_waiter()] = None
                if not loaded or loaded[-1] is not entry:
                    loaded.append(entry)
                continue
            future: asyncio.Future[Any] = asyncio.ensure_future(value)
            futures[future] = None
            places.append((entry, index, future))
    await wait_for_all(futures)
    for entry, index, future in places:
        entry.values[index] = _outcome(future)
    for entry in loaded:
        entry.values = [value.outcome() if isinstance(value, PendingValue) else value for value in entry.values]
    for entry, whole in wholes:
        outcome = _outcome(whole)
        entry.values = outcome if isinstance(outcome, list) else [outcome] * len(entry.values)


def _outcome(future: asyncio.Future[Any]) -> object:
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, Exception):
        return Raised(error)
    raise error
