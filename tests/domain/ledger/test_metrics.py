"""Metrics and postings: after any edits, the postings of a record sum to the score of its current state."""

from __future__ import annotations

from collections import Counter
from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ledger.metrics import METRICS, all_postings, of_company, postings
from domain.ledger.record_facts import (
    CallFacts,
    CallOutcome,
    ClientFacts,
    ContactFacts,
    Credit,
    DealFacts,
    DealStatus,
    LeadFacts,
    ResultFacts,
    SaleKind,
    TaskFacts,
)
from domain.primitives.units import Unit

ANNA, BORIS = Credit(1, 10), Credit(2, 20)
MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)

credits_ = st.sampled_from([ANNA, BORIS, Credit(1, 0)])
days = st.sampled_from([MONDAY, TUESDAY])
amounts = st.integers(-5, 5)
deals = st.builds(
    DealFacts,
    st.just(7),
    credits_,
    days,
    st.sampled_from(DealStatus),
    st.none() | credits_,
    st.none() | days,
    st.none() | amounts,
    st.none() | amounts,
    st.none() | st.sampled_from(SaleKind),
)
RECORDS = {
    DealFacts: deals,
    LeadFacts: st.builds(LeadFacts, st.just(7), credits_, days, st.none() | credits_, st.none() | days),
    ContactFacts: st.builds(ContactFacts, st.just(7), credits_, days),
    ClientFacts: st.builds(ClientFacts, st.just(7), credits_, days),
    CallFacts: st.builds(CallFacts, st.just(7), credits_, days, st.sampled_from(CallOutcome), st.integers(0, 9)),
    TaskFacts: st.builds(TaskFacts, st.just(7), st.none() | credits_, st.none() | days),
    ResultFacts: st.builds(ResultFacts, st.just(7), st.sampled_from(["nps", "visits"]), credits_, days, amounts),
}


def added_up(scores):
    sums = Counter()
    for score in scores:
        sums[score.metric, score.employee, score.team, score.day] += score.amount
    return {key: amount for key, amount in sums.items() if amount}


def won(**how):
    return DealFacts(
        **{
            "id": 7, "opened": ANNA, "created_on": MONDAY, "status": DealStatus.WON, "won": ANNA, "closed_on": MONDAY,
            "value": 500, "profit": 200, "sale_kind": SaleKind.FIRST,
        }
        | how
    )  # fmt: skip


@pytest.mark.parametrize("kind", RECORDS, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_any_history_of_edits_adds_up_to_the_record_as_it_stands(kind, data):
    states = data.draw(st.lists(st.none() | RECORDS[kind], min_size=1, max_size=6))

    posted = [score for before, after in pairwise([None, *states]) for score in all_postings(before, after)]

    assert added_up(posted) == added_up(all_postings(None, states[-1]))


@given(deals)
def test_an_edit_that_changes_nothing_posts_nothing(deal):
    assert all_postings(deal, deal) == []


@given(deals)
def test_a_deleted_record_leaves_nothing_behind(deal):
    assert added_up([*all_postings(None, deal), *all_postings(deal, None)]) == {}


def test_a_first_win_counts_as_a_win_and_as_a_first_sale():
    worth = {score.metric: score.amount for score in all_postings(None, won())}

    assert worth == {
        "deals_created": 1,
        "deals_won": 1,
        "deals_won_amount": 500,
        "deals_won_profit": 200,
        "first_deals_won": 1,
        "first_deals_won_amount": 500,
    }


def test_an_unknown_cost_has_no_part_in_profit_and_does_not_touch_revenue():
    worth = {score.metric: score.amount for score in all_postings(None, won(profit=None))}

    assert "deals_won_profit" not in worth
    assert worth["deals_won_amount"] == 500


def test_a_loss_on_a_deal_is_negative_profit():
    assert METRICS["deals_won_profit"].score(won(profit=-50)).amount == -50


def test_a_new_price_takes_the_old_back_before_it_posts_the_new():
    posted = postings(METRICS["deals_won_amount"], won(), won(value=300))

    assert [score.amount for score in posted] == [-500, 300]


def test_moved_credit_is_taken_from_one_and_given_to_the_other():
    posted = all_postings(won(), won(won=BORIS))

    assert added_up(score for score in posted if score.metric == "deals_won") == {
        ("deals_won", 1, 10, MONDAY): -1,
        ("deals_won", 2, 20, MONDAY): 1,
    }


def test_another_day_moves_the_win_to_that_day():
    posted = postings(METRICS["deals_won"], won(), won(closed_on=TUESDAY))

    assert [(score.day, score.amount) for score in posted] == [(MONDAY, -1), (TUESDAY, 1)]


def test_a_later_first_sale_posts_the_affected_deal_again():
    posted = added_up(all_postings(won(), won(sale_kind=SaleKind.REPEAT)))

    assert {key[0]: amount for key, amount in posted.items()} == {
        "first_deals_won": -1,
        "first_deals_won_amount": -500,
        "repeat_deals_won": 1,
        "repeat_deals_won_amount": 500,
    }


@pytest.mark.parametrize("outcome", CallOutcome)
def test_every_call_is_made_and_only_answered_ones_have_a_length(outcome):
    worth = {score.metric: score.amount for score in all_postings(None, CallFacts(7, ANNA, MONDAY, outcome, 90))}

    answered = {"calls_answered": 1, "call_hours": 90} if outcome is CallOutcome.ANSWERED else {}
    assert worth == {"calls_made": 1} | answered


def test_a_result_counts_for_its_own_metric_only():
    nps = of_company("nps", Unit.COUNT, "NPS", "")

    assert nps.score(ResultFacts(7, "nps", ANNA, MONDAY, 9)).amount == 9
    assert nps.score(ResultFacts(7, "visits", ANNA, MONDAY, 9)) is None


def test_the_catalogue_names_each_metric_by_its_key():
    assert all(key == metric.key for key, metric in METRICS.items())
    assert {"deals_won", "deals_won_amount", "call_hours", "hours_worked", "tasks_completed"} <= METRICS.keys()
