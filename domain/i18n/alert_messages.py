"""Alert messages by language."""

from __future__ import annotations

from collections.abc import Sequence

from domain.alerts.rules import AlertKind
from domain.i18n.languages import get_language
from domain.i18n.placeholders import Data, fill


def format_alert(kind: AlertKind, data: Data, language: str) -> str:
    """Return the sentence of an alert.

    data  `who`: the name of the employee, team or company concerned; and what the kind needs: title,
          amount and currency, reason, problem, due (local time, "2026-11-18T10:00"), days, percent and expected
    """
    texts = get_language(language)
    return f"{data['who']}: {fill(texts.text(f'alert.{kind}'), data, texts)}"


def format_title(count: int, language: str) -> str:
    """Return the title of a message with `count` alerts."""
    texts = get_language(language)
    return texts.text("alerts.title").format(alerts=texts.count(count, "alert"))


def join_sentences(sentences: Sequence[str]) -> str:
    """Join sentences into one text, a bulleted line each if there are several."""
    return sentences[0] if len(sentences) == 1 else "\n".join(f"• {sentence}" for sentence in sentences)


def append_resolved_note(sentence: str, language: str) -> str:
    """Return the sentence of an alert that was resolved before its message was sent."""
    return get_language(language).text("alerts.resolved").format(sentence=sentence)
