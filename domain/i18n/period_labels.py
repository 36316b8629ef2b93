"""Names of periods by language."""

from __future__ import annotations

from domain.i18n.languages import get_language
from domain.primitives.periods import Period


def format_period(period: Period, language: str) -> str:
    """Return the period's name: "November 2026", "Q4 2026", "Week of 16 November 2026"."""
    names, start = get_language(language), period.start
    return names.text(f"period.{period.kind}").format(
        day=names.date(start),
        last_day=names.date(period.end),
        month=names.months[start.month - 1],
        quarter=(start.month + 2) // 3,
        year=start.year,
    )
