"""The headroom that keeps the monthly goals of the demo plausible."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from demo.rate_control import fits, room

WON = "deals_won_amount"


def goal(
    value: str, expected: str = "50", *, target: str = "100", kind: str = "MONTH", key: str = WON
) -> dict[str, Any]:
    progress = {"value": value, "expectedByNow": expected}
    return {"metric": {"key": key}, "target": target, "period": {"kind": kind}, "progress": progress}


@pytest.mark.parametrize(
    ("value", "expected", "left"),
    [
        ("20", "50", "45"),  # up to 15 % of the target above the expected value
        ("70", "50", "0"),  # already above that
        ("0", "0", "15"),  # first day of the month
        ("20", "95", "77"),  # last day: up to 97 % of the target
        ("97.5", "95", "0"),
    ],
)
def test_a_months_goal_may_come_well_ahead_and_nearly_to_its_target(value: str, expected: str, left: str) -> None:
    assert room([goal(value, expected)]) == {WON: Decimal(left)}


def test_the_goal_with_the_least_room_decides() -> None:
    assert room([goal("20"), goal("60"), goal("200", "500", target="1000")]) == {WON: Decimal(5)}


def test_a_reached_goal_and_one_of_another_period_hold_nobody_back() -> None:
    assert room([goal("100"), goal("250"), goal("90", kind="WEEK")]) == {}


def test_what_no_goal_is_about_always_fits() -> None:
    left = room([goal("60"), goal("1", "2", target="5", key="deals_won")])

    assert fits(left, {WON: Decimal(5), "deals_won": Decimal(1), "calls_made": Decimal(99)})
    assert not fits(left, {WON: Decimal(6), "deals_won": Decimal(1)})
    assert not fits(left, {WON: Decimal(1), "deals_won": Decimal(2)})
