"""Validated access to the tables of a TOML file; errors name the location in the file."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any


class MapError(ValueError):
    """An invalid import map; the message says where it is wrong and what is allowed there."""

    def __init__(self, location: str, message: str) -> None:
        super().__init__(f"{location}: {message}")


class TomlTable:
    """One table of a map. It records which keys are read, so that `reject_unknown_keys` finds misspelt ones."""

    def __init__(self, content: Mapping[str, Any], location: str = "") -> None:
        self.content, self.location = content, location
        self._requested_keys: set[str] = set()

    def _location_of(self, key: str) -> str:
        return f"{self.location}.{key}" if self.location else key

    def require_type(self, key: str, expected_type: type, description: str) -> Any:
        self._requested_keys.add(key)
        value = self.content.get(key)
        if value is not None and (not isinstance(value, expected_type) or isinstance(value, datetime)):
            raise MapError(self._location_of(key), f"this has to be {description}")
        return value

    def get_text(self, key: str) -> str | None:
        value: str | None = self.require_type(key, str, "a text")
        return value

    def get_texts(self, key: str) -> list[str]:
        value = self.require_type(key, object, "")
        items = [value] if isinstance(value, str) else value if value is not None else []
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise MapError(self._location_of(key), "this has to be a text or a list of texts")
        return items

    def get_table(self, key: str) -> TomlTable:
        return TomlTable(self.require_type(key, dict, "a table") or {}, self._location_of(key))

    def get_tables(self, key: str) -> list[TomlTable]:
        """Return the tables of a list; their locations are numbered from 1."""
        items = self.require_type(key, list, f"tables that begin with [[{key}]]") or []
        if not all(isinstance(item, dict) for item in items):
            raise MapError(self._location_of(key), f"this has to be tables that begin with [[{key}]]")
        return [TomlTable(item, f"{self._location_of(key)} {index}") for index, item in enumerate(items, 1)]

    def get_choice(self, key: str, allowed: Collection[str], default: str | None) -> str:
        value = self.get_text(key) or default
        if value is None or value not in allowed:
            raise MapError(self._location_of(key), f"take one of {', '.join(allowed)}")
        return value

    def get_keys(self, allowed: Collection[str] | None) -> list[str]:
        """Return all keys. Raises MapError for a key not in `allowed` (None: any key is allowed)."""
        self._requested_keys.update(self.content)
        for key in self.content:
            if allowed is not None and key not in allowed:
                raise MapError(self._location_of(key), f"there is no such field; there are {', '.join(allowed)}")
        return list(self.content)

    def get_text_by_key(self, allowed: Collection[str] | None) -> dict[str, str]:
        return {key: self.get_text(key) or "" for key in self.get_keys(allowed)}

    def get_texts_by_key(self, allowed: Collection[str] | None) -> dict[str, list[str]]:
        return {key: self.get_texts(key) for key in self.get_keys(allowed)}

    def reject_unknown_keys(self) -> None:
        for key in self.content.keys() - self._requested_keys:
            raise MapError(
                self._location_of(key),
                f"there is no such key here; there are {', '.join(sorted(self._requested_keys))}",
            )
