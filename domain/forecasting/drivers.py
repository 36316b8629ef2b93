"""What has moved a forecast since an earlier moment, by deals.

The mean of a forecast is the booked amount, plus what each open deal adds (its probability of a win in the rest of the
period times its amount times the weight of the pipeline model), plus what is expected without regard to the open deals.
So the effect of a single deal is what it adds now less what it added then, both by the models of today: what today's
forecast would be if only this deal were still as it was. The parts of a deal are replaced one after the other, in a
fixed order: time, stage, owner, amount. What is left is the models' own: what they have learnt since, business that
does not exist yet, and roundings. The effects therefore add up to the change exactly, by definition of the last one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np

from domain.forecasting.arrays import Bools, Floats, Ints
from domain.forecasting.deal_table import DealTable, reorder
from domain.forecasting.forecast import ForecastWindow
from domain.forecasting.seasonality import month_of
from domain.forecasting.training import WinProbabilities


class DriverKind(StrEnum):
    """Why a forecast has moved, in the order in which the parts are replaced.

    WON         deals won since, or no longer won: what was booked less what was expected of them
    LOST        deals lost or deleted
    NEW         deals created or reopened that are open
    SLIPPED     deals open then and now: there is less time left to win them in the period
    MOVED       the same deals, moved to another stage
    REASSIGNED  the same deals, given to or taken from an owner; bookings of teams that moved
    REPRICED    the same deals at other amounts; booked amounts corrected or refunded
    MODEL       the rest: what the models have learnt, and business that does not exist yet
    """

    WON = "WON"
    LOST = "LOST"
    NEW = "NEW"
    SLIPPED = "SLIPPED"
    MOVED = "MOVED"
    REASSIGNED = "REASSIGNED"
    REPRICED = "REPRICED"
    MODEL = "MODEL"


@dataclass(frozen=True)
class DealEffects:
    """Effects of single deals, largest first; shape (n,) each.

    deals    the caller's keys
    amounts  in the smallest unit
    """

    deals: Ints
    amounts: Floats


@dataclass(frozen=True)
class OpenDealEffects:
    """What open deals have done to the mean, by deal, in the smallest unit.

    closed   of deals that are not open any more: what was expected of them, as a negative amount
    changed  of all others, by kind
    """

    closed: Mapping[int, float]
    changed: Mapping[DriverKind, Mapping[int, float]]


_NONE: Final = OpenDealEffects({}, {})


def compare_open_deals(
    window: ForecastWindow | None,
    then: DealTable,
    now: DealTable,
    members: Bools,
    first: int,
    since: int,
    day_left: float = 1.0,
) -> OpenDealEffects:
    """Return the effects of the deals open then and now on the mean of a group of sellers.

    window     of today's forecast; None if there is none, then open deals add nothing
    then, now  the open deals of both moments, with the same indexes of sellers, stages and products
    members    which sellers belong to the group, shape (sellers,)
    first      first day of the period
    since      the day on which `then` was known
    day_left   the part of that day that was still ahead, 1 to 0
    """
    if window is None:
        return _NONE
    in_scope = np.union1d(then.key[members[then.seller]], now.key[members[now.seller]])
    then, now = (table.select_rows(np.isin(table.key, in_scope)) for table in (then, now))
    then, now = (reorder(table, np.argsort(table.key)) for table in (then, now))
    is_still_open, was_open = np.isin(then.key, now.key), np.isin(now.key, then.key)
    valuation = _Valuation(window, members)
    day, today = since - 1, window.model.day
    earlier = replace(
        window.probabilities,
        by_age=window.model.trainer.compute_hazards(month_of(today)).win_probability_by_age(
            since, max(first, since), window.last, day_left
        ),
    )
    at_first = valuation.value(then, earlier, day)
    aged = valuation.value(then, window.probabilities, today)[is_still_open]
    kept_now, kept_then = now.select_rows(was_open), then.select_rows(is_still_open)
    amounts_of_then = {name: getattr(kept_then, name) for name in ("stated_worth", "gross", "price", "product")}
    as_before = replace(kept_now, **amounts_of_then)
    in_stage = valuation.value(replace(as_before, seller=kept_then.seller), window.probabilities, today)
    reassigned = valuation.value(as_before, window.probabilities, today)
    at_last = valuation.value(now, window.probabilities, today)
    steps = (
        (DriverKind.SLIPPED, aged - at_first[is_still_open]),
        (DriverKind.MOVED, in_stage - aged),
        (DriverKind.REASSIGNED, reassigned - in_stage),
        (DriverKind.REPRICED, at_last[was_open] - reassigned),
    )
    changed = {kind: _by_deal(kept_now.key, effects) for kind, effects in steps}
    changed[DriverKind.NEW] = _by_deal(now.key[~was_open], at_last[~was_open])
    return OpenDealEffects(_by_deal(then.key[~is_still_open], -at_first[~is_still_open]), changed)


def _by_deal(deals: Ints, effects: Floats) -> dict[int, float]:
    return {deal: effect for deal, effect in zip(deals.tolist(), effects.tolist(), strict=True) if effect}


class _Valuation:
    """What open deals add to the mean of a group of sellers by the models of a window."""

    def __init__(self, window: ForecastWindow, members: Bools) -> None:
        self._window, self._members = window, members

    def value(self, deals: DealTable, probabilities: WinProbabilities, day: int) -> Floats:
        """Return what each of the deals adds, 0 for those of other sellers; shape (n,).

        probabilities, day  of a win in the window, as known at the end of the day
        """
        window, model = self._window, self._window.model
        if window.is_over and day == model.day:
            return np.zeros(deals.size)
        rows = np.arange(deals.size)
        means, sellers = np.zeros(len(self._members)), np.unique(deals.seller)
        means[sellers] = model.amount_tables.means_of(sellers)
        amounts, _ = model.open_deal_estimator.estimate(deals, rows, means[deals.seller])
        chances = window.win_chances(deals, rows, probabilities, day)
        return np.asarray(window.pipeline_weight * chances * amounts * self._members[deals.seller])


@dataclass(frozen=True)
class Driver:
    """One reason of a change.

    amount  in the smallest unit; the amounts of all drivers add up to the change
    """

    kind: DriverKind
    amount: int
    effects: DealEffects


def explain_change(
    change: int,
    open_deals: OpenDealEffects,
    booked_then: Mapping[int, int],
    booked_now: Mapping[int, int],
    won: frozenset[int],
    moved_bookings: int,
) -> list[Driver]:
    """Return the drivers of a change of the mean, in the order of their kinds; those without any effect, too.

    change                   of the rounded mean
    booked_then, booked_now  what was booked by deal, then and now
    won                      those deals of `open_deals.closed` that are won
    moved_bookings           what was booked by then in teams that belong to the scope now, less what did then
    """
    by_kind: dict[DriverKind, dict[int, float]] = {kind: dict(open_deals.changed.get(kind, {})) for kind in DriverKind}

    def add(kind: DriverKind, deal: int, effect: float) -> None:
        by_kind[kind][deal] = by_kind[kind].get(deal, 0.0) + effect

    for deal, effect in open_deals.closed.items():
        add(DriverKind.WON if deal in won else DriverKind.LOST, deal, effect)
    for deal in booked_then.keys() | booked_now.keys():
        then, now = booked_then.get(deal, 0), booked_now.get(deal, 0)
        if then != now:
            add(DriverKind.REPRICED if then and now else DriverKind.WON, deal, now - then)
    amounts = {kind: round(sum(by_kind[kind][deal] for deal in sorted(by_kind[kind]))) for kind in DriverKind}
    amounts[DriverKind.REASSIGNED] += moved_bookings
    amounts[DriverKind.MODEL] = change - sum(amounts.values())
    return [Driver(kind, amounts[kind], _largest_first(by_kind[kind])) for kind in DriverKind]


def _largest_first(effects: Mapping[int, float]) -> DealEffects:
    """Return the effects of at least half a unit, largest first, those of equal size by deal."""
    deals, amounts = np.array(list(effects), dtype=np.int64), np.array(list(effects.values()), dtype=np.float64)
    is_visible = np.rint(amounts) != 0
    deals, amounts = deals[is_visible], amounts[is_visible]
    order = np.lexsort([deals, -np.abs(amounts)])
    return DealEffects(deals[order], amounts[order])
