"""The headers of a request, decoded once for all look-ups."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from starlette.datastructures import Headers

Default = TypeVar("Default")


class IndexedHeaders(Headers):
    """Starlette's headers, which look through all headers each time, with an index of the lines by name."""

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        super().__init__(raw=list(raw))
        self._index: dict[str, list[str]] = {}
        for name, value in self._list:
            self._index.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))

    def getlist(self, key: str) -> list[str]:
        return self._index.get(key.lower(), [])

    def get(self, key: str, default: Default | None = None) -> str | Default | None:  # type: ignore[override]
        values = self._index.get(key.lower())
        return values[0] if values else default

    def __getitem__(self, key: str) -> str:
        return self._index[key.lower()][0]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key.lower() in self._index
