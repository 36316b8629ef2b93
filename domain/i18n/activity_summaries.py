"""Activity feed sentences in English and Russian."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

ActivityData = Mapping[str, Any]
_Formatter = Callable[[ActivityData, bool], str]  # (activity data, whether in Russian)

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
_RECORD_NAMES: Final = {
    "Call": ("Call", "Звонок"),
    "Lead": ("Lead", "Заявка"),
    "Client": ("Client", "Клиент"),
    "Contact": ("Contact", "Контакт"),
    "Task": ("Task", "Задача"),
    "Result": ("Result", "Результат"),
}
_CALL_OUTCOMES: Final = {
    "ANSWERED": ("answered", "есть ответ"),
    "NO_ANSWER": ("no answer", "нет ответа"),
    "BUSY": ("busy", "занято"),
    "VOICEMAIL": ("voicemail", "автоответчик"),
}


def pluralize_russian(count: int, one: str, few: str, many: str) -> str:
    """Return the form of a Russian noun for the count: 1 звонок, 2 звонка, 5 звонков.

    Source: the categories one, few and many of the Unicode CLDR plural rules for whole numbers.
    """
    last_digit, last_two_digits = abs(count) % 10, abs(count) % 100
    if last_digit == 1 and last_two_digits != 11:
        return one
    return few if 2 <= last_digit <= 4 and not 12 <= last_two_digits <= 14 else many


def format_count(count: int, english: tuple[str, str], russian_forms: tuple[str, str, str], russian: bool) -> str:
    """Return the count with its noun: `english` is (singular, plural), `russian_forms` is (one, few, many)."""
    return f"{count} {pluralize_russian(count, *russian_forms)}" if russian else f"{count} {english[count != 1]}"


def format_duration(seconds: int, russian: bool) -> str:
    """Format a duration in hours and minutes, or in minutes and seconds if below an hour."""
    minutes, remaining_seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = [
        (hours, ("hour", "hours"), ("час", "часа", "часов")),
        (minutes, ("minute", "minutes"), ("минута", "минуты", "минут")),
        (0 if hours else remaining_seconds, ("second", "seconds"), ("секунда", "секунды", "секунд")),
    ]
    formatted = [
        format_count(count, english, russian_forms, russian) for count, english, russian_forms in parts if count
    ]
    return " ".join(formatted) or format_count(0, *parts[2][1:], russian)


def format_money(amount: Any, currency: Any, russian: bool) -> str:
    """Format an amount of money: 1,250,000.50 EUR, in Russian 1 250 000,50 EUR."""
    return f"{format_number(amount, russian)} {currency}"


def format_number(amount: Any, russian: bool) -> str:
    """Format a decimal with thousands separators; return anything that is not a number unchanged."""
    try:
        text = f"{Decimal(str(amount)):,f}"
    except InvalidOperation:
        return str(amount)
    return text.translate(str.maketrans(",.", "\u00a0,")) if russian else text


def summarize_activity(kind: str, subject: str, data: ActivityData, language: str) -> str:
    """Return the sentence of an activity.

    kind     the activity kind
    subject  the type of the record it is about
    data     what the activity stores: title, amount and currency, values before and after
    """
    return _FORMATTERS[kind]({"subject": subject, **data}, language == "ru")


def _quote_english_title(data: ActivityData) -> str:
    return f" “{data['title']}”" if data.get("title") else ""


def _quote_title(data: ActivityData, russian: bool) -> str:
    return f" «{data['title']}»" if russian and data.get("title") else _quote_english_title(data)


def _format_amount(data: ActivityData, russian: bool) -> str:
    if data.get("amount") is None:
        return ""
    return f", {format_money(data['amount'], data.get('currency', ''), russian)}"


def _format_reason(data: ActivityData, key: str = "reason") -> str:
    return f": {data[key]}" if data.get(key) else ""


def _template(english: str, russian: str) -> _Formatter:
    return lambda data, in_russian: (
        f"{(russian if in_russian else english).format(title=_quote_title(data, in_russian))}"
    )


def _template_with_amount(english: str, russian: str) -> _Formatter:
    format_text = _template(english, russian)
    return lambda data, in_russian: (
        format_text(data, in_russian) + _format_amount(data, in_russian) + _format_reason(data)
    )


def _format_flag(data: ActivityData, russian: bool) -> str:
    if data.get("problem"):
        return f"{'Проблема со сделкой' if russian else 'Problem with deal'}{_quote_title(data, russian)}: {data['problem']}"
    return f"{'Проблема снята: сделка' if russian else 'Problem solved: deal'}{_quote_title(data, russian)}"


def _format_stage_change(data: ActivityData, russian: bool) -> str:
    if russian:
        return f"Сделка{_quote_title(data, True)}: этап «{data.get('stage', '')}»"
    return f"Deal{_quote_english_title(data)} moved to “{data.get('stage', '')}”"


def _field_change_formatter(english: str, russian: str, fields: Mapping[str, tuple[str, str]]) -> _Formatter:
    def format_change(data: ActivityData, in_russian: bool) -> str:
        field_names = ", ".join(fields[name][in_russian] for name in data.get("changed", {}) if name in fields)
        start = (russian if in_russian else english).format(title=_quote_title(data, in_russian))
        return f"{start}: {field_names}" if field_names else start

    return format_change


def _format_call(data: ActivityData, russian: bool) -> str:
    inbound = data.get("direction") == "INBOUND"
    start = (
        ("Входящий звонок" if inbound else "Исходящий звонок") if russian else f"{'In' if inbound else 'Out'}bound call"
    )
    outcome = _CALL_OUTCOMES.get(str(data.get("outcome")), ("", ""))[russian]
    seconds = int(data.get("seconds") or 0)
    parts = [start, outcome, format_duration(seconds, russian) if seconds else ""]
    return ", ".join(part for part in parts if part)


def _task_formatter(english: str, russian: tuple[str, str]) -> _Formatter:
    """Return a formatter for tasks; `russian` holds the verb for a task (задача) and for an assignment (поручение)."""

    def format_task(data: ActivityData, in_russian: bool) -> str:
        is_assignment = data.get("kind") == "ASSIGNMENT"
        if in_russian:
            return f"{'Поручение' if is_assignment else 'Задача'} {russian[is_assignment]}:{_quote_title(data, True)}"
        return f"{'Assignment' if is_assignment else 'Task'} {english}:{_quote_english_title(data)}"

    return format_task


def _format_result(data: ActivityData, russian: bool) -> str:
    value = format_number(data.get("value", ""), russian)
    return f"{'Результат' if russian else 'Result'}: {data.get('metric', '')}, {value}"


def _format_goal_set(data: ActivityData, russian: bool) -> str:
    start = f"{'Поставлена цель' if russian else 'Goal set:'}{_quote_title(data, russian)}"
    if data.get("target") is None:
        return start
    target = format_number(data["target"], russian)
    if data.get("unit") == "MONEY":
        target = format_money(data["target"], data.get("currency", ""), russian)
    elif data.get("unit") == "HOURS":
        target += " ч" if russian else " h"
    return f"{start}, {'план' if russian else 'target'} {target}"


def _format_deletion(data: ActivityData, russian: bool) -> str:
    record_name = _RECORD_NAMES.get(str(data.get("record") or data["subject"]), ("Record", "Запись"))[russian]
    return f"{'Удалено' if russian else 'Deleted'}: {record_name.lower()}{_quote_title(data, russian)}"


_FORMATTERS: Final[Mapping[str, _Formatter]] = {
    "DEAL_CREATED": _template_with_amount("New deal{title}", "Новая сделка{title}"),
    "DEAL_UPDATED": _field_change_formatter("Deal{title} changed", "Изменена сделка{title}", _DEAL_FIELDS),
    "DEAL_STAGE_CHANGED": _format_stage_change,
    "DEAL_WON": _template_with_amount("Deal{title} won", "Выиграна сделка{title}"),
    "DEAL_LOST": _template_with_amount("Deal{title} lost", "Проиграна сделка{title}"),
    "DEAL_REOPENED": _template_with_amount("Deal{title} opened again", "Снова открыта сделка{title}"),
    "DEAL_FLAGGED": _format_flag,
    "DEAL_DELETED": _template("Deal{title} deleted", "Удалена сделка{title}"),
    "CALL_MADE": _format_call,
    "TASK_CREATED": _task_formatter("created", ("поставлена", "дано")),
    "TASK_COMPLETED": _task_formatter("completed", ("выполнена", "выполнено")),
    "TASK_OVERDUE": _task_formatter("overdue", ("просрочена", "просрочено")),
    "TASK_REOPENED": _task_formatter("opened again", ("снова открыта", "снова открыто")),
    "LEAD_CREATED": _template("New lead{title}", "Новая заявка{title}"),
    "LEAD_CONVERTED": _template("Lead{title} became a deal", "Заявка{title} стала сделкой"),
    "LEAD_REJECTED": lambda data, russian: (
        f"{'Отклонена заявка' if russian else 'Lead rejected:'}{_quote_title(data, russian)}{_format_reason(data)}"
    ),
    "CONTACT_ADDED": _template("New contact{title}", "Новый контакт{title}"),
    "CLIENT_ADDED": _template("New client{title}", "Новый клиент{title}"),
    "RESULT_RECORDED": _format_result,
    "GOAL_SET": _format_goal_set,
    "GOAL_CHANGED": _field_change_formatter("Goal{title} changed", "Изменена цель{title}", _GOAL_FIELDS),
    "GOAL_ACHIEVED": _template("Goal{title} achieved", "Цель{title} достигнута"),
    "GOAL_ARCHIVED": _template("Goal{title} archived", "Цель{title} в архиве"),
    "RECORD_DELETED": _format_deletion,
}
