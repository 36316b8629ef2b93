"""Texts of exported tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.primitives.tables import escape_formula, unescape_formula


@pytest.mark.parametrize("text", ["=1+1", "+7 916", "-5", "@SUM(A1)", "\t=1", "\r=1"])
def test_text_that_a_spreadsheet_would_compute_is_escaped(text: str) -> None:
    assert escape_formula(text) == f"'{text}"


@pytest.mark.parametrize("text", ["Ann", "", "a=1", "1-2", "O'Neill"])
def test_other_texts_are_written_as_they_are(text: str) -> None:
    assert escape_formula(text) == text


@given(st.text(alphabet="'=+-@a ", max_size=6))
def test_escaped_text_is_read_as_it_was(text: str) -> None:
    assert unescape_formula(escape_formula(text)) == text
    assert not escape_formula(text).startswith(("=", "+", "-", "@"))
