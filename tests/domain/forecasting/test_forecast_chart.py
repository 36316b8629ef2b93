"""Test that the chart in docs/forecast.md is drawn by the current code."""

import pytest

from tests import forecast_chart


@pytest.mark.long
def test_chart_file_is_drawn_by_the_current_code():
    assert forecast_chart.CHART_FILE.read_text() == forecast_chart.draw_chart(), (
        "redraw it: python -m tests.forecast_chart"
    )
