"""Runs the statements of databases in memory in the thread of the event loop, as tests have many small ones.

The product hands each statement to a thread and waits for it, which takes longer than most of them. A database in a
file, which other processes may lock, is used in tests as in the product.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import aiosqlite
import pytest


class InlineConnection(aiosqlite.Connection):
    """A connection without a thread; other tasks run after each statement, as they do while a thread runs it."""

    def __await__(self) -> Generator[Any, None, aiosqlite.Connection]:
        return self._connect().__await__()

    async def _connect(self) -> aiosqlite.Connection:
        self._connection = self._connector()
        return self

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if self._connection is None:
            raise ValueError("Connection closed")
        result = fn(*args, **kwargs)
        await asyncio.sleep(0)
        return result

    def stop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@contextmanager
def inline_memory_databases() -> Iterator[None]:
    """Let each connection to a database in memory run without a thread."""
    connect_in_thread = aiosqlite.connect

    def connect(path: str, **options: Any) -> aiosqlite.Connection:
        if path != ":memory:":
            return connect_in_thread(path, **options)
        return InlineConnection(lambda: sqlite3.connect(path, **options), iter_chunk_size=64)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aiosqlite, "connect", connect)
        yield
