"""Funnel analysis: conversion, lost deals and time in stage per pipeline stage, compared with the other sellers.

The analysis covers the deals that entered a stage within a period, in their present state. A deal
belongs to the furthest stage that it has reached, in whatever order it went: it has advanced from
all stages that it entered before that one, and if it is lost, it is lost in that one. Every deal
that entered a stage has therefore advanced, is lost, or is undecided; undecided deals do not count
for conversion. The benchmark is the conversion of all other sellers' deals of the same days.

A seller may be behind by chance. Their conversion is therefore shrunk towards that of all sellers
(an empirical Bayes estimate), the more so the fewer deals they have and the less sellers differ
among each other; a stage is called weak only if it is behind even then, with high certainty. The
benchmark is an estimate itself, and testing five stages gives five times as many false alarms as
testing one. Both are taken into account, since otherwise every tenth seller of a small company
would be called weak by chance. See docs/funnel.md.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Final

from domain.analytics.special_functions import beta_below, gamma_below
from domain.ledger.record_facts import DealStatus

ENOUGH: Final = 20  # decided deals, or finished stays, needed on either side of a comparison
DOUBT: Final = 0.025  # accepted probability that a verdict is due to chance
POINTS: Final = 0.04  # conversion below the benchmark, as a share
LONGER: Final = 1.25  # multiple of the other sellers' stay
IMMATURE: Final = 0.3  # undecided deals as a share of those entered

_STRENGTH: Final = (10.0, 400.0)  # weight of the prior, in deals
_KNOWN: Final = 10  # decided deals from which on a seller counts for the prior
_SELLERS: Final = 5  # with fewer such sellers the prior is unreliable: ERROR_PROBABILITY is divided by the stages
_EXITS: Final = 10.0  # weight of the other sellers' exit rate, in exits
_CAP: Final = 0.95  # quantile of the finished stays
_NORMAL: Final = 1.959963984540054  # 97.5 % quantile of the standard normal distribution
_ROUNDING: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Stays:
    """A number of deals of one seller that entered a stage and had the same outcome there.

    seller_id, team_id   the employee credited with them, and the team they were or are in (0 for none)
    reached_later_stage  whether the deals have been in a later stage too
    days                 calendar days of the company from the first entry to the exit, or until now
    ended                whether the deals have left, for another stage or because they were closed
    """

    seller: int
    team: int
    stage: int
    status: DealStatus
    later: bool
    days: int
    ended: bool
    deals: int


@dataclass
class Tally:
    """Counts the outcomes of the deals that entered a stage; `ended` and `staying` count them by days in the stage."""

    entered: int = 0
    advanced: int = 0
    lost: int = 0
    ended: Counter[int] = field(default_factory=Counter)
    staying: Counter[int] = field(default_factory=Counter)

    def add(self, stays: Stays) -> None:
        self.entered += stays.deals
        if stays.status is DealStatus.WON or stays.later:
            self.advanced += stays.deals
        elif stays.status is DealStatus.LOST:
            self.lost += stays.deals
        (self.ended if stays.ended else self.staying)[stays.days] += stays.deals

    @property
    def decided(self) -> int:
        return self.advanced + self.lost

    @property
    def conversion(self) -> float | None:
        """Advanced deals as a share of the decided ones, 0 to 1; None if none is decided."""
        return self.advanced / self.decided if self.decided else None


@dataclass(frozen=True, slots=True)
class Stage:
    """The result of one stage for a scope.

    benchmark     conversion of all other sellers, 0 to 1; None if there are none, or no deal of theirs is decided
    range         the 95 % confidence interval of the conversion, 0 to 1
    stalled       number of deals still in the stage for longer than 95 % of the company's finished stays
    missing_wins  number of additional wins if the scope converted as the others do; 0 if it is not weak
    """

    stage: int
    tally: Tally
    benchmark: float | None
    range: tuple[float, float] | None
    median_days: int | None
    stalled: int
    weak: bool
    slow: bool
    missing: float

    @property
    def immature(self) -> bool:
        """Whether so many deals are undecided that the conversion will still change."""
        return self.tally.entered - self.tally.decided > IMMATURE * self.tally.entered


def read(
    stages: Sequence[int], stays: Sequence[Stays], mine: Callable[[Stays], bool], *, compared: bool = True
) -> list[Stage]:
    """Analyze each stage of a pipeline for a scope.

    stage_ids  in the pipeline's order
    groups     the stays of the whole company
    is_own     whether a group belongs to the scope
    compared   False for the company, which has no other sellers to be compared with
    """
    own = {stage: Tally() for stage in stages}
    others = {stage: Tally() for stage in stages}
    sellers: dict[int, dict[int, Tally]] = {stage: {} for stage in stages}
    closed = {stage: Counter[DealStatus]() for stage in stages}
    for each in stays:
        (own if mine(each) else others)[each.stage].add(each)
        sellers[each.stage].setdefault(each.seller, Tally()).add(each)
        closed[each.stage][each.status] += each.deals
    found = []
    for place, stage in enumerate(stages):
        tally, rest = own[stage], others[stage]
        behind = _behind(tally, rest, list(sellers[stage].values()), len(stages)) if compared else None
        found.append(
            Stage(
                stage,
                tally,
                rest.conversion if compared else None,
                wilson(tally.advanced, tally.decided),
                median_stay(tally.ended, tally.staying),
                stalled=_stalled(tally, _percentile(tally.ended + rest.ended)),
                weak=behind is not None,
                slow=compared
                and is_slow(tally, rest, doubt=DOUBT / len(stages)),  # without a prior, so each stage is one test
                missing=(behind or 0.0) * tally.decided * _winning([closed[later] for later in stages[place + 1 :]]),
            )
        )
    return found


def weakest(stages: Sequence[Stage]) -> Stage | None:
    """Return the weak stage with the most missing wins; None if no stage is weak.

    Wins are compared rather than amounts, as an average win is worth the same whichever stage the deal failed in.
    """
    weak = [stage for stage in stages if stage.weak]
    return max(weak, key=lambda stage: stage.missing) if weak else None


def wilson(successes: int, trials: int) -> tuple[float, float] | None:
    """Return the 95 % Wilson score interval of a proportion; None without trials.

    source  E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference, JASA 22 (1927)
    """
    if not trials:
        return None
    z2, share = _NORMAL**2, successes / trials
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = _NORMAL * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2)) / (1 + z2 / trials)
    return max(0.0, middle - half), min(1.0, middle + half)


def median_stay(ended: Mapping[int, int], staying: Mapping[int, int]) -> int | None:
    """Return the Kaplan-Meier median of the stay in days; None if more than half are still there at the end.

    ended, staying  number of deals by days: those that left, and those still there (right-censored)
    source          E. L. Kaplan, P. Meier, Nonparametric Estimation from Incomplete Observations, JASA 53 (1958)
    """
    there = sum(ended.values()) + sum(staying.values())
    share = 1.0
    for days in sorted({*ended, *staying}):
        left = ended.get(days, 0)
        share *= 1 - left / there
        if left and share <= 0.5 + _ROUNDING:
            return days
        there -= left + staying.get(days, 0)
    return None


def prior(sellers: Sequence[tuple[int, int]]) -> tuple[float, float] | None:
    """Estimate the Beta distribution of sellers' conversions by the method of moments; None without decided deals.

    sellers  pairs of advanced and decided deals of each seller with decided deals
    returns  its two parameters, whose sum lies between 10 (sellers differ widely) and 400 (hardly at all)
    source   the analysis of variance of M. S. Ridout, C. G. B. Demétrio, D. Firth, Estimating Intraclass
             Correlation for Binary Data, Biometrics 55 (1999), section 2.1.2
    """
    total = sum(decided for _, decided in sellers)
    if not total:
        return None
    mean = sum(advanced for advanced, _ in sellers) / total
    mean = min(max(mean, 0.5 / total), 1 - 0.5 / total)  # the mean of a Beta distribution lies strictly between
    strength = _strength(sellers, total, mean)
    return strength * mean, strength * (1 - mean)


def _strength(known: Sequence[tuple[int, int]], total: int, mean: float) -> float:
    """Return the sum of the Beta parameters: 1 / ρ − 1, where ρ is the share of the variance between sellers."""
    least, most = _STRENGTH
    if len(known) < 2:
        return most
    between = sum(decided * (advanced / decided - mean) ** 2 for advanced, decided in known) / (len(known) - 1)
    within = sum(advanced * (1 - advanced / decided) for advanced, decided in known) / (total - len(known))
    size = (total - sum(decided**2 for _, decided in known) / total) / (len(known) - 1)
    if between <= within:
        return most
    return min(max(size * within / (between - within), least), most)


def _behind(own: Tally, others: Tally, sellers: Sequence[Tally], stages: int) -> float | None:
    """Return how far the conversion of a weak scope is below the benchmark, 0 to 1; None if it is not weak.

    Two tests must agree: the posterior Beta distribution against the benchmark as a fixed value, and the difference
    of both means with the benchmark's own sampling error.
    """
    usual = others.conversion
    if own.decided < ENOUGH or others.decided < ENOUGH or usual is None:
        return None
    known = [(seller.advanced, seller.decided) for seller in sellers if seller.decided >= _KNOWN]
    drawn = prior(known) or (0.0, 0.0)
    a, b = drawn[0] + own.advanced, drawn[1] + own.lost
    if a <= 0 or b <= 0:
        return None
    converted = a / (a + b)
    behind = usual - converted
    spread = math.sqrt(converted * (1 - converted) / (a + b + 1) + usual * (1 - usual) / others.decided)
    doubt = DOUBT if len(known) >= _SELLERS else DOUBT / stages
    sure = beta_below(usual, a, b) >= 1 - doubt and NormalDist().cdf(behind / spread) >= 1 - doubt
    return behind if behind >= POINTS and sure else None


def is_slow(own: Tally, others: Tally, *, doubt: float = DOUBT) -> bool:
    """Return whether deals stay longer than those of the other sellers, with high certainty.

    The compared figure is the rate of exits per day in the stage, shrunk towards the others' rate where there are
    few exits. Stays count up to the 95 % quantile of the finished ones. Deals that are still there after that are
    left out entirely: they are stalled, and a deal that was forgotten says nothing about the seller's speed.

    error_probability  accepted probability that the result is due to chance
    source  the conjugate Gamma prior of a Poisson process: A. Gelman and others, Bayesian Data Analysis, 2.6;
            of two Gamma variables the share of one in their sum is a Beta variable
    """
    cap = _percentile(own.ended + others.ended)
    exits, there = _pace(own, cap)
    exits_of_others, there_of_others = _pace(others, cap)
    if exits < ENOUGH or exits_of_others < ENOUGH or not there_of_others:
        return False
    usual = exits_of_others / there_of_others
    shape, rate = _EXITS + exits, _EXITS / usual + there
    sure = min(
        gamma_below(usual * rate, shape), beta_below(rate / (rate + there_of_others), shape, float(exits_of_others))
    )
    return usual * rate / shape >= LONGER and sure >= 1 - doubt


def _percentile(ended: Counter[int]) -> int:
    left = math.ceil(_CAP * sum(ended.values()) - _ROUNDING)
    for days in sorted(ended):
        left -= ended[days]
        if left <= 0:
            return days
    return 0


def _pace(tally: Tally, cap: int) -> tuple[int, int]:
    """Return the number of exits within `cap_days`, and the days that all deals spent in the stage until then."""
    exits = sum(deals for days, deals in tally.ended.items() if days <= cap)
    there = sum(min(days, cap) * deals for days, deals in tally.ended.items())
    return exits, there + sum(days * deals for days, deals in tally.staying.items() if days <= cap)


def _stalled(tally: Tally, cap: int) -> int:
    return sum(deals for days, deals in tally.staying.items() if days > cap) if cap else 0


def _winning(later: Sequence[Counter[DealStatus]]) -> float:
    """Return the company's share of won deals in the next stage that has closed ones; 1 after the last stage."""
    for closed in later:
        won, lost = closed[DealStatus.WON], closed[DealStatus.LOST]
        if won + lost:
            return won / (won + lost)
    return 1.0
