"""Names and descriptions of metrics by language. Those of a company metric are shown as the company wrote them."""

from __future__ import annotations

from domain.i18n.languages import get_language
from domain.ledger.metrics import Metric


def metric_name(metric: Metric, language: str) -> str:
    return _translate(metric, language)[0]


def metric_description(metric: Metric, language: str) -> str:
    """Return a sentence that defines the metric."""
    return _translate(metric, language)[1]


def _translate(metric: Metric, language: str) -> tuple[str, str]:
    return get_language(language).metrics.get(metric.key, (metric.name, metric.description))
