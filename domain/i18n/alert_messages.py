"""Alert messages by language. What the placeholders stand for: domain/i18n/placeholders.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from domain.alerts.rules import AlertKind
from domain.i18n.languages import get_language
from domain.i18n.placeholders import Data, fill
from domain.messages import Plural, gettext_noop

ALERT_SENTENCES: Final[Mapping[str, str | Plural]] = {  # after the name of whom they concern and a colon
    AlertKind.DEAL_LOST: gettext_noop("deal lost:{title}{amount}{reason}"),
    AlertKind.DEAL_HAS_PROBLEMS: gettext_noop("problem with deal{title}{amount}: {problem}"),
    AlertKind.DEAL_STALLED: Plural(
        "nothing has happened with deal{title}{amount} for {days} day",
        "nothing has happened with deal{title}{amount} for {days} days",
        count="days",
    ),
    AlertKind.TASK_OVERDUE: gettext_noop("task overdue:{title}{due}"),
    AlertKind.ASSIGNMENT_OVERDUE: gettext_noop("assignment not done in time:{title}{due}"),
    AlertKind.GOAL_BEHIND: Plural(
        "goal{title} is {points} percentage point behind: {percent}% instead of {expected}%",
        "goal{title} is {points} percentage points behind: {percent}% instead of {expected}%",
        count="points",
    ),
    AlertKind.GOAL_ACHIEVED: gettext_noop("goal achieved:{title}"),
    f"{AlertKind.GOAL_ACHIEVED}.THRESHOLD": gettext_noop("goal{title}: threshold reached"),
    f"{AlertKind.GOAL_ACHIEVED}.STRETCH": gettext_noop("goal{title}: stretch reached"),
    AlertKind.NO_ACTIVITY: Plural(
        "nothing recorded for {days} working day", "nothing recorded for {days} working days", count="days"
    ),
    AlertKind.LEAD_UNTOUCHED: Plural(
        "nobody has worked on lead{title} for {hours} working hour",
        "nobody has worked on lead{title} for {hours} working hours",
        count="hours",
    ),
    AlertKind.DEAL_ENTERED_STAGE: gettext_noop("deal{title}{amount} is now in stage {stage}"),
    AlertKind.DEAL_WON: gettext_noop("deal won:{title}{amount}"),
}
_TITLE: Final = Plural("Scoreline: {alerts} alert", "Scoreline: {alerts} alerts", count="alerts")


def format_alert(kind: AlertKind, data: Data, language: str) -> str:
    """Return the sentence of an alert; the name of a kind without a sentence.

    data  `who`: the name of the employee, team or company concerned; and what the kind needs: title,
          amount and currency, reason, problem, due (local time, "2026-11-18T10:00"), days, percent and expected,
          and the tier of a goal that is reached, unless it is the target
    """
    sentence = ALERT_SENTENCES.get(f"{kind}.{data['tier']}" if data.get("tier") else kind, kind)
    return f"{data['who']}: {fill(sentence, data, get_language(language))}"


def format_title(count: int, language: str) -> str:
    """Return the title of a message with `count` alerts."""
    return get_language(language).plural(_TITLE, count).format(alerts=count)


def join_sentences(sentences: Sequence[str]) -> str:
    """Join sentences into one text, a bulleted line each if there are several."""
    return sentences[0] if len(sentences) == 1 else "\n".join(f"• {sentence}" for sentence in sentences)


def append_resolved_note(sentence: str, language: str) -> str:
    """Return the sentence of an alert that was resolved before its message was sent."""
    return get_language(language).text("{sentence} (settled since)").format(sentence=sentence)
