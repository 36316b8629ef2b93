"""Leaderboard ranking, compared with a simple recomputation."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.leaderboards.ranking import Ladder, Roll
from domain.primitives.text import search_key

keys_ = st.integers(1, 50)
values_ = st.integers(-3, 6)
rows_ = st.lists(
    st.tuples(
        keys_,
        st.sampled_from(["Анна", "анна", "Борис", "Ёлка", "Ежов", "Zoe", ""]),
        values_,
        st.none() | st.integers(1, 4),
    ),
    unique_by=lambda row: row[0],
    max_size=15,
)
moves_ = st.lists(st.tuples(keys_, values_), max_size=20)


def ladder(rows, *, by_attainment=False):
    targets = {key: target for key, _, _, target in rows if target is not None} if by_attainment else None
    return Ladder(Roll({key: name for key, name, *_ in rows}), {row[0]: row[2] for row in rows}, targets)


def whole(found):
    return found.window(len(found))


def by_value(rows):
    return whole(ladder(rows))


def by_attainment(rows):
    return whole(ladder(rows, by_attainment=True))


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


def test_by_attainment_shares_that_differ_by_the_least_there_is_are_told_apart_and_equal_ones_are_not():
    large = (1 << 63) - 1
    board = by_attainment(
        [(1, "A", 1, large), (2, "B", 1, large - 1), (3, "C", 2, 2 * (large // 3)), (4, "D", 1, large // 3)]
    )

    assert ranks(board) == [("C", 1), ("D", 1), ("B", 3), ("A", 4)]


def test_by_attainment_the_gap_is_in_the_metrics_unit_and_rounded_up():
    board = by_attainment([(1, "A", 1, 3), (2, "B", 10, 100)])

    assert board[1].gap_to_next == 24  # a third of 100 is 33 and a bit


def test_by_attainment_those_without_a_goal_share_the_rank_after_all_others():
    board = by_attainment([(1, "Zed", 999, None), (2, "Amy", 0, None), (3, "Bob", 1, 10), (4, "Cat", 1, 10)])

    assert ranks(board) == [("Bob", 1), ("Cat", 1), ("Amy", 3), ("Zed", 3)]
    assert [row.gap_to_next for row in board] == [None, None, None, None]


def test_where_nobody_has_a_goal_all_are_first():
    assert {row.rank for row in by_attainment([(1, "A", 5, None), (2, "B", 7, None)])} == {1}


def test_an_empty_board_is_empty():
    assert by_value([]) == by_attainment([]) == ladder([]).window(5, 1) == []


def test_the_total_counts_who_is_not_ranked_too():
    found = Ladder(Roll({1: "Anna"}), {1: 5, 2: 7})
    assert (found.total, len(found), found.rank(2)) == (12, 1, None)

    found.move(2, 10)
    found.move(3, 1)
    found.move(1, 0)

    assert (found.total, [row.value for row in whole(found)]) == (11, [0])


def test_a_copy_moves_by_itself():
    before = ladder([(1, "A", 5, None), (2, "B", 3, None)])
    after = before.copy()
    after.move(2, 9)

    assert [before.rank(2), after.rank(2)] == [2, 1]
    assert [before.total, after.total] == [8, 14]


@given(rows_, st.randoms())
def test_a_board_does_not_depend_on_the_order_it_came_in(rows, random):
    shuffled = random.sample(rows, len(rows))

    assert by_value(rows) == by_value(shuffled)
    assert by_attainment(rows) == by_attainment(shuffled)


@given(rows_, moves_, st.booleans())
def test_a_ladder_that_was_moved_stands_as_one_made_anew(rows, moves, by_attainment):
    moved = ladder(rows, by_attainment=by_attainment)
    values = {row[0]: row[2] for row in rows}
    for key, value in moves:
        moved.move(key, value)
        values[key] = value
    anew = Ladder(moved.roll, values, moved.targets)

    assert whole(moved) == whole(anew)
    assert moved.total == anew.total == sum(values.values())
    assert [moved.rank(row.key) for row in whole(anew)] == [row.rank for row in whole(anew)]


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
    aiming = {row[0]: row for row in rows if row[3]}

    assert sorted(row.key for row in board) == sorted(row[0] for row in rows)
    for row in board:
        if row.key not in aiming:
            assert row.rank == 1 + len(aiming)
            assert row.gap_to_next is None
            continue
        target = aiming[row.key][3]
        reached = Fraction(row.value, target)
        shares = [Fraction(other[2], other[3]) for other in aiming.values()]
        ahead = [share for share in shares if share > reached]
        assert row.rank == 1 + len(ahead)
        if ahead:
            assert Fraction(row.value + row.gap_to_next, target) >= min(ahead)
            assert Fraction(row.value + row.gap_to_next - 1, target) < min(ahead)
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
    board = ladder([(n, "", -n, None) for n in range(1, 10)])

    assert [row.key for row in board.window(first, around)] == keys


@given(rows_, st.integers(1, 20), keys_, st.booleans())
def test_a_window_is_a_part_of_the_whole_board_and_holds_whom_it_is_around(rows, first, key, by_attainment):
    board = ladder(rows, by_attainment=by_attainment)
    shown = board.window(first, key)
    start = whole(board).index(shown[0]) if shown else 0

    assert shown == whole(board)[start : start + first]
    assert len(shown) == min(first, len(board))
    assert (key in {row.key for row in shown}) is (key in board.roll.places)
