"""Tests of the tenure curves: newcomers, sellers who leave, and what the sellers are able to bring."""

import numpy as np
import pytest

from domain.forecasting.discounted_rates import DiscountedRates
from domain.forecasting.forecast_model import EventHistory
from domain.forecasting.tenure_curves import TenureCurves

BLOCK = 30
NOW = 20 * BLOCK
WINDOW = (NOW + 1, NOW + BLOCK)
ALWAYS = -1  # of a seller's first day


def make_history(starts, rates, seed=1, *, now=NOW, is_expected=None, ends=None):
    """Return the history of sellers with events at random; `rates` are functions of the blocks since the start."""
    rng = np.random.default_rng(seed)
    days, sellers = [], []
    for seller, (start, rate) in enumerate(zip(starts, rates, strict=True)):
        end = now if ends is None else ends[seller]
        for day in range(max(start, 0), end + 1):
            count = rng.poisson(rate((day - start) / BLOCK) / BLOCK)
            days += [day] * count
            sellers += [seller] * count
    event_days, event_sellers = np.array(days), np.array(sellers)
    first = np.array([event_days[event_sellers == seller].min(initial=10**6) for seller in range(len(starts))])
    expected = np.ones(len(starts), bool) if is_expected is None else np.array(is_expected)
    return EventHistory(event_days, np.ones(len(days)), event_sellers, 0, now, first, expected)


def flat(blocks):
    return 20.0


def ramp(blocks):
    return 20.0 * min(blocks / 6, 1)


def test_newcomer_is_expected_to_rise_as_earlier_newcomers_did():
    starts = [ALWAYS] * 4 + [150, 240, 330, NOW - 45]
    history = make_history(starts, [flat] * 4 + [ramp] * 4)

    fitted = TenureCurves().fit(history)
    newcomer = fitted.predict(*WINDOW)[7] / fitted.predict(*WINDOW)[:4].mean()
    later = fitted.predict(NOW + 5 * BLOCK, NOW + 6 * BLOCK)[7] / fitted.predict(*WINDOW)[:4].mean()
    without_curve = DiscountedRates(9.0).fit(history).predict(*WINDOW)
    truth = np.mean([ramp(1.5 + step) for step in (0, 0.5, 1)]) / 20

    assert fitted.weights[0] < 0.05
    assert newcomer == pytest.approx(truth, abs=0.12)
    assert later > 0.75
    assert without_curve[7] / without_curve[:4].mean() < newcomer


def test_newcomers_who_were_as_good_as_the_others_at_once_have_no_curve():
    fitted = TenureCurves().fit(make_history([ALWAYS] * 4 + [150, 240, 330, 420], [flat] * 8))

    assert fitted.weights[0] > 0.8


def test_without_newcomers_there_is_no_curve_and_nothing_changes():
    fitted = TenureCurves().fit(make_history([ALWAYS] * 3, [flat] * 3))

    assert fitted.weights.tolist() == [1.0]
    assert not fitted.has_changes
    assert fitted.joining == 0
    assert fitted.predict(*WINDOW).sum() == pytest.approx(60, rel=0.15)


def test_growth_of_the_company_is_no_curve_of_newcomers():
    def growing_since(start):
        return lambda blocks: 10 * 2 ** ((blocks * BLOCK + max(start, 0)) / 365)

    starts = [ALWAYS] * 4 + [150, 240, 330, 420]

    fitted = TenureCurves().fit(make_history(starts, [growing_since(start) for start in starts]))

    assert fitted.weights[0] > 0.6


def test_silent_seller_has_probably_left_and_the_more_so_the_more_events_there_were():
    def rate(level):
        return lambda blocks: level

    ends = [NOW, NOW, NOW - 35, NOW - 35]
    history = make_history([ALWAYS] * 4, [rate(20), rate(1), rate(20), rate(1)], ends=ends)

    present = TenureCurves().fit(history).present

    assert present[0] > 0.99
    assert present[2] < 0.05
    assert present[3] > 0.5


def test_capacity_counts_sellers_who_have_come_and_gone():
    starts = [ALWAYS] * 4 + [300, 300]
    ends = [NOW, NOW, NOW, 450, NOW, NOW]
    history = make_history(starts, [flat] * 6, ends=ends, is_expected=[True] * 3 + [False] + [True] * 2)

    fitted = TenureCurves().fit(history)
    early, both, late = (fitted.past_capacity(*window) for window in ((31, 270), (330, 440), (480, NOW)))

    assert fitted.has_changes
    assert [both / early, late / early] == pytest.approx([6 / 4, 5 / 4], rel=0.15)


def test_capacity_ahead_expects_newcomers_and_leavers_as_so_far():
    still = TenureCurves().fit(make_history([ALWAYS] * 4, [flat] * 4))
    joining = TenureCurves().fit(make_history([ALWAYS] * 4 + [300, 360, 420, 480], [flat] * 8))

    growth = [
        model.capacity(NOW + 61, NOW + 90).mean / model.past_capacity(NOW - 29, NOW) for model in (still, joining)
    ]

    assert 0.93 < growth[0] <= 1.0
    assert growth[1] > 1.02
    assert still.capacity(*WINDOW).variance > 0


def test_seller_without_an_event_is_no_newcomer():
    history = make_history([ALWAYS] * 3 + [NOW + 1], [flat] * 4)

    fitted = TenureCurves().fit(history)

    assert not fitted.tenures.is_newcomer.any()
    assert fitted.joining == 0
