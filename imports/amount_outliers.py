"""Finds amounts out of all proportion in a stream of amounts, with memory that does not grow with their number."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from decimal import Decimal
from typing import Final

_MIN_AMOUNTS: Final = 5  # of fewer, none is out of proportion
_FACTOR: Final = 100  # times the percentile
_BUCKETS_PER_E: Final = 1000  # amounts are counted by their logarithm, to 0.1%
_MAX_LARGEST: Final = 1000


class AmountDistribution:
    """Counts positive amounts by size, and keeps the largest ones with their lines."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self._largest: list[tuple[Decimal, int]] = []  # a heap of amounts and negative lines

    def add(self, amount: Decimal, line: int) -> None:
        if amount <= 0:
            return
        self._counts[math.ceil(math.log(amount) * _BUCKETS_PER_E)] += 1
        if len(self._largest) < _MAX_LARGEST:
            heapq.heappush(self._largest, (amount, -line))
        elif amount > self._largest[0][0]:
            heapq.heapreplace(self._largest, (amount, -line))

    def outliers(self) -> list[tuple[Decimal, int]]:
        """Return the amounts beyond 100 times the 99th percentile, the largest first, with their lines; at most 1000.

        The percentile is the amount below which, or at which, 99% of the steps from the least to the largest amount
        lie: of a hundred amounts and fewer, the second largest.
        """
        total = self._counts.total()
        if total < _MIN_AMOUNTS:
            return []
        rank = math.floor(0.99 * (total - 1))
        for bucket in sorted(self._counts):
            rank -= self._counts[bucket]
            if rank < 0:
                limit = _FACTOR * math.exp(bucket / _BUCKETS_PER_E)
                return [(amount, -line) for amount, line in sorted(self._largest, reverse=True) if amount > limit]
        return []
