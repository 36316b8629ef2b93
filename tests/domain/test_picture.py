"""The picture in the documents is what the forecast does, and not what it did once."""

from tests import picture


def test_the_picture_is_drawn_from_the_code():
    assert picture.FILE.read_text() == picture.drawn(), "draw it anew: python -m tests.picture"
