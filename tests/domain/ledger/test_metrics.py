"""Metrics and postings: after any edits, the postings of a record sum to the score of its current state."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.ledger.metrics import (
    METRICS,
    PRIVATE_METRICS,
    Score,
    compute_all_postings,
    compute_postings,
    make_company_metric,
)
from domain.ledger.record_facts import (
    CallDirection,
    CallFacts,
    CallOutcome,
    ClientFacts,
    ContactFacts,
    Credit,
    DealFacts,
    DealStatus,
    LeadFacts,
    Moment,
    RefundFacts,
    ResultFacts,
    SaleKind,
    TaskFacts,
    WorkFacts,
)
from domain.permissions import Action
from domain.primitives.units import Unit

ANNA, BORIS = Credit(1, 10), Credit(2, 20)
MONDAY, TUESDAY = [Moment(date(2026, 11, day), datetime(2026, 11, day, 12, tzinfo=UTC)) for day in (23, 24)]
MONDAY_EVENING = Moment(MONDAY.day, MONDAY.at + timedelta(hours=6))

credit_strategy = st.sampled_from([ANNA, BORIS, Credit(1, 0)])
moment_strategy = st.sampled_from([MONDAY, MONDAY_EVENING, TUESDAY])
amount_strategy = st.integers(-5, 5)
deal_strategy = st.builds(
    DealFacts,
    st.just(7),
    credit_strategy,
    moment_strategy,
    st.sampled_from(DealStatus),
    st.none() | credit_strategy,
    st.none() | moment_strategy,
    st.none() | amount_strategy,
    st.none() | amount_strategy,
    st.none() | st.sampled_from(SaleKind),
)
FACTS_STRATEGIES = {
    DealFacts: deal_strategy,
    LeadFacts: st.builds(
        LeadFacts,
        st.just(7),
        credit_strategy,
        moment_strategy,
        st.none() | credit_strategy,
        st.none() | moment_strategy,
    ),
    ContactFacts: st.builds(ContactFacts, st.just(7), credit_strategy, moment_strategy),
    ClientFacts: st.builds(ClientFacts, st.just(7), credit_strategy, moment_strategy),
    CallFacts: st.builds(
        CallFacts, st.just(7), credit_strategy, moment_strategy, st.sampled_from(CallOutcome), st.integers(0, 9)
    ),
    TaskFacts: st.builds(TaskFacts, st.just(7), st.none() | credit_strategy, st.none() | moment_strategy),
    ResultFacts: st.builds(
        ResultFacts, st.just(7), st.sampled_from(["nps", "visits"]), credit_strategy, moment_strategy, amount_strategy
    ),
}


def sum_scores(scores):
    sums = Counter()
    for score in scores:
        sums[score.metric, score.employee_id, score.team_id, score.day, score.at] += score.amount
    return {key: amount for key, amount in sums.items() if amount}


def make_won_deal(**fields):
    return DealFacts(
        **{
            "id": 7, "creation_credit": ANNA, "created": MONDAY, "status": DealStatus.WON, "win_credit": ANNA, "closed": MONDAY,
            "value": 500, "profit": 200, "sale_kind": SaleKind.FIRST,
        }
        | fields
    )  # fmt: skip


@pytest.mark.parametrize("facts_type", FACTS_STRATEGIES, ids=lambda kind: kind.__name__)
@for_all(data=st.data())
def test_postings_sum_to_current_score_after_any_edits(facts_type, data):
    states = data.draw(st.lists(st.none() | FACTS_STRATEGIES[facts_type], min_size=1, max_size=6))

    posted = [score for before, after in pairwise([None, *states]) for score in compute_all_postings(before, after)]

    assert sum_scores(posted) == sum_scores(compute_all_postings(None, states[-1]))


@for_all(deal_strategy)
def test_postings_are_empty_when_facts_are_unchanged(deal):
    assert compute_all_postings(deal, deal) == []


@for_all(deal_strategy)
def test_postings_sum_to_zero_when_record_is_deleted(deal):
    assert sum_scores([*compute_all_postings(None, deal), *compute_all_postings(deal, None)]) == {}


def test_postings_count_first_win_as_win_and_first_sale():
    amounts = {score.metric: score.amount for score in compute_all_postings(None, make_won_deal())}

    assert amounts == {
        "deals_created": 1,
        "deals_won": 1,
        "deals_won_amount": 500,
        "deals_won_profit": 200,
        "first_deals_won": 1,
        "first_deals_won_amount": 500,
    }


REPEAT_WIN = DealFacts(7, ANNA, MONDAY, DealStatus.WON, BORIS, TUESDAY, 500, 200, SaleKind.REPEAT)


@pytest.mark.parametrize(
    ("record", "scores"),
    [
        pytest.param(
            REPEAT_WIN,
            {
                "deals_created": (ANNA, MONDAY, 1),
                "deals_won": (BORIS, TUESDAY, 1),
                "deals_won_amount": (BORIS, TUESDAY, 500),
                "deals_won_profit": (BORIS, TUESDAY, 200),
                "repeat_deals_won": (BORIS, TUESDAY, 1),
                "repeat_deals_won_amount": (BORIS, TUESDAY, 500),
            },
            id="deal",
        ),
        pytest.param(
            RefundFacts(7, BORIS, TUESDAY, 300, 120, SaleKind.REPEAT),
            {
                "deals_won_amount": (BORIS, TUESDAY, -300),
                "deals_won_profit": (BORIS, TUESDAY, -120),
                "repeat_deals_won_amount": (BORIS, TUESDAY, -300),
            },
            id="refund of a repeat sale",
        ),
        pytest.param(
            RefundFacts(7, ANNA, MONDAY, 300, None, SaleKind.FIRST),
            {
                "deals_won_amount": (ANNA, MONDAY, -300),
                "first_deals_won_amount": (ANNA, MONDAY, -300),
            },
            id="refund of a first sale without cost",
        ),
        pytest.param(
            LeadFacts(7, ANNA, MONDAY, BORIS, TUESDAY),
            {"leads_created": (ANNA, MONDAY, 1), "leads_converted": (BORIS, TUESDAY, 1)},
            id="lead",
        ),
        pytest.param(ContactFacts(7, ANNA, MONDAY), {"contacts_added": (ANNA, MONDAY, 1)}, id="contact"),
        pytest.param(ClientFacts(7, ANNA, MONDAY), {"clients_added": (ANNA, MONDAY, 1)}, id="client"),
        pytest.param(
            CallFacts(7, BORIS, TUESDAY, CallOutcome.ANSWERED, 90),
            {
                "calls_made": (BORIS, TUESDAY, 1),
                "calls_outbound": (BORIS, TUESDAY, 1),
                "calls_answered": (BORIS, TUESDAY, 1),
                "call_hours": (BORIS, TUESDAY, 90),
            },
            id="outbound call",
        ),
        pytest.param(
            CallFacts(7, ANNA, MONDAY, CallOutcome.BUSY, 5, CallDirection.INBOUND),
            {"calls_made": (ANNA, MONDAY, 1)},
            id="inbound call",
        ),
        pytest.param(TaskFacts(7, BORIS, TUESDAY), {"tasks_completed": (BORIS, TUESDAY, 1)}, id="task"),
        pytest.param(ResultFacts(7, "nps", BORIS, TUESDAY, 9), {"nps": (BORIS, TUESDAY, 9)}, id="result"),
        pytest.param(
            WorkFacts(7, ANNA, MONDAY_EVENING, 60), {"hours_worked": (ANNA, MONDAY_EVENING, 60)}, id="day at work"
        ),
    ],
)
def test_record_scores_for_its_employee_and_day_in_each_of_its_metrics(record, scores):
    posted = compute_all_postings(None, record)

    expected = [
        Score(metric, credit.employee_id, credit.team_id, moment.day, amount, moment.at)
        for metric, (credit, moment, amount) in scores.items()
    ]
    assert sorted(posted, key=lambda score: score.metric) == sorted(expected, key=lambda score: score.metric)


def test_working_time_alone_is_private():
    assert PRIVATE_METRICS == {"hours_worked": Action.VIEW_WORK_TIME}


def test_postings_skip_profit_but_keep_revenue_when_cost_is_unknown():
    amounts = {score.metric: score.amount for score in compute_all_postings(None, make_won_deal(profit=None))}

    assert "deals_won_profit" not in amounts
    assert amounts["deals_won_amount"] == 500


def test_profit_metric_is_negative_when_cost_exceeds_value():
    assert METRICS["deals_won_profit"].score(make_won_deal(profit=-50)).amount == -50


def test_postings_withdraw_old_amount_first_when_price_changes():
    posted = compute_postings(METRICS["deals_won_amount"], make_won_deal(), make_won_deal(value=300))

    assert [score.amount for score in posted] == [-500, 300]


def test_postings_move_win_between_employees_when_credit_moves():
    posted = compute_all_postings(make_won_deal(), make_won_deal(win_credit=BORIS))

    assert sum_scores(score for score in posted if score.metric == "deals_won") == {
        ("deals_won", 1, 10, *MONDAY): -1,
        ("deals_won", 2, 20, *MONDAY): 1,
    }


def test_postings_move_win_to_new_day_when_closing_day_changes():
    posted = compute_postings(METRICS["deals_won"], make_won_deal(), make_won_deal(closed=TUESDAY))

    assert [(score.day, score.amount) for score in posted] == [(MONDAY.day, -1), (TUESDAY.day, 1)]


def test_postings_move_win_to_new_time_when_only_closing_time_changes():
    posted = compute_postings(METRICS["deals_won"], make_won_deal(), make_won_deal(closed=MONDAY_EVENING))

    assert [(score.day, score.at, score.amount) for score in posted] == [(*MONDAY, -1), (*MONDAY_EVENING, 1)]


def test_work_time_posts_increments_that_count_when_they_were_worked():
    noon, evening = WorkFacts(7, ANNA, MONDAY, 60), WorkFacts(7, ANNA, MONDAY_EVENING, 150)

    posted = compute_postings(METRICS["hours_worked"], noon, evening)

    assert [(score.at, score.amount) for score in posted] == [(MONDAY_EVENING.at, 90)]


def test_postings_move_win_to_repeat_sales_when_sale_kind_changes():
    posted = compute_all_postings(make_won_deal(), make_won_deal(sale_kind=SaleKind.REPEAT))

    amounts = {score.metric: score.amount for score in posted}
    assert amounts.keys().isdisjoint({"deals_won", "deals_won_amount", "deals_won_profit", "deals_created"})
    assert (amounts["first_deals_won"], amounts["first_deals_won_amount"]) == (-1, -500)
    assert (amounts["repeat_deals_won"], amounts["repeat_deals_won_amount"]) == (1, 500)


@pytest.mark.parametrize("outcome", CallOutcome)
def test_call_metrics_count_duration_only_when_answered(outcome):
    call, is_answered = CallFacts(7, ANNA, MONDAY, outcome, 90), outcome is CallOutcome.ANSWERED

    scores = [METRICS[key].score(call) for key in ("calls_made", "calls_answered", "call_hours")]

    assert [score.amount if score else None for score in scores] == ([1, 1, 90] if is_answered else [1, None, None])


def test_company_metric_scores_only_its_own_results():
    nps = make_company_metric("nps", Unit.COUNT, "NPS", "")

    assert nps.score(ResultFacts(7, "nps", ANNA, MONDAY, 9)).amount == 9
    assert nps.score(ResultFacts(7, "visits", ANNA, MONDAY, 9)) is None


def test_metrics_are_indexed_by_their_keys():
    assert all(key == metric.key for key, metric in METRICS.items())
    assert {"deals_won", "deals_won_amount", "call_hours", "hours_worked", "tasks_completed"} <= METRICS.keys()
