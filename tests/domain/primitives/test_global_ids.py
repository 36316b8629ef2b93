"""Global ids: round trips and rejection of invalid ids."""

from __future__ import annotations

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.primitives.global_ids import decode_global_id, encode_global_id


@for_all(st.sampled_from(["Goal", "Employee", "Deal", "ScoreEntry"]), st.integers(0, 2**31 - 1))
def test_global_id_round_trips(type_name, row_id):
    assert decode_global_id(encode_global_id(type_name, row_id)) == (type_name, row_id)


@pytest.mark.parametrize("kind", ["Activity", "DealWon", "ScoreEntry"])
def test_append_only_types_have_64_bit_ids(kind):
    assert decode_global_id(encode_global_id(kind, 10**18 - 1)) == (kind, 10**18 - 1)


@pytest.mark.parametrize("number", [2**31, 10**18 - 1])
def test_id_beyond_the_column_range_returns_none(number):
    assert decode_global_id(encode_global_id("Deal", number)) is None


@for_all(st.text())
def test_any_text_decodes_to_its_own_id_or_none(text):
    type_and_id = decode_global_id(text)

    assert type_and_id is None or encode_global_id(*type_and_id) == text.rstrip("=")


@pytest.mark.parametrize("text", ["", "Goal:1", "ext:42", "=", "R29hbDox\x00", "Я", "x" * 61, "R29hbDo", "R29hbDowMQ"])
def test_invalid_id_returns_none(text):
    assert decode_global_id(text) is None
