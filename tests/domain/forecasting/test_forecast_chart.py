"""The picture in the documents is what the forecast does, and not what it did once."""

from tests import forecast_chart


def test_the_picture_is_drawn_from_the_code():
    assert forecast_chart.FILE.read_text() == forecast_chart.drawn(), "draw it anew: python -m tests.forecast_chart"
