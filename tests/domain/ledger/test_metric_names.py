"""Names and descriptions of metrics by language: built-in ones are translated, company metrics are not."""

import re

import pytest

from domain.ledger.metrics import METRICS, of_company
from domain.primitives.units import Unit


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS.keys())
def test_every_metric_has_a_name_and_a_description_in_russian(metric):
    for english, russian in zip(
        (metric.called("en"), metric.described("en")), (metric.called("ru"), metric.described("ru")), strict=True
    ):
        assert english != russian
        assert re.match("[А-ЯЁ]", russian)
        assert not re.search("[A-Za-z]", russian)


def test_a_metric_of_the_companys_own_is_called_as_the_company_calls_it():
    own = of_company("demos", Unit.COUNT, "Demos held", "Shown to clients.")

    assert (own.called("ru"), own.described("ru")) == ("Demos held", "Shown to clients.")
