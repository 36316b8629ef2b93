"""GraphQL types of what has moved a forecast since an earlier day."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import strawberry

from graph.base.enums import DriverKind, DriversState
from graph.base.field_declarations import WHOLE_VIEWER, declare
from graph.base.row_types import Info
from graph.types.deals import Deal
from models.db.keyset_pagination import DEFAULT_PAGE_SIZE
from resolvers.forecasting import drivers
from resolvers.forecasting.drivers import DriverDeal as DriverDealRow
from resolvers.forecasting.drivers import ForecastDriver as DriverRow
from resolvers.forecasting.drivers import ForecastDrivers as DriversRow


@strawberry.type(description="A deal's effect on a forecast.")
class DriverDeal:
    @strawberry.field(graphql_type=Deal)
    @staticmethod
    def deal(root: strawberry.Parent[DriverDealRow]) -> object:
        return root.deal

    @strawberry.field(description="What it has added to `expected` or, below 0, taken away.")
    @staticmethod
    def amount(root: strawberry.Parent[DriverDealRow]) -> Decimal:
        return root.forecast.to_money(root.amount)


@strawberry.type(description="One reason why a forecast has moved.")
class ForecastDriver:
    @strawberry.field
    @staticmethod
    def kind(root: strawberry.Parent[DriverRow]) -> DriverKind:
        return root.driver.kind

    @strawberry.field(description="What it has added to `expected` or, below 0, taken away.")
    @staticmethod
    def amount(root: strawberry.Parent[DriverRow]) -> Decimal:
        return root.forecast.to_money(root.driver.amount)

    @strawberry.field(description="How many deals have moved the forecast for this reason.")
    @staticmethod
    def deal_count(root: strawberry.Parent[DriverRow]) -> int:
        return len(root.driver.effects.deals)

    @strawberry.field(
        graphql_type=list[DriverDeal],
        description="""These deals by the size of their effect, largest first: those that the viewer may see, none for a
wallboard. `after`: the id of the last deal of the page before.""",
        metadata=declare(WHOLE_VIEWER, page_size=DEFAULT_PAGE_SIZE),
    )
    @staticmethod
    async def deals(
        root: strawberry.Parent[DriverRow], info: Info, first: int = 20, after: strawberry.ID | None = None
    ) -> list[DriverDealRow]:
        return await drivers.list_driver_deals(info.context, root, first, after)


@strawberry.type(
    description="""What has moved a forecast since an earlier morning. `drivers` add up to `change` exactly, and
`expectedThen` + `change` is `expected`. All but `state` are null unless the state is READY."""
)
class ForecastDrivers:
    state: DriversState = strawberry.field(description="Whether the change can be explained, and why not.")
    day: date | None = strawberry.field(
        description="The day at the start of which the forecast was kept: the asked one, or up to six days before it."
    )

    @strawberry.field(description="What was expected then, with what was known then.")
    @staticmethod
    def expected_then(root: strawberry.Parent[DriversRow]) -> Decimal | None:
        return None if root.expected_then is None else root.forecast.to_money(root.expected_then)

    @strawberry.field(description="`expected` less `expectedThen`.")
    @staticmethod
    def change(root: strawberry.Parent[DriversRow]) -> Decimal | None:
        return None if root.change is None else root.forecast.to_money(root.change)

    @strawberry.field(
        graphql_type=list[ForecastDriver] | None,
        description="One of each kind, also those that have moved nothing.",
        metadata=declare(length=len(DriverKind)),
    )
    @staticmethod
    def drivers(root: strawberry.Parent[DriversRow]) -> list[DriverRow] | None:
        return None if root.drivers is None else [DriverRow(root.forecast, driver) for driver in root.drivers]
