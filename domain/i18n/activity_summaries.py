"""Sentences of the activity feed by language."""

from __future__ import annotations

from domain.i18n.languages import get_language
from domain.i18n.placeholders import Data, fill


def summarize_activity(kind: str, subject: str, data: Data, language: str) -> str:
    """Return the sentence of an activity.

    kind     the activity kind
    subject  the type of the record it is about
    data     what the activity stores: title, amount and currency, values before and after
    """
    texts = get_language(language)
    return fill(texts.text(f"activity.{kind}{_variant(kind, data)}"), {"subject": subject, **data}, texts)


def _variant(kind: str, data: Data) -> str:
    """Return the end of the key of a kind with several sentences."""
    if kind == "DEAL_FLAGGED" and not data.get("problem"):
        return ".SOLVED"
    if kind == "CALL_MADE" and data.get("direction") == "INBOUND":
        return ".INBOUND"
    if kind.startswith("TASK_") and data.get("kind") == "ASSIGNMENT":
        return ".ASSIGNMENT"
    return ""
