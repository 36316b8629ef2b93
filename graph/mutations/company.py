"""Mutations of the company and its exchange rates."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import strawberry
from strawberry import UNSET

from graph.base.enums import CompanyDayKind, Weekday
from graph.base.input_mapping import to_input
from graph.base.lazy_types import CompanyRef
from graph.base.mutations import mutation, payload
from graph.base.row_types import Info
from graph.base.scalars import LocalTime
from resolvers.organization import calendar, company
from resolvers.organization.inputs import CompanyDaySetting, CompanyInput


@strawberry.input
class UpdateCompanyInput:
    name: str | None = UNSET
    currency: str | None = UNSET
    time_zone: str | None = UNSET
    week_start: Weekday | None = UNSET
    working_days: list[Weekday] | None = UNSET
    holiday_country: str | None = UNSET
    holiday_region: str | None = strawberry.field(
        default=UNSET, description="Code of a region of the country, e.g. BY or DE-BY; another country unsets it."
    )
    workday_start: LocalTime | None = strawberry.field(
        default=UNSET, description="A quarter of an hour; the working day cannot last over midnight."
    )
    workday_end: LocalTime | None = UNSET
    close_after_workdays: int | None = UNSET
    employees_set_absences: bool | None = UNSET
    requires_target_reason: bool | None = UNSET
    idempotency_key: str | None = UNSET


@strawberry.input(
    description="The value of one unit of the currency in the company's currency; `from` defaults to today."
)
class ExchangeRateInput:
    currency: str
    rate: Decimal
    valid_from: date | None = strawberry.field(default=UNSET, name="from")
    idempotency_key: str | None = UNSET


@strawberry.input(description='`name`: what the day is, such as "Company anniversary".')
class CompanyDayInput:
    day: date = strawberry.field(name="date")
    kind: CompanyDayKind
    name: str


@payload("The company.")
class CompanyPayload:
    company: CompanyRef | None


@strawberry.type
class CompanyMutation:
    @mutation(
        """Change the company's settings; amounts already counted do not change. Once anything has been counted, working
days, hours and holidays hold from today on."""
    )
    async def update_company(self, info: Info, input: UpdateCompanyInput) -> CompanyPayload:
        return CompanyPayload(company=await company.update_company(info.context, to_input(CompanyInput, input)))

    @mutation("Set days off and working days of the company's own, replacing those of the same dates.")
    async def set_company_days(self, info: Info, days: list[CompanyDayInput]) -> CompanyPayload:
        return CompanyPayload(
            company=await calendar.set_company_days(info.context, [to_input(CompanyDaySetting, day) for day in days])
        )

    @mutation("Remove days of the company's own: the weekday and the public holidays decide again.")
    async def remove_company_days(self, info: Info, dates: list[date]) -> CompanyPayload:
        return CompanyPayload(company=await calendar.remove_company_days(info.context, dates))

    @mutation("Set the exchange rate of a currency from a day on.")
    async def set_exchange_rate(self, info: Info, input: ExchangeRateInput) -> CompanyPayload:
        row = await company.set_exchange_rate(
            info.context, currency=input.currency, rate=input.rate, valid_from=input.valid_from or None
        )
        return CompanyPayload(company=row)
