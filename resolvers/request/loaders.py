"""Data loaders of one operation: each loads together all keys that are requested in the same tick of the event loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol, TypeVar, cast

Key = TypeVar("Key")
Value = TypeVar("Value")
KeyContra = TypeVar("KeyContra", contravariant=True)
ValueCo = TypeVar("ValueCo", covariant=True)

LoadMany = Callable[[Sequence[Key]], Awaitable[Sequence[Value]]]  # returns the values in the order of the keys


class Loader(Protocol[KeyContra, ValueCo]):
    """Loads values by key, in batches."""

    def load(self, key: KeyContra, /) -> Awaitable[ValueCo]: ...


class LoaderFactory(Protocol):
    """Creates a loader, without a cache of values, from a function that loads many keys."""

    def __call__(self, load_many: LoadMany[Key, Value], /) -> Loader[Key, Value]: ...


class Loaders:
    """The loaders of one operation, and values that a live stream has read ahead for its fields.

    Both are kept by the function that loads the values. That a function and its loader have the same types cannot be
    declared for a dictionary, hence the casts.
    """

    def __init__(self, create_loader: LoaderFactory) -> None:
        self._create_loader = create_loader
        self._loaders: dict[object, object] = {}
        self._preloaded: dict[object, object] = {}

    def load(self, function: object, load_many: LoadMany[Key, Value], key: Key) -> Awaitable[Value]:
        """Return the value of a key, from the loader of `function`, which is created from `load_many` if needed."""
        loader = self._loaders.get(function)
        if loader is None:
            loader = self._loaders[function] = self._create_loader(load_many)
        return cast(Loader[Key, Value], loader).load(key)

    def preload(self, function: Callable[..., Awaitable[Sequence[Value]]], values: Mapping[Key, Value]) -> None:
        """Replace the values of a function that were read ahead."""
        self._preloaded[function] = values

    def preloaded(self, function: Callable[..., Awaitable[Sequence[Value]]]) -> Mapping[object, Value]:
        """Return the values of a function that were read ahead, by key; empty without any."""
        return cast(Mapping[object, Value], self._preloaded.get(function, {}))
