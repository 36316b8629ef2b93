"""Runs the statements of SQLite databases in the thread of the event loop, as tests have many small ones.

The product hands each statement to a thread and waits for it, which takes longer than most of them. A database in a
file is used in tests as in the product, except where a test says otherwise.
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


_inline_blocks: list[None] = []  # one for each `inline_files` that runs


@contextmanager
def inline_files() -> Iterator[None]:
    """Let connections to databases in files that are opened within the block run without a thread as well."""
    _inline_blocks.append(None)
    try:
        yield
    finally:
        _inline_blocks.pop()


@contextmanager
def inline_memory_databases() -> Iterator[None]:
    """Let each connection to a database in memory run without a thread."""
    connect_in_thread = aiosqlite.connect

    def connect(path: str, **options: Any) -> aiosqlite.Connection:
        if path != ":memory:" and not _inline_blocks:
            return connect_in_thread(path, **options)
        return InlineConnection(lambda: sqlite3.connect(path, **options), iter_chunk_size=64)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aiosqlite, "connect", connect)
        yield
