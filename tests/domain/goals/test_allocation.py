"""Allocation of targets: shares add up, keep their limits, and follow the weights."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.goals.allocation import AllocationError, AllocationProblem, Limits, Seller, allocate, allocate_in_groups


@st.composite
def plans(draw: st.DrawFn) -> tuple[int, list[int], Limits]:
    """A total that the limits allow, with weights: some of them zero or equal."""
    weights = draw(st.lists(st.integers(0, 10**9) | st.integers(0, 3), min_size=1, max_size=30))
    floor = draw(st.integers(0, 2_000))
    ceiling = draw(st.none() | st.integers(floor, floor + 5_000))
    total = draw(st.integers(floor * len(weights), (floor + 10**7 if ceiling is None else ceiling) * len(weights)))
    return total, weights, Limits(floor, ceiling, draw(st.sampled_from((1, 5, 100, 1000))))


@settings(max_examples=300, deadline=None)
@given(plans())
def test_shares_add_up_within_the_limits(plan: tuple[int, list[int], Limits]) -> None:
    total, weights, limits = plan

    shares = allocate(total, weights, limits=limits)

    assert sum(shares) == total
    assert all(share >= limits.floor for share in shares)
    assert limits.ceiling is None or all(share <= limits.ceiling for share in shares)


@settings(max_examples=100, deadline=None)
@given(plans())
def test_larger_weight_never_has_a_smaller_share(plan: tuple[int, list[int], Limits]) -> None:
    total, weights, limits = plan

    shares = allocate(total, weights, limits=limits)

    by_weight = sorted(zip(weights, shares, strict=True))
    for (lighter, smaller), (heavier, larger) in itertools.pairwise(by_weight):
        assert lighter == heavier or smaller <= larger


@settings(max_examples=100, deadline=None)
@given(plans())
def test_at_most_one_share_within_the_limits_is_no_multiple(plan: tuple[int, list[int], Limits]) -> None:
    total, weights, limits = plan

    shares = allocate(total, weights, limits=limits)

    strictly_within = [share for share in shares if share not in (limits.floor, limits.ceiling)]
    assert sum(share % limits.rounding > 0 for share in strictly_within) <= 1


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=20), st.integers(0, 10**9))
def test_without_limits_each_share_is_less_than_a_unit_from_its_proportion(weights: list[int], total: int) -> None:
    shares = allocate(total, weights)

    assert all(
        abs(share * sum(weights) - weight * total) < sum(weights) for share, weight in zip(shares, weights, strict=True)
    )


def test_thousand_random_plans_with_teams_add_up_at_each_level() -> None:
    rng = random.Random(7)
    for _ in range(1000):
        teams = {"north": ("all",), "south": ("all",), "east": ("north", "all")}
        sellers = [
            Seller(
                rng.choice((0, rng.randrange(10**6))),
                (team, *teams[team]) if (team := rng.choice([None, *teams])) else ("all",),
                fixed=rng.randrange(1000) if rng.random() < 0.1 else None,
            )
            for _ in range(rng.randrange(4, 13))
        ]
        total, rounding = rng.randrange(10**5, 10**8), rng.choice((1, 100, 5000))
        is_staffed = any(seller.fixed is None and "north" in seller.groups for seller in sellers)
        is_rest_staffed = any(seller.fixed is None and "north" not in seller.groups for seller in sellers)
        group_totals = {"north": rng.randrange(20_000, 90_000)} if is_staffed and is_rest_staffed else {}
        if not (is_staffed or is_rest_staffed):
            continue

        shares = allocate_in_groups(total, sellers, group_totals, teams, Limits(rounding=rounding))

        assert sum(shares) == total
        assert min(shares) >= 0
        for group, group_total in group_totals.items():
            assert group_total == sum(
                share for share, seller in zip(shares, sellers, strict=True) if group in seller.groups
            )
        for share, seller in zip(shares, sellers, strict=True):
            assert seller.fixed in (None, share)


def test_remainder_goes_to_the_first_of_equals() -> None:
    assert allocate(100, [1, 1, 1]) == [34, 33, 33]
    assert allocate(10_050, [1, 1, 1], limits=Limits(rounding=100)) == [3_450, 3_300, 3_300]


def test_fixed_shares_stay_and_the_others_share_the_rest() -> None:
    assert allocate(1000, [5, 3, 2], fixed=[None, 400, None]) == [429, 400, 171]


def test_share_above_the_ceiling_is_split_among_the_others() -> None:
    assert allocate(100, [8, 1, 1], limits=Limits(ceiling=40)) == [40, 30, 30]


def test_share_below_the_floor_is_taken_from_the_others() -> None:
    assert allocate(100, [90, 9, 1], limits=Limits(floor=20)) == [60, 20, 20]


def test_split_is_even_where_all_weights_are_zero() -> None:
    assert allocate(90, [0, 0, 0]) == [30, 30, 30]


def test_those_without_a_weight_share_what_the_ceilings_of_the_others_leave() -> None:
    assert allocate(100, [3, 0, 0], limits=Limits(ceiling=60)) == [60, 20, 20]


@pytest.mark.parametrize(
    ("total", "fixed", "limits", "problem", "limit"),
    [
        (100, None, Limits(floor=40), AllocationProblem.FLOORS_EXCEED, 120),
        (100, None, Limits(ceiling=30), AllocationProblem.CEILINGS_FALL_SHORT, 90),
        (100, [70, 70, None], Limits(), AllocationProblem.FIXED_EXCEED, 140),
        (100, [30, 30, 30], Limits(), AllocationProblem.NOTHING_FREE, 90),
    ],
)
def test_total_that_cannot_be_split_says_why(
    total: int, fixed: list[int | None] | None, limits: Limits, problem: AllocationProblem, limit: int
) -> None:
    with pytest.raises(AllocationError) as caught:
        allocate(total, [1, 1, 1], fixed=fixed, limits=limits)

    assert (caught.value.problem, caught.value.limit, caught.value.amount) == (problem, limit, total)


def test_group_that_cannot_be_split_is_named() -> None:
    with pytest.raises(AllocationError) as caught:
        allocate_in_groups(100, [Seller(1, ("a",), fixed=10), Seller(1)], {"a": 20}, {"a": ()})

    assert (caught.value.problem, caught.value.group) == (AllocationProblem.NOTHING_FREE, "a")


def test_groups_with_more_than_the_total_are_refused() -> None:
    with pytest.raises(AllocationError) as caught:
        allocate_in_groups(100, [Seller(1, ("a",)), Seller(1)], {"a": 120}, {"a": ()})

    assert (caught.value.problem, caught.value.limit, caught.value.group) == (AllocationProblem.FIXED_EXCEED, 120, None)
