"""Global ids: round trips and rejection of invalid ids."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.primitives.global_ids import decoded, encoded


@given(st.sampled_from(["Goal", "Employee", "Deal", "ScoreEntry"]), st.integers(0, 2**31 - 1))
def test_an_id_leads_back_to_its_type_and_number(kind, number):
    assert decoded(encoded(kind, number)) == (kind, number)


@pytest.mark.parametrize("kind", ["Activity", "DealWon", "ScoreEntry"])
def test_rows_that_are_only_ever_added_have_long_numbers(kind):
    assert decoded(encoded(kind, 10**18 - 1)) == (kind, 10**18 - 1)


@pytest.mark.parametrize("number", [2**31, 10**18 - 1])
def test_a_number_that_no_row_can_have_is_nothing(number):
    assert decoded(encoded("Deal", number)) is None


@given(st.text())
def test_a_text_is_one_of_our_ids_or_nothing(text):
    pair = decoded(text)

    assert pair is None or encoded(*pair) == text.rstrip("=")


@pytest.mark.parametrize("text", ["", "Goal:1", "ext:42", "=", "R29hbDox\x00", "Я", "x" * 61, "R29hbDo", "R29hbDowMQ"])
def test_what_is_no_id_is_nothing(text):
    assert decoded(text) is None
