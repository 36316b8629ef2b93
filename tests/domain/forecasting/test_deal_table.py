"""Tests of the deal table as known on a past day: nothing recorded later may show."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from domain.forecasting.arrays import NEVER
from domain.forecasting.deal_table import DealTable, Past, Undo, Visits, in_order, known_at, no_undo, no_visits
from domain.forecasting.seasonality import last_day, month_of
from tests.domain.forecasting.synthetic_companies import START, Law, world

NAN = float("nan")


def day(number):
    return date(2026, 3, number).toordinal()


def deals(*rows, **columns):
    """Return deals, given per row: days of March of creation and closing, whether won, and the stated worth."""
    size = len(rows)
    created, closed, won, own = zip(*rows, strict=True)
    known = {
        "created": np.array([day(each) for each in created]),
        "closed": np.array([day(each) if each else NEVER for each in closed]),
        "won": np.array(won, dtype=bool),
        "worth": np.where(won, [100.0 * n for n in range(1, size + 1)], NAN),
        "own": np.array(own, dtype=float),
        "deleted": np.full(size, NEVER),
        "visits": no_visits(),
        "undo": no_undo(),
        **columns,
    }
    zero, nothing = np.zeros(size, dtype=np.int64), np.full(size, NAN)
    return DealTable(
        key=np.arange(size), word=np.arange(size), seller=zero, product=zero - 1, gross=nothing, price=nothing,
        sure=np.zeros(size, dtype=bool), due=np.full(size, NEVER), **known,
    )  # fmt: skip


def same(one, other):
    names = ("created", "closed", "deleted", "won", "seller", "product", "worth", "own", "gross", "price", "word")
    return all(np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True) for name in names) and all(
        np.array_equal(getattr(one.visits, name), getattr(other.visits, name)) for name in ("row", "stage", "day")
    )


def test_a_deal_is_known_from_its_first_day_and_open_until_it_is_closed():
    table = deals((5, 9, True, NAN), (7, None, False, NAN), (8, 8, False, NAN))

    assert known_at(table, day(4)).size == 0
    assert known_at(table, day(8)).open.tolist() == [True, True, False]
    assert known_at(table, day(9)).open.tolist() == [False, True, False]


def test_what_a_later_win_brought_in_is_not_known():
    then = known_at(deals((5, 9, True, 70)), day(8))

    assert not then.won.any()
    assert np.isnan(then.worth).all()
    assert np.isnan(then.own).all()  # imported closed: its amount may have been entered with the closing


def test_the_amount_of_a_deal_brought_in_closed_counts_where_lost_deals_have_theirs():
    table = deals((2, 3, False, 40), (2, 4, False, 30), (5, 9, True, 70))

    assert known_at(table, day(8)).own.tolist() == [40, 30, 70]


def test_that_only_later_losses_have_amounts_is_no_reason_to_know_them():
    table = deals((2, 9, False, 40), (5, 9, True, 70))

    assert np.isnan(known_at(table, day(8)).own).all()


def test_an_amount_that_the_history_knows_counts():
    table = replace(deals((5, 9, True, 70)), sure=np.array([True]))

    assert known_at(table, day(8)).own.tolist() == [70]


def test_changes_since_are_taken_back_from_the_newest_on():
    undo = Undo(
        np.zeros(3, dtype=np.int64),
        np.array([day(6), day(10), day(8)]),
        np.full(3, Past.OWN),
        np.array([10.0, 30.0, 20.0]),
        np.full(3, NAN),
    )
    table = deals((5, None, False, 40), undo=undo)

    assert [known_at(table, day(each)).own[0] for each in (5, 6, 8, 10)] == [10, 20, 30, 40]


def test_a_deal_that_was_reopened_was_closed_before():
    undo = Undo(
        np.array([0]), np.array([day(10)]), np.array([Past.CLOSING]), np.array([day(7) * 1.0]), np.array([50.0])
    )
    table = deals((5, 12, True, NAN), undo=undo)

    before, between, after = (known_at(table, day(each)) for each in (6, 9, 11))

    assert (before.open[0], between.open[0], after.open[0]) == (True, False, True)
    assert (between.won[0], between.worth[0]) == (True, 50)


def test_a_deal_that_was_handed_over_was_another_s_before():
    undo = Undo(np.array([0]), np.array([day(10)]), np.array([Past.SELLER]), np.array([3.0]), np.array([NAN]))
    table = deals((5, None, False, NAN), undo=undo)

    assert [known_at(table, day(each)).seller[0] for each in (9, 10)] == [3, 0]


def test_a_deleted_deal_was_there_before_it_was_deleted():
    table = deals((5, None, False, NAN), deleted=np.array([day(8)]))

    assert [known_at(table, day(each)).size for each in (7, 8)] == [1, 0]


def test_stages_entered_later_are_not_known():
    visits = Visits(np.array([0, 0]), np.array([0, 1]), np.array([day(5), day(9)]))

    assert known_at(deals((5, None, False, NAN), visits=visits), day(8)).visits.stage.tolist() == [0]


@pytest.mark.parametrize(
    "law", [Law(), Law(asked=False, listed=True), Law(direct=True)], ids=["plain", "listed", "direct"]
)
def test_a_table_cut_at_the_day_is_known_the_same(law):
    """The masked table is what a database with only the data of that day would hold."""
    table, cut = world(law), last_day(month_of(START) + 9)
    later = table.closed > cut
    masked = replace(
        table,
        closed=np.where(later, NEVER, table.closed),
        won=table.won & ~later,
        worth=np.where(later, NAN, table.worth),
    ).rows(table.created <= cut)
    visits = masked.visits
    use = visits.day <= cut
    masked = replace(masked, visits=Visits(visits.row[use], visits.stage[use], visits.day[use]))

    assert same(known_at(table, cut), known_at(masked, cut))


def test_the_order_of_rows_has_no_part_in_it():
    table = world(Law(months=6))
    mixed = np.random.default_rng(2).permutation(table.size)
    place = np.argsort(mixed)
    names = (
        "key",
        "word",
        "created",
        "closed",
        "deleted",
        "won",
        "seller",
        "product",
        "worth",
        "own",
        "gross",
        "price",
    )
    shuffled = replace(
        table,
        **{name: getattr(table, name)[mixed] for name in (*names, "sure", "due")},
        visits=replace(table.visits, row=place[table.visits.row]),
    )

    assert same(in_order(shuffled), table)
