"""Leaderboard ranking: a sorted list of employees with standard competition ranks (1, 2, 2, 4), updated in place.

Source: https://en.wikipedia.org/wiki/Ranking ("1224" ranking). Equal values are in name
order, then by id, so that the order of a leaderboard is stable.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Self

from domain.primitives.text import search_key

_BITS: Final = 24  # of a place in name order: more employees than any company has
_PLACE: Final = (1 << _BITS) - 1
_FINE: Final = 1 << 128  # different shares of targets below 2^63 differ by more than 2^-126
_LAST: Final = 1 << 256  # sort key of employees without a target, after every share


class Roll:
    """The ranked employees in the order of equal values (by name, then id): ids, names, and the place of each id."""

    def __init__(self, names: Mapping[int, str]) -> None:
        self.keys = sorted(names, key=lambda key: (_needle(names[key]), key))
        self.names = [names[key] for key in self.keys]
        self.places = {key: place for place, key in enumerate(self.keys)}


@dataclass(frozen=True, slots=True)
class Ranked:
    """One row of a ranking, amounts in the metric's smallest unit.

    gap_to_next  the amount needed to draw level with the next rank up; None at the top and
                 for employees without a target in a ranking by attainment
    """

    key: int
    name: str
    value: int
    rank: int
    gap_to_next: int | None


class Ladder:
    """A ranking of the employees of a roster, kept sorted while values change.

    Looking up a rank takes O(log n); changing a value moves one entry of the sorted list, found by bisection.

    values   by employee id, of all employees with a score, on the roster or not; the others have zero
    targets  by employee id, above zero. With targets the ranking is by value / target; employees without one come
             last, in name order, and share one rank: the number of the others plus one. None: ranked by value.
    total    the sum of all values, including those of employees not on the roster
    """

    def __init__(self, roll: Roll, values: Mapping[int, int], targets: Mapping[int, int] | None = None) -> None:
        self.roll, self.values, self.targets = roll, dict(values), targets
        self.total = sum(values.values())
        behind = [self._behind(key) for key in roll.keys]
        # An entry is one integer, the sort key with the place in name order in its low bits: small and quick to compare
        self._entries = [
            (behind[place] << _BITS) + place for place in sorted(range(len(behind)), key=behind.__getitem__)
        ]

    def __len__(self) -> int:
        return len(self._entries)

    def copy(self) -> Self:
        """Return an independent copy."""
        twin = self.__class__.__new__(self.__class__)
        twin.roll, twin.values, twin.targets = self.roll, dict(self.values), self.targets
        twin.total, twin._entries = self.total, self._entries[:]
        return twin

    def move(self, key: int, value: int) -> bool:
        """Set the value of an employee; return whether it has changed."""
        if value == self.values.get(key, 0):
            return False
        ranked = key in self.roll.places
        if ranked:
            del self._entries[self._position(key)]
        self.total += value - self.values.get(key, 0)
        self.values[key] = value
        if ranked:
            insort(self._entries, self._entry(key))
        return True

    def rank(self, key: int) -> int | None:
        """Return the rank of an employee; None if they are not on the roster."""
        return 1 + self._first(self._behind(key)) if key in self.roll.places else None

    def window(self, first: int, around: int | None = None) -> list[Ranked]:
        """Return the `first` rows nearest to an employee, or the first rows if the id is None or not ranked."""
        position = self._position(around) if around is not None and around in self.roll.places else 0
        start = window_start(position, first, len(self))
        rows: list[Ranked] = []
        rank, above, level = 0, None, None  # `above_place`: of any row of the next rank up
        for position, entry in enumerate(self._entries[start : start + first], start=start):
            behind, place = entry >> _BITS, entry & _PLACE
            if behind != level:
                top = position if rows else self._first(behind)
                rank, level = top + 1, behind
                above = self._entries[top - 1] & _PLACE if top and behind != _LAST else None
            key = self.roll.keys[place]
            gap = None if above is None else self._missing(key, self.roll.keys[above])
            rows.append(Ranked(key, self.roll.names[place], self.values.get(key, 0), rank, gap))
        return rows

    def _behind(self, key: int) -> int:
        """Return the sort key of an employee: smaller for a better result, equal for equal results."""
        value = self.values.get(key, 0)
        if self.targets is None:
            return -value
        target = self.targets.get(key)
        return _LAST if target is None else -(value * _FINE // target)

    def _entry(self, key: int) -> int:
        return (self._behind(key) << _BITS) + self.roll.places[key]

    def _position(self, key: int) -> int:
        """Return the position of an employee of the roster in the ranking."""
        return bisect_left(self._entries, self._entry(key))

    def _first(self, behind: int) -> int:
        """Return the position of the first row with the sort key."""
        return bisect_left(self._entries, behind << _BITS)

    def _missing(self, key: int, above: int) -> int:
        """Return the amount that brings an employee level with the one above; rounded up for a share of a target."""
        value, ahead = self.values.get(key, 0), self.values.get(above, 0)
        if self.targets is None:
            return ahead - value
        return -(-self.targets[key] * ahead // self.targets[above]) - value


def window_start(position: int, first: int, count: int) -> int:
    """Return the start of the window of `first` rows nearest to a position in a ranking of `count` rows.

    The position is in the middle of the window, with one more row above than below if `first` is even, except
    near either end of the ranking.
    """
    return max(0, min(position - first // 2, count - first))


_needle: Final = lru_cache(maxsize=20_000)(search_key)  # the same names are sorted for each leaderboard
