"""The amount of an event in the company's currency, by which a rule with a minimum amount decides."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from domain.alerts.rules import Event
from domain.primitives.json_values import JsonValue
from models.organization.company import Company
from resolvers.alerts.candidates import CurrencyConverter

CONVERTER = CurrencyConverter(Company(currency="EUR"), {"EUR": Decimal(1), "USD": Decimal("0.8"), "GBP": None})


@pytest.mark.parametrize(
    ("data", "minor_amount"),
    [
        pytest.param({"amount": "12.50", "currency": "EUR"}, 1250, id="own currency"),
        pytest.param({"amount": "12.50", "currency": "USD"}, 1000, id="other currency"),
        pytest.param({"amount": "12.50", "currency": "GBP"}, None, id="no rate"),
        pytest.param({}, None, id="no amount"),
    ],
)
def test_amount_of_an_event_is_converted_at_the_latest_rate(
    data: dict[str, JsonValue], minor_amount: int | None
) -> None:
    event = Event("DEAL_LOST", ("Deal", 1), datetime(2026, 11, 18, tzinfo=UTC), 1, data=data)

    assert CONVERTER.amount_of(event) == minor_amount
