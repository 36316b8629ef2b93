"""Tiers of goals: their input, checked, and how far each of them is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from domain.errors.user_errors import OutOfRange
from domain.goals.progress import Progress, calculate_progress
from domain.goals.slices import Slice, scale_slices
from domain.goals.tiers import GoalTier, Tiers
from domain.primitives.units import Unit
from domain.primitives.unset import UNSET, Unset
from models.goals.goals import Goal
from resolvers.goals.progress import GoalState
from resolvers.request import validation

TIER_COLUMNS: Final = ("threshold", "stretch", "tiers_target")
TierInput = Decimal | Unset | None  # null: the goal has no such tier


def clean_tiers(
    threshold: TierInput, stretch: TierInput, target: int, unit: Unit, currency: str, present: Goal | None = None
) -> dict[str, int | None]:
    """Return the columns of tiers beside the target that is set, all amounts in the smallest unit.

    Raises OutOfRange for a threshold that is not below the target, and a stretch that is not above it.

    present  the goal, of which the tier stays that the input leaves out; it follows the target
    """
    tiers = present.tiers_beside(target) if present else Tiers(None, target, None)
    new_threshold = _clean_amount(threshold, tiers.threshold, unit, currency, "threshold")
    new_stretch = _clean_amount(stretch, tiers.stretch, unit, currency, "stretch")
    if isinstance(threshold, Decimal) and new_threshold is not None and not 0 < new_threshold < target:
        raise OutOfRange("A threshold lies above zero and below the target.", "input", "threshold")
    if isinstance(stretch, Decimal) and new_stretch is not None and new_stretch <= target:
        raise OutOfRange("A stretch lies above the target.", "input", "stretch")
    has_any = new_threshold is not None or new_stretch is not None
    return {"threshold": new_threshold, "stretch": new_stretch, "tiers_target": target if has_any else None}


def _clean_amount(value: TierInput, present: int | None, unit: Unit, currency: str, name: str) -> int | None:
    if isinstance(value, Unset):
        return present
    return None if value is None else validation.clean_metric_value(value, unit, currency, "input", name)


def change_tiers(
    goal: Goal, threshold: TierInput, stretch: TierInput, target: int, unit: Unit, currency: str
) -> dict[str, int | None]:
    """Return the columns of a goal's tiers that an input changes; none where the tiers stay as they are.

    target  the one that the goal has been set to by now
    """
    if threshold is UNSET and stretch is UNSET:
        return {}
    columns = clean_tiers(threshold, stretch, target, unit, currency, goal)
    tiers = goal.tiers_beside(target)
    return {} if (columns["threshold"], columns["stretch"]) == (tiers.threshold, tiers.stretch) else columns


@dataclass(frozen=True, eq=False)
class TierState:
    """One tier of a goal, with the progress of the goal as if the tier were its target."""

    tier: GoalTier
    state: GoalState
    progress: Progress


def list_tier_states(state: GoalState) -> list[TierState]:
    """Return the tiers of a goal, the lowest first."""
    progress, goal = state.progress, state.goal
    return [
        TierState(
            tier,
            state,
            progress
            if tier is GoalTier.TARGET
            else calculate_progress(
                progress.value,
                amount,
                goal.period,
                progress.time,
                today=state.today,
                slices=_rescale(progress.slices, amount),
            ),
        )
        for tier, amount in goal.tiers.list_amounts()
    ]


def _rescale(slices: Sequence[Slice], target: int) -> list[Slice]:
    if not slices:
        return []
    amounts = scale_slices([part.target for part in slices], target)
    return [replace(part, target=amount) for part, amount in zip(slices, amounts, strict=True)]
