"""Names and descriptions of metrics by language: built-in ones are translated, company metrics are not."""

import re

import pytest

from domain.ledger.metrics import METRICS, make_company_metric
from domain.primitives.units import Unit


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS.keys())
def test_built_in_metric_has_russian_name_and_description(metric):
    for english, russian in zip(
        (metric.localize_name("en"), metric.localize_description("en")),
        (metric.localize_name("ru"), metric.localize_description("ru")),
        strict=True,
    ):
        assert english != russian
        assert re.match("[А-ЯЁ]", russian)
        assert not re.search("[A-Za-z]", russian)


def test_company_metric_keeps_its_name_in_every_language():
    metric = make_company_metric("demos", Unit.COUNT, "Demos held", "Shown to clients.")

    assert (metric.localize_name("ru"), metric.localize_description("ru")) == ("Demos held", "Shown to clients.")
