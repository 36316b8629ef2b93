"""GraphQL types of pipelines, deals, clients and contacts, and of money."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import strawberry

from domain.forecasting.categories import DEFAULT_CATEGORY, category_of
from domain.ledger.record_facts import SaleKind
from domain.permissions import Action
from domain.primitives.money import from_minor
from graph.base.connections import paged_field
from graph.base.enums import DealStatus, ForecastCategory
from graph.base.field_declarations import NOTHING, WHOLE_VIEWER, declare
from graph.base.input_mapping import PeriodInput
from graph.base.lazy_types import (
    ActivityRef,
    ClientRef,
    ContactRef,
    DealRef,
    EmployeeRef,
    PipelineRef,
    RefundRef,
    StageRef,
)
from graph.base.row_types import Info, Node, by_own_id, row_type, to_one, viewer_field, visible_to_one
from models.crm import activities, clients, pipelines, refunds
from models.crm import deals as rows
from models.db.row_query import RowQuery
from models.organization import people
from resolvers.crm import clients as client_resolvers
from resolvers.forecasting import forecasts


@strawberry.type(description="An amount of money.")
class Money:
    amount: Decimal
    currency: str = strawberry.field(description="ISO 4217.")


def to_money(minor: int | None, currency: str | None) -> Money | None:
    """Return an amount in the smallest unit as `Money`; None if it is unknown."""
    if minor is None or currency is None:
        return None
    return Money(amount=from_minor(minor, currency), currency=currency)


@row_type(pipelines.Pipeline, description="The stages that deals go through, in order.")
class Pipeline(Node):
    name: str
    stages: list[StageRef] = by_own_id(pipelines.fetch_stages, length=7)


@row_type(pipelines.Stage, description="One step of a pipeline.")
class Stage(Node):
    name: str
    position: int
    pipeline: PipelineRef = to_one(pipelines.load_by_ids, "pipeline_id")

    @strawberry.field(description="Of the open deals in it, unless they have one of their own.")
    @staticmethod
    def forecast_category(root: strawberry.Parent[pipelines.Stage]) -> ForecastCategory:
        return root.forecast_category or DEFAULT_CATEGORY


@row_type(rows.Deal, description="A deal: a possible sale to a client, with its amount and outcome.")
class Deal(Node):
    external_id: str | None
    title: str
    owner: EmployeeRef = to_one(people.load_by_ids, "owner_id")
    client: ClientRef | None = visible_to_one(clients.Client, "client_id")
    status: DealStatus
    stage: StageRef = to_one(pipelines.load_stages_by_ids, "stage_id")
    product: str | None
    problem: str | None
    lost_reason: str | None
    created_at: datetime
    expected_close_on: date | None
    closed_at: datetime | None

    @strawberry.field(description="Null while unknown; a won deal always has one.")
    @staticmethod
    def amount(root: strawberry.Parent[rows.Deal]) -> Money | None:
        return to_money(root.amount, root.currency)

    @strawberry.field(
        description="Cost of delivery; null when unknown, and then the deal is left out of deals_won_profit."
    )
    @staticmethod
    def cost(root: strawberry.Parent[rows.Deal]) -> Money | None:
        return to_money(root.cost, root.cost_currency)

    refunds: list[RefundRef] = by_own_id(refunds.fetch_by_deal, "What was given back, the earliest first.", length=1)

    @strawberry.field(description="What was given back altogether; null without a refund.")
    @staticmethod
    def refunded_amount(root: strawberry.Parent[rows.Deal]) -> Money | None:
        return to_money(root.refunded, root.currency)

    @strawberry.field(
        description="First or repeat sale; derived from the client's earlier wins unless given.",
        metadata=declare(NOTHING),
    )
    @staticmethod
    async def sale_kind(root: strawberry.Parent[rows.Deal], info: Info) -> SaleKind:
        if root.sale_kind is not None:
            return root.sale_kind
        if root.client_id is None:
            return SaleKind.FIRST
        return (
            SaleKind.REPEAT
            if (await info.context.load(rows.fetch_client_wins, root.client_id)).value_by_owner
            else SaleKind.FIRST
        )

    @strawberry.field(
        description="""Probability, 0 to 1, that it is ever won; 1 or 0 once closed; null while there is too little
history to estimate it.""",
        metadata=declare(WHOLE_VIEWER),
    )
    @staticmethod
    async def win_probability(root: strawberry.Parent[rows.Deal], info: Info) -> float | None:
        if root.status is not DealStatus.OPEN:
            return float(root.status is DealStatus.WON)
        return await info.context.load_for_viewer(forecasts.compute_eventual_win_probabilities, root.id)

    @strawberry.field(
        description="By its outcome once it is closed; while it is open its own, else that of its stage.",
        metadata=declare(NOTHING),
    )
    @staticmethod
    async def forecast_category(root: strawberry.Parent[rows.Deal], info: Info) -> ForecastCategory:
        stage = await info.context.load(pipelines.load_stages_by_ids, root.stage_id)
        return category_of(root.status, root.forecast_category, stage.forecast_category if stage else None)

    @strawberry.field(description="The category that was set for this deal; null if that of its stage counts.")
    @staticmethod
    def own_forecast_category(root: strawberry.Parent[rows.Deal]) -> ForecastCategory | None:
        return root.forecast_category

    @strawberry.field
    @staticmethod
    def has_problems(root: strawberry.Parent[rows.Deal]) -> bool:
        return root.problem is not None

    @paged_field(ActivityRef, "-id", description="Its activities, the newest first.", are_events=True)
    @staticmethod
    async def activities(
        root: strawberry.Parent[rows.Deal],
        info: Info,
    ) -> RowQuery[ActivityRef]:
        return activities.select_about("Deal", root.id)


@row_type(clients.Client, description="A client: a buyer, with contacts and deals.")
class Client(Node):
    external_id: str | None
    name: str
    owner: EmployeeRef = to_one(people.load_by_ids, "owner_id")
    email: str | None
    phone: str | None
    created_at: datetime
    last_activity_at: datetime | None = viewer_field(
        client_resolvers.fetch_visible_activity_times,
        description="Time of the last recorded activity with the client that the viewer may see.",
    )
    contacts: list[ContactRef] = viewer_field(
        client_resolvers.fetch_visible_contacts, description="Those visible to the viewer, in name order.", length=3
    )

    @strawberry.field(
        description="Total value of the client's won deals that the viewer may see, in the company's currency.",
        metadata=declare(WHOLE_VIEWER),
    )
    @staticmethod
    async def won_amount(root: strawberry.Parent[clients.Client], info: Info) -> Decimal:
        wins = await info.context.load(rows.fetch_client_wins, root.id)
        return await client_resolvers.sum_visible_wins(info.context, wins)

    @paged_field(Deal, "-created_at", "-id", description="Deals visible to the viewer, the newest first.")
    @staticmethod
    async def deals(
        root: strawberry.Parent[clients.Client],
        info: Info,
    ) -> RowQuery[DealRef]:
        return rows.select_for_client(root.id).where(info.context.viewer.scope_filter(Action.VIEW_CARD, "owner"))


@row_type(clients.Contact, description="A person in the client base.")
class Contact(Node):
    external_id: str | None
    name: str
    client: ClientRef | None = visible_to_one(clients.Client, "client_id")
    owner: EmployeeRef = to_one(people.load_by_ids, "owner_id")
    email: str | None
    phone: str | None
    created_at: datetime


@strawberry.input(description="Selects deals; an omitted field does not restrict them.")
class DealFilter:
    status: list[DealStatus] | None = strawberry.UNSET
    stage: list[strawberry.ID] | None = strawberry.UNSET
    client: strawberry.ID | None = strawberry.UNSET
    product: str | None = strawberry.UNSET
    owner: strawberry.ID | None = strawberry.UNSET
    has_problems: bool | None = strawberry.UNSET
    period: PeriodInput | None = strawberry.field(
        default=strawberry.UNSET, description="By closing day for closed deals, by creation day for open ones."
    )
    search: str | None = strawberry.field(default=strawberry.UNSET, description="A part of the title, in any case.")
