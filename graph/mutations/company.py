"""Mutations of the company and its exchange rates."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import strawberry
from strawberry import UNSET

from graph.base.enums import Weekday
from graph.base.input_mapping import to_input_fields
from graph.base.mutations import mutation, payload
from graph.base.row_types import Info
from graph.types.people import Company
from resolvers.organization import company


@strawberry.input
class UpdateCompanyInput:
    name: str | None = UNSET
    currency: str | None = UNSET
    time_zone: str | None = UNSET
    week_start: Weekday | None = UNSET
    working_days: list[Weekday] | None = UNSET
    holiday_country: str | None = UNSET
    close_after_workdays: int | None = UNSET
    idempotency_key: str | None = UNSET


@strawberry.input(
    description="The value of one unit of the currency in the company's currency; `from` defaults to today."
)
class ExchangeRateInput:
    currency: str
    rate: Decimal
    valid_from: date | None = strawberry.field(default=UNSET, name="from")
    idempotency_key: str | None = UNSET


@payload("The company.")
class CompanyPayload:
    company: Company | None


@strawberry.type
class CompanyMutation:
    @mutation("Change the company's settings; amounts already counted do not change.")
    async def update_company(self, info: Info, input: UpdateCompanyInput) -> CompanyPayload:
        return CompanyPayload(company=await company.update_company(info.context, to_input_fields(input)))  # type: ignore[arg-type]

    @mutation("Set the exchange rate of a currency from a day on.")
    async def set_exchange_rate(self, info: Info, input: ExchangeRateInput) -> CompanyPayload:
        row = await company.set_exchange_rate(
            info.context, currency=input.currency, rate=input.rate, valid_from=input.valid_from or None
        )
        return CompanyPayload(company=row)  # type: ignore[arg-type]
