"""Funnel analysis: counts, intervals and medians, and when a seller is called weak or slow."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.analytics.funnel import (
    StayGroup,
    Tally,
    analyze_stages,
    estimate_beta_prior,
    find_weakest,
    is_slow,
    median_stay,
    wilson_interval,
)
from domain.ledger.record_facts import DealStatus

WON, LOST, OPEN = DealStatus.WON, DealStatus.LOST, DealStatus.OPEN
RATES = (0.8, 0.6, 0.7, 0.85)
COUNTS = st.dictionaries(st.integers(0, 60), st.integers(1, 5), max_size=12)


def company_groups(seed, *, sellers, deals=(40, 200), weak=None, slow=None, rates=RATES):
    """Simulate deals of equal sellers; `weak` and `slow` are pairs of an exceptional seller and the stage."""
    generator, deals_by_stay = np.random.default_rng(seed), Counter()
    for seller in range(sellers):
        for _ in range(generator.integers(*deals)):
            path = []
            for stage, rate in enumerate(rates):
                path.append(int(generator.exponential(16 if (seller, stage) == slow else 8)))
                if generator.random() >= rate - 0.3 * ((seller, stage) == weak):
                    break
            else:
                path.append(None)
            status = WON if path[-1] is None else LOST
            for stage, days in enumerate(path):
                if days is not None:
                    deals_by_stay[seller, stage, status, stage < len(path) - 1, days] += 1
    return [
        StayGroup(seller, 0, stage, status, reached_later_stage, days, True, deals)
        for (seller, stage, status, reached_later_stage, days), deals in deals_by_stay.items()
    ]


def analyze_seller(seller_id, groups, rates=RATES):
    return analyze_stages(range(len(rates)), groups, lambda group: group.seller_id == seller_id)


def groups_of_seller(seller_id, *, advanced=0, lost=0, days=5):
    return [
        StayGroup(seller_id, 0, 0, status, False, days, True, deals)
        for status, deals in ((WON, advanced), (LOST, lost))
        if deals
    ]


# Counts


def test_tally_counts_deals_as_advanced_lost_or_undecided():
    tally = Tally()
    for status, reached_later_stage, deals in (
        (WON, False, 5),
        (LOST, True, 3),
        (LOST, False, 2),
        (OPEN, True, 7),
        (OPEN, False, 4),
    ):
        tally.add(StayGroup(1, 0, 0, status, reached_later_stage, 1, status is not OPEN, deals))

    assert (tally.entered, tally.advanced, tally.lost, tally.decided) == (21, 15, 2, 17)
    assert tally.conversion == 15 / 17


def test_conversion_is_none_without_decided_deals():
    [stage] = analyze_stages([0], [StayGroup(1, 0, 0, OPEN, False, 3, False, 9)], lambda group: True)

    assert (stage.tally.conversion, stage.range, stage.benchmark, stage.immature) == (None, None, None, True)


def test_company_has_no_benchmark():
    stages = analyze_stages(range(4), company_groups(1, sellers=5, weak=(0, 1)), lambda group: True, compared=False)

    assert {(stage.benchmark, stage.weak, stage.slow) for stage in stages} == {(None, False, False)}
    assert find_weakest(stages) is None


def test_benchmark_is_conversion_of_other_sellers():
    [stage] = analyze_seller(
        1, [*groups_of_seller(1, advanced=1, lost=9), *groups_of_seller(2, advanced=3, lost=1)], rates=(1,)
    )

    assert (stage.tally.conversion, stage.benchmark) == (0.1, 0.75)


@pytest.mark.parametrize(
    ("won", "lost", "low", "high"),
    [(349, 204, 0.5901, 0.6703), (221, 126, 0.585, 0.6857), (107, 45, 0.6271, 0.7708), (55, 24, 0.5877, 0.7866)],
)
def test_wilson_interval_matches_reference_values(won, lost, low, high):
    assert wilson_interval(won, won + lost) == pytest.approx((low, high), abs=5e-5)


def test_wilson_interval_stays_within_0_and_1():
    assert wilson_interval(0, 0) is None
    assert wilson_interval(0, 3) == pytest.approx((0, 0.5615), abs=1e-4)
    assert wilson_interval(3, 3) == pytest.approx((0.4385, 1), abs=1e-4)


# Time in stage


def test_median_stay_of_ended_stays_is_when_half_had_left():
    assert median_stay({1: 1, 2: 1, 3: 1, 4: 1}, {}) == 2
    assert median_stay({5: 3}, {}) == 5
    assert median_stay({}, {}) is None


def test_median_stay_treats_open_stays_as_censored():
    # Remission in weeks of the 6-MP patients of Freireich (1963), the textbook example of Kaplan-Meier: median 23
    remission = {6: 3, 7: 1, 10: 1, 13: 1, 16: 1, 22: 1, 23: 1}
    censored = {6: 1, 9: 1, 10: 1, 11: 1, 17: 1, 19: 1, 20: 1, 25: 1, 32: 2, 34: 1, 35: 1}

    assert median_stay(remission, censored) == 23
    assert median_stay({3: 1}, {2: 5, 9: 5}) is None  # most stays are open


@for_all(COUNTS, COUNTS)
def test_median_stay_is_an_exit_day_and_never_falls_with_more_open_stays(ended, staying):
    median = median_stay(ended, staying)
    longer = median_stay(ended, {**staying, 99: 5})

    assert median is None or median in ended
    assert longer is None or (median is not None and longer >= median)


def test_deals_open_longer_than_nearly_all_finished_stays_are_stalled():
    steady = [StayGroup(2, 0, 0, WON, False, days, True, 10) for days in range(1, 11)]
    open_groups = [StayGroup(1, 0, 0, OPEN, False, days, False, 1) for days in (3, 10, 11, 80)]
    [stage] = analyze_seller(1, [*steady, *open_groups], rates=(1,))

    assert (stage.stalled, stage.immature) == (2, True)


# Weak stages


def test_truly_weak_seller_is_detected_at_the_right_stage():
    weakest_stages = [
        find_weakest(analyze_seller(3, company_groups(seed, sellers=12, deals=(100, 140), weak=(3, 1))))
        for seed in range(20)
    ]

    assert sum(stage is not None and stage.stage_id == 1 for stage in weakest_stages) >= 18


def test_truly_slow_seller_is_detected_at_the_right_stage():
    slow_flags = [
        analyze_seller(3, company_groups(seed, sellers=12, deals=(100, 140), slow=(3, 2)))[2].slow for seed in range(20)
    ]

    assert sum(slow_flags) >= 18


@pytest.mark.parametrize(
    ("sellers", "deals", "seeds"),
    [pytest.param(20, (40, 200), 12, marks=pytest.mark.long), (6, (30, 120), 60), (3, (60, 200), 100)],
)
def test_equal_sellers_are_rarely_flagged(sellers, deals, seeds):
    weak = slow = 0
    for seed in range(seeds):
        groups = company_groups(seed, sellers=sellers, deals=deals)
        for seller in range(sellers):
            stages = analyze_seller(seller, groups)
            weak += any(stage.weak for stage in stages)
            slow += any(stage.slow for stage in stages)

    assert weak <= 0.025 * sellers * seeds
    assert slow <= 0.025 * sellers * seeds


@pytest.mark.parametrize("lost", [3, 19])
def test_seller_with_few_lost_deals_is_not_weak(lost):
    groups = [*company_groups(1, sellers=10, rates=(0.9,)), *groups_of_seller(99, lost=lost)]

    assert not analyze_seller(99, groups, rates=(0.9,))[0].weak
    assert analyze_seller(99, [*groups, *groups_of_seller(99, lost=20 - lost)], rates=(0.9,))[0].weak


def test_seller_is_not_weak_when_colleagues_have_few_deals():
    groups = [*groups_of_seller(1, advanced=60, lost=40), *groups_of_seller(2, advanced=19)]

    assert not analyze_seller(1, groups, rates=(1,))[0].weak


def test_small_but_certain_gap_is_not_weak():
    groups = [*groups_of_seller(1, advanced=57_000, lost=43_000), *groups_of_seller(2, advanced=600_000, lost=400_000)]

    assert not analyze_seller(1, groups, rates=(1,))[0].weak


def test_seller_ahead_of_benchmark_is_not_weak():
    groups = [
        *groups_of_seller(1, advanced=95, lost=5),
        *(group for n in range(2, 9) for group in groups_of_seller(n, advanced=50, lost=50)),
    ]

    assert not analyze_seller(1, groups, rates=(1,))[0].weak


def test_weakest_stage_is_the_one_that_costs_most_wins():
    """Ten deals too few at the last stage are ten wins; at the first stage most of them would be lost later anyway."""

    def group(seller_id, stage, status, reached_later_stage, deals):
        return StayGroup(seller_id, 0, stage, status, reached_later_stage, 1, True, deals)

    groups = []
    for seller in range(8):
        shortfall = 80 if seller == 0 else 0
        groups += [group(seller, 0, LOST, True, 160 - shortfall), group(seller, 0, LOST, False, 40 + shortfall)]
        groups += [
            group(seller, 1, WON, False, 80 - shortfall // 2),
            group(seller, 1, LOST, False, 120 + shortfall // 2),
        ]
    stages = analyze_seller(0, groups, rates=(1, 1))

    assert [stage.weak for stage in stages] == [True, True]
    assert stages[1].missing_wins == pytest.approx((0.4 - 0.2) * 200, rel=0.25)  # shrunk towards the others
    assert find_weakest(stages).stage_id == 1


def test_prior_is_weaker_the_more_sellers_differ():
    alike = [(60, 100)] * 10
    different = [(20 + 8 * n, 100) for n in range(10)]

    assert [sum(estimate_beta_prior(sellers)) for sellers in (alike, different)] == [400, pytest.approx(10, abs=6)]
    assert estimate_beta_prior([]) is None
    assert estimate_beta_prior([(0, 30)]) == pytest.approx((400 / 60, 400 - 400 / 60))  # never 0 or 1


def test_prior_recovers_parameters_from_simulated_sellers():
    generator = np.random.default_rng(3)
    sellers = [(int(generator.binomial(200, generator.beta(24, 16))), 200) for _ in range(400)]
    a, b = estimate_beta_prior(sellers) or (0, 0)

    assert a + b == pytest.approx(40, rel=0.2)
    assert a / (a + b) == pytest.approx(0.6, abs=0.02)


# Slow stages


def test_forgotten_deals_do_not_make_a_seller_slow():
    steady = dict.fromkeys(range(1, 11), 10)
    own_tally = Tally(ended=Counter(steady), staying=Counter({400: 60}))

    assert not is_slow(own_tally, Tally(ended=Counter({days: 9 * n for days, n in steady.items()})))


def test_double_stay_is_slow_only_from_twenty_stays_on():
    generator = np.random.default_rng(2)
    other_tally = Tally(ended=Counter(int(days) for days in generator.exponential(8, 2000)))
    verdicts = [is_slow(Tally(ended=Counter({17: n})), other_tally) for n in (5, 19, 20, 60)]

    assert verdicts == [False, False, True, True]


def test_open_stays_count_for_the_days_they_have_lasted():
    other_tally = Tally(ended=Counter(dict.fromkeys(range(1, 21), 50)))
    ended = Counter({5: 40})

    assert not is_slow(Tally(ended=ended), other_tally)
    assert is_slow(Tally(ended=ended, staying=Counter({19: 60})), other_tally)


@for_all(st.lists(st.integers(0, 40), min_size=1, max_size=60))
def test_longer_stays_never_make_a_slow_seller_quick(days):
    other_tally = Tally(ended=Counter(dict.fromkeys(range(1, 16), 40)))
    verdicts = [
        is_slow(Tally(ended=Counter(min(day + extra_days, 14) for day in days)), other_tally)
        for extra_days in (0, 1, 3)
    ]

    assert all(earlier <= later for earlier, later in pairwise(verdicts))


def test_seller_is_not_slow_when_all_deals_leave_on_the_same_day():
    assert not is_slow(Tally(ended=Counter({0: 50})), Tally(ended=Counter({0: 500})))
