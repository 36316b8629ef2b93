"""Leaderboard ranking, compared with a simple recomputation."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.leaderboards.ranking import RankedList, Roster
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


def build_ranking(rows, *, by_attainment=False):
    targets = (
        {employee_id: target for employee_id, _, _, target in rows if target is not None} if by_attainment else None
    )
    return RankedList(
        Roster({employee_id: name for employee_id, name, *_ in rows}), {row[0]: row[2] for row in rows}, targets
    )


def all_rows(ranking):
    return ranking.window(len(ranking))


def rows_by_value(rows):
    return all_rows(build_ranking(rows))


def rows_by_attainment(rows):
    return all_rows(build_ranking(rows, by_attainment=True))


def names_and_ranks(rows):
    return [(row.name, row.rank) for row in rows]


def test_tie_skips_next_rank():
    rows = rows_by_value([(1, "Dora", 1, None), (2, "Bob", 5, None), (3, "Anna", 9, None), (4, "Carl", 5, None)])

    assert names_and_ranks(rows) == [("Anna", 1), ("Bob", 2), ("Carl", 2), ("Dora", 4)]


def test_equal_values_are_in_name_order_ignoring_case_then_by_id():
    rows = rows_by_value(
        [(4, "яна", 0, None), (3, "Ян", 0, None), (2, "Ёлкин", 0, None), (9, "Ежов", 0, None), (1, "Ян", 0, None)]
    )

    assert [row.employee_id for row in rows] == [9, 2, 1, 3, 4]
    assert {row.rank for row in rows} == {1}


def test_gap_is_distance_to_next_rank_up():
    rows = rows_by_value([(1, "A", 900, None), (2, "B", 500, None), (3, "C", 500, None), (4, "D", 0, None)])

    assert [row.gap_to_next for row in rows] == [None, 400, 400, 500]


def test_ranking_by_attainment_ignores_goal_size():
    rows = rows_by_attainment([(1, "Large", 500, 1000), (2, "Small", 60, 100), (3, "Same", 30, 50)])

    assert names_and_ranks(rows) == [("Same", 1), ("Small", 1), ("Large", 3)]


def test_ranking_by_attainment_distinguishes_minimally_different_shares():
    large = (1 << 63) - 1
    rows = rows_by_attainment(
        [(1, "A", 1, large), (2, "B", 1, large - 1), (3, "C", 2, 2 * (large // 3)), (4, "D", 1, large // 3)]
    )

    assert names_and_ranks(rows) == [("C", 1), ("D", 1), ("B", 3), ("A", 4)]


def test_gap_by_attainment_is_in_metric_unit_and_rounded_up():
    rows = rows_by_attainment([(1, "A", 1, 3), (2, "B", 10, 100)])

    assert rows[1].gap_to_next == 24  # a third of 100 is 33 and a bit


def test_employees_without_goal_share_last_rank_by_attainment():
    rows = rows_by_attainment([(1, "Zed", 999, None), (2, "Amy", 0, None), (3, "Bob", 1, 10), (4, "Cat", 1, 10)])

    assert names_and_ranks(rows) == [("Bob", 1), ("Cat", 1), ("Amy", 3), ("Zed", 3)]
    assert [row.gap_to_next for row in rows] == [None, None, None, None]


def test_all_are_first_by_attainment_when_there_are_no_goals():
    assert {row.rank for row in rows_by_attainment([(1, "A", 5, None), (2, "B", 7, None)])} == {1}


def test_empty_ranking_has_no_rows():
    assert rows_by_value([]) == rows_by_attainment([]) == build_ranking([]).window(5, 1) == []


def test_total_includes_unranked_employees():
    ranking = RankedList(Roster({1: "Anna"}), {1: 5, 2: 7})
    assert (ranking.total, len(ranking), ranking.rank_of(2)) == (12, 1, None)

    ranking.set_value(2, 10)
    ranking.set_value(3, 1)
    ranking.set_value(1, 0)

    assert (ranking.total, [row.value for row in all_rows(ranking)]) == (11, [0])


def test_copy_changes_independently():
    original = build_ranking([(1, "A", 5, None), (2, "B", 3, None)])
    changed_copy = original.copy()
    changed_copy.set_value(2, 9)

    assert [original.rank_of(2), changed_copy.rank_of(2)] == [2, 1]
    assert [original.total, changed_copy.total] == [8, 14]


@for_all(rows_, st.randoms())
def test_ranking_does_not_depend_on_input_order(rows, random):
    shuffled = random.sample(rows, len(rows))

    assert rows_by_value(rows) == rows_by_value(shuffled)
    assert rows_by_attainment(rows) == rows_by_attainment(shuffled)


@for_all(rows_, moves_, st.booleans())
def test_updated_ranking_equals_rebuilt_ranking(rows, moves, by_attainment):
    updated = build_ranking(rows, by_attainment=by_attainment)
    values = {row[0]: row[2] for row in rows}
    for employee_id, value in moves:
        updated.set_value(employee_id, value)
        values[employee_id] = value
    rebuilt = RankedList(updated.roster, values, updated.targets)

    assert all_rows(updated) == all_rows(rebuilt)
    assert updated.total == rebuilt.total == sum(values.values())
    assert [updated.rank_of(row.employee_id) for row in all_rows(rebuilt)] == [row.rank for row in all_rows(rebuilt)]


@for_all(rows_)
def test_rank_by_value_is_one_more_than_number_of_rows_ahead(rows):
    ranked_rows = rows_by_value(rows)

    for row in ranked_rows:
        ahead = [other for other in rows if other[2] > row.value]
        assert row.rank == 1 + len(ahead)
        assert row.gap_to_next == (min(other[2] for other in ahead) - row.value if ahead else None)
    assert [row.employee_id for row in ranked_rows] == [
        row[0] for row in sorted(rows, key=lambda r: (-r[2], search_key(r[1]), r[0]))
    ]


@for_all(rows_)
def test_rank_by_attainment_is_one_more_than_number_of_rows_ahead(rows):
    ranked_rows = rows_by_attainment(rows)
    rows_with_target = {row[0]: row for row in rows if row[3]}

    assert sorted(row.employee_id for row in ranked_rows) == sorted(row[0] for row in rows)
    for row in ranked_rows:
        if row.employee_id not in rows_with_target:
            assert row.rank == 1 + len(rows_with_target)
            assert row.gap_to_next is None
            continue
        target = rows_with_target[row.employee_id][3]
        share_of_row = Fraction(row.value, target)
        shares = [Fraction(other[2], other[3]) for other in rows_with_target.values()]
        ahead = [share for share in shares if share > share_of_row]
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
def test_window_shows_rows_nearest_to_employee(first, around, keys):
    ranking = build_ranking([(n, "", -n, None) for n in range(1, 10)])

    assert [row.employee_id for row in ranking.window(first, around)] == keys


@for_all(rows_, st.integers(1, 20), keys_, st.booleans())
def test_window_is_part_of_ranking_and_contains_around_employee(rows, first, around_id, by_attainment):
    ranking = build_ranking(rows, by_attainment=by_attainment)
    window = ranking.window(first, around_id)
    start = all_rows(ranking).index(window[0]) if window else 0

    assert window == all_rows(ranking)[start : start + first]
    assert len(window) == min(first, len(ranking))
    assert (around_id in {row.employee_id for row in window}) is (around_id in ranking.roster.places)


@for_all(rows_, st.lists(st.tuples(keys_, values_, st.none() | values_), max_size=20))
def test_ranking_by_attainment_counts_whole_values_and_shows_parts(rows, moves):
    roster = Roster({employee_id: name for employee_id, name, *_ in rows})
    targets = {employee_id: target for employee_id, _, _, target in rows if target is not None}
    parts, wholes = {}, {}
    updated = RankedList(roster, parts, targets, wholes)
    for employee_id, part, whole in moves:
        updated.set_value(employee_id, part, whole)
        parts[employee_id], wholes[employee_id] = part, part if whole is None else whole
    rebuilt, by_wholes = RankedList(roster, parts, targets, wholes), RankedList(roster, wholes, targets)

    assert all_rows(updated) == all_rows(rebuilt)
    assert [(row.employee_id, row.rank, row.attained, row.gap_to_next) for row in all_rows(updated)] == [
        (row.employee_id, row.rank, row.value, row.gap_to_next) for row in all_rows(by_wholes)
    ]
    assert [row.value for row in all_rows(updated)] == [parts.get(row.employee_id, 0) for row in all_rows(updated)]
    assert updated.total == sum(parts.values())
