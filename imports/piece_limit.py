"""How many rows one unit of work imports, so that it holds the lock of the ledger for a short time only."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

TARGET_SECONDS: Final = 0.16  # that a piece holds the lock; below the limit of 0.25, for rows that cost more
FIRST_ROWS: Final = 20
MAX_ROWS: Final = 500  # with fewer, one statement can find all of them on old builds of SQLite
_MAX_GROWTH: Final = 2


class PieceLimit:
    """Sizes the pieces of one file by the time that the pieces before took.

    rows  how many rows the next piece may have

    With fewer than `FIRST_ROWS` a piece would take hardly less time. A piece can cost more than the ones before: its rows
    may name new employees. So it also ends early, with fewer rows, when reading them against the database has taken up
    half of its time.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.rows = FIRST_ROWS
        self._clock, self._began = clock, 0.0

    def begin(self) -> None:
        """Note that the lock has been taken."""
        self._began = self._clock()

    @property
    def is_half_over(self) -> bool:
        """Return whether the present piece has used half of its time."""
        return self._clock() - self._began > TARGET_SECONDS / 2

    @property
    def is_over(self) -> bool:
        """Return whether the present piece has used its time."""
        return self._clock() - self._began > TARGET_SECONDS

    def end(self, rows: int) -> None:
        """Note that the lock has been released after a piece of so many rows, and size the next one."""
        seconds = max(self._clock() - self._began, 1e-6)
        fitting_rows = int(rows * TARGET_SECONDS / seconds)
        self.rows = max(FIRST_ROWS, min(fitting_rows, self.rows * _MAX_GROWTH, MAX_ROWS))
