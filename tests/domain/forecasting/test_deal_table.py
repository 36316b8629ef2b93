"""Tests of the deal table as known on a past day: nothing recorded later may show."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from domain.forecasting.arrays import NEVER
from domain.forecasting.deal_table import (
    DealTable,
    HistoryField,
    StageVisits,
    UndoLog,
    empty_undo_log,
    empty_visits,
    known_at,
    sort_canonically,
)
from domain.forecasting.seasonality import last_day, month_of
from tests.domain.forecasting.synthetic_companies import START, CompanyLaw, simulate_company

NAN = float("nan")


def day(day_of_month):
    return date(2026, 3, day_of_month).toordinal()


def make_deals(*rows, **columns):
    """Return deals, given per row: days of March of creation and closing, whether won, and the stated worth."""
    size = len(rows)
    created, closed, won, stated_worth = zip(*rows, strict=True)
    default_columns = {
        "created": np.array([day(created_day) for created_day in created]),
        "closed": np.array([day(closed_day) if closed_day else NEVER for closed_day in closed]),
        "won": np.array(won, dtype=bool),
        "worth": np.where(won, [100.0 * n for n in range(1, size + 1)], NAN),
        "stated_worth": np.array(stated_worth, dtype=float),
        "deleted": np.full(size, NEVER),
        "visits": empty_visits(),
        "undo": empty_undo_log(),
        **columns,
    }
    zero, nan = np.zeros(size, dtype=np.int64), np.full(size, NAN)
    return DealTable(
        key=np.arange(size), stable_hash=np.arange(size), seller=zero, product=zero - 1, gross=nan, price=nan,
        stated_before_close=np.zeros(size, dtype=bool), expected_close=np.full(size, NEVER), **default_columns,
    )  # fmt: skip


def is_same_table(first, second):
    names = (
        "created",
        "closed",
        "deleted",
        "won",
        "seller",
        "product",
        "worth",
        "stated_worth",
        "gross",
        "price",
        "stable_hash",
    )
    return all(np.array_equal(getattr(first, name), getattr(second, name), equal_nan=True) for name in names) and all(
        np.array_equal(getattr(first.visits, name), getattr(second.visits, name)) for name in ("row", "stage", "day")
    )


def test_deal_is_known_from_creation_and_open_until_closed():
    table = make_deals((5, 9, True, NAN), (7, None, False, NAN), (8, 8, False, NAN))

    assert known_at(table, day(4)).size == 0
    assert known_at(table, day(8)).open.tolist() == [True, True, False]
    assert known_at(table, day(9)).open.tolist() == [False, True, False]


def test_worth_of_a_later_win_is_unknown():
    known_deals = known_at(make_deals((5, 9, True, 70)), day(8))

    assert not known_deals.won.any()
    assert np.isnan(known_deals.worth).all()
    assert np.isnan(
        known_deals.stated_worth
    ).all()  # imported closed: its amount may have been entered with the closing


def test_amount_of_imported_deal_is_used_when_lost_deals_have_amounts():
    table = make_deals((2, 3, False, 40), (2, 4, False, 30), (5, 9, True, 70))

    assert known_at(table, day(8)).stated_worth.tolist() == [40, 30, 70]


def test_amount_of_imported_deal_is_hidden_when_only_later_losses_have_amounts():
    table = make_deals((2, 9, False, 40), (5, 9, True, 70))

    assert np.isnan(known_at(table, day(8)).stated_worth).all()


def test_amount_is_used_when_stated_before_close():
    table = replace(make_deals((5, 9, True, 70)), stated_before_close=np.array([True]))

    assert known_at(table, day(8)).stated_worth.tolist() == [70]


def test_later_changes_are_undone_newest_first():
    undo = UndoLog(
        np.zeros(3, dtype=np.int64),
        np.array([day(6), day(10), day(8)]),
        np.full(3, HistoryField.STATED_WORTH),
        np.array([10.0, 30.0, 20.0]),
        np.full(3, NAN),
    )
    table = make_deals((5, None, False, 40), undo=undo)

    assert [known_at(table, day(day_of_month)).stated_worth[0] for day_of_month in (5, 6, 8, 10)] == [10, 20, 30, 40]


def test_reopened_deal_is_closed_before_its_reopening():
    undo = UndoLog(
        np.array([0]), np.array([day(10)]), np.array([HistoryField.CLOSING]), np.array([day(7) * 1.0]), np.array([50.0])
    )
    table = make_deals((5, 12, True, NAN), undo=undo)

    before, between, after = (known_at(table, day(day_of_month)) for day_of_month in (6, 9, 11))

    assert (before.open[0], between.open[0], after.open[0]) == (True, False, True)
    assert (between.won[0], between.worth[0]) == (True, 50)


def test_reassigned_deal_belongs_to_previous_owner_before():
    undo = UndoLog(
        np.array([0]), np.array([day(10)]), np.array([HistoryField.SELLER]), np.array([3.0]), np.array([NAN])
    )
    table = make_deals((5, None, False, NAN), undo=undo)

    assert [known_at(table, day(day_of_month)).seller[0] for day_of_month in (9, 10)] == [3, 0]


def test_deleted_deal_is_known_before_its_deletion():
    table = make_deals((5, None, False, NAN), deleted=np.array([day(8)]))

    assert [known_at(table, day(day_of_month)).size for day_of_month in (7, 8)] == [1, 0]


def test_later_stage_visits_are_unknown():
    visits = StageVisits(np.array([0, 0]), np.array([0, 1]), np.array([day(5), day(9)]))

    assert known_at(make_deals((5, None, False, NAN), visits=visits), day(8)).visits.stage.tolist() == [0]


@pytest.mark.parametrize(
    "law",
    [CompanyLaw(), CompanyLaw(states_amounts=False, has_list_prices=True), CompanyLaw(direct=True)],
    ids=["plain", "listed", "direct"],
)
def test_known_at_is_equal_for_full_and_masked_table(law):
    """The masked table is what a database with only the data of that day would hold."""
    table, cut = simulate_company(law), last_day(month_of(START) + 9)
    is_later = table.closed > cut
    masked = replace(
        table,
        closed=np.where(is_later, NEVER, table.closed),
        won=table.won & ~is_later,
        worth=np.where(is_later, NAN, table.worth),
    ).select_rows(table.created <= cut)
    visits = masked.visits
    use = visits.day <= cut
    masked = replace(masked, visits=StageVisits(visits.row[use], visits.stage[use], visits.day[use]))

    assert is_same_table(known_at(table, cut), known_at(masked, cut))


def test_canonical_order_does_not_depend_on_row_order():
    table = simulate_company(CompanyLaw(months=6))
    permutation = np.random.default_rng(2).permutation(table.size)
    new_index = np.argsort(permutation)
    names = (
        "key",
        "stable_hash",
        "created",
        "closed",
        "deleted",
        "won",
        "seller",
        "product",
        "worth",
        "stated_worth",
        "gross",
        "price",
    )
    shuffled = replace(
        table,
        **{name: getattr(table, name)[permutation] for name in (*names, "stated_before_close", "expected_close")},
        visits=replace(table.visits, row=new_index[table.visits.row]),
    )

    assert is_same_table(sort_canonically(shuffled), table)
