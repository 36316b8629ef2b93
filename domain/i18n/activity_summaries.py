"""Activity feed sentences in English and Russian."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

Data = Mapping[str, Any]
_Write = Callable[[Data, bool], str]  # (activity data, whether in Russian)

_DEAL_FIELDS: Final = {
    "title": ("title", "название"),
    "amount": ("amount", "сумма"),
    "currency": ("currency", "валюта"),
    "cost": ("cost", "себестоимость"),
    "owner_id": ("owner", "ответственный"),
    "client_id": ("client", "клиент"),
    "product": ("product", "продукт"),
    "expected_close_on": ("expected closing day", "ожидаемая дата закрытия"),
    "closed_at": ("closing time", "время закрытия"),
}
_GOAL_FIELDS: Final = {
    "name": ("name", "название"),
    "target": ("target", "план"),
    "recurring": ("recurrence", "повторение"),
}
_RECORDS: Final = {
    "Call": ("Call", "Звонок"),
    "Lead": ("Lead", "Заявка"),
    "Client": ("Client", "Клиент"),
    "Contact": ("Contact", "Контакт"),
    "Task": ("Task", "Задача"),
    "Result": ("Result", "Результат"),
}
_OUTCOMES: Final = {
    "ANSWERED": ("answered", "есть ответ"),
    "NO_ANSWER": ("no answer", "нет ответа"),
    "BUSY": ("busy", "занято"),
    "VOICEMAIL": ("voicemail", "автоответчик"),
}


def plural(number: int, one: str, few: str, many: str) -> str:
    """Return the form of a Russian noun for the count: 1 звонок, 2 звонка, 5 звонков.

    Source: the categories one, few and many of the Unicode CLDR plural rules for whole numbers.
    """
    ten, hundred = abs(number) % 10, abs(number) % 100
    if ten == 1 and hundred != 11:
        return one
    return few if 2 <= ten <= 4 and not 12 <= hundred <= 14 else many


def counted(number: int, english: tuple[str, str], forms: tuple[str, str, str], russian: bool) -> str:
    """Return the count with its noun: `english` is (singular, plural), `russian_forms` is (one, few, many)."""
    return f"{number} {plural(number, *forms)}" if russian else f"{number} {english[number != 1]}"


def duration(seconds: int, russian: bool) -> str:
    """Format a duration in hours and minutes, or in minutes and seconds if below an hour."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = [
        (hours, ("hour", "hours"), ("час", "часа", "часов")),
        (minutes, ("minute", "minutes"), ("минута", "минуты", "минут")),
        (0 if hours else rest, ("second", "seconds"), ("секунда", "секунды", "секунд")),
    ]
    said = [counted(number, english, forms, russian) for number, english, forms in parts if number]
    return " ".join(said) or counted(0, *parts[2][1:], russian)


def money(amount: Any, currency: Any, russian: bool) -> str:
    """Format an amount of money: 1,250,000.50 EUR, in Russian 1 250 000,50 EUR."""
    return f"{number(amount, russian)} {currency}"


def number(amount: Any, russian: bool) -> str:
    """Format a decimal with thousands separators; return anything that is not a number unchanged."""
    try:
        text = f"{Decimal(str(amount)):,f}"
    except InvalidOperation:
        return str(amount)
    return text.translate(str.maketrans(",.", "\u00a0,")) if russian else text


def summary(kind: str, subject: str, data: Data, language: str) -> str:
    """Return the sentence of an activity.

    kind     the activity kind
    subject  the type of the record it is about
    data     what the activity stores: title, amount and currency, values before and after
    """
    return _SENTENCES[kind]({"subject": subject, **data}, language == "ru")


def _title(data: Data) -> str:
    return f" “{data['title']}”" if data.get("title") else ""


def _quoted(data: Data, russian: bool) -> str:
    return f" «{data['title']}»" if russian and data.get("title") else _title(data)


def _worth(data: Data, russian: bool) -> str:
    if data.get("amount") is None:
        return ""
    return f", {money(data['amount'], data.get('currency', ''), russian)}"


def _because(data: Data, key: str = "reason") -> str:
    return f": {data[key]}" if data.get(key) else ""


def _plain(english: str, russian: str) -> _Write:
    return lambda data, ru: f"{(russian if ru else english).format(title=_quoted(data, ru))}"


def _with_worth(english: str, russian: str) -> _Write:
    plain = _plain(english, russian)
    return lambda data, ru: plain(data, ru) + _worth(data, ru) + _because(data)


def _flagged(data: Data, russian: bool) -> str:
    if data.get("problem"):
        return f"{'Проблема со сделкой' if russian else 'Problem with deal'}{_quoted(data, russian)}: {data['problem']}"
    return f"{'Проблема снята: сделка' if russian else 'Problem solved: deal'}{_quoted(data, russian)}"


def _staged(data: Data, russian: bool) -> str:
    if russian:
        return f"Сделка{_quoted(data, True)}: этап «{data.get('stage', '')}»"
    return f"Deal{_title(data)} moved to “{data.get('stage', '')}”"


def _changed(english: str, russian: str, fields: Mapping[str, tuple[str, str]]) -> _Write:
    def write(data: Data, ru: bool) -> str:
        named = ", ".join(fields[name][ru] for name in data.get("changed", {}) if name in fields)
        start = (russian if ru else english).format(title=_quoted(data, ru))
        return f"{start}: {named}" if named else start

    return write


def _called(data: Data, russian: bool) -> str:
    inbound = data.get("direction") == "INBOUND"
    start = (
        ("Входящий звонок" if inbound else "Исходящий звонок") if russian else f"{'In' if inbound else 'Out'}bound call"
    )
    outcome = _OUTCOMES.get(str(data.get("outcome")), ("", ""))[russian]
    seconds = int(data.get("seconds") or 0)
    said = [start, outcome, duration(seconds, russian) if seconds else ""]
    return ", ".join(part for part in said if part)


def _task(english: str, russian: tuple[str, str]) -> _Write:
    """Return a formatter for tasks; `russian` holds the verb for a task (задача) and for an assignment (поручение)."""

    def write(data: Data, ru: bool) -> str:
        given = data.get("kind") == "ASSIGNMENT"
        if ru:
            return f"{'Поручение' if given else 'Задача'} {russian[given]}:{_quoted(data, True)}"
        return f"{'Assignment' if given else 'Task'} {english}:{_title(data)}"

    return write


def _result(data: Data, russian: bool) -> str:
    value = number(data.get("value", ""), russian)
    return f"{'Результат' if russian else 'Result'}: {data.get('metric', '')}, {value}"


def _goal_set(data: Data, russian: bool) -> str:
    start = f"{'Поставлена цель' if russian else 'Goal set:'}{_quoted(data, russian)}"
    if data.get("target") is None:
        return start
    target = number(data["target"], russian)
    if data.get("unit") == "MONEY":
        target = money(data["target"], data.get("currency", ""), russian)
    elif data.get("unit") == "HOURS":
        target += " ч" if russian else " h"
    return f"{start}, {'план' if russian else 'target'} {target}"


def _deleted(data: Data, russian: bool) -> str:
    record = _RECORDS.get(str(data.get("record") or data["subject"]), ("Record", "Запись"))[russian]
    return f"{'Удалено' if russian else 'Deleted'}: {record.lower()}{_quoted(data, russian)}"


_SENTENCES: Final[Mapping[str, _Write]] = {
    "DEAL_CREATED": _with_worth("New deal{title}", "Новая сделка{title}"),
    "DEAL_UPDATED": _changed("Deal{title} changed", "Изменена сделка{title}", _DEAL_FIELDS),
    "DEAL_STAGE_CHANGED": _staged,
    "DEAL_WON": _with_worth("Deal{title} won", "Выиграна сделка{title}"),
    "DEAL_LOST": _with_worth("Deal{title} lost", "Проиграна сделка{title}"),
    "DEAL_REOPENED": _with_worth("Deal{title} opened again", "Снова открыта сделка{title}"),
    "DEAL_FLAGGED": _flagged,
    "DEAL_DELETED": _plain("Deal{title} deleted", "Удалена сделка{title}"),
    "CALL_MADE": _called,
    "TASK_CREATED": _task("created", ("поставлена", "дано")),
    "TASK_COMPLETED": _task("completed", ("выполнена", "выполнено")),
    "TASK_OVERDUE": _task("overdue", ("просрочена", "просрочено")),
    "TASK_REOPENED": _task("opened again", ("снова открыта", "снова открыто")),
    "LEAD_CREATED": _plain("New lead{title}", "Новая заявка{title}"),
    "LEAD_CONVERTED": _plain("Lead{title} became a deal", "Заявка{title} стала сделкой"),
    "LEAD_REJECTED": lambda data, ru: (
        f"{'Отклонена заявка' if ru else 'Lead rejected:'}{_quoted(data, ru)}{_because(data)}"
    ),
    "CONTACT_ADDED": _plain("New contact{title}", "Новый контакт{title}"),
    "CLIENT_ADDED": _plain("New client{title}", "Новый клиент{title}"),
    "RESULT_RECORDED": _result,
    "GOAL_SET": _goal_set,
    "GOAL_CHANGED": _changed("Goal{title} changed", "Изменена цель{title}", _GOAL_FIELDS),
    "GOAL_ACHIEVED": _plain("Goal{title} achieved", "Цель{title} достигнута"),
    "GOAL_ARCHIVED": _plain("Goal{title} archived", "Цель{title} в архиве"),
    "RECORD_DELETED": _deleted,
}
