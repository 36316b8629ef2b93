"""Names and descriptions of metrics by language: built-in ones are translated, company metrics are not."""

from __future__ import annotations

from domain.i18n.metric_names import metric_description, metric_name
from domain.ledger.metrics import METRICS, make_company_metric
from domain.primitives.units import Unit


def test_built_in_metric_is_named_in_the_language():
    metric = METRICS["calls_made"]

    assert (metric_name(metric, "en"), metric_description(metric, "en")) == (
        "Calls made",
        "Every call, answered or not.",
    )
    assert (metric_name(metric, "ru"), metric_description(metric, "ru")) == (
        "Звонки",
        "Все звонки, с ответом и без.",
    )
    assert metric_name(metric, "xx") == "Calls made"


def test_company_metric_keeps_its_name_in_every_language():
    metric = make_company_metric("demos", Unit.COUNT, "Demos held", "Shown to clients.")

    assert (metric_name(metric, "ru"), metric_description(metric, "ru")) == ("Demos held", "Shown to clients.")
