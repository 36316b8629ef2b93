"""The placeholders of the sentences of alerts and activities: what each stands for.

A placeholder for something that may be missing begins with its separator and is empty without it:
`New deal{title}{amount}` becomes “New deal “Chairs”, 100.00 EUR” or “New deal”.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from domain.i18n.language import Language

Data = Mapping[str, Any]  # what the activity or the alert stores


def fill(text: str, data: Data, language: Language) -> str:
    """Return the text with its placeholders filled from the data."""
    return text.format_map(_Values(data, language))


class _Values(dict[str, str]):
    """The values of placeholders, each computed when the text asks for it."""

    def __init__(self, data: Data, language: Language) -> None:
        super().__init__()
        self.data, self.language = data, language

    def __missing__(self, name: str) -> str:
        return PLACEHOLDERS[name](self.data, self.language)


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
    return language.text("due").format(day=language.date(due.date()), time=f"{due:%H:%M}")


def _format_fields(data: Data, language: Language) -> str:
    """Return the names of the changed columns, except of those without a name, which are internal."""
    keys = [f"field.{column}" for column in data.get("changed", {})]
    names = ", ".join(language.text(key) for key in keys if key in language.texts)
    return f": {names}" if names else ""


def _format_outcome(data: Data, language: Language) -> str:
    return f", {language.text('outcome.' + data['outcome'])}" if data.get("outcome") else ""


def _format_duration(data: Data, language: Language) -> str:
    seconds = int(data.get("seconds") or 0)
    return f", {language.duration(seconds)}" if seconds else ""


def _format_target(data: Data, language: Language) -> str:
    if data.get("target") is None:
        return ""
    is_money, is_hours = data.get("unit") == "MONEY", data.get("unit") == "HOURS"
    target = language.money(data["target"], data.get("currency", "")) if is_money else language.number(data["target"])
    return language.text("target.HOURS" if is_hours else "target").format(target=target)


def _format_record(data: Data, language: Language) -> str:
    key = f"record.{data.get('record') or data.get('subject')}"
    return language.text(key if key in language.texts else "record")


PLACEHOLDERS: Final[Mapping[str, Callable[[Data, Language], str]]] = {
    "title": _format_title,  # quoted
    "amount": _format_amount,
    "reason": _format_reason,
    "problem": lambda data, language: data["problem"],
    "days": lambda data, language: language.count(data["days"], "day"),
    "workdays": lambda data, language: language.count(data["days"], "working day"),
    "workhours": lambda data, language: language.count(data["hours"], "working hour"),
    "due": _format_due,
    "percent": lambda data, language: str(data["percent"]),
    "expected": lambda data, language: str(data["expected"]),
    "points": lambda data, language: language.count(data["expected"] - data["percent"], "percentage point"),
    "stage": lambda data, language: language.quote(data.get("stage", "")),
    "fields": _format_fields,
    "outcome": _format_outcome,
    "duration": _format_duration,
    "metric": lambda data, language: data.get("metric", ""),
    "value": lambda data, language: language.number(data.get("value", "")),
    "target": _format_target,
    "record": _format_record,
}
