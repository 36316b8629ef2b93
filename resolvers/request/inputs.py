"""Input values that several subjects share. A field left out has its default; `UNSET` where null means something else."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Money:
    """An amount of money; without a currency, in the company's."""

    amount: Decimal
    currency: str | None = None
