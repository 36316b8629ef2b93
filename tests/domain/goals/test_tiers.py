"""Tiers of a goal: which are reached, which are announced, and how they follow the target."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.goals.tiers import GoalTier, Tiers, percent_of_target, scale_tiers

TIERS = Tiers(80, 100, 120)
AMOUNTS = st.integers(1, 10**12)


@pytest.mark.parametrize(
    ("value", "tier"),
    [
        (-5, GoalTier.BELOW_THRESHOLD), (79, GoalTier.BELOW_THRESHOLD), (80, GoalTier.THRESHOLD), (99, GoalTier.THRESHOLD),
        (100, GoalTier.TARGET), (119, GoalTier.TARGET), (120, GoalTier.STRETCH), (10**9, GoalTier.STRETCH),
    ],
)  # fmt: skip
def test_highest_tier_is_reached_from_its_amount_on(value: int, tier: GoalTier) -> None:
    assert TIERS.find_reached(value) is tier


def test_goal_without_other_tiers_has_its_target() -> None:
    tiers = scale_tiers(None, None, None, 100)

    assert tiers.list_amounts() == [(GoalTier.TARGET, 100)]
    assert (tiers.find_reached(99), tiers.find_reached(100)) == (GoalTier.BELOW_THRESHOLD, GoalTier.TARGET)


@pytest.mark.parametrize(
    ("value", "announced", "expected"),
    [
        (79, [], []),
        (80, [], [GoalTier.THRESHOLD]),
        (90, ["THRESHOLD:80"], []),
        (90, ["THRESHOLD:70"], [GoalTier.THRESHOLD]),  # another threshold than the announced one
        (100, [], [GoalTier.TARGET]),  # the threshold is passed on the way
        (120, [], [GoalTier.TARGET, GoalTier.STRETCH]),
        (120, [100], [GoalTier.STRETCH]),
        (120, [100, "STRETCH:120"], []),
        (100, ["THRESHOLD:100"], [GoalTier.TARGET]),  # a threshold of the amount of the target is another tier
    ],
)  # fmt: skip
def test_target_and_highest_other_tier_are_announced_once(
    value: int, announced: list[int | str], expected: list[GoalTier]
) -> None:
    assert TIERS.find_unannounced(value, announced) == expected


def test_marks_of_reached_tiers_include_lower_ones() -> None:
    assert TIERS.list_marks(99) == ["THRESHOLD:80"]
    assert TIERS.list_marks(120) == ["THRESHOLD:80", 100, "STRETCH:120"]


@for_all(AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS)
def test_tiers_follow_the_target_in_proportion_and_keep_their_order(a: int, b: int, c: int, target: int) -> None:
    threshold, base, stretch = sorted((a, b, c))

    tiers = scale_tiers(threshold, stretch, base, target)

    assert tiers.threshold is not None
    assert tiers.stretch is not None
    assert 1 <= tiers.threshold <= target <= tiers.stretch
    assert abs(tiers.stretch - Fraction(stretch * target, base)) <= Fraction(1, 2)
    assert tiers.threshold == 1 or abs(tiers.threshold - Fraction(threshold * target, base)) <= Fraction(1, 2)


def test_tiers_beside_the_target_they_were_set_with_are_the_same() -> None:
    assert scale_tiers(80, 120, 100, 100) == TIERS


def test_percentage_of_a_target_is_rounded_half_up_and_at_least_one() -> None:
    assert [percent_of_target(target, Fraction(80)) for target in (1, 3, 5, 100)] == [1, 2, 4, 80]
    assert percent_of_target(3, Fraction(50)) == 2
