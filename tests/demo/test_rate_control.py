"""The headroom that keeps the monthly goals of the demo plausible."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from demo.rate_control import compute_headroom, fits_within

METRIC = "deals_won_amount"


def build_goal(
    value: str, expected: str = "50", *, target: str = "100", kind: str = "MONTH", key: str = METRIC
) -> dict[str, Any]:
    progress = {"value": value, "expectedByNow": expected}
    return {"metric": {"key": key}, "target": target, "period": {"kind": kind}, "progress": progress}


@pytest.mark.parametrize(
    ("value", "expected", "headroom"),
    [
        ("20", "50", "45"),  # up to 15 % of the target above the expected value
        ("70", "50", "0"),  # already above that
        ("0", "0", "15"),  # first day of the month
        ("20", "95", "77"),  # last day: up to 97 % of the target
        ("97.5", "95", "0"),
    ],
)
def test_headroom_ends_well_ahead_of_pace_and_just_below_target(value: str, expected: str, headroom: str) -> None:
    assert compute_headroom([build_goal(value, expected)]) == {METRIC: Decimal(headroom)}


def test_headroom_of_metric_is_that_of_its_tightest_goal() -> None:
    assert compute_headroom([build_goal("20"), build_goal("60"), build_goal("200", "500", target="1000")]) == {
        METRIC: Decimal(5)
    }


def test_headroom_ignores_achieved_goals_and_other_periods() -> None:
    assert compute_headroom([build_goal("100"), build_goal("250"), build_goal("90", kind="WEEK")]) == {}


def test_metric_without_goal_always_fits_within_headroom() -> None:
    headroom = compute_headroom([build_goal("60"), build_goal("1", "2", target="5", key="deals_won")])

    assert fits_within(headroom, {METRIC: Decimal(5), "deals_won": Decimal(1), "calls_made": Decimal(99)})
    assert not fits_within(headroom, {METRIC: Decimal(6), "deals_won": Decimal(1)})
    assert not fits_within(headroom, {METRIC: Decimal(1), "deals_won": Decimal(2)})
