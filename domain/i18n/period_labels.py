"""Names of periods by language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from domain.i18n.languages import get_language
from domain.messages import gettext_noop
from domain.primitives.periods import Period, PeriodKind

_PATTERNS: Final[Mapping[PeriodKind, str]] = {  # CLDR date patterns of the first day
    PeriodKind.DAY: gettext_noop("d MMMM y"),
    PeriodKind.WEEK: gettext_noop("'Week of' d MMMM y"),
    PeriodKind.MONTH: gettext_noop("LLLL y"),
    PeriodKind.QUARTER: gettext_noop("QQQ y"),
    PeriodKind.YEAR: gettext_noop("y"),
}


def format_period(period: Period, language: str) -> str:
    """Return the period's name: "November 2026", "Q4 2026", "Week of 16 November 2026"."""
    names = get_language(language)
    if period.kind is PeriodKind.CUSTOM:
        return names.text("{start} – {end}").format(start=names.date(period.start), end=names.date(period.end))
    label = names.date(period.start, _PATTERNS[period.kind])
    return label[:1].upper() + label[1:]
