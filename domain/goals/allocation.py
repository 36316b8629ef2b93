"""Allocation of a target: a total is split by weights into whole amounts that add up to it.

Amounts are whole numbers in the metric's smallest unit, weights are whole numbers, too: all arithmetic is exact.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class AllocationProblem(StrEnum):
    """Why a total cannot be split.

    FLOORS_EXCEED     the floors add up to more than there is to split
    CEILINGS_FALL_SHORT  the ceilings add up to less
    FIXED_EXCEED      the fixed shares add up to more than the total
    NOTHING_FREE      all shares are fixed, or there is nobody, and they do not add up to the total
    """

    FLOORS_EXCEED = "FLOORS_EXCEED"
    CEILINGS_FALL_SHORT = "CEILINGS_FALL_SHORT"
    FIXED_EXCEED = "FIXED_EXCEED"
    NOTHING_FREE = "NOTHING_FREE"


class AllocationError(ValueError):
    """A total that cannot be split.

    limit   what the floors, ceilings or fixed shares add up to
    amount  what was to be split by them
    group   the group whose total it is; None for the whole
    """

    def __init__(self, problem: AllocationProblem, limit: int, amount: int, group: object = None) -> None:
        super().__init__(f"{problem}: {limit} for {amount}")
        self.problem, self.limit, self.amount, self.group = problem, limit, amount, group


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of each share that is not fixed.

    floor     at least
    ceiling   at most; None: no limit
    rounding  shares are multiples of it, as far as floor, ceiling and the total allow
    """

    floor: int = 0
    ceiling: int | None = None
    rounding: int = 1

    def __post_init__(self) -> None:
        if self.floor < 0 or self.rounding < 1 or (self.ceiling is not None and self.ceiling < self.floor):
            raise ValueError("a floor is not negative, a ceiling not below it, and a rounding at least 1")


NO_LIMITS = Limits()


def allocate(
    total: int, weights: Sequence[int], *, fixed: Sequence[int | None] | None = None, limits: Limits = NO_LIMITS
) -> list[int]:
    """Split a total in proportion to weights, and return the shares in their order; they add up to the total.

    total    not negative
    weights  not negative; where all are zero, the split is even
    fixed    shares that are fixed, None for the others; the limits do not apply to them

    Shares outside of the limits are set to them, and the rest is split anew among the others. Shares are rounded down
    to multiples, and those with the largest remainders up (the first ones among equals). What no multiple holds is
    added to the largest share, up to its ceiling. So a larger weight never has a smaller share, unless one is fixed.

    Raises AllocationError if fixed shares or limits do not allow the total.
    """
    if total < 0 or any(weight < 0 for weight in weights):
        raise ValueError("a total and weights are not negative")
    shares = list(fixed) if fixed is not None else [None] * len(weights)
    free = [index for index, share in enumerate(shares) if share is None]
    fixed_sum = sum(share for share in shares if share is not None)
    amount = total - fixed_sum
    if not free and amount:
        raise AllocationError(AllocationProblem.NOTHING_FREE, fixed_sum, total)
    if amount < 0:
        raise AllocationError(AllocationProblem.FIXED_EXCEED, fixed_sum, total)
    if limits.floor * len(free) > amount:
        raise AllocationError(AllocationProblem.FLOORS_EXCEED, limits.floor * len(free), amount)
    if limits.ceiling is not None and limits.ceiling * len(free) < amount:
        raise AllocationError(AllocationProblem.CEILINGS_FALL_SHORT, limits.ceiling * len(free), amount)
    free_shares = dict(zip(free, _split(amount, [weights[index] for index in free], limits), strict=True))
    return [free_shares[index] if share is None else share for index, share in enumerate(shares)]


@dataclass(frozen=True, slots=True)
class Seller(Generic[Key]):
    """One who gets a share.

    groups  the groups that the seller belongs to, the innermost first
    fixed   the share, if it is fixed
    """

    weight: int
    groups: tuple[Key, ...] = ()
    fixed: int | None = None


def allocate_in_groups(
    total: int,
    sellers: Sequence[Seller[Key]],
    group_totals: Mapping[Key, int],
    parents: Mapping[Key, tuple[Key, ...]],
    limits: Limits = NO_LIMITS,
) -> list[int]:
    """Split a total among sellers in nested groups, some of which have fixed totals; return the shares in their order.

    group_totals  the fixed totals
    parents       of each group with one: the groups around it, the innermost first

    The sellers of a group with a fixed total share that, less the fixed totals of groups within it; all others share
    what remains of the total. Raises AllocationError, with the group.
    """
    amounts: dict[Key | None, int] = {None: total}
    amounts.update(group_totals.items())
    for fixed_group, group_total in group_totals.items():
        amounts[_innermost(parents[fixed_group], group_totals)] -= group_total
    members: dict[Key | None, list[int]] = {group: [] for group in amounts}
    for index, seller in enumerate(sellers):
        members[_innermost(seller.groups, group_totals)].append(index)
    shares = [0] * len(sellers)
    for group, indexes in members.items():
        amount = amounts[group]
        if amount < 0:
            group_total = total if group is None else group_totals[group]
            raise AllocationError(AllocationProblem.FIXED_EXCEED, group_total - amount, group_total, group)
        try:
            group_shares = allocate(
                amount,
                [sellers[index].weight for index in indexes],
                fixed=[sellers[index].fixed for index in indexes],
                limits=limits,
            )
        except AllocationError as error:
            raise AllocationError(error.problem, error.limit, error.amount, group) from None
        for index, share in zip(indexes, group_shares, strict=True):
            shares[index] = share
    return shares


def _innermost(groups: Sequence[Key], group_totals: Mapping[Key, int]) -> Key | None:
    """Return the innermost group with a fixed total; None for the whole."""
    return next((group for group in groups if group in group_totals), None)


def _split(amount: int, weights: Sequence[int], limits: Limits) -> list[int]:
    """Split an amount that the limits allow, see `allocate`."""
    if not weights:
        return []
    if limits.ceiling is not None and any(weights):
        # who has no weight gets more than the floor only if the others reach their ceilings
        weightless = [index for index, weight in enumerate(weights) if not weight]
        rest = amount - limits.ceiling * (len(weights) - len(weightless))
        if weightless and rest > limits.floor * len(weightless):
            rest_shares = dict(zip(weightless, _split(rest, [0] * len(weightless), limits), strict=True))
            return [rest_shares.get(index, limits.ceiling) for index in range(len(weights))]
    if not any(weights):
        weights = [1] * len(weights)
    exact_shares, divisor = _fill_levels(amount, weights, limits)
    return _round_shares(amount, weights, exact_shares, divisor, limits)


def _fill_levels(amount: int, weights: Sequence[int], limits: Limits) -> tuple[list[int], int]:
    """Return shares in proportion to the weights within the limits, as numerators of one divisor.

    Iterative clamping: of those outside of the limits in a round, the ones on the side that outweighs are set to their
    limit for good. Only these would be outside in the result, too.
    """
    floor, ceiling = limits.floor, limits.ceiling
    clamped: dict[int, int] = {}
    free = list(range(len(weights)))
    while True:
        rest, weight_sum = amount - sum(clamped.values()), sum(weights[index] for index in free)
        if not weight_sum:  # none left, or only those without a weight, who have the floor
            break
        below, above, imbalance = [], [], 0
        for index in free:
            share = weights[index] * rest
            if share < floor * weight_sum:
                below.append(index)
                imbalance += floor * weight_sum - share
            elif ceiling is not None and share > ceiling * weight_sum:
                above.append(index)
                imbalance += ceiling * weight_sum - share
        if not below and not above:
            break
        if imbalance >= 0:
            clamped |= dict.fromkeys(below, floor)
        if imbalance <= 0 and ceiling is not None:
            clamped |= dict.fromkeys(above, ceiling)
        free = [index for index in free if index not in clamped]
    divisor = weight_sum or 1
    return [
        clamped[index] * divisor if index in clamped else weight * rest if weight_sum else floor
        for index, weight in enumerate(weights)
    ], divisor


def _round_shares(
    amount: int, weights: Sequence[int], exact_shares: Sequence[int], divisor: int, limits: Limits
) -> list[int]:
    """Return whole shares within the limits that add up to the amount, by the largest remainder.

    exact_shares  numerators of the divisor; they add up to the amount
    """
    step = limits.rounding
    lows, highs = [], []
    for share in exact_shares:
        multiple = share // (divisor * step) * step
        low = max(limits.floor, multiple)
        high = low if share == low * divisor else multiple + step
        if limits.ceiling is not None:
            high = min(high, limits.ceiling)
            low = high if share == limits.ceiling * divisor else low
        lows.append(low)
        highs.append(high)
    missing = amount - sum(lows)
    shares = list(lows)
    by_remainder = sorted(range(len(shares)), key=lambda index: lows[index] * divisor - exact_shares[index])
    for index in by_remainder:
        if 0 < highs[index] - lows[index] <= missing:
            shares[index] = highs[index]
            missing -= highs[index] - lows[index]
    if missing:
        for index in sorted(
            range(len(shares)), key=lambda index: (-shares[index], -exact_shares[index], -weights[index])
        ):
            added = missing if limits.ceiling is None else min(missing, limits.ceiling - shares[index])
            shares[index] += added
            missing -= added
    return shares
