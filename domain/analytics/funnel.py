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
from functools import cached_property
from statistics import NormalDist
from typing import Final

from domain.analytics.special_functions import beta_cdf, gamma_cdf
from domain.ledger.record_facts import DealStatus

MIN_SAMPLE: Final = 20  # decided deals, or finished stays, needed on either side of a comparison
ERROR_PROBABILITY: Final = 0.025  # accepted probability that a verdict is due to chance
MIN_CONVERSION_GAP: Final = 0.04  # conversion below the benchmark, as a share
MIN_STAY_RATIO: Final = 1.25  # multiple of the other sellers' stay
IMMATURE_SHARE: Final = 0.3  # undecided deals as a share of those entered

_PRIOR_STRENGTH_RANGE: Final = (10.0, 400.0)  # weight of the prior, in deals
_MIN_DECIDED_PER_SELLER: Final = 10  # decided deals from which on a seller counts for the prior
_MIN_SELLERS_FOR_PRIOR: Final = (
    5  # with fewer such sellers the prior is unreliable: ERROR_PROBABILITY is divided by the stages
)
_PRIOR_EXITS: Final = 10.0  # weight of the other sellers' exit rate, in exits
_STAY_QUANTILE: Final = 0.95  # quantile of the finished stays
_NORMAL_QUANTILE: Final = 1.959963984540054  # 97.5 % quantile of the standard normal distribution
_ROUNDING_ERROR: Final = 1e-12


@dataclass(frozen=True, slots=True)
class FunnelParts:
    """The parts of a funnel that an answer needs; what is read from the database depends on them.

    open_deals, open_clients, open_amounts  of the deals that are open now: their number, clients and amounts
    outcomes  what became of the deals that entered the stages within the period
    days      for how many days these deals were in each stage
    others    both also of the deals of the other sellers, with which the scope is compared
    """

    open_deals: bool = True
    open_clients: bool = True
    open_amounts: bool = True
    outcomes: bool = True
    days: bool = True
    others: bool = True


ALL_PARTS: Final = FunnelParts()


@dataclass(frozen=True, slots=True)
class StayGroup:
    """A number of deals of one seller that entered a stage and had the same outcome there.

    seller_id, team_id   the employee credited with them, and the team they were or are in (0 for none)
    reached_later_stage  whether the deals have been in a later stage too
    days                 calendar days of the company from the first entry to the exit, or until now; None if not read
    ended                whether the deals have left, for another stage or because they were closed; None if not read
    """

    seller_id: int
    team_id: int
    stage_id: int
    status: DealStatus
    reached_later_stage: bool
    days: int | None
    ended: bool | None
    deals: int


@dataclass
class Tally:
    """Counts the outcomes of the deals that entered a stage; `ended` and `staying` count them by days in the stage."""

    entered: int = 0
    advanced: int = 0
    lost: int = 0
    ended: Counter[int] = field(default_factory=Counter)
    staying: Counter[int] = field(default_factory=Counter)

    def add(self, group: StayGroup) -> None:
        self.entered += group.deals
        if group.status is DealStatus.WON or group.reached_later_stage:
            self.advanced += group.deals
        elif group.status is DealStatus.LOST:
            self.lost += group.deals
        if group.days is not None:
            (self.ended if group.ended else self.staying)[group.days] += group.deals

    @property
    def decided(self) -> int:
        return self.advanced + self.lost

    @property
    def conversion(self) -> float | None:
        """Advanced deals as a share of the decided ones, 0 to 1; None if none is decided."""
        return self.advanced / self.decided if self.decided else None


@dataclass(frozen=True)
class StageAnalysis:
    """One stage for a scope. Each figure is computed when it is first read.

    tally            outcomes of the scope's deals
    other_tally      those of all other sellers; None for the company, which has no others to be compared with
    seller_tallies   those of each seller, the scope's own included
    later_stages     numbers of the company's deals by status, in each later stage
    stage_count      number of stages of the pipeline
    """

    stage_id: int
    tally: Tally
    other_tally: Tally | None
    seller_tallies: Sequence[Tally]
    later_stages: Sequence[Counter[DealStatus]]
    stage_count: int

    @property
    def immature(self) -> bool:
        """Whether so many deals are undecided that the conversion will still change."""
        return self.tally.entered - self.tally.decided > IMMATURE_SHARE * self.tally.entered

    @cached_property
    def range(self) -> tuple[float, float] | None:
        """The 95 % confidence interval of the conversion, 0 to 1; None if no deal is decided."""
        return wilson_interval(self.tally.advanced, self.tally.decided)

    @property
    def benchmark(self) -> float | None:
        """Conversion of all other sellers, 0 to 1; None if there are none, or no deal of theirs is decided."""
        return None if self.other_tally is None else self.other_tally.conversion

    @cached_property
    def median_days(self) -> int | None:
        """The median stay in days; None if more than half are still there at the end."""
        return median_stay(self.tally.ended, self.tally.staying)

    @cached_property
    def stalled(self) -> int:
        """Number of deals still in the stage for longer than 95 % of the company's finished stays."""
        ended = self.tally.ended if self.other_tally is None else self.tally.ended + self.other_tally.ended
        return _count_stalled(self.tally, _stay_quantile(ended))

    @property
    def weak(self) -> bool:
        return self._gap is not None

    @cached_property
    def slow(self) -> bool:
        # there is no prior, so each stage is one test
        error_probability = ERROR_PROBABILITY / self.stage_count
        return self.other_tally is not None and is_slow(
            self.tally, self.other_tally, error_probability=error_probability
        )

    @property
    def missing_wins(self) -> float:
        """Number of additional wins if the scope converted as the others do; 0 if it is not weak."""
        return (self._gap or 0.0) * self.tally.decided * _win_probability(self.later_stages)

    @cached_property
    def _gap(self) -> float | None:
        if self.other_tally is None:
            return None
        return _conversion_gap(self.tally, self.other_tally, self.seller_tallies, self.stage_count)


def analyze_stages(
    stage_ids: Sequence[int], groups: Sequence[StayGroup], is_own: Callable[[StayGroup], bool], *, compared: bool = True
) -> list[StageAnalysis]:
    """Analyze each stage of a pipeline for a scope.

    stage_ids  in the pipeline's order
    groups     the stays of the whole company, as far as the viewer may see them
    is_own     whether a group belongs to the scope
    compared   False for the company, which has no other sellers to be compared with
    """
    own_tallies = {stage_id: Tally() for stage_id in stage_ids}
    other_tallies = {stage_id: Tally() for stage_id in stage_ids}
    seller_tallies: dict[int, dict[int, Tally]] = {stage_id: {} for stage_id in stage_ids}
    deals_by_status = {stage_id: Counter[DealStatus]() for stage_id in stage_ids}
    for group in groups:
        (own_tallies if is_own(group) else other_tallies)[group.stage_id].add(group)
        seller_tallies[group.stage_id].setdefault(group.seller_id, Tally()).add(group)
        deals_by_status[group.stage_id][group.status] += group.deals
    return [
        StageAnalysis(
            stage_id,
            own_tallies[stage_id],
            other_tallies[stage_id] if compared else None,
            list(seller_tallies[stage_id].values()),
            [deals_by_status[later_id] for later_id in stage_ids[index + 1 :]],
            len(stage_ids),
        )
        for index, stage_id in enumerate(stage_ids)
    ]


def find_weakest(stages: Sequence[StageAnalysis]) -> StageAnalysis | None:
    """Return the weak stage with the most missing wins; None if no stage is weak.

    Wins are compared rather than amounts, as an average win is worth the same whichever stage the deal failed in.
    """
    weak_stages = [stage for stage in stages if stage.weak]
    return max(weak_stages, key=lambda stage: stage.missing_wins) if weak_stages else None


def wilson_interval(successes: int, trials: int) -> tuple[float, float] | None:
    """Return the 95 % Wilson score interval of a proportion; None without trials.

    source  E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference, JASA 22 (1927)
    """
    if not trials:
        return None
    z2, share = _NORMAL_QUANTILE**2, successes / trials
    center = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half_width = _NORMAL_QUANTILE * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2)) / (1 + z2 / trials)
    return max(0.0, center - half_width), min(1.0, center + half_width)


def median_stay(ended: Mapping[int, int], staying: Mapping[int, int]) -> int | None:
    """Return the Kaplan-Meier median of the stay in days; None if more than half are still there at the end.

    ended, staying  number of deals by days: those that left, and those still there (right-censored)
    source          E. L. Kaplan, P. Meier, Nonparametric Estimation from Incomplete Observations, JASA 53 (1958)
    """
    at_risk = sum(ended.values()) + sum(staying.values())
    survival = 1.0
    for days in sorted({*ended, *staying}):
        exits = ended.get(days, 0)
        survival *= 1 - exits / at_risk
        if exits and survival <= 0.5 + _ROUNDING_ERROR:
            return days
        at_risk -= exits + staying.get(days, 0)
    return None


def estimate_beta_prior(sellers: Sequence[tuple[int, int]]) -> tuple[float, float] | None:
    """Estimate the Beta distribution of sellers' conversions by the method of moments; None without decided deals.

    sellers  pairs of advanced and decided deals of each seller with decided deals
    returns  its two parameters; their sum lies between 10 (sellers differ widely) and 400 (hardly at all)
    source   the analysis of variance of M. S. Ridout, C. G. B. Demétrio, D. Firth, Estimating Intraclass
             Correlation for Binary Data, Biometrics 55 (1999), section 2.1.2
    """
    total = sum(decided for _, decided in sellers)
    if not total:
        return None
    mean = sum(advanced for advanced, _ in sellers) / total
    mean = min(max(mean, 0.5 / total), 1 - 0.5 / total)  # the mean of a Beta distribution lies strictly between
    strength = _prior_strength(sellers, total, mean)
    return strength * mean, strength * (1 - mean)


def _prior_strength(sellers: Sequence[tuple[int, int]], total: int, mean: float) -> float:
    """Return the sum of the Beta parameters: 1 / ρ − 1, where ρ is the share of the variance between sellers."""
    least, most = _PRIOR_STRENGTH_RANGE
    if len(sellers) < 2:
        return most
    between = sum(decided * (advanced / decided - mean) ** 2 for advanced, decided in sellers) / (len(sellers) - 1)
    within = sum(advanced * (1 - advanced / decided) for advanced, decided in sellers) / (total - len(sellers))
    group_size = (total - sum(decided**2 for _, decided in sellers) / total) / (len(sellers) - 1)
    if between <= within:
        return most
    return min(max(group_size * within / (between - within), least), most)


def _conversion_gap(own_tally: Tally, other_tally: Tally, sellers: Sequence[Tally], stage_count: int) -> float | None:
    """Return how far the conversion of a weak scope is below the benchmark, 0 to 1; None if it is not weak.

    Two tests must agree: the posterior Beta distribution against the benchmark as a fixed value, and the difference
    of both means with the benchmark's own sampling error.
    """
    benchmark = other_tally.conversion
    if own_tally.decided < MIN_SAMPLE or other_tally.decided < MIN_SAMPLE or benchmark is None:
        return None
    sampled_sellers = [
        (seller.advanced, seller.decided) for seller in sellers if seller.decided >= _MIN_DECIDED_PER_SELLER
    ]
    prior_parameters = estimate_beta_prior(sampled_sellers) or (0.0, 0.0)
    alpha, beta = prior_parameters[0] + own_tally.advanced, prior_parameters[1] + own_tally.lost
    if alpha <= 0 or beta <= 0:
        return None
    posterior_mean = alpha / (alpha + beta)
    gap = benchmark - posterior_mean
    standard_error = math.sqrt(
        posterior_mean * (1 - posterior_mean) / (alpha + beta + 1) + benchmark * (1 - benchmark) / other_tally.decided
    )
    error_probability = (
        ERROR_PROBABILITY if len(sampled_sellers) >= _MIN_SELLERS_FOR_PRIOR else ERROR_PROBABILITY / stage_count
    )
    is_certain = (
        beta_cdf(benchmark, alpha, beta) >= 1 - error_probability
        and NormalDist().cdf(gap / standard_error) >= 1 - error_probability
    )
    return gap if gap >= MIN_CONVERSION_GAP and is_certain else None


def is_slow(own_tally: Tally, other_tally: Tally, *, error_probability: float = ERROR_PROBABILITY) -> bool:
    """Return whether deals stay longer than those of the other sellers, with high certainty.

    The compared figure is the rate of exits per day in the stage, shrunk towards the others' rate where there are
    few exits. Stays count up to the 95 % quantile of the finished ones. Deals that are still there after that are
    left out entirely: they are stalled, and a deal that was forgotten says nothing about the seller's speed.

    error_probability  accepted probability that the result is due to chance
    source  the conjugate Gamma prior of a Poisson process: A. Gelman and others, Bayesian Data Analysis, 2.6;
            of two Gamma variables the share of one in their sum is a Beta variable
    """
    cap_days = _stay_quantile(own_tally.ended + other_tally.ended)
    own_exits, own_days = _exits_and_days(own_tally, cap_days)
    other_exits, other_days = _exits_and_days(other_tally, cap_days)
    if own_exits < MIN_SAMPLE or other_exits < MIN_SAMPLE or not other_days:
        return False
    benchmark_rate = other_exits / other_days
    shape, rate = _PRIOR_EXITS + own_exits, _PRIOR_EXITS / benchmark_rate + own_days
    certainty = min(
        gamma_cdf(benchmark_rate * rate, shape), beta_cdf(rate / (rate + other_days), shape, float(other_exits))
    )
    return benchmark_rate * rate / shape >= MIN_STAY_RATIO and certainty >= 1 - error_probability


def _stay_quantile(ended: Counter[int]) -> int:
    remaining = math.ceil(_STAY_QUANTILE * sum(ended.values()) - _ROUNDING_ERROR)
    for days in sorted(ended):
        remaining -= ended[days]
        if remaining <= 0:
            return days
    return 0


def _exits_and_days(tally: Tally, cap_days: int) -> tuple[int, int]:
    """Return the number of exits within `cap_days`, and the days that all deals spent in the stage until then."""
    exits = sum(deals for days, deals in tally.ended.items() if days <= cap_days)
    total_days = sum(min(days, cap_days) * deals for days, deals in tally.ended.items())
    return exits, total_days + sum(days * deals for days, deals in tally.staying.items() if days <= cap_days)


def _count_stalled(tally: Tally, cap_days: int) -> int:
    return sum(deals for days, deals in tally.staying.items() if days > cap_days) if cap_days else 0


def _win_probability(later_stages: Sequence[Counter[DealStatus]]) -> float:
    """Return the company's share of won deals in the next stage that has closed ones; 1 after the last stage."""
    for deals_by_status in later_stages:
        won, lost = deals_by_status[DealStatus.WON], deals_by_status[DealStatus.LOST]
        if won + lost:
            return won / (won + lost)
    return 1.0
