"""Sentences of the activity feed by language. What the placeholders stand for: domain/i18n/placeholders.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from domain.i18n.languages import get_language
from domain.i18n.placeholders import Data, fill
from domain.messages import gettext_noop

ACTIVITY_SENTENCES: Final[Mapping[str, str]] = {  # by activity kind and variant
    "DEAL_CREATED": gettext_noop("New deal{title}{amount}{reason}"),
    "DEAL_UPDATED": gettext_noop("Deal{title} changed{fields}"),
    "DEAL_STAGE_CHANGED": gettext_noop("Deal{title} moved to {stage}"),
    "DEAL_WON": gettext_noop("Deal{title} won{amount}{reason}"),
    "DEAL_LOST": gettext_noop("Deal{title} lost{amount}{reason}"),
    "DEAL_REOPENED": gettext_noop("Deal{title} opened again{amount}{reason}"),
    "DEAL_FLAGGED": gettext_noop("Problem with deal{title}: {problem}"),
    "DEAL_FLAGGED.SOLVED": gettext_noop("Problem solved: deal{title}"),
    "DEAL_REFUNDED": gettext_noop("Refund of deal{title}{amount}{reason}"),
    "REFUND_DELETED": gettext_noop("Refund of deal{title} deleted{amount}"),
    "DEAL_DELETED": gettext_noop("Deal{title} deleted"),
    "CALL_MADE": gettext_noop("Outbound call{outcome}{duration}"),
    "CALL_MADE.INBOUND": gettext_noop("Inbound call{outcome}{duration}"),
    "TASK_CREATED": gettext_noop("Task created:{title}"),
    "TASK_CREATED.ASSIGNMENT": gettext_noop("Assignment created:{title}"),
    "TASK_COMPLETED": gettext_noop("Task completed:{title}"),
    "TASK_COMPLETED.ASSIGNMENT": gettext_noop("Assignment completed:{title}"),
    "TASK_OVERDUE": gettext_noop("Task overdue:{title}"),
    "TASK_OVERDUE.ASSIGNMENT": gettext_noop("Assignment overdue:{title}"),
    "TASK_REOPENED": gettext_noop("Task opened again:{title}"),
    "TASK_REOPENED.ASSIGNMENT": gettext_noop("Assignment opened again:{title}"),
    "LEAD_CREATED": gettext_noop("New lead{title}"),
    "LEAD_CONVERTED": gettext_noop("Lead{title} became a deal"),
    "LEAD_REJECTED": gettext_noop("Lead rejected:{title}{reason}"),
    "CONTACT_ADDED": gettext_noop("New contact{title}"),
    "CLIENT_ADDED": gettext_noop("New client{title}"),
    "RESULT_RECORDED": gettext_noop("Result: {metric}, {value}"),
    "GOAL_SET": gettext_noop("Goal set:{title}{target}"),
    "GOAL_CHANGED": gettext_noop("Goal{title} changed{fields}"),
    "GOAL_ACHIEVED": gettext_noop("Goal{title} achieved"),
    "GOAL_TIER_REACHED": gettext_noop("Goal{title}: threshold reached"),
    "GOAL_TIER_REACHED.STRETCH": gettext_noop("Goal{title}: stretch reached"),
    "GOAL_ARCHIVED": gettext_noop("Goal{title} archived"),
    "PLAN_APPLIED": gettext_noop("Plan{title} applied"),
    "PLAN_UNDONE": gettext_noop("Plan{title} taken back"),
    "RECORD_DELETED": gettext_noop("Deleted: {record}{title}"),
    "RECORD_MERGED": gettext_noop("Client{title} merged{merged}{taken}{kept}"),
    "RECORD_MERGED.CONTACT": gettext_noop("Contact{title} merged{merged}{taken}{kept}"),
    "RECORD_MERGED.LEAD": gettext_noop("Lead{title} merged{merged}{taken}{kept}"),
    "RECORD_MERGED.GONE": gettext_noop("Client{title} was merged into another one"),
    "RECORD_MERGED.CONTACT.GONE": gettext_noop("Contact{title} was merged into another one"),
    "RECORD_MERGED.LEAD.GONE": gettext_noop("Lead{title} was merged into another one"),
}


def summarize_activity(kind: str, subject: str, data: Data, language: str) -> str:
    """Return the sentence of an activity; the name of a kind without a sentence.

    kind     the activity kind
    subject  the type of the record it is about
    data     what the activity stores: title, amount and currency, values before and after
    """
    sentence = ACTIVITY_SENTENCES.get(f"{kind}{_variant(kind, data)}", kind)
    return fill(sentence, {"subject": subject, **data}, get_language(language))


def _variant(kind: str, data: Data) -> str:
    """Return the end of the key of a kind with several sentences."""
    if kind == "DEAL_FLAGGED" and not data.get("problem"):
        return ".SOLVED"
    if kind == "GOAL_TIER_REACHED" and data.get("tier") == "STRETCH":
        return ".STRETCH"
    if kind == "CALL_MADE" and data.get("direction") == "INBOUND":
        return ".INBOUND"
    if kind == "RECORD_MERGED":
        record = data.get("record")
        return f"{f'.{record.upper()}' if record in ('Contact', 'Lead') else ''}{'.GONE' if data.get('gone') else ''}"
    if kind.startswith("TASK_") and data.get("kind") == "ASSIGNMENT":
        return ".ASSIGNMENT"
    return ""
