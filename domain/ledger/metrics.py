"""Metrics: the catalogue of built-in metrics, and the ledger postings that follow from a change of a record.

A metric maps the current state of a record to an amount, a credited employee and a day.
`compute_postings` is the only way a score changes: it returns the difference between the
scores of two states of the record. A new metric is one entry of METRICS: no SQL, no schema,
no handler.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple

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
    RecordFacts,
    RefundFacts,
    ResultFacts,
    SaleKind,
    TaskFacts,
    WorkFacts,
)
from domain.permissions import Action
from domain.primitives.units import Unit


class Score(NamedTuple):
    """Contribution of one record to one metric.

    day, at  the day of the company's calendar that it counts for, and the instant
    amount   in the metric's smallest unit
    """

    metric: str
    employee_id: int
    team_id: int
    day: date
    amount: int
    at: datetime


@dataclass(frozen=True)
class Metric:
    """A metric: a number counted from records.

    facts_type        class of the facts it is computed from
    when              whether the record, in its current state, counts
    credit            employee and team that are credited
    moment            day of the company's calendar and instant that it counts for
    amount            in the smallest unit: a piece, a cent, a second; None contributes nothing
    posts_increments  the amount grows every minute: only the increase is posted, no earlier score is withdrawn
    private_action    the action that has to reach an employee for their part to be told; None: all that see
                      leaderboards may see it
    """

    key: str
    unit: Unit
    name: str
    description: str
    facts_type: type[RecordFacts] | None = None
    when: Callable[[Any], bool] = lambda record: True
    credit: Callable[[Any], Credit | None] = lambda record: record.creation_credit
    moment: Callable[[Any], Moment | None] = lambda record: record.created
    amount: Callable[[Any], int | None] = lambda record: 1
    posts_increments: bool = False
    private_action: Action | None = None

    def score(self, record: RecordFacts | None) -> Score | None:
        """Return the score of the record in its current state, or None when it does not count."""
        if record is None or not self.when(record):
            return None
        credit, moment, amount = self.credit(record), self.moment(record), self.amount(record)
        if credit is None or moment is None or not amount:
            return None
        return Score(self.key, credit.employee_id, credit.team_id, moment.day, amount, moment.at)


def _is_won(deal: DealFacts) -> bool:
    return deal.status is DealStatus.WON


def _is_first_sale(deal: DealFacts) -> bool:
    return _is_won(deal) and deal.sale_kind is SaleKind.FIRST


def _is_repeat_sale(deal: DealFacts) -> bool:
    return _is_won(deal) and deal.sale_kind is SaleKind.REPEAT


def _get_win_credit(deal: DealFacts) -> Credit | None:
    return deal.win_credit


def _get_closing_moment(deal: DealFacts) -> Moment | None:
    return deal.closed


def _get_value(deal: DealFacts) -> int | None:
    return deal.value


def _make_win_metric(key: str, unit: Unit, name: str, description: str, **overrides: Any) -> Metric:
    return Metric(
        key,
        unit,
        name,
        description,
        DealFacts,
        credit=_get_win_credit,
        moment=_get_closing_moment,
        **({"when": _is_won} | overrides),
    )


def _make_call_metric(key: str, unit: Unit, name: str, description: str, **overrides: Any) -> Metric:
    return Metric(
        key,
        unit,
        name,
        description,
        CallFacts,
        credit=lambda call: call.credit,
        moment=lambda call: call.made,
        **overrides,
    )


def _is_answered(call: CallFacts) -> bool:
    return call.outcome is CallOutcome.ANSWERED


def _index_by_key(*metrics: Metric) -> Mapping[str, Metric]:
    return MappingProxyType({metric.key: metric for metric in metrics})


METRICS: Final = _index_by_key(
    # won deals
    _make_win_metric(
        "deals_won",
        Unit.COUNT,
        "Deals won",
        "Won deals, on the day of the win.",
    ),
    _make_win_metric(
        "deals_won_amount",
        Unit.MONEY,
        "Deals won, amount",
        "Total value of won deals.",
        amount=_get_value,
    ),
    _make_win_metric(
        "first_deals_won",
        Unit.COUNT,
        "First sales",
        "Wins that are the client's first.",
        when=_is_first_sale,
    ),
    _make_win_metric(
        "first_deals_won_amount",
        Unit.MONEY,
        "First sales, amount",
        "Total value of the clients' first wins.",
        when=_is_first_sale,
        amount=_get_value,
    ),
    _make_win_metric(
        "repeat_deals_won",
        Unit.COUNT,
        "Repeat sales",
        "Wins after the client's first.",
        when=_is_repeat_sale,
    ),
    _make_win_metric(
        "repeat_deals_won_amount",
        Unit.MONEY,
        "Repeat sales, amount",
        "Total value of wins after the clients' first.",
        when=_is_repeat_sale,
        amount=_get_value,
    ),
    _make_win_metric(
        "deals_won_profit",
        Unit.MONEY,
        "Deals won, profit",
        "Total value of won deals less their cost, where the cost is known.",
        amount=lambda deal: deal.profit,
    ),
    # other events of deals and leads
    Metric(
        "deals_created",
        Unit.COUNT,
        "Deals created",
        "New deals, on the day of their creation.",
        DealFacts,
    ),
    Metric(
        "leads_created",
        Unit.COUNT,
        "New leads",
        "Incoming requests, on the day of their creation.",
        LeadFacts,
    ),
    Metric(
        "leads_converted",
        Unit.COUNT,
        "Leads converted",
        "Leads that became a deal, on that day.",
        LeadFacts,
        credit=lambda lead: lead.conversion_credit,
        moment=lambda lead: lead.converted,
    ),
    # the client base
    Metric(
        "contacts_added",
        Unit.COUNT,
        "Contacts added",
        "New people in the client base.",
        ContactFacts,
    ),
    Metric(
        "clients_added",
        Unit.COUNT,
        "Clients added",
        "New clients.",
        ClientFacts,
    ),
    # calls
    _make_call_metric(
        "calls_made",
        Unit.COUNT,
        "Calls made",
        "Every call, answered or not.",
    ),
    _make_call_metric(
        "calls_outbound",
        Unit.COUNT,
        "Outbound calls",
        "Calls that the employee made, answered or not.",
        when=lambda call: call.direction is CallDirection.OUTBOUND,
    ),
    _make_call_metric(
        "calls_answered",
        Unit.COUNT,
        "Calls answered",
        "Calls that were answered.",
        when=_is_answered,
    ),
    _make_call_metric(
        "call_hours",
        Unit.HOURS,
        "Hours on calls",
        "Time on answered calls.",
        when=_is_answered,
        amount=lambda call: call.seconds,
    ),
    # tasks and work time
    Metric(
        "tasks_completed",
        Unit.COUNT,
        "Tasks completed",
        "Tasks and assignments done, on the day of completion.",
        TaskFacts,
        credit=lambda task: task.completion_credit,
        moment=lambda task: task.completed,
    ),
    Metric(
        "hours_worked",
        Unit.HOURS,
        "Hours worked",
        "Time at work, by the heartbeats of the employee's client.",
        WorkFacts,
        credit=lambda work: work.credit,
        moment=lambda work: work.worked,
        amount=lambda work: work.seconds,
        posts_increments=True,
        private_action=Action.VIEW_WORK_TIME,
    ),
)

PRIVATE_METRICS: Final[Mapping[str, Action]] = MappingProxyType(
    {metric.key: metric.private_action for metric in METRICS.values() if metric.private_action is not None}
)  # by key, the action that reaches an employee's part of the metric


def _make_refund_metric(key: str, amount: Callable[[Any], int | None], sale_kind: SaleKind | None = None) -> Metric:
    """Return how a metric of won deals counts refunds: with the opposite sign, on their own day.

    sale_kind  that of the wins that the metric counts; None for all
    """
    return replace(
        METRICS[key],
        facts_type=RefundFacts,
        when=lambda refund: sale_kind is None or refund.sale_kind is sale_kind,
        credit=lambda refund: refund.credit,
        moment=lambda refund: refund.refunded,
        amount=amount,
    )


def _get_refunded_value(refund: RefundFacts) -> int | None:
    return -refund.value


_DERIVED_TYPES: Final[Sequence[type[RecordFacts]]] = (
    DealFacts, LeadFacts, ContactFacts, ClientFacts, CallFacts, TaskFacts, WorkFacts,
)  # fmt: skip
_METRICS_BY_FACTS_TYPE: Final = {
    facts_type: tuple(metric for metric in METRICS.values() if metric.facts_type is facts_type)
    for facts_type in _DERIVED_TYPES
}
_METRICS_BY_FACTS_TYPE[RefundFacts] = (
    _make_refund_metric("deals_won_amount", _get_refunded_value),
    _make_refund_metric("first_deals_won_amount", _get_refunded_value, SaleKind.FIRST),
    _make_refund_metric("repeat_deals_won_amount", _get_refunded_value, SaleKind.REPEAT),
    _make_refund_metric("deals_won_profit", lambda refund: None if refund.profit is None else -refund.profit),
)


def list_metric_keys(facts_type: type[RecordFacts]) -> frozenset[str]:
    """Return the keys of the metrics that are computed from records with these facts; not those of the company."""
    return frozenset(metric.key for metric in _METRICS_BY_FACTS_TYPE.get(facts_type, ()))


def make_company_metric(key: str, unit: Unit, name: str, description: str) -> Metric:
    """Return a metric defined by the company: it counts the results recorded for its key."""
    return Metric(
        key,
        unit,
        name,
        description,
        ResultFacts,
        when=lambda result: result.metric == key,
        credit=lambda result: result.credit,
        moment=lambda result: result.achieved,
        amount=lambda result: result.amount,
    )


def _find_metrics_for(record: RecordFacts) -> tuple[Metric, ...]:
    if isinstance(record, ResultFacts):
        return (make_company_metric(record.metric, Unit.COUNT, record.metric, ""),)  # unit and name do not matter here
    return _METRICS_BY_FACTS_TYPE[type(record)]


def compute_postings(metric: Metric, before: RecordFacts | None, after: RecordFacts | None) -> list[Score]:
    """Return the scores to post after a change of a record.

    before, after  facts before and after the change; None where the record did
                   not exist yet, or exists no longer
    returns        at most two scores, a withdrawal first; they always sum to
                   score(after) - score(before), so the postings of a deal add up
                   however often it is reopened, repriced or reassigned
    """
    old_score, new_score = metric.score(before), metric.score(after)
    if old_score == new_score:
        return []
    if metric.posts_increments and old_score and new_score:
        increment = new_score.amount - old_score.amount
        if old_score._replace(amount=new_score.amount, at=new_score.at) == new_score:
            return [new_score._replace(amount=increment)] if increment else []
    return [*([old_score._replace(amount=-old_score.amount)] if old_score else []), *([new_score] if new_score else [])]


def compute_all_postings(before: RecordFacts | None, after: RecordFacts | None) -> list[Score]:
    """Return the postings of every metric computed from this type of record."""
    if before is None and after is not None:  # a new record: nothing to withdraw
        return [score for metric in _find_metrics_for(after) if (score := metric.score(after)) is not None]
    metrics = {
        metric.key: metric for record in (before, after) if record is not None for metric in _find_metrics_for(record)
    }
    return [score for metric in metrics.values() for score in compute_postings(metric, before, after)]
