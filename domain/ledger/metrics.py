"""What counts, and how a score follows a record.

A metric says what a record *as it stands* is worth, to whom, on which day. Whatever
happens to the record, `postings` is the only way its score changes: the difference of
two states. A new metric is one entry of METRICS: no SQL, no schema, no handler.
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
    """What a record is worth: `amount` in the metric's smallest unit, counted for `day`."""

    metric: str
    employee: int
    team: int
    day: date
    amount: int


@dataclass(frozen=True)
class Metric:
    """One thing that can be counted.

    of      the kind of record it looks at
    when    whether the record, as it stands, counts
    credit  to whom;  on  for which day of the company's calendar
    amount  in the smallest unit: a piece, a cent, a second; None has no part
    russian name and description in Russian; of the company's own there is only what it wrote
    grows   counted every minute while it grows: what is posted is what was added, and nothing is withdrawn for it
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
        """Return its name for people."""
        return self.russian[0] if self.russian and language == "ru" else self.name

    def described(self, language: str) -> str:
        """Return in a sentence what it counts."""
        return self.russian[1] if self.russian and language == "ru" else self.description

    def score(self, record: Facts | None) -> Score | None:
        """Return what the record as it stands is worth, or None when it does not count."""
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
        "What won deals bring in.",
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
        "What the clients' first wins bring in.",
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
        "What the wins after the clients' first bring in.",
        when=_won_repeat,
        amount=_value,
        russian=("Сумма повторных продаж", "Сколько приносят выигранные сделки после первой у клиента."),
    ),
    _of_win(
        "deals_won_profit",
        Unit.MONEY,
        "Deals won, profit",
        "What won deals bring in less their cost, where the cost is known.",
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

WORK: Final = "hours_worked"  # unlike all others, seen by nobody but the employee and those above

_BY_KIND: Final = {
    kind: tuple(metric for metric in METRICS.values() if metric.of is kind)
    for kind in (DealFacts, LeadFacts, ContactFacts, ClientFacts, CallFacts, TaskFacts, WorkFacts)
}


def of_company(key: str, unit: Unit, name: str, description: str) -> Metric:
    """Return a metric of the company's own: it counts the results recorded for its key."""
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
        return (of_company(record.metric, Unit.COUNT, record.metric, ""),)  # the unit has no part in the score
    return _BY_KIND[type(record)]


def postings(metric: Metric, before: Facts | None, after: Facts | None) -> list[Score]:
    """Return what to post so that the score follows the record.

    before, after  the record as it stood and as it stands; None where it did
                   not, or no longer, exist.
    returns        at most two scores, a withdrawal first; they always sum to
                   score(after) - score(before), so however often a deal is
                   reopened, repriced or handed over, its postings add up.
    """
    old, new = metric.score(before), metric.score(after)
    if old == new:
        return []
    if metric.grows and old and new and replace(old, amount=new.amount) == new:
        return [replace(new, amount=new.amount - old.amount)]
    return [*([replace(old, amount=-old.amount)] if old else []), *([new] if new else [])]


def all_postings(before: Facts | None, after: Facts | None) -> list[Score]:
    """Return the postings of every metric that looks at such a record."""
    metrics = {metric.key: metric for record in (before, after) if record is not None for metric in _concerned(record)}
    return [score for metric in metrics.values() for score in postings(metric, before, after)]
