"""Alert messages in English and Russian."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from domain.alerts.rules import AlertKind
from domain.i18n.activity_summaries import counted, money
from domain.primitives.periods import Period, PeriodKind

Data = Mapping[str, Any]
_Write = Callable[[Data, bool], str]


def message(kind: AlertKind, data: Data, language: str) -> str:
    """Return the sentence of an alert. Any language but "ru" is answered in English.

    data  `who`: the name of the employee, team or company concerned; and what the kind needs: title,
          amount and currency, reason, problem, due (local time, "2026-11-18T10:00"), days, percent and expected
    """
    russian = language == "ru"
    return f"{data['who']}: {_SENTENCES[kind](data, russian)}"


def heading(alerts: int, language: str) -> str:
    """Return the title of a message with `count` alerts."""
    russian = language == "ru"
    return f"Scoreline: {counted(alerts, ('alert', 'alerts'), ('оповещение', 'оповещения', 'оповещений'), russian)}"


def together(sentences: Sequence[str]) -> str:
    """Join sentences into one text, a bulleted line each if there are several."""
    return sentences[0] if len(sentences) == 1 else "\n".join(f"• {sentence}" for sentence in sentences)


def settled(sentence: str, language: str) -> str:
    """Return the sentence of an alert that was resolved before its message was sent."""
    return f"{sentence} ({'уже решено' if language == 'ru' else 'settled since'})"


def _title(data: Data, russian: bool) -> str:
    title = data.get("title", "")
    return f"«{title}»" if russian else f"“{title}”"


def _worth(data: Data, russian: bool) -> str:
    return f", {money(data['amount'], data.get('currency', ''), russian)}" if data.get("amount") is not None else ""


def _lost(data: Data, russian: bool) -> str:
    start = f"{'проиграна сделка' if russian else 'deal lost:'} {_title(data, russian)}{_worth(data, russian)}"
    return f"{start}: {data['reason']}" if data.get("reason") else start


def _problem(data: Data, russian: bool) -> str:
    start = "проблема со сделкой" if russian else "problem with deal"
    return f"{start} {_title(data, russian)}{_worth(data, russian)}: {data['problem']}"


def _stalled(data: Data, russian: bool) -> str:
    days = counted(data["days"], ("day", "days"), ("день", "дня", "дней"), russian)
    title, worth = _title(data, russian), _worth(data, russian)
    if russian:
        return f"по сделке {title}{worth} больше ничего не происходит: {days}"
    return f"nothing has happened with deal {title}{worth} for {days}"


def _due(data: Data, russian: bool) -> str:
    if not data.get("due"):
        return ""
    due = datetime.fromisoformat(data["due"])
    day = Period(due.date(), due.date(), PeriodKind.DAY).label("ru" if russian else "en")
    return f"{', срок' if russian else ', due'} {day}, {due:%H:%M}"


def _task(data: Data, russian: bool) -> str:
    return f"{'просрочена задача' if russian else 'task overdue:'} {_title(data, russian)}{_due(data, russian)}"


def _assignment(data: Data, russian: bool) -> str:
    start = "поручение не выполнено в срок:" if russian else "assignment not done in time:"
    return f"{start} {_title(data, russian)}{_due(data, russian)}"


def _behind(data: Data, russian: bool) -> str:
    percent, expected = data["percent"], data["expected"]
    points = ("пункт", "пункта", "пунктов")
    by = counted(expected - percent, ("percentage point", "percentage points"), points, russian)
    if russian:
        return f"цель {_title(data, True)} отстаёт на {by}: {percent} % вместо {expected} %"
    return f"goal {_title(data, False)} is {by} behind: {percent}% instead of {expected}%"


def _achieved(data: Data, russian: bool) -> str:
    return f"{'достигнута цель' if russian else 'goal achieved:'} {_title(data, russian)}"


def _silent(data: Data, russian: bool) -> str:
    forms = ("рабочий день", "рабочих дня", "рабочих дней")
    days = counted(data["days"], ("working day", "working days"), forms, russian)
    return f"ничего не записано: {days}" if russian else f"nothing recorded for {days}"


_SENTENCES: Final[Mapping[AlertKind, _Write]] = {
    AlertKind.DEAL_LOST: _lost,
    AlertKind.DEAL_HAS_PROBLEMS: _problem,
    AlertKind.DEAL_STALLED: _stalled,
    AlertKind.TASK_OVERDUE: _task,
    AlertKind.ASSIGNMENT_OVERDUE: _assignment,
    AlertKind.GOAL_BEHIND: _behind,
    AlertKind.GOAL_ACHIEVED: _achieved,
    AlertKind.NO_ACTIVITY: _silent,
}
