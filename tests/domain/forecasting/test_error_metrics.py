"""Tests of the error metrics against numbers computed by hand."""

import pytest

from domain.forecasting.error_metrics import Scored, scores


def test_a_forecast_that_was_right_costs_only_its_width():
    found = scores([Scored(80, 100, 120, 100, 100)])

    assert (found.wape, found.bias, found.coverage) == (0, 0, 1)
    assert found.wis == pytest.approx(2 / 3 * (0.1 * 20 + 0.1 * 20) / 100)


def test_what_lies_outside_costs_ten_times_its_distance_to_the_end():
    inside, outside = (scores([Scored(80, 100, 120, 100, came)]) for came in (120, 130))

    assert outside.coverage == 0
    assert outside.wis * 130 - inside.wis * 120 == pytest.approx(2 / 3 * (0.5 * 10 + 0.1 * 10 + 0.9 * 10))


def test_errors_are_weighed_by_what_came_and_their_signs_tell_the_bias():
    found = scores([Scored(0, 90, 200, 110, 100), Scored(0, 30, 99, 20, 50)])

    assert found.wape == pytest.approx((10 + 30) / 150)
    assert found.wape_median == pytest.approx((10 + 20) / 150)
    assert found.bias == pytest.approx((10 - 30) / 150)


def test_a_point_alone_costs_its_distance():
    found = scores([Scored(70, 70, 70, 70, 100)])

    assert found.wis == pytest.approx(found.wape) == pytest.approx(0.3)


def test_nothing_can_be_said_where_nothing_came():
    assert scores([]) is None
    assert scores([Scored(0, 0, 0, 0, 0)]) is None
