"""Data loaders of one operation: each loads together all keys that are requested in the same tick of the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from typing import Generic, TypeVar, cast

Key = TypeVar("Key")
Value = TypeVar("Value")

LoadMany = Callable[[Sequence[Key]], Awaitable[Sequence[Value]]]  # returns the values in the order of the keys


class PendingValue(Generic[Value]):
    """A value that is loaded with all others of its batch; awaiting it returns the value."""

    __slots__ = ("_batch", "_index")

    def __init__(self, batch: _Batch[object, Value], index: int) -> None:
        self._batch, self._index = batch, index

    @property
    def is_loaded(self) -> bool:
        return self._batch.is_loaded

    @property
    def batch(self) -> _Batch[object, Value]:
        """The batch that it is loaded with."""
        return self._batch

    def outcome(self) -> Value | Exception:
        """Return the value once it is loaded, or the error of its batch."""
        return self._batch.outcome(self._index)

    def __await__(self) -> Generator[object, None, Value]:
        if not self._batch.is_loaded:
            yield from self._batch.add_waiter()
        outcome = self._batch.outcome(self._index)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


class _Batch(Generic[Key, Value]):
    """The keys requested in one tick, and their values."""

    def __init__(self) -> None:
        self.keys: list[Key] = []
        self.is_loaded = False
        self._values: Sequence[Value] = ()
        self._error: Exception | None = None
        self._waiters: list[asyncio.Future[None]] = []

    def add(self, key: Key) -> PendingValue[Value]:
        self.keys.append(key)
        return PendingValue(cast("_Batch[object, Value]", self), len(self.keys) - 1)

    def add_waiter(self) -> asyncio.Future[None]:
        """Return a future that is done when the batch is loaded; it never has an error.

        It is of this waiter alone: if its task is cancelled, the others still get their values.
        """
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        return waiter

    def outcome(self, index: int) -> Value | Exception:
        return self._values[index] if self._error is None else self._error

    async def load(self, load_many: LoadMany[Key, Value]) -> None:
        try:
            values = await load_many(self.keys)
            if len(values) != len(self.keys):
                raise RuntimeError(f"{load_many} returned {len(values)} values for {len(self.keys)} keys")
            self._values = values
        except asyncio.CancelledError:
            self._error = RuntimeError("the load of a value was cancelled")
            raise
        except Exception as error:  # noqa: BLE001 - raised for each value that is awaited
            self._error = error
        finally:
            self.is_loaded = True
            for waiter in self._waiters:
                if not waiter.done():
                    waiter.set_result(None)


class Loaders:
    """The batches of one operation, and values that a live stream has read ahead for its fields.

    Both are kept by the function that loads the values. That a function and its batch have the same types cannot be
    declared for a dictionary, hence the casts.
    """

    def __init__(self) -> None:
        self._batches: dict[object, object] = {}
        self._preloaded: dict[object, object] = {}
        self._tasks: set[asyncio.Task[None]] = set()  # else they might be collected before they are done

    def load(self, function: object, load_many: LoadMany[Key, Value], key: Key) -> PendingValue[Value]:
        """Return the value of a key, loaded by `load_many` with all keys requested for `function` in this tick."""
        batch = cast("_Batch[Key, Value] | None", self._batches.get(function))
        if batch is None:
            batch = self._batches[function] = _Batch()
            asyncio.get_running_loop().call_soon(self._start, function, batch, load_many)
        return batch.add(key)

    def _start(self, function: object, batch: _Batch[Key, Value], load_many: LoadMany[Key, Value]) -> None:
        del self._batches[function]
        task = asyncio.get_running_loop().create_task(batch.load(load_many))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def preload(self, function: Callable[..., Awaitable[Sequence[Value]]], values: Mapping[Key, Value]) -> None:
        """Replace the values of a function that were read ahead."""
        self._preloaded[function] = values

    def preloaded(self, function: Callable[..., Awaitable[Sequence[Value]]]) -> Mapping[object, Value]:
        """Return the values of a function that were read ahead, by key; empty without any."""
        return cast(Mapping[object, Value], self._preloaded.get(function, {}))
