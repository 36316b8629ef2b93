"""Validated access to the tables of a TOML file; errors name the location in the file."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any


class MapError(ValueError):
    """An invalid import map; the message says where it is wrong and what is allowed there."""

    def __init__(self, place: str, sentence: str) -> None:
        super().__init__(f"{place}: {sentence}")


class Table:
    """One table of a map. It records which keys are read, so that `reject_unknown_keys` finds misspelt ones."""

    def __init__(self, given: Mapping[str, Any], place: str = "") -> None:
        self.given, self.place = given, place
        self._asked: set[str] = set()

    def _inside(self, key: str) -> str:
        return f"{self.place}.{key}" if self.place else key

    def take(self, key: str, kind: type, what: str) -> Any:
        self._asked.add(key)
        value = self.given.get(key)
        if value is not None and (not isinstance(value, kind) or isinstance(value, datetime)):
            raise MapError(self._inside(key), f"this has to be {what}")
        return value

    def text(self, key: str) -> str | None:
        value: str | None = self.take(key, str, "a text")
        return value

    def texts(self, key: str) -> list[str]:
        value = self.take(key, object, "")
        listed = [value] if isinstance(value, str) else value if value is not None else []
        if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
            raise MapError(self._inside(key), "this has to be a text or a list of texts")
        return listed

    def table(self, key: str) -> Table:
        return Table(self.take(key, dict, "a table") or {}, self._inside(key))

    def tables(self, key: str) -> list[Table]:
        """Return the tables of a list; their locations are numbered from 1."""
        listed = self.take(key, list, f"tables that begin with [[{key}]]") or []
        if not all(isinstance(each, dict) for each in listed):
            raise MapError(self._inside(key), f"this has to be tables that begin with [[{key}]]")
        return [Table(each, f"{self._inside(key)} {n}") for n, each in enumerate(listed, 1)]

    def one_of(self, key: str, allowed: Collection[str], default: str | None) -> str:
        value = self.text(key) or default
        if value is None or value not in allowed:
            raise MapError(self._inside(key), f"take one of {', '.join(allowed)}")
        return value

    def names(self, allowed: Collection[str] | None) -> list[str]:
        """Return all keys. Raises MapError for a key not in `allowed` (None: any key is allowed)."""
        self._asked.update(self.given)
        for key in self.given:
            if allowed is not None and key not in allowed:
                raise MapError(self._inside(key), f"there is no such field; there are {', '.join(allowed)}")
        return list(self.given)

    def each_text(self, allowed: Collection[str] | None) -> dict[str, str]:
        return {key: self.text(key) or "" for key in self.names(allowed)}

    def each_texts(self, allowed: Collection[str] | None) -> dict[str, list[str]]:
        return {key: self.texts(key) for key in self.names(allowed)}

    def done(self) -> None:
        for key in self.given.keys() - self._asked:
            raise MapError(self._inside(key), f"there is no such key here; there are {', '.join(sorted(self._asked))}")
