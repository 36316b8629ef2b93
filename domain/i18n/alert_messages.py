"""Alert messages in English and Russian."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from domain.alerts.rules import AlertKind
from domain.i18n.activity_summaries import format_count, format_money
from domain.primitives.periods import Period, PeriodKind

AlertData = Mapping[str, Any]
_Formatter = Callable[[AlertData, bool], str]


def format_alert(kind: AlertKind, data: AlertData, language: str) -> str:
    """Return the sentence of an alert. Any language but "ru" is answered in English.

    data  `who`: the name of the employee, team or company concerned; and what the kind needs: title,
          amount and currency, reason, problem, due (local time, "2026-11-18T10:00"), days, percent and expected
    """
    russian = language == "ru"
    return f"{data['who']}: {_FORMATTERS[kind](data, russian)}"


def format_title(count: int, language: str) -> str:
    """Return the title of a message with `count` alerts."""
    russian = language == "ru"
    return f"Scoreline: {format_count(count, ('alert', 'alerts'), ('оповещение', 'оповещения', 'оповещений'), russian)}"


def join_sentences(sentences: Sequence[str]) -> str:
    """Join sentences into one text, a bulleted line each if there are several."""
    return sentences[0] if len(sentences) == 1 else "\n".join(f"• {sentence}" for sentence in sentences)


def append_resolved_note(sentence: str, language: str) -> str:
    """Return the sentence of an alert that was resolved before its message was sent."""
    return f"{sentence} ({'уже решено' if language == 'ru' else 'settled since'})"


def _quote_title(data: AlertData, russian: bool) -> str:
    title = data.get("title", "")
    return f"«{title}»" if russian else f"“{title}”"


def _format_amount(data: AlertData, russian: bool) -> str:
    return (
        f", {format_money(data['amount'], data.get('currency', ''), russian)}" if data.get("amount") is not None else ""
    )


def _format_lost_deal(data: AlertData, russian: bool) -> str:
    start = f"{'проиграна сделка' if russian else 'deal lost:'} {_quote_title(data, russian)}{_format_amount(data, russian)}"
    return f"{start}: {data['reason']}" if data.get("reason") else start


def _format_deal_problem(data: AlertData, russian: bool) -> str:
    start = "проблема со сделкой" if russian else "problem with deal"
    return f"{start} {_quote_title(data, russian)}{_format_amount(data, russian)}: {data['problem']}"


def _format_stalled_deal(data: AlertData, russian: bool) -> str:
    days = format_count(data["days"], ("day", "days"), ("день", "дня", "дней"), russian)
    title, amount = _quote_title(data, russian), _format_amount(data, russian)
    if russian:
        return f"по сделке {title}{amount} больше ничего не происходит: {days}"
    return f"nothing has happened with deal {title}{amount} for {days}"


def _format_due(data: AlertData, russian: bool) -> str:
    if not data.get("due"):
        return ""
    due = datetime.fromisoformat(data["due"])
    day = Period(due.date(), due.date(), PeriodKind.DAY).label("ru" if russian else "en")
    return f"{', срок' if russian else ', due'} {day}, {due:%H:%M}"


def _format_overdue_task(data: AlertData, russian: bool) -> str:
    return f"{'просрочена задача' if russian else 'task overdue:'} {_quote_title(data, russian)}{_format_due(data, russian)}"


def _format_overdue_assignment(data: AlertData, russian: bool) -> str:
    start = "поручение не выполнено в срок:" if russian else "assignment not done in time:"
    return f"{start} {_quote_title(data, russian)}{_format_due(data, russian)}"


def _format_goal_behind(data: AlertData, russian: bool) -> str:
    percent, expected = data["percent"], data["expected"]
    russian_forms = ("пункт", "пункта", "пунктов")
    difference = format_count(expected - percent, ("percentage point", "percentage points"), russian_forms, russian)
    if russian:
        return f"цель {_quote_title(data, True)} отстаёт на {difference}: {percent} % вместо {expected} %"
    return f"goal {_quote_title(data, False)} is {difference} behind: {percent}% instead of {expected}%"


def _format_goal_achieved(data: AlertData, russian: bool) -> str:
    return f"{'достигнута цель' if russian else 'goal achieved:'} {_quote_title(data, russian)}"


def _format_no_activity(data: AlertData, russian: bool) -> str:
    russian_forms = ("рабочий день", "рабочих дня", "рабочих дней")
    days = format_count(data["days"], ("working day", "working days"), russian_forms, russian)
    return f"ничего не записано: {days}" if russian else f"nothing recorded for {days}"


_FORMATTERS: Final[Mapping[AlertKind, _Formatter]] = {
    AlertKind.DEAL_LOST: _format_lost_deal,
    AlertKind.DEAL_HAS_PROBLEMS: _format_deal_problem,
    AlertKind.DEAL_STALLED: _format_stalled_deal,
    AlertKind.TASK_OVERDUE: _format_overdue_task,
    AlertKind.ASSIGNMENT_OVERDUE: _format_overdue_assignment,
    AlertKind.GOAL_BEHIND: _format_goal_behind,
    AlertKind.GOAL_ACHIEVED: _format_goal_achieved,
    AlertKind.NO_ACTIVITY: _format_no_activity,
}
