"""GraphQL types of people's judgement beside the machine's forecast."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import strawberry

from domain.primitives.money import from_minor
from graph.base.enums import CallKind, ForecastCategory, MoneyBasis
from graph.base.field_declarations import NOTHING, declare
from graph.base.lazy_types import EmployeeRef
from graph.base.row_types import Info, employee_ref, reference_field, row_type
from graph.base.scopes import Scope
from models.forecasting import forecast_calls as rows
from resolvers.forecasting.judgement import CategoryTotalView
from resolvers.request.scopes import load_scopes_by_key


@strawberry.type(description="The deals of a forecast category that are due in a period.")
class ForecastCategoryTotal:
    @strawberry.field
    @staticmethod
    def category(root: strawberry.Parent[CategoryTotalView]) -> ForecastCategory:
        return root.total.category

    @strawberry.field(description="How many deals they are.")
    @staticmethod
    def deals(root: strawberry.Parent[CategoryTotalView]) -> int:
        return root.total.deals

    @strawberry.field(
        description="Total of the amounts that they state, in the company's currency; of CLOSED, `booked`."
    )
    @staticmethod
    def amount(root: strawberry.Parent[CategoryTotalView]) -> Decimal:
        return root.forecast.to_money(root.total.amount)

    @strawberry.field(description="How many of them state no amount.")
    @staticmethod
    def without_amount(root: strawberry.Parent[CategoryTotalView]) -> int:
        return root.total.without_amount

    @strawberry.field(description="`amount` with those of all surer categories; null for OMITTED.")
    @staticmethod
    def cumulative(root: strawberry.Parent[CategoryTotalView]) -> Decimal | None:
        cumulative = root.total.cumulative
        return None if cumulative is None else root.forecast.to_money(cumulative)


@row_type(
    rows.ForecastCall,
    description="""What an employee expected of a period, beside the machine's forecast. Calls are never changed: a new one
replaces the one before, which stays in `Forecast.calls`.""",
)
class ForecastCall:
    kind: CallKind
    basis: MoneyBasis
    note: str | None
    at: datetime = strawberry.field(description="When it was said.")
    first_day: date = strawberry.field(description="First day of the period, included.")
    last_day: date = strawberry.field(description="Last day of the period, included.")
    author: EmployeeRef | None = employee_ref("author_id")
    amount: Decimal | None = reference_field(
        lambda reference: lambda call: None if call.amount is None else from_minor(call.amount, reference.currency),
        Decimal | None,
        "In the company's currency; null if what was said before was withdrawn.",
    )
    machine_expected: Decimal | None = reference_field(
        lambda reference: (
            lambda call: (
                None if call.machine_expected is None else from_minor(call.machine_expected, reference.currency)
            )
        ),
        Decimal | None,
        "What the machine had expected on the morning of that day; null if it was not kept.",
    )

    @strawberry.field(graphql_type=Scope, metadata=declare(NOTHING))
    @staticmethod
    async def scope(root: strawberry.Parent[rows.ForecastCall], info: Info) -> object:
        return await info.context.load_for_viewer(load_scopes_by_key, root.scope)


@strawberry.type(
    description="""Accuracy of the last calls of past periods, and of what the machine had expected on the same mornings."""
)
class JudgementAccuracy:
    periods: int = strawberry.field(description="How many past periods are compared.")
    wape: float = strawberry.field(description="Weighted absolute percentage error, percent.")
    bias_percent: float = strawberry.field(
        description="Mean signed error over mean actual, percent; above 0 if too much was expected."
    )
    machine_wape: float = strawberry.field(description="The error of the machine, percent.")
