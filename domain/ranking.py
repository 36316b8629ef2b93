"""Who is ahead: standard competition ranking, 1, 2, 2, 4.

Source: https://en.wikipedia.org/wiki/Ranking ("1224" ranking). Equal ones are in name
order, then by id, so that a board never shuffles by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Final

from domain.progress import percent
from domain.text import search_key

Row = tuple[int, str, int, int | None]  # id, name, value, target (above zero, None without a goal)


@dataclass(frozen=True, slots=True)
class Ranked:
    """One row of a board, amounts in the metric's smallest unit.

    key          the employee's id
    gap_to_next  how much more is needed to be level with the next rank up; None at the top and
                 where no amount would do
    percent      100 × value / target; None without a goal
    """

    key: int
    name: str
    value: int
    target: int | None
    rank: int
    gap_to_next: int | None
    percent: float | None


def by_value(rows: Sequence[Row]) -> list[Ranked]:
    """Return the rows ranked by value, the highest first."""
    return _ranked(rows, lambda row: row[2], lambda row, above: above[2] - row[2])


def by_attainment(rows: Sequence[Row]) -> list[Ranked]:
    """Return the rows ranked by value / target, the highest first.

    Those without a goal come last, in name order, and share one rank: one more than there are others.
    """
    aiming = _ranked([row for row in rows if row[3] is not None], _attainment, _missing)
    last = len(aiming) + 1
    idle = sorted((row for row in rows if row[3] is None), key=_name_order)
    return aiming + [Ranked(key, name, value, None, last, None, None) for key, name, value, _ in idle]


def ranks_by_value(rows: Sequence[Row]) -> dict[int, int]:
    """Return each one's rank on the board `by_value`, and nothing else of it."""
    return _ranks([(row[0], row[2]) for row in rows])


def ranks_by_attainment(rows: Sequence[Row]) -> dict[int, int]:
    """The same on the board `by_attainment`."""
    aiming = [(row[0], _attainment(row)) for row in rows if row[3] is not None]
    return dict.fromkeys((row[0] for row in rows), len(aiming) + 1) | _ranks(aiming)


def _ranks(measured: Sequence[tuple[int, int | Fraction]]) -> dict[int, int]:
    first: dict[int | Fraction, int] = {}
    for position, measure in enumerate(sorted((measure for _, measure in measured), reverse=True), start=1):
        first.setdefault(measure, position)
    return {key: first[measure] for key, measure in measured}


def window(ranked: Sequence[Ranked], first: int, around_key: int | None = None) -> list[Ranked]:
    """Return the `first` rows nearest the one with that key, or the first rows when it is None or not ranked.

    The row is in the middle, with one more above than below when it cannot be, unless an end of the board is near.
    """
    place = next((n for n, row in enumerate(ranked) if row.key == around_key), 0)
    start = max(0, min(place - first // 2, len(ranked) - first))
    return list(ranked[start : start + first])


def _ranked(
    rows: Sequence[Row], measure: Callable[[Row], int | Fraction], missing: Callable[[Row, Row], int]
) -> list[Ranked]:
    ordered = sorted(((-measure(row), _name_order(row), row) for row in rows), key=lambda item: item[:2])
    ranked: list[Ranked] = []
    rank, above, level = 0, None, None  # `above`: any row of the next rank up
    for position, (behind, _, row) in enumerate(ordered, start=1):
        if behind != level:
            rank, above, level = position, ordered[position - 2][2] if position > 1 else None, behind
        key, name, value, target = row
        gap = None if above is None else missing(row, above)
        ranked.append(Ranked(key, name, value, target, rank, gap, None if target is None else percent(value, target)))
    return ranked


def _name_order(row: Row) -> tuple[str, int]:
    return _needle(row[1]), row[0]


_needle: Final = lru_cache(maxsize=20_000)(search_key)  # of the same people for each board


def _attainment(row: Row) -> Fraction:
    return Fraction(row[2], row[3] or 1)


def _missing(row: Row, above: Row) -> int:
    """Return what brings the row's percentage to that of the one above; rounded up, for less would not do."""
    return -(-(row[3] or 1) * above[2] // (above[3] or 1)) - row[2]
