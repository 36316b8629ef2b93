"""Funnel analysis: counts, intervals and medians, and when a seller is called weak or slow."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.analytics.funnel import Stays, Tally, is_slow, median_stay, prior, read, weakest, wilson
from domain.ledger.record_facts import DealStatus

WON, LOST, OPEN = DealStatus.WON, DealStatus.LOST, DealStatus.OPEN
RATES = (0.8, 0.6, 0.7, 0.85)
COUNTS = st.dictionaries(st.integers(0, 60), st.integers(1, 5), max_size=12)


def company(seed, *, sellers, deals=(40, 200), weak=None, slow=None, rates=RATES):
    """Simulate deals of equal sellers; `weak` and `slow` are pairs of an exceptional seller and the stage."""
    luck, found = np.random.default_rng(seed), Counter()
    for seller in range(sellers):
        for _ in range(luck.integers(*deals)):
            path = []
            for stage, rate in enumerate(rates):
                path.append(int(luck.exponential(16 if (seller, stage) == slow else 8)))
                if luck.random() >= rate - 0.3 * ((seller, stage) == weak):
                    break
            else:
                path.append(None)
            status = WON if path[-1] is None else LOST
            for stage, days in enumerate(path):
                if days is not None:
                    found[seller, stage, status, stage < len(path) - 1, days] += 1
    return [
        Stays(seller, 0, stage, status, later, days, True, deals)
        for (seller, stage, status, later, days), deals in found.items()
    ]


def of(seller, stays, rates=RATES):
    return read(range(len(rates)), stays, lambda each: each.seller == seller)


def stays(seller, *, advanced=0, lost=0, days=5):
    return [
        Stays(seller, 0, 0, status, False, days, True, deals)
        for status, deals in ((WON, advanced), (LOST, lost))
        if deals
    ]


# Counts


def test_of_those_entered_each_has_advanced_or_is_lost_or_is_undecided():
    tally = Tally()
    for status, later, deals in ((WON, False, 5), (LOST, True, 3), (LOST, False, 2), (OPEN, True, 7), (OPEN, False, 4)):
        tally.add(Stays(1, 0, 0, status, later, 1, status is not OPEN, deals))

    assert (tally.entered, tally.advanced, tally.lost, tally.decided) == (21, 15, 2, 17)
    assert tally.conversion == 15 / 17


def test_without_decided_deals_there_is_no_conversion():
    [stage] = read([0], [Stays(1, 0, 0, OPEN, False, 3, False, 9)], lambda each: True)

    assert (stage.tally.conversion, stage.range, stage.benchmark, stage.immature) == (None, None, None, True)


def test_the_company_is_compared_with_nobody():
    found = read(range(4), company(1, sellers=5, weak=(0, 1)), lambda each: True, compared=False)

    assert {(stage.benchmark, stage.weak, stage.slow) for stage in found} == {(None, False, False)}
    assert weakest(found) is None


def test_the_benchmark_is_everybody_else():
    [stage] = of(1, [*stays(1, advanced=1, lost=9), *stays(2, advanced=3, lost=1)], rates=(1,))

    assert (stage.tally.conversion, stage.benchmark) == (0.1, 0.75)


@pytest.mark.parametrize(
    ("won", "lost", "low", "high"),
    [(349, 204, 0.5901, 0.6703), (221, 126, 0.585, 0.6857), (107, 45, 0.6271, 0.7708), (55, 24, 0.5877, 0.7866)],
)
def test_the_interval_of_a_proportion(won, lost, low, high):
    assert wilson(won, won + lost) == pytest.approx((low, high), abs=5e-5)


def test_the_interval_of_none_or_all_stays_within_what_can_be():
    assert wilson(0, 0) is None
    assert wilson(0, 3) == pytest.approx((0, 0.5615), abs=1e-4)
    assert wilson(3, 3) == pytest.approx((0.4385, 1), abs=1e-4)


# Time in stage


def test_of_stays_that_all_ended_the_median_is_when_half_had():
    assert median_stay({1: 1, 2: 1, 3: 1, 4: 1}, {}) == 2
    assert median_stay({5: 3}, {}) == 5
    assert median_stay({}, {}) is None


def test_those_who_are_still_there_are_not_taken_for_those_who_left():
    # Remission in weeks of the 6-MP patients of Freireich (1963), the textbook example of Kaplan-Meier: median 23
    remission = {6: 3, 7: 1, 10: 1, 13: 1, 16: 1, 22: 1, 23: 1}
    watched = {6: 1, 9: 1, 10: 1, 11: 1, 17: 1, 19: 1, 20: 1, 25: 1, 32: 2, 34: 1, 35: 1}

    assert median_stay(remission, watched) == 23
    assert median_stay({3: 1}, {2: 5, 9: 5}) is None  # most stays are open


@given(COUNTS, COUNTS)
def test_the_median_lies_at_a_leaving_and_more_who_stay_never_bring_it_nearer(ended, staying):
    median = median_stay(ended, staying)
    longer = median_stay(ended, {**staying, 99: 5})

    assert median is None or median in ended
    assert longer is None or (median is not None and longer >= median)


def test_what_is_there_longer_than_nearly_all_ever_were_is_stalled():
    steady = [Stays(2, 0, 0, WON, False, days, True, 10) for days in range(1, 11)]
    open_ = [Stays(1, 0, 0, OPEN, False, days, False, 1) for days in (3, 10, 11, 80)]
    [stage] = of(1, [*steady, *open_], rates=(1,))

    assert (stage.stalled, stage.immature) == (2, True)


# Weak stages


def test_one_who_truly_is_weak_is_found_where_he_is():
    found = [weakest(of(3, company(seed, sellers=12, deals=(100, 140), weak=(3, 1)))) for seed in range(20)]

    assert sum(stage is not None and stage.stage == 1 for stage in found) >= 18


def test_one_who_truly_is_slow_is_found_where_he_is():
    found = [of(3, company(seed, sellers=12, deals=(100, 140), slow=(3, 2)))[2].slow for seed in range(20)]

    assert sum(found) >= 18


@pytest.mark.parametrize(("sellers", "deals", "seeds"), [(20, (40, 200), 12), (6, (30, 120), 60), (3, (60, 200), 100)])
def test_where_all_differ_only_by_chance_hardly_anybody_is_flagged(sellers, deals, seeds):
    weak = slow = 0
    for seed in range(seeds):
        everybody = company(seed, sellers=sellers, deals=deals)
        for seller in range(sellers):
            stages = of(seller, everybody)
            weak += any(stage.weak for stage in stages)
            slow += any(stage.slow for stage in stages)

    assert weak <= 0.025 * sellers * seeds
    assert slow <= 0.025 * sellers * seeds


@pytest.mark.parametrize("lost", [3, 19])
def test_a_few_lost_deals_condemn_nobody(lost):
    everybody = [*company(1, sellers=10, rates=(0.9,)), *stays(99, lost=lost)]

    assert not of(99, everybody, rates=(0.9,))[0].weak
    assert of(99, [*everybody, *stays(99, lost=20 - lost)], rates=(0.9,))[0].weak


def test_nobody_is_weak_beside_colleagues_with_a_few_deals():
    everybody = [*stays(1, advanced=60, lost=40), *stays(2, advanced=19)]

    assert not of(1, everybody, rates=(1,))[0].weak


def test_being_a_little_behind_is_not_weak_however_sure():
    everybody = [*stays(1, advanced=57_000, lost=43_000), *stays(2, advanced=600_000, lost=400_000)]

    assert not of(1, everybody, rates=(1,))[0].weak


def test_who_is_ahead_is_not_weak():
    everybody = [
        *stays(1, advanced=95, lost=5),
        *(each for n in range(2, 9) for each in stays(n, advanced=50, lost=50)),
    ]

    assert not of(1, everybody, rates=(1,))[0].weak


def test_the_weakest_stage_is_the_one_that_costs_most_wins():
    """Ten deals too few at the last stage are ten wins; at the first stage most of them would be lost later anyway."""

    def at(seller, stage, status, later, deals):
        return Stays(seller, 0, stage, status, later, 1, True, deals)

    everybody = []
    for seller in range(8):
        short = 80 if seller == 0 else 0
        everybody += [at(seller, 0, LOST, True, 160 - short), at(seller, 0, LOST, False, 40 + short)]
        everybody += [at(seller, 1, WON, False, 80 - short // 2), at(seller, 1, LOST, False, 120 + short // 2)]
    found = of(0, everybody, rates=(1, 1))

    assert [stage.weak for stage in found] == [True, True]
    assert found[1].missing == pytest.approx((0.4 - 0.2) * 200, rel=0.25)  # shrunk towards the others
    assert weakest(found).stage == 1


def test_the_more_sellers_differ_the_less_they_are_drawn_together():
    alike = [(60, 100)] * 10
    apart = [(20 + 8 * n, 100) for n in range(10)]

    assert [sum(prior(sellers)) for sellers in (alike, apart)] == [400, pytest.approx(10, abs=6)]
    assert prior([]) is None
    assert prior([(0, 30)]) == pytest.approx((400 / 60, 400 - 400 / 60))  # never 0 or 1


def test_a_prior_found_again_in_what_it_made():
    luck = np.random.default_rng(3)
    sellers = [(int(luck.binomial(200, luck.beta(24, 16))), 200) for _ in range(400)]
    a, b = prior(sellers) or (0, 0)

    assert a + b == pytest.approx(40, rel=0.2)
    assert a / (a + b) == pytest.approx(0.6, abs=0.02)


# Slow stages


def test_forgotten_deals_make_nobody_slow():
    steady = dict.fromkeys(range(1, 11), 10)
    own = Tally(ended=Counter(steady), staying=Counter({400: 60}))

    assert not is_slow(own, Tally(ended=Counter({days: 9 * n for days, n in steady.items()})))


def test_twice_as_long_is_slow_from_twenty_stays_on_and_not_before():
    luck = np.random.default_rng(2)
    others = Tally(ended=Counter(int(days) for days in luck.exponential(8, 2000)))
    answers = [is_slow(Tally(ended=Counter({17: n})), others) for n in (5, 19, 20, 60)]

    assert answers == [False, False, True, True]


def test_stays_that_go_on_count_as_long_as_they_have_lasted():
    others = Tally(ended=Counter(dict.fromkeys(range(1, 21), 50)))
    ended = Counter({5: 40})

    assert not is_slow(Tally(ended=ended), others)
    assert is_slow(Tally(ended=ended, staying=Counter({19: 60})), others)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=60))
def test_longer_stays_never_make_a_slow_seller_quick(days):
    others = Tally(ended=Counter(dict.fromkeys(range(1, 16), 40)))
    answers = [is_slow(Tally(ended=Counter(min(day + more, 14) for day in days)), others) for more in (0, 1, 3)]

    assert all(earlier <= later for earlier, later in pairwise(answers))


def test_where_everybody_leaves_on_the_day_nobody_is_slow():
    assert not is_slow(Tally(ended=Counter({0: 50})), Tally(ended=Counter({0: 500})))
