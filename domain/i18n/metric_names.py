"""Names and descriptions of metrics by language. Those of a company metric are shown as the company wrote them."""

from __future__ import annotations

from domain.i18n.languages import get_language
from domain.ledger.metrics import METRICS, Metric


def metric_name(metric: Metric, language: str) -> str:
    return _translate(metric, metric.name, language)


def metric_description(metric: Metric, language: str) -> str:
    """Return a sentence that defines the metric."""
    return _translate(metric, metric.description, language)


def _translate(metric: Metric, text: str, language: str) -> str:
    return get_language(language).text(text) if metric.key in METRICS else text
