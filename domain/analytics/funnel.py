"""Where deals get lost and where they lie: stage by stage, against the colleagues, and never on few deals.

Looked at are the deals that entered a stage within a period, as they are known now. A deal
belongs to the furthest stage that it has reached, whatever way it went: it has advanced from
all stages that it entered before that one, and where it is lost, it is lost in that one. So of
those entered, each has advanced, or is lost, or is undecided; the undecided have no part in
conversion. The benchmark is everybody else: the others' deals of the same days.

That a seller is behind may be chance. What he converts is therefore drawn towards what sellers
convert, the more the fewer his deals and the less sellers differ among each other; only what is
behind then, and almost surely, is called weak. What the others convert is not known for certain
either, and looking at five stages finds five times as many accidents as looking at one: both are
allowed for, since otherwise every tenth seller of a small company would be called weak for
nothing. docs/funnel.md shows it.
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

ENOUGH: Final = 20  # decided deals, or finished stays, on either side of a comparison
DOUBT: Final = 0.025  # that a verdict may rest on chance
POINTS: Final = 0.04  # behind the benchmark
LONGER: Final = 1.25  # times the colleagues' stay
IMMATURE: Final = 0.3  # undecided of those entered

_STRENGTH: Final = (10.0, 400.0)  # deals that what is known of the colleagues may weigh
_KNOWN: Final = 10  # decided deals from which on a seller tells something of how sellers differ
_SELLERS: Final = 5  # of such from which on it is told reliably; with fewer, the doubt is shared out among the stages
_EXITS: Final = 10.0  # that the colleagues' pace weighs
_CAP: Final = 0.95  # of the finished stays
_NORMAL: Final = 1.959963984540054  # 97.5 % of a normal distribution lie below
_ROUNDING: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Stays:
    """So many deals of a seller that entered a stage and fared alike there.

    seller, team  who is credited with them, and the team he was or is in (0 for none)
    later         whether they have been in a later stage too
    days          from their first entry to their leaving, or until now; of the company's calendar
    ended         whether they have left, for another stage or by being closed
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
    """What became of the deals that entered a stage: `ended` and `staying` count them by days."""

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
        """Advanced of the decided, 0 to 1; None when none is decided."""
        return self.advanced / self.decided if self.decided else None


@dataclass(frozen=True, slots=True)
class Stage:
    """How one stage of a scope stands.

    benchmark   the conversion of everybody else, 0 to 1; None where there is nobody else, or none of theirs is decided
    range       within which the conversion of such deals lies with 95 %, 0 to 1
    stalled     how many are still there after longer than 95 in 100 finished stays of the company took
    missing     how many wins the scope would have more if it converted as the others do; 0 where it is not weak
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
        """Whether so many are undecided that the conversion will still move."""
        return self.tally.entered - self.tally.decided > IMMATURE * self.tally.entered


def read(
    stages: Sequence[int], stays: Sequence[Stays], mine: Callable[[Stays], bool], *, compared: bool = True
) -> list[Stage]:
    """Return how each stage of a pipeline stands for a scope.

    stages    in the pipeline's order
    stays     of the whole company
    mine      which of them are the scope's
    compared  False for the company, which has nobody to be compared with
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
                and is_slow(tally, rest, doubt=DOUBT / len(stages)),  # nothing is learnt of how sellers differ
                missing=(behind or 0.0) * tally.decided * _winning([closed[later] for later in stages[place + 1 :]]),
            )
        )
    return found


def weakest(stages: Sequence[Stage]) -> Stage | None:
    """Return the weak stage that costs most: by wins, as an average win brings in the same whichever stage it failed in."""
    weak = [stage for stage in stages if stage.weak]
    return max(weak, key=lambda stage: stage.missing) if weak else None


def wilson(successes: int, trials: int) -> tuple[float, float] | None:
    """Return the interval in which a proportion lies with 95 %; None without trials.

    source  E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference, JASA 22 (1927)
    """
    if not trials:
        return None
    z2, share = _NORMAL**2, successes / trials
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = _NORMAL * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2)) / (1 + z2 / trials)
    return max(0.0, middle - half), min(1.0, middle + half)


def median_stay(ended: Mapping[int, int], staying: Mapping[int, int]) -> int | None:
    """Return after how many days half have left; None when more than half are still there at the end.

    ended, staying  how many left after so many days, and how many are still there after so many
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
    """Return the Beta distribution of sellers' conversions, by the method of moments; None without any to learn from.

    sellers  advanced and decided deals of each who has some
    returns  its two parameters, whose sum lies between 10 (sellers differ widely) and 400 (hardly at all)
    source   the analysis of variance of M. S. Ridout, C. G. B. Demétrio, D. Firth, Estimating Intraclass
             Correlation for Binary Data, Biometrics 55 (1999), section 2.1.2
    """
    total = sum(decided for _, decided in sellers)
    if not total:
        return None
    mean = sum(advanced for advanced, _ in sellers) / total
    mean = min(max(mean, 0.5 / total), 1 - 0.5 / total)  # a Beta distribution has no certain ends
    strength = _strength(sellers, total, mean)
    return strength * mean, strength * (1 - mean)


def _strength(known: Sequence[tuple[int, int]], total: int, mean: float) -> float:
    """Return the sum of the Beta's parameters: 1 / ρ − 1, ρ being how much of the variance lies between sellers."""
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
    """Return how far a weak scope is behind, 0 to 1; None for one that is not weak."""
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
    """Return whether deals almost surely stay longer than the others' do.

    Compared is how many leave on a day that they are there: for few, what is known is drawn towards
    the others' pace. Stays count up to the length that 95 in 100 finished ones do not exceed, and
    deals that are still there after that have no part at all: they are stalled, and whether anybody
    has merely forgotten to close them is another question than how long he takes.

    doubt   that it may be chance
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
    """Return how many left within so many days, and the days that they and the others were there until then."""
    exits = sum(deals for days, deals in tally.ended.items() if days <= cap)
    there = sum(min(days, cap) * deals for days, deals in tally.ended.items())
    return exits, there + sum(days * deals for days, deals in tally.staying.items() if days <= cap)


def _stalled(tally: Tally, cap: int) -> int:
    return sum(deals for days, deals in tally.staying.items() if days > cap) if cap else 0


def _winning(later: Sequence[Counter[DealStatus]]) -> float:
    """Return how likely a deal of the company is won from the next stage on that tells it; 1 after the last."""
    for closed in later:
        won, lost = closed[DealStatus.WON], closed[DealStatus.LOST]
        if won + lost:
            return won / (won + lost)
    return 1.0
