"""Forecast categories: how surely people expect a deal to be won in a period, beside the machine's probability.

The standard five of the field. A stage has a category by default, the seller or a manager may set one for a deal, and
a closed deal has the one that follows from its outcome. Totals roll up: what is committed contains what is closed, the
best case contains both, and the pipeline everything but what is omitted.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from domain.ledger.record_facts import DealStatus


class ForecastCategory(StrEnum):
    """Category of a deal, from the surest to the one that does not count."""

    CLOSED = "CLOSED"
    COMMIT = "COMMIT"
    BEST_CASE = "BEST_CASE"
    PIPELINE = "PIPELINE"
    OMITTED = "OMITTED"


DEFAULT_CATEGORY: Final = ForecastCategory.PIPELINE  # of a stage without one


def category_of(
    status: DealStatus, of_deal: ForecastCategory | None, of_stage: ForecastCategory | None
) -> ForecastCategory:
    """Return the category of a deal: by its outcome, else its own, else that of its stage."""
    if status is not DealStatus.OPEN:
        return ForecastCategory.CLOSED if status is DealStatus.WON else ForecastCategory.OMITTED
    return of_deal or of_stage or DEFAULT_CATEGORY
