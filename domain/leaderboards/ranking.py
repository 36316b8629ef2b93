"""Leaderboard ranking: a sorted list of employees with standard competition ranks (1, 2, 2, 4), updated in place.

Source: https://en.wikipedia.org/wiki/Ranking ("1224" ranking). Equal values are in name
order, then by id, so that the order of a leaderboard is stable.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Container, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final, Self

from domain.primitives.text import search_key

_PLACE_BITS: Final = 24  # of a place in name order: more employees than any company has
_PLACE_MASK: Final = (1 << _PLACE_BITS) - 1
_SHARE_SCALE: Final = 1 << 128  # different shares of targets below 2^63 differ by more than 2^-126
_NO_TARGET_KEY: Final = 1 << 256  # sort key of employees without a target, after every share


class Roster:
    """The ranked employees in the order of equal values (by name, then id): ids, names, and the place of each id."""

    def __init__(self, names: Mapping[int, str]) -> None:
        self.employee_ids = sorted(names, key=lambda employee_id: (_cached_search_key(names[employee_id]), employee_id))
        self.names = [names[employee_id] for employee_id in self.employee_ids]
        self.places = {employee_id: place for place, employee_id in enumerate(self.employee_ids)}


@dataclass(frozen=True, slots=True)
class RankedRow:
    """One row of a ranking, amounts in the metric's smallest unit.

    attained     the amount that counts for the employee's own target; the value, unless that is a team's part of it
    gap_to_next  the amount needed to draw level with the next rank up; None at the top and
                 for employees without a target in a ranking by attainment
    """

    employee_id: int
    name: str
    value: int
    attained: int
    rank: int
    gap_to_next: int | None


class RankedList:
    """A ranking of the employees of a roster, kept sorted while values change.

    Looking up a rank takes O(log n); changing a value moves one entry of the sorted list, found by bisection.

    values        by employee id, of all employees with a score, on the roster or not; the others have zero
    targets       by employee id, above zero. With targets the ranking is by attained / target; employees without one
                  come last, in name order, and share one rank: the number of the others plus one. None: ranked by value.
    whole_values  by employee id, where values are parts of scores: the whole score, which is what is attained
    total         the sum of all values, including those of employees not on the roster
    """

    def __init__(
        self,
        roster: Roster,
        values: Mapping[int, int],
        targets: Mapping[int, int] | None = None,
        whole_values: Mapping[int, int] = MappingProxyType({}),
    ) -> None:
        self.roster, self.values, self.targets = roster, dict(values), targets
        self.whole_values = dict(whole_values)
        self.total = sum(values.values())
        sort_keys = [self._sort_key(employee_id) for employee_id in roster.employee_ids]
        # An entry is one integer, the sort key with the place in name order in its low bits: small and quick to compare
        self._entries = [
            (sort_keys[place] << _PLACE_BITS) + place
            for place in sorted(range(len(sort_keys)), key=sort_keys.__getitem__)
        ]

    def __len__(self) -> int:
        return len(self._entries)

    def copy(self) -> Self:
        """Return an independent copy."""
        duplicate = self.__class__.__new__(self.__class__)
        duplicate.roster, duplicate.values, duplicate.targets = self.roster, dict(self.values), self.targets
        duplicate.whole_values = dict(self.whole_values)
        duplicate.total, duplicate._entries = self.total, self._entries[:]
        return duplicate

    def restrict_to(self, employee_ids: Container[int]) -> Self:
        """Return an independent ranking of these employees alone, as if there were no others."""
        return self.__class__(
            Roster({id_: self.roster.names[place] for id_, place in self.roster.places.items() if id_ in employee_ids}),
            {id_: value for id_, value in self.values.items() if id_ in employee_ids},
            self.targets,
            {id_: value for id_, value in self.whole_values.items() if id_ in employee_ids},
        )

    def attained(self, employee_id: int) -> int:
        """Return the amount that counts for the employee's own target."""
        whole_value = self.whole_values.get(employee_id)
        return self.values.get(employee_id, 0) if whole_value is None else whole_value

    def has_score(self, employee_id: int) -> bool:
        """Return whether the employee is ranked with an amount other than zero."""
        amount = self.values.get(employee_id, 0) if self.targets is None else self.attained(employee_id)
        return amount != 0 and employee_id in self.roster.places

    def set_value(self, employee_id: int, value: int, whole_value: int | None = None) -> bool:
        """Set the value of an employee, and the whole one if it is a part; return whether either has changed."""
        attained = value if whole_value is None else whole_value
        if value == self.values.get(employee_id, 0) and attained == self.attained(employee_id):
            return False
        is_ranked = employee_id in self.roster.places
        if is_ranked:
            del self._entries[self._position(employee_id)]
        self.total += value - self.values.get(employee_id, 0)
        self.values[employee_id], self.whole_values[employee_id] = value, attained
        if is_ranked:
            insort(self._entries, self._entry(employee_id))
        return True

    def rank_of(self, employee_id: int) -> int | None:
        """Return the rank of an employee; None if they are not on the roster."""
        return 1 + self._first_position(self._sort_key(employee_id)) if employee_id in self.roster.places else None

    def window(self, first: int, around_id: int | None = None) -> list[RankedRow]:
        """Return the `first` rows nearest to an employee, or the first rows if the id is None or not ranked."""
        position = self._position(around_id) if around_id is not None and around_id in self.roster.places else 0
        start = window_start(position, first, len(self))
        rows: list[RankedRow] = []
        rank, above_place, rank_key = 0, None, None  # `above_place`: of any row of the next rank up
        for position, entry in enumerate(self._entries[start : start + first], start=start):
            sort_key, place = entry >> _PLACE_BITS, entry & _PLACE_MASK
            if sort_key != rank_key:
                rank_start = position if rows else self._first_position(sort_key)
                rank, rank_key = rank_start + 1, sort_key
                above_place = (
                    self._entries[rank_start - 1] & _PLACE_MASK if rank_start and sort_key != _NO_TARGET_KEY else None
                )
            employee_id = self.roster.employee_ids[place]
            gap = None if above_place is None else self._gap_to(employee_id, self.roster.employee_ids[above_place])
            value, attained = self.values.get(employee_id, 0), self.attained(employee_id)
            rows.append(RankedRow(employee_id, self.roster.names[place], value, attained, rank, gap))
        return rows

    def _sort_key(self, employee_id: int) -> int:
        """Return the sort key of an employee: smaller for a better result, equal for equal results."""
        if self.targets is None:
            return -self.values.get(employee_id, 0)
        target = self.targets.get(employee_id)
        return _NO_TARGET_KEY if target is None else -(self.attained(employee_id) * _SHARE_SCALE // target)

    def _entry(self, employee_id: int) -> int:
        return (self._sort_key(employee_id) << _PLACE_BITS) + self.roster.places[employee_id]

    def _position(self, employee_id: int) -> int:
        """Return the position of an employee of the roster in the ranking."""
        return bisect_left(self._entries, self._entry(employee_id))

    def _first_position(self, sort_key: int) -> int:
        """Return the position of the first row with the sort key."""
        return bisect_left(self._entries, sort_key << _PLACE_BITS)

    def _gap_to(self, employee_id: int, above_id: int) -> int:
        """Return the amount that brings an employee level with the one above; rounded up for a share of a target."""
        if self.targets is None:
            return self.values.get(above_id, 0) - self.values.get(employee_id, 0)
        needed = -(-self.targets[employee_id] * self.attained(above_id) // self.targets[above_id])
        return needed - self.attained(employee_id)


def window_start(position: int, first: int, count: int) -> int:
    """Return the start of the window of `first` rows nearest to a position in a ranking of `count` rows.

    The position is in the middle of the window, with one more row above than below if `first` is even, except
    near either end of the ranking.
    """
    return max(0, min(position - first // 2, count - first))


_cached_search_key: Final = lru_cache(maxsize=20_000)(search_key)  # the same names are sorted for each leaderboard
