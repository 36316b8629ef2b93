"""Metrics: the catalogue of built-in metrics, and the ledger postings that follow from a change of a record.

A metric maps the current state of a record to an amount, a credited employee and a day.
`compute_postings` is the only way a score changes: it returns the difference between the
scores of two states of the record. A new metric is one entry of METRICS: no SQL, no schema,
no handler.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType
from typing import Any, Final

from domain.ledger.record_facts import (
    CallFacts,
    CallOutcome,
    ClientFacts,
    ContactFacts,
    Credit,
    DealFacts,
    DealStatus,
    Facts,
    LeadFacts,
    ResultFacts,
    SaleKind,
    TaskFacts,
    WorkFacts,
)
from domain.primitives.units import Unit


@dataclass(frozen=True, slots=True)
class Score:
    """Contribution of one record to one metric: `amount` in the metric's smallest unit, counted for `day`."""

    metric: str
    employee: int
    team: int
    day: date
    amount: int


@dataclass(frozen=True)
class Metric:
    """A metric: a number counted from records.

    facts_type        class of the facts it is computed from
    when              whether the record, in its current state, counts
    credit            employee and team that are credited
    day               day of the company's calendar it counts on
    amount            in the smallest unit: a piece, a cent, a second; None contributes nothing
    russian_texts     name and description in Russian; None for a company metric, shown as the company wrote it
    posts_increments  the amount grows every minute: only the increase is posted, no earlier score is withdrawn
    """

    key: str
    unit: Unit
    name: str
    description: str
    of: type[Facts] | None = None
    when: Callable[[Any], bool] = lambda record: True
    credit: Callable[[Any], Credit | None] = lambda record: record.opened
    on: Callable[[Any], date | None] = lambda record: record.created_on
    amount: Callable[[Any], int | None] = lambda record: 1
    russian: tuple[str, str] | None = None
    grows: bool = False

    def called(self, language: str) -> str:
        """Return the display name in the language."""
        return self.russian[0] if self.russian and language == "ru" else self.name

    def described(self, language: str) -> str:
        """Return the description in the language, one sentence."""
        return self.russian[1] if self.russian and language == "ru" else self.description

    def score(self, record: Facts | None) -> Score | None:
        """Return the score of the record in its current state, or None when it does not count."""
        if record is None or not self.when(record):
            return None
        credit, day, amount = self.credit(record), self.on(record), self.amount(record)
        if credit is None or day is None or not amount:
            return None
        return Score(self.key, credit.employee, credit.team, day, amount)


def _won(deal: DealFacts) -> bool:
    return deal.status is DealStatus.WON


def _won_first(deal: DealFacts) -> bool:
    return _won(deal) and deal.sale_kind is SaleKind.FIRST


def _won_repeat(deal: DealFacts) -> bool:
    return _won(deal) and deal.sale_kind is SaleKind.REPEAT


def _winner(deal: DealFacts) -> Credit | None:
    return deal.won


def _closing_day(deal: DealFacts) -> date | None:
    return deal.closed_on


def _value(deal: DealFacts) -> int | None:
    return deal.value


def _of_win(key: str, unit: Unit, name: str, description: str, **how: Any) -> Metric:
    return Metric(key, unit, name, description, DealFacts, credit=_winner, on=_closing_day, **({"when": _won} | how))


def _of_call(key: str, unit: Unit, name: str, description: str, **how: Any) -> Metric:
    return Metric(
        key, unit, name, description, CallFacts, credit=lambda call: call.caller, on=lambda call: call.made_on, **how
    )


def _answered(call: CallFacts) -> bool:
    return call.outcome is CallOutcome.ANSWERED


def _catalogue(*metrics: Metric) -> Mapping[str, Metric]:
    return MappingProxyType({metric.key: metric for metric in metrics})


METRICS: Final = _catalogue(
    _of_win(
        "deals_won",
        Unit.COUNT,
        "Deals won",
        "Won deals, on the day of the win.",
        russian=("Выигранные сделки", "Выигранные сделки, в день выигрыша."),
    ),
    _of_win(
        "deals_won_amount",
        Unit.MONEY,
        "Deals won, amount",
        "Total value of won deals.",
        amount=_value,
        russian=("Сумма выигранных сделок", "Сколько приносят выигранные сделки."),
    ),
    _of_win(
        "first_deals_won",
        Unit.COUNT,
        "First sales",
        "Wins that are the client's first.",
        when=_won_first,
        russian=("Первые продажи", "Выигранные сделки, первые у клиента."),
    ),
    _of_win(
        "first_deals_won_amount",
        Unit.MONEY,
        "First sales, amount",
        "Total value of the clients' first wins.",
        when=_won_first,
        amount=_value,
        russian=("Сумма первых продаж", "Сколько приносят первые выигранные сделки клиентов."),
    ),
    _of_win(
        "repeat_deals_won",
        Unit.COUNT,
        "Repeat sales",
        "Wins after the client's first.",
        when=_won_repeat,
        russian=("Повторные продажи", "Выигранные сделки после первой у клиента."),
    ),
    _of_win(
        "repeat_deals_won_amount",
        Unit.MONEY,
        "Repeat sales, amount",
        "Total value of wins after the clients' first.",
        when=_won_repeat,
        amount=_value,
        russian=("Сумма повторных продаж", "Сколько приносят выигранные сделки после первой у клиента."),
    ),
    _of_win(
        "deals_won_profit",
        Unit.MONEY,
        "Deals won, profit",
        "Total value of won deals less their cost, where the cost is known.",
        amount=lambda deal: deal.profit,
        russian=(
            "Прибыль выигранных сделок",
            "Сколько приносят выигранные сделки за вычетом себестоимости, где она известна.",
        ),
    ),
    Metric(
        "deals_created",
        Unit.COUNT,
        "Deals created",
        "New deals, on the day of their creation.",
        DealFacts,
        russian=("Новые сделки", "Сделки, в день их создания."),
    ),
    Metric(
        "leads_created",
        Unit.COUNT,
        "New leads",
        "Incoming requests, on the day of their creation.",
        LeadFacts,
        russian=("Новые заявки", "Входящие заявки, в день их создания."),
    ),
    Metric(
        "leads_converted",
        Unit.COUNT,
        "Leads converted",
        "Leads that became a deal, on that day.",
        LeadFacts,
        credit=lambda lead: lead.converted,
        on=lambda lead: lead.converted_on,
        russian=("Заявки, ставшие сделками", "Заявки, ставшие сделкой, в этот день."),
    ),
    Metric(
        "contacts_added",
        Unit.COUNT,
        "Contacts added",
        "New people in the client base.",
        ContactFacts,
        russian=("Новые контакты", "Новые люди в клиентской базе."),
    ),
    Metric(
        "clients_added",
        Unit.COUNT,
        "Clients added",
        "New clients.",
        ClientFacts,
        russian=("Новые клиенты", "Новые клиенты."),
    ),
    _of_call(
        "calls_made",
        Unit.COUNT,
        "Calls made",
        "Every call, answered or not.",
        russian=("Звонки", "Все звонки, с ответом и без."),
    ),
    _of_call(
        "calls_answered",
        Unit.COUNT,
        "Calls answered",
        "Calls that were answered.",
        when=_answered,
        russian=("Звонки с ответом", "Звонки, на которые ответили."),
    ),
    _of_call(
        "call_hours",
        Unit.HOURS,
        "Hours on calls",
        "Time on answered calls.",
        when=_answered,
        amount=lambda call: call.seconds,
        russian=("Часы разговоров", "Время звонков с ответом."),
    ),
    Metric(
        "tasks_completed",
        Unit.COUNT,
        "Tasks completed",
        "Tasks and assignments done, on the day of completion.",
        TaskFacts,
        credit=lambda task: task.done_by,
        on=lambda task: task.completed_on,
        russian=("Выполненные задачи", "Выполненные задачи и поручения, в день выполнения."),
    ),
    Metric(
        "hours_worked",
        Unit.HOURS,
        "Hours worked",
        "Time at work, by the heartbeats of the employee's client.",
        WorkFacts,
        credit=lambda work: work.worker,
        on=lambda work: work.worked_on,
        amount=lambda work: work.seconds,
        grows=True,
        russian=("Отработанные часы", "Время за работой: пока программой сотрудника пользуются."),
    ),
)

WORK: Final = "hours_worked"  # unlike all other metrics, visible only to the employee and the managers above

_BY_KIND: Final = {
    kind: tuple(metric for metric in METRICS.values() if metric.of is kind)
    for kind in (DealFacts, LeadFacts, ContactFacts, ClientFacts, CallFacts, TaskFacts, WorkFacts)
}


def of_company(key: str, unit: Unit, name: str, description: str) -> Metric:
    """Return a metric defined by the company: it counts the results recorded for its key."""
    return Metric(
        key,
        unit,
        name,
        description,
        ResultFacts,
        when=lambda result: result.metric == key,
        credit=lambda result: result.achieved_by,
        on=lambda result: result.achieved_on,
        amount=lambda result: result.amount,
    )


def _concerned(record: Facts) -> tuple[Metric, ...]:
    if isinstance(record, ResultFacts):
        return (of_company(record.metric, Unit.COUNT, record.metric, ""),)  # unit and name do not matter here
    return _BY_KIND[type(record)]


def postings(metric: Metric, before: Facts | None, after: Facts | None) -> list[Score]:
    """Return the scores to post after a change of a record.

    before, after  facts before and after the change; None where the record did
                   not exist yet, or exists no longer
    returns        at most two scores, a withdrawal first; they always sum to
                   score(after) - score(before), so the postings of a deal add up
                   however often it is reopened, repriced or reassigned
    """
    old, new = metric.score(before), metric.score(after)
    if old == new:
        return []
    if metric.grows and old and new and replace(old, amount=new.amount) == new:
        return [replace(new, amount=new.amount - old.amount)]
    return [*([replace(old, amount=-old.amount)] if old else []), *([new] if new else [])]


def all_postings(before: Facts | None, after: Facts | None) -> list[Score]:
    """Return the postings of every metric computed from this type of record."""
    metrics = {metric.key: metric for record in (before, after) if record is not None for metric in _concerned(record)}
    return [score for metric in metrics.values() for score in postings(metric, before, after)]
