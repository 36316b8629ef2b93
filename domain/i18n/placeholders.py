"""The placeholders of the sentences of alerts and activities: what each stands for, and the words for it.

A placeholder for something that may be missing begins with its separator and is empty without it:
`New deal{title}{amount}` becomes “New deal “Chairs”, 100.00 EUR” or “New deal”.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from string import Formatter
from typing import Final, TypeAlias

from domain.i18n.language import Language
from domain.messages import Plural, gettext_noop
from domain.primitives.json_values import JsonValue

Data = Mapping[str, JsonValue]  # what the activity or the alert stores
Placeholder: TypeAlias = Callable[[Data, Language], str]

_OUTCOMES: Final[Mapping[str, str]] = {  # of calls
    "ANSWERED": gettext_noop("answered"),
    "NO_ANSWER": gettext_noop("no answer"),
    "BUSY": gettext_noop("busy"),
    "VOICEMAIL": gettext_noop("voicemail"),
}
_RECORDS: Final[Mapping[str, str]] = {
    "Call": gettext_noop("call"),
    "Lead": gettext_noop("lead"),
    "Client": gettext_noop("client"),
    "Contact": gettext_noop("contact"),
    "Task": gettext_noop("task"),
    "Result": gettext_noop("result"),
}
_COLUMNS: Final[Mapping[str, str]] = {  # that may have been changed
    "title": gettext_noop("title"),
    "amount": gettext_noop("amount"),
    "currency": gettext_noop("currency"),
    "initial_amount": gettext_noop("amount at creation"),
    "cost": gettext_noop("cost"),
    "owner_id": gettext_noop("owner"),
    "client_id": gettext_noop("client"),
    "product": gettext_noop("product"),
    "expected_close_on": gettext_noop("expected closing day"),
    "closed_at": gettext_noop("closing time"),
    "name": gettext_noop("name"),
    "target": gettext_noop("target"),
    "threshold": gettext_noop("threshold"),
    "stretch": gettext_noop("stretch"),
    "slices": gettext_noop("targets of the months"),
    "recurring": gettext_noop("recurrence"),
    "email": gettext_noop("e-mail"),
    "phone": gettext_noop("phone"),
    "source": gettext_noop("source"),
    "contact_name": gettext_noop("contact name"),
    "deal_id": gettext_noop("deal"),
}


def fill(sentence: str | Plural, data: Data, language: Language) -> str:
    """Return the sentence in the language, its placeholders filled from the data."""
    if isinstance(sentence, Plural):
        text = language.plural(sentence, int(PLACEHOLDERS[sentence.count](data, language)))
    else:
        text = language.text(sentence)
    return "".join([part if isinstance(part, str) else part(data, language) for part in _parse(text)])


@lru_cache(maxsize=1024)  # a text of the catalogues, of which there are fewer
def _parse(text: str) -> tuple[str | Placeholder, ...]:
    """Return the parts of a text: literal ones, and the functions that give the values of placeholders."""
    parts: list[str | Placeholder] = []
    for literal, name, _, _ in Formatter().parse(text):
        parts += [literal, *([] if name is None else [PLACEHOLDERS[name]])]
    return tuple(parts)


def _format_title(data: Data, language: Language) -> str:
    return f" {language.quote(data['title'])}" if data.get("title") else ""


def _format_amount(data: Data, language: Language) -> str:
    if data.get("amount") is None:
        return ""
    return f", {language.money(data['amount'], data.get('currency', ''))}"


def _format_reason(data: Data, language: Language) -> str:
    return f": {data['reason']}" if data.get("reason") else ""


def _format_due(data: Data, language: Language) -> str:
    if not data.get("due"):
        return ""
    due = datetime.fromisoformat(data["due"])
    return language.text(", due {day}, {time}").format(day=language.date(due.date()), time=f"{due:%H:%M}")


def _format_fields(data: Data, language: Language) -> str:
    """Return the names of the changed columns, except of those without a name, which are internal."""
    names = ", ".join(language.text(_COLUMNS[column]) for column in data.get("changed", {}) if column in _COLUMNS)
    return f": {names}" if names else ""


def _format_merged(data: Data, language: Language) -> str:
    return language.text(" with {name}").format(name=language.quote(data["merged"])) if data.get("merged") else ""


def _format_taken(data: Data, language: Language) -> str:
    """Return the names of the columns that a merge has filled in."""
    names = ", ".join(language.text(_COLUMNS[column]) for column in data.get("taken") or {} if column in _COLUMNS)
    return language.text("; taken over: {fields}").format(fields=names) if names else ""


def _format_kept(data: Data, language: Language) -> str:
    """Return the values that a merge has kept, each with the one that it has not taken over, unless they are ids."""
    values = [
        language.text("{field} {value} instead of {other}").format(
            field=language.text(_COLUMNS[column]), value=value, other=other
        )
        for column, (value, other) in (data.get("kept") or {}).items()
        if column in _COLUMNS and not column.endswith("_id")
    ]
    return language.text("; kept: {values}").format(values=", ".join(values)) if values else ""


def _format_outcome(data: Data, language: Language) -> str:
    outcome = data.get("outcome")
    return f", {language.text(_OUTCOMES.get(outcome, outcome))}" if outcome else ""


def _format_duration(data: Data, language: Language) -> str:
    seconds = int(data.get("seconds") or 0)
    return f", {language.duration(seconds)}" if seconds else ""


def _format_target(data: Data, language: Language) -> str:
    if data.get("target") is None:
        return ""
    is_money, is_hours = data.get("unit") == "MONEY", data.get("unit") == "HOURS"
    target = language.money(data["target"], data.get("currency", "")) if is_money else language.number(data["target"])
    return language.text(", target {target} h" if is_hours else ", target {target}").format(target=target)


def _format_record(data: Data, language: Language) -> str:
    return language.text(_RECORDS.get(data.get("record") or data["subject"]) or gettext_noop("record"))


PLACEHOLDERS: Final[Mapping[str, Placeholder]] = {
    "title": _format_title,  # quoted
    "amount": _format_amount,
    "reason": _format_reason,
    "problem": lambda data, language: data["problem"],
    "days": lambda data, language: str(data["days"]),
    "hours": lambda data, language: str(data["hours"]),
    "due": _format_due,
    "percent": lambda data, language: str(data["percent"]),
    "expected": lambda data, language: str(data["expected"]),
    "points": lambda data, language: str(data["expected"] - data["percent"]),
    "stage": lambda data, language: language.quote(data.get("stage", "")),
    "fields": _format_fields,
    "outcome": _format_outcome,
    "duration": _format_duration,
    "metric": lambda data, language: data.get("metric", ""),
    "value": lambda data, language: language.number(data.get("value", "")),
    "target": _format_target,
    "record": _format_record,
    "merged": _format_merged,
    "taken": _format_taken,
    "kept": _format_kept,
}
