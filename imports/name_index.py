"""Indexes of rows by external id and by name, which forget what they learned of rows that are rolled back."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from typing import Final, TypeVar

from domain.primitives.global_ids import EXTERNAL_ID_PREFIX, normalize_external_id
from domain.primitives.text import search_key
from imports.cell_parsing import CellError
from models.db.spill_index import SpillMultiMap

_MAX_EXTERNAL_ID_LENGTH: Final = 100  # characters of an externalId

Value = TypeVar("Value")


def derive_external_id(text: str) -> str:
    """Return the text as an external id, as it is stored; a long one is cut and made unique again by a hash."""
    if len(text) > _MAX_EXTERNAL_ID_LENGTH:
        text = f"{text[:60]}#{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:32]}"
    return to_stored_id(text)


def to_stored_id(text: str) -> str:
    """Return an external id as it is stored; one that none can be as it is, to be refused with its record."""
    return normalize_external_id(text) or text


def external_reference(external_id: str) -> str:
    """Return an id for mutation inputs that refers to a record by its external id."""
    return f"{EXTERNAL_ID_PREFIX}{external_id}"


class UndoJournal:
    """Undoes what was added to indexes since the last `clear`, when the rows they mirror are rolled back."""

    def __init__(self) -> None:
        self._steps: list[Callable[[], object]] = []

    def add(self, step: Callable[[], object]) -> None:
        self._steps.append(step)

    def clear(self) -> None:
        self._steps.clear()

    def undo(self) -> None:
        """Take the steps back, the latest first."""
        while self._steps:
            self._steps.pop()()


def set_item(journal: UndoJournal, items: dict[str, Value], key: str, value: Value) -> None:
    """Set an item, to be restored by the journal."""
    journal.add(partial(items.__setitem__, key, items[key]) if key in items else partial(items.pop, key, None))
    items[key] = value


class NameIndex:
    """An index of one kind of row: ids by external id and by name."""

    def __init__(self, journal: UndoJournal, rows: Iterable[tuple[str, str | None, str]] = ()) -> None:
        self._journal = journal
        self._ids_by_external_id: dict[str, str] = {}
        self._ids_by_name: dict[str, set[str]] = {}
        self._external_ids: dict[str, str] = {}  # by id
        for target_id, external_id, name in rows:
            self.add(target_id, external_id, name)

    def add(self, target_id: str, external_id: str | None, name: str) -> None:
        if external_id and self._ids_by_external_id.get(external_id) != target_id:
            set_item(self._journal, self._ids_by_external_id, external_id, target_id)
            set_item(self._journal, self._external_ids, target_id, external_id)
        same_name_ids = self._ids_by_name.setdefault(search_key(name), set())
        if target_id not in same_name_ids:
            same_name_ids.add(target_id)
            self._journal.add(partial(same_name_ids.discard, target_id))

    def find(self, text: str, kind: str, prefix: str = "") -> str | None:
        """Return the id for an external id or name, or None. Raises CellError if several rows have the name.

        kind    plural noun for the error
        prefix  put before the text to make it an external id
        """
        # looked at first: the text may be an external id that was derived from the name of one of several
        named_id = only_one([*self._ids_by_name.get(search_key(text), ())], kind, text)
        return self.find_by_id(text, prefix) or named_id

    def find_by_id(self, text: str, prefix: str = "") -> str | None:
        """Return the id for an external id, or None."""
        return self._ids_by_external_id.get(f"{prefix}{text}")

    def same_name_ids(self, name: str, prefix: str, *, without_external_id: bool) -> list[str]:
        """Return the ids of the rows with the name.

        without_external_id  leave out those that a system identifies by more than their name
        """
        ids = sorted(self._ids_by_name.get(search_key(name), ()))
        if not without_external_id:
            return ids
        derived = (None, derive_external_id(f"{prefix}{name}"))
        return [target_id for target_id in ids if self._external_ids.get(target_id) in derived]


def only_one(ids: Sequence[str], kind: str, name: str) -> str | None:
    """Return the only id, or None if there is none. Raises CellError if several have the name."""
    if len(ids) > 1:
        raise _ambiguous_name(len(ids), kind, name)
    return ids[0] if ids else None


def _ambiguous_name(count: int, kind: str, text: str) -> CellError:
    if kind == "employees":
        return CellError(
            "{count} employees are called “{text}”: give the e-mail address instead.", count=count, text=text
        )
    return CellError("{count} {kind} are called “{text}”: give an id instead.", count=count, kind=kind, text=text)


class SpillNameIndex:
    """A name index of any number of rows, whose memory does not grow with them."""

    def __init__(self, journal: UndoJournal) -> None:
        self._journal = journal
        self._ids_by_external_id, self._ids_by_name = SpillMultiMap(), SpillMultiMap()
        self._prefetched: dict[tuple[str, str], tuple[int, str | None]] = {}  # by text and prefix

    def add_all(self, rows: Collection[tuple[str, str | None, str]]) -> None:
        """Add rows that are not in the index: id, external id and name."""
        if not rows:
            return
        external_ids = [(external_id, target_id) for target_id, external_id, _ in rows if external_id]
        names = [(search_key(name), target_id) for target_id, _, name in rows]
        self._prefetched.clear()
        self._ids_by_external_id.add(external_ids)
        self._ids_by_name.add(names)
        self._journal.add(partial(self._ids_by_external_id.discard, external_ids))
        self._journal.add(partial(self._ids_by_name.discard, names))
        self._journal.add(self._prefetched.clear)

    def prefetch(self, texts: Collection[str], prefix: str = "") -> None:
        """Look up texts at once, so that `find` has them at hand until rows are added or others are looked up."""
        names_by_text = {text: search_key(text) for text in texts}
        by_external_id = self._ids_by_external_id.find({f"{prefix}{text}" for text in texts})
        by_name = self._ids_by_name.find({*names_by_text.values()})
        self._prefetched.clear()
        for text, name in names_by_text.items():
            _, target_id = by_external_id.get(f"{prefix}{text}", (0, None))
            self._prefetched[text, prefix] = by_name.get(name, (0, None)) if target_id is None else (1, target_id)

    def find(self, text: str, kind: str, prefix: str = "") -> str | None:
        """Return the id for an external id or name, or None. Raises CellError if several rows have the name."""
        if (text, prefix) not in self._prefetched:
            self.prefetch([text], prefix)
        count, target_id = self._prefetched[text, prefix]
        if count > 1:
            raise _ambiguous_name(count, kind, text)
        return target_id
