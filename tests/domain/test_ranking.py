"""Who is ahead: 1, 2, 2, 4; held against a slow and obvious recomputation."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ranking import by_attainment, by_value, ranks_by_attainment, ranks_by_value, window
from domain.text import search_key

rows_ = st.lists(
    st.tuples(
        st.integers(1, 50),
        st.sampled_from(["Анна", "анна", "Борис", "Ёлка", "Ежов", "Zoe", ""]),
        st.integers(-3, 6),
        st.none() | st.integers(1, 4),
    ),
    unique_by=lambda row: row[0],
    max_size=15,
)


def ranks(ranked):
    return [(row.name, row.rank) for row in ranked]


def test_a_tie_skips_the_next_rank():
    board = by_value([(1, "Dora", 1, None), (2, "Bob", 5, None), (3, "Anna", 9, None), (4, "Carl", 5, None)])

    assert ranks(board) == [("Anna", 1), ("Bob", 2), ("Carl", 2), ("Dora", 4)]


def test_equal_values_are_in_name_order_whatever_the_case_and_equal_names_by_id():
    board = by_value(
        [(4, "яна", 0, None), (3, "Ян", 0, None), (2, "Ёлкин", 0, None), (9, "Ежов", 0, None), (1, "Ян", 0, None)]
    )

    assert [row.key for row in board] == [9, 2, 1, 3, 4]
    assert {row.rank for row in board} == {1}


def test_the_gap_is_what_brings_one_level_with_the_next_rank_up():
    board = by_value([(1, "A", 900, None), (2, "B", 500, None), (3, "C", 500, None), (4, "D", 0, None)])

    assert [row.gap_to_next for row in board] == [None, 400, 400, 500]


def test_by_attainment_a_small_goal_counts_as_much_as_a_large_one():
    board = by_attainment([(1, "Large", 500, 1000), (2, "Small", 60, 100), (3, "Same", 30, 50)])

    assert ranks(board) == [("Same", 1), ("Small", 1), ("Large", 3)]
    assert [row.percent for row in board] == [60.0, 60.0, 50.0]


def test_by_attainment_the_gap_is_in_the_metrics_unit_and_rounded_up():
    board = by_attainment([(1, "A", 1, 3), (2, "B", 10, 100)])

    assert board[1].gap_to_next == 24  # a third of 100 is 33 and a bit


def test_by_attainment_those_without_a_goal_share_the_rank_after_all_others():
    board = by_attainment([(1, "Zed", 999, None), (2, "Amy", 0, None), (3, "Bob", 1, 10), (4, "Cat", 1, 10)])

    assert ranks(board) == [("Bob", 1), ("Cat", 1), ("Amy", 3), ("Zed", 3)]
    assert [row.gap_to_next for row in board] == [None, None, None, None]
    assert [row.percent for row in board] == [10.0, 10.0, None, None]


def test_where_nobody_has_a_goal_all_are_first():
    assert {row.rank for row in by_attainment([(1, "A", 5, None), (2, "B", 7, None)])} == {1}


def test_an_empty_board_is_empty():
    assert by_value([]) == by_attainment([]) == window([], 5) == []


@given(rows_, st.randoms())
def test_a_board_does_not_depend_on_the_order_it_came_in(rows, random):
    shuffled = random.sample(rows, len(rows))

    assert by_value(rows) == by_value(shuffled)
    assert ranks_by_value(rows) == {row.key: row.rank for row in by_value(rows)}
    assert ranks_by_attainment(rows) == {row.key: row.rank for row in by_attainment(rows)}
    assert by_attainment(rows) == by_attainment(shuffled)


@given(rows_)
def test_a_rank_by_value_is_one_more_than_the_number_of_those_ahead(rows):
    board = by_value(rows)

    for row in board:
        ahead = [other for other in rows if other[2] > row.value]
        assert row.rank == 1 + len(ahead)
        assert row.gap_to_next == (min(other[2] for other in ahead) - row.value if ahead else None)
    assert [row.key for row in board] == [row[0] for row in sorted(rows, key=lambda r: (-r[2], search_key(r[1]), r[0]))]


@given(rows_)
def test_a_rank_by_attainment_is_one_more_than_the_number_of_those_ahead(rows):
    board = by_attainment(rows)
    aiming = [row for row in rows if row[3]]

    assert sorted(row.key for row in board) == sorted(row[0] for row in rows)
    for row in board:
        if row.target is None:
            assert row.rank == 1 + len(aiming)
            assert row.gap_to_next is None
            continue
        reached = Fraction(row.value, row.target)
        ahead = [Fraction(other[2], other[3]) for other in aiming if Fraction(other[2], other[3]) > reached]
        assert row.rank == 1 + len(ahead)
        if ahead:
            assert Fraction(row.value + row.gap_to_next, row.target) >= min(ahead)
            assert Fraction(row.value + row.gap_to_next - 1, row.target) < min(ahead)
        else:
            assert row.gap_to_next is None


@pytest.mark.parametrize(
    ("first", "around", "keys"),
    [
        (3, None, [1, 2, 3]),
        (3, 5, [4, 5, 6]),
        (3, 1, [1, 2, 3]),
        (3, 9, [7, 8, 9]),
        (3, 8, [7, 8, 9]),
        (4, 5, [3, 4, 5, 6]),
        (1, 6, [6]),
        (3, 99, [1, 2, 3]),
        (100, 5, [1, 2, 3, 4, 5, 6, 7, 8, 9]),
    ],
)
def test_a_window_shows_the_rows_nearest_somebody(first, around, keys):
    board = by_value([(n, "", -n, None) for n in range(1, 10)])

    assert [row.key for row in window(board, first, around)] == keys


@given(rows_, st.integers(1, 20), st.integers(1, 50))
def test_a_window_is_full_and_holds_whom_it_is_around(rows, first, key):
    board = by_value(rows)
    shown = window(board, first, key)

    assert len(shown) == min(first, len(board))
    assert (key in {row.key for row in shown}) is (key in {row.key for row in board})
