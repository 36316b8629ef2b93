"""Tiers of a goal: a threshold below the target and a stretch above it, each optional.

They are set as amounts beside a target and follow it in proportion when it changes, as the target of a pro-rated goal
follows working time. All amounts are in the metric's smallest unit.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Final, TypeAlias


class GoalTier(StrEnum):
    """The highest tier of a goal that is reached.

    BELOW_THRESHOLD  none yet, also where there is no threshold
    """

    BELOW_THRESHOLD = "BELOW_THRESHOLD"
    THRESHOLD = "THRESHOLD"
    TARGET = "TARGET"
    STRETCH = "STRETCH"


Mark: TypeAlias = (
    int | str
)  # what says that a tier was announced: the amount of a target, "THRESHOLD:80" of another tier


def amount_of(mark: Mark) -> int:
    """Return the amount at which the tier was announced."""
    return mark if isinstance(mark, int) else int(mark.rpartition(":")[2])


@dataclass(frozen=True, slots=True)
class Tiers:
    """The amounts of the tiers that a goal has; at least the target."""

    threshold: int | None
    target: int
    stretch: int | None

    def list_amounts(self) -> list[tuple[GoalTier, int]]:
        """Return the tiers with their amounts, the lowest first."""
        amounts = (
            (GoalTier.THRESHOLD, self.threshold), (GoalTier.TARGET, self.target), (GoalTier.STRETCH, self.stretch),
        )  # fmt: skip
        return [(tier, amount) for tier, amount in amounts if amount is not None]

    @property
    def lowest(self) -> int:
        return self.target if self.threshold is None else self.threshold

    def find_reached(self, value: int) -> GoalTier:
        """Return the highest tier that is reached."""
        if value < self.lowest:
            return GoalTier.BELOW_THRESHOLD
        reached = [tier for tier, amount in self.list_amounts() if value >= amount]
        return reached[-1] if reached else GoalTier.BELOW_THRESHOLD

    def mark_of(self, tier: GoalTier) -> Mark:
        """Return what says that a tier which the goal has was announced at its present amount."""
        amount = dict(self.list_amounts())[tier]
        return amount if tier is GoalTier.TARGET else f"{tier}:{amount}"

    def list_marks(self, value: int) -> list[Mark]:
        """Return the marks of all tiers that are reached."""
        if value < self.lowest:
            return []
        return [self.mark_of(tier) for tier, amount in self.list_amounts() if value >= amount]

    def find_unannounced(self, value: int, announced: Collection[Mark]) -> list[GoalTier]:
        """Return the tiers to announce: the target, and the highest reached one; a lower one is passed over."""
        if value < self.lowest:
            return []
        highest = self.find_reached(value)
        tiers = [GoalTier.TARGET] if value >= self.target else []
        if highest not in (GoalTier.BELOW_THRESHOLD, GoalTier.TARGET):
            tiers.append(highest)
        return [tier for tier in tiers if self.mark_of(tier) not in announced]


_HALF: Final = Fraction(1, 2)


def scale_amount(amount: int, base: int, target: int) -> int:
    """Return an amount that was set beside the target `base` in proportion to another target: rounded half up."""
    return math.floor(Fraction(amount * target, base) + _HALF)


def scale_tiers(threshold: int | None, stretch: int | None, base: int | None, target: int) -> Tiers:
    """Return the tiers of a goal with this target.

    base  the target beside which threshold and stretch were set; None where there is neither

    Rounding never moves the threshold above the target or to zero, or the stretch below it.
    """
    if base is None:
        return Tiers(None, target, None)
    return Tiers(
        None if threshold is None else min(target, max(1, scale_amount(threshold, base, target))),
        target,
        None if stretch is None else max(target, scale_amount(stretch, base, target)),
    )


def percent_of_target(target: int, percent: Fraction) -> int:
    """Return a percentage of a target: rounded half up, and at least one unit."""
    return max(1, math.floor(target * percent / 100 + _HALF))
