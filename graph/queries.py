"""Root type `Query`: everything that the viewer may read."""

from __future__ import annotations

from datetime import datetime

import strawberry

from graph.base.answer_parts import leaderboard_parts, needs_target
from graph.base.connections import paged_field
from graph.base.enums import ActivityKind, Interval, MoneyBasis, RankBy, RecordKind
from graph.base.field_declarations import KEY_ALONE, LEADERBOARD, declare
from graph.base.input_mapping import PeriodInput, WhatIfInput, forecast_query, period_key, to_optional_input
from graph.base.lazy_types import (
    ActivityRef,
    CallRef,
    ClientRef,
    CompanyRef,
    DealRef,
    DeviceRef,
    EmployeeRef,
    ForecastRef,
    FunnelRef,
    GoalRef,
    LeaderboardRef,
    LeadRef,
    MetricRef,
    PipelineRef,
    StatisticsRef,
    TaskRef,
    TeamRef,
    ViewerRef,
)
from graph.base.row_types import Info, Node
from graph.base.scopes import Scope, funnel_query, statistics_query
from graph.types.activities import Activity
from graph.types.alerts import AlertQuery
from graph.types.calls import Call
from graph.types.deals import Client, Deal, DealFilter
from graph.types.duplicates import DuplicateQuery
from graph.types.imports import ImportQuery
from graph.types.leads import Lead, LeadFilter
from graph.types.people import Employee
from graph.types.plans import PlanQuery
from graph.types.tasks import Task, TaskFilter
from models.crm import pipelines
from models.db.keyset_pagination import MAX_PAGE_SIZE
from models.db.row_query import RowQuery
from models.organization.people import Employee as EmployeeRow
from models.organization.people import Team as TeamRow
from models.organization.scopes import ScopeRow
from resolvers import node as node_lookup
from resolvers.activities import queries as activity_queries
from resolvers.analytics import funnels, statistics
from resolvers.auth import devices
from resolvers.crm import clients, queries
from resolvers.crm.inputs import DealCriteria, LeadCriteria, TaskCriteria
from resolvers.forecasting import forecasts
from resolvers.goals import goals
from resolvers.leaderboards import leaderboards
from resolvers.leaderboards.leaderboards import LeaderboardQuery
from resolvers.organization import people
from resolvers.organization import teams as team_resolvers
from resolvers.request import scopes
from resolvers.request.context import RequestContext


def _require_sign_in(info: Info) -> RequestContext:
    """Return the context of a signed-in viewer. Raises Unauthenticated for an anonymous client."""
    context = info.context
    context.viewer  # noqa: B018 - raises for an anonymous client
    return context


@strawberry.type(name="Query")
class Query(AlertQuery, DuplicateQuery, ImportQuery, PlanQuery):
    @strawberry.field(graphql_type=Node | None, description="Any object by its id; null if absent or not visible.")
    async def node(self, info: Info, id: strawberry.ID) -> object:
        return await node_lookup.find_node(_require_sign_in(info), id)

    @strawberry.field(graphql_type=Node | None, description="The record with this `externalId`; null if not visible.")
    async def by_external_id(self, info: Info, type: RecordKind, external_id: str) -> object:
        return await node_lookup.find_by_external_id(_require_sign_in(info), type.value.title(), external_id)

    @strawberry.field(description="The signed-in employee or device.")
    async def viewer(self, info: Info) -> ViewerRef:
        return info.context.viewer

    @strawberry.field(metadata=declare(follows=KEY_ALONE))
    async def company(self, info: Info) -> CompanyRef:
        return await _require_sign_in(info).company()

    @strawberry.field(description="Null if absent or not visible to the viewer.", metadata=declare(follows=KEY_ALONE))
    async def employee(self, info: Info, id: strawberry.ID) -> EmployeeRef | None:
        return await node_lookup.find_node_of_kind(_require_sign_in(info), EmployeeRow, id)

    @paged_field(
        Employee,
        "search_key",
        "id",
        description="In name order. `search`: a part of the name, in any case; `active: null`: former employees too.",
    )
    async def employees(
        self,
        info: Info,
        search: str | None = None,
        team: strawberry.ID | None = None,
        active: bool | None = True,
    ) -> RowQuery[EmployeeRef]:
        return await people.search_employees(_require_sign_in(info), search, team, active)

    @strawberry.field(description="Null if absent or not visible to the viewer.")
    async def team(self, info: Info, id: strawberry.ID) -> TeamRef | None:
        return await node_lookup.find_node_of_kind(_require_sign_in(info), TeamRow, id)

    @strawberry.field(
        description="Every team after its parent, in name order; with `scope` those within it.",
        metadata=declare(length=20),
    )
    async def teams(self, info: Info, scope: strawberry.ID | None = None) -> list[TeamRef]:
        return await team_resolvers.list_teams_within(_require_sign_in(info), scope)

    @strawberry.field(
        graphql_type=list[Scope],
        description="What a goal can be set for beside employees: the company, and every team after its parent, as far as the "
        "viewer may see them.",
        metadata=declare(length=20),
    )
    async def groups(self, info: Info) -> list[ScopeRow]:
        return await scopes.list_groups(_require_sign_in(info))

    @strawberry.field(
        description="The built-in metrics, then the company's own by name.",
        metadata=declare(length=20),
    )
    async def metrics(self, info: Info) -> list[MetricRef]:
        return list((await _require_sign_in(info).metrics()).values())

    @strawberry.field(metadata=declare(length=3))
    async def pipelines(self, info: Info) -> list[PipelineRef]:
        _require_sign_in(info)
        return await pipelines.fetch_all()

    @strawberry.field(description="Null if absent or not visible to the viewer.")
    async def goal(self, info: Info, id: strawberry.ID) -> GoalRef | None:
        return await goals.find(_require_sign_in(info), id)

    @strawberry.field(
        description="""Goals of the scope and of everything within it that the viewer may see and whose period
overlaps the given one (null: includes today), by their last day, at most 1000. A null scope is the company.""",
        metadata=declare(length=10),
    )
    async def goals(
        self,
        info: Info,
        scope: strawberry.ID | None = None,
        period: PeriodInput | None = None,
        metric: str | None = None,
        include_archived: bool = False,
    ) -> list[GoalRef]:
        return await goals.list_goals(
            _require_sign_in(info), scope, period_key(period), metric, include_archived=include_archived
        )

    @strawberry.field(
        description="""`around` returns the `first` rows nearest to that employee; `asOf` returns the leaderboard as it
was at that time, of the period that ran then unless the period is given by its days. Ranks are always those of the whole scope; of hours_worked, among those whose work time the viewer may
see.""",
        # the leaderboard adds its state to the basis of the answer
        metadata=declare(LEADERBOARD, metric_argument="metric", page_size=MAX_PAGE_SIZE, follows=KEY_ALONE),
    )
    async def leaderboard(
        self,
        info: Info,
        metric: str = "deals_won_amount",
        period: PeriodInput | None = None,
        scope: strawberry.ID | None = None,
        rank_by: RankBy = RankBy.VALUE,
        first: int = 100,
        around: strawberry.ID | None = None,
        as_of: datetime | None = None,
    ) -> LeaderboardRef:
        query = LeaderboardQuery(
            metric, period_key(period), scope, rank_by, first, around, as_of, leaderboard_parts(info)
        )
        return await leaderboards.load_leaderboard(_require_sign_in(info), query)

    @strawberry.field(
        description="A null scope means the widest the viewer may see: the company, their first team, or themselves.",
    )
    async def forecast(
        self,
        info: Info,
        scope: strawberry.ID | None = None,
        period: PeriodInput | None = None,
        basis: MoneyBasis = MoneyBasis.REVENUE,
        what_if: WhatIfInput | None = None,
    ) -> ForecastRef:
        return await forecasts.get_forecast(
            _require_sign_in(info), scope, forecast_query(period, basis, what_if, with_target=needs_target(info))
        )

    @strawberry.field(
        description="A null scope means the widest the viewer may see: the company, their first team, or themselves.",
    )
    async def statistics(
        self,
        info: Info,
        scope: strawberry.ID | None = None,
        period: PeriodInput | None = None,
        interval: Interval = Interval.DAY,
        metrics: list[str] | None = None,
    ) -> StatisticsRef:
        return await statistics.resolve_statistics(
            _require_sign_in(info), scope, statistics_query(info, period, interval, metrics)
        )

    @strawberry.field(description="A null scope means the same as for `statistics`.")
    async def funnel(
        self,
        info: Info,
        scope: strawberry.ID | None = None,
        period: PeriodInput | None = None,
        pipeline: strawberry.ID | None = None,
    ) -> FunnelRef:
        return await funnels.resolve_funnel(_require_sign_in(info), scope, funnel_query(info, period, pipeline))

    @paged_field(Activity, "-id", description="The activity history, newest first.", are_events=True)
    async def activities(
        self,
        info: Info,
        scope: strawberry.ID | None = None,
        kinds: list[ActivityKind] | None = None,
    ) -> RowQuery[ActivityRef]:
        return await activity_queries.select_activities(_require_sign_in(info), scope, kinds)

    @paged_field(Deal, "-created_at", "-id", description="Newest first.")
    async def deals(
        self,
        info: Info,
        scope: strawberry.ID | None = None,
        filter: DealFilter | None = None,
    ) -> RowQuery[DealRef]:
        return await queries.select_deals(_require_sign_in(info), scope, to_optional_input(DealCriteria, filter))

    @paged_field(Task, "place", "id", description="Open tasks in order of their due time, then completed ones.")
    async def tasks(
        self,
        info: Info,
        scope: strawberry.ID | None = None,
        filter: TaskFilter | None = None,
    ) -> RowQuery[TaskRef]:
        return await queries.select_tasks(_require_sign_in(info), scope, to_optional_input(TaskCriteria, filter))

    @paged_field(Lead, "-created_at", "-id", description="Newest first.")
    async def leads(
        self,
        info: Info,
        scope: strawberry.ID | None = None,
        filter: LeadFilter | None = None,
    ) -> RowQuery[LeadRef]:
        return await queries.select_leads(_require_sign_in(info), scope, to_optional_input(LeadCriteria, filter))

    @paged_field(Call, "-started_at", "-id", description="Newest first.")
    async def calls(
        self,
        info: Info,
        scope: strawberry.ID | None = None,
        period: PeriodInput | None = None,
    ) -> RowQuery[CallRef]:
        return await queries.select_calls(_require_sign_in(info), scope, period_key(period))

    @paged_field(Client, "-created_at", "-id", description="Newest first.")
    async def clients(
        self,
        info: Info,
        scope: strawberry.ID | None = None,
        search: str | None = None,
    ) -> RowQuery[ClientRef]:
        return await clients.select_clients(_require_sign_in(info), scope, search)

    @strawberry.field(description="Newest first; for administrators.", metadata=declare(length=5))
    async def devices(self, info: Info) -> list[DeviceRef]:
        return await devices.list_devices(_require_sign_in(info))
