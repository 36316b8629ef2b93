"""Test that the chart in docs/forecast.md is drawn by the current code."""

from tests import forecast_chart


def test_the_picture_is_drawn_from_the_code():
    assert forecast_chart.FILE.read_text() == forecast_chart.drawn(), "redraw it: python -m tests.forecast_chart"
