"""Who is ahead: standard competition ranking, 1, 2, 2, 4; kept in order while scores move.

Source: https://en.wikipedia.org/wiki/Ranking ("1224" ranking). Equal ones are in name
order, then by id, so that a board never shuffles by itself.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Self

from domain.primitives.text import search_key

_BITS: Final = 24  # of a place in name order: as many people as nobody employs
_PLACE: Final = (1 << _BITS) - 1
_FINE: Final = 1 << 128  # of a share: those of targets below 2^63 differ by more than 2^-126, or not at all
_LAST: Final = 1 << 256  # behind every share there is: who has no target


class Roll:
    """People in the order in which equal ones stand: their keys, their names, and the place of each."""

    def __init__(self, names: Mapping[int, str]) -> None:
        self.keys = sorted(names, key=lambda key: (_needle(names[key]), key))
        self.names = [names[key] for key in self.keys]
        self.places = {key: place for place, key in enumerate(self.keys)}


@dataclass(frozen=True, slots=True)
class Ranked:
    """One row of a board, amounts in the metric's smallest unit.

    key          the employee's id
    gap_to_next  how much more is needed to be level with the next rank up; None at the top and
                 where no amount would do
    """

    key: int
    name: str
    value: int
    rank: int
    gap_to_next: int | None


class Ladder:
    """Who of the roll is ahead. To move somebody takes the logarithm of how many there are.

    values   of everybody who has a score, on the roll or not; who has none stands at zero
    targets  above zero. With them the ladder is ranked by value / target, and those without one come last, in name
             order, and share one rank: one more than there are others. Without them (None) it is ranked by value.
    total    of all values, also of those who are not on the roll
    """

    def __init__(self, roll: Roll, values: Mapping[int, int], targets: Mapping[int, int] | None = None) -> None:
        self.roll, self.values, self.targets = roll, dict(values), targets
        self.total = sum(values.values())
        behind = [self._behind(key) for key in roll.keys]
        # an entry is how far behind, with the place in name order below it: one number is quick to compare and to keep
        self._entries = [
            (behind[place] << _BITS) + place for place in sorted(range(len(behind)), key=behind.__getitem__)
        ]

    def __len__(self) -> int:
        return len(self._entries)

    def copy(self) -> Self:
        """Return another one that stands the same, and moves by itself."""
        twin = self.__class__.__new__(self.__class__)
        twin.roll, twin.values, twin.targets = self.roll, dict(self.values), self.targets
        twin.total, twin._entries = self.total, self._entries[:]
        return twin

    def move(self, key: int, value: int) -> bool:
        """Set what somebody has scored; return whether that is something else."""
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
        """Return somebody's rank; None for who is not on the roll."""
        return 1 + self._first(self._behind(key)) if key in self.roll.places else None

    def window(self, first: int, around: int | None = None) -> list[Ranked]:
        """Return the `first` rows nearest the one with that key, or the first rows when it is None or not ranked."""
        position = self._position(around) if around is not None and around in self.roll.places else 0
        start = window_start(position, first, len(self))
        rows: list[Ranked] = []
        rank, above, level = 0, None, None  # `above`: anybody of the next rank up
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
        """Return what is the smaller the further ahead somebody is, and equal for equal ones."""
        value = self.values.get(key, 0)
        if self.targets is None:
            return -value
        target = self.targets.get(key)
        return _LAST if target is None else -(value * _FINE // target)

    def _entry(self, key: int) -> int:
        return (self._behind(key) << _BITS) + self.roll.places[key]

    def _position(self, key: int) -> int:
        """Return at which position somebody of the roll stands."""
        return bisect_left(self._entries, self._entry(key))

    def _first(self, behind: int) -> int:
        """Return the position of the first who is so far behind."""
        return bisect_left(self._entries, behind << _BITS)

    def _missing(self, key: int, above: int) -> int:
        """Return what brings somebody level with the one above; of a share rounded up, for less would not do."""
        value, ahead = self.values.get(key, 0), self.values.get(above, 0)
        if self.targets is None:
            return ahead - value
        return -(-self.targets[key] * ahead // self.targets[above]) - value


def window_start(position: int, first: int, count: int) -> int:
    """Return where the `first` rows of a board of `count` begin that are nearest a position.

    Its row is in the middle, with one more above than below when it cannot be, unless an end of the board is near.
    """
    return max(0, min(position - first // 2, count - first))


_needle: Final = lru_cache(maxsize=20_000)(search_key)  # of the same people for each board
