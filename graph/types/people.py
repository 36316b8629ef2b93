"""GraphQL types Company, Team, Employee and ExchangeRate; Employee is the employee card."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any

import strawberry

from domain.permissions import Action
from graph.base.connections import Connection, paged
from graph.base.enums import ActivityKind, RankBy, Role, Weekday
from graph.base.input_mapping import PeriodInput, given, period_key
from graph.base.row_types import Info, gathered, lens, somebody
from graph.base.scopes import (
    Scope,
    TheForecast,
    TheFunnel,
    TheStatistics,
    scope_of,
    whole_forecast,
    whole_funnel,
    whole_statistics,
)
from graph.types.activities import Activity
from graph.types.calls import Call
from graph.types.deals import Client, Deal, DealFilter
from graph.types.leads import Lead, LeadFilter
from graph.types.tasks import Task, TaskFilter
from graph.types.worktime import WorkTime
from models.db.keyset_pagination import Span
from models.organization import company as companies
from models.organization import people as rows
from resolvers.activities import queries as activity_queries
from resolvers.analytics import worktime
from resolvers.crm import clients, queries
from resolvers.leaderboards.leaderboards import Place, Question, places
from resolvers.organization import people

TheStanding = Annotated["Standing", strawberry.lazy("graph.types.leaderboards")]  # type: ignore[name-defined]  # noqa: F821


@strawberry.type(
    description="""The value of one unit of a currency in the company's currency, valid from a day. A win is converted
once, at the rate of its day."""
)
class ExchangeRate:
    currency: str
    rate: Decimal
    valid_from: date = strawberry.field(name="from")


@lens(companies.Company, description="The whole company: one installation is one company.")
class Company(Scope):
    currency: str = strawberry.field(description="ISO 4217.")
    time_zone: str = strawberry.field(description="IANA name: every period begins and ends at this zone's midnight.")
    holiday_country: str | None = strawberry.field(
        description="ISO 3166 country whose public holidays are not working days; null for none."
    )
    close_after_workdays: int | None = strawberry.field(
        description="""Working days after its end at which a month is closed: changes recorded for it later count on
the day they were recorded, marked late. Null leaves periods open forever."""
    )
    statistics: TheStatistics = whole_statistics()
    funnel: TheFunnel = whole_funnel()
    forecast: TheForecast = whole_forecast()

    @strawberry.field
    @staticmethod
    def week_start(root: strawberry.Parent[companies.Company]) -> Weekday:
        return Weekday(root.week_start)

    @strawberry.field
    @staticmethod
    def working_days(root: strawberry.Parent[companies.Company]) -> list[Weekday]:
        return [Weekday(day) for day in root.working_days]

    @strawberry.field(graphql_type=list[ExchangeRate], description="By currency, newest first.")
    @staticmethod
    async def exchange_rates(root: strawberry.Parent[companies.Company]) -> Any:
        return await companies.rates()


@lens(rows.Team, description="A group of employees with a manager; teams nest to any depth.")
class Team(Scope):
    manager: Employee | None = somebody("manager_id")
    members: list[Employee] = gathered(
        rows.members, "The active members of this team, without subteams, in name order."
    )
    statistics: TheStatistics = whole_statistics()
    funnel: TheFunnel = whole_funnel()
    forecast: TheForecast = whole_forecast()

    @strawberry.field(description="The parent team; null at the top, and where the viewer may not see it.")
    @staticmethod
    def parent(root: strawberry.Parent[rows.Team], info: Info) -> Team | None:
        return next((team for team in people.teams(info.context) if team.id == root.parent_id), None)  # type: ignore[return-value]

    @strawberry.field(description="The direct subteams, in name order.")
    @staticmethod
    def subteams(root: strawberry.Parent[rows.Team], info: Info) -> list[Team]:
        tree = info.context.tree
        return [tree.teams[child] for child in tree.children(root.id)]  # type: ignore[misc]


def _sees(root: rows.Employee, info: Info) -> bool:
    return info.context.viewer.may(Action.VIEW_CARD, root)


def _private(column: str) -> Any:
    """Return a field with the row's column as value, null for viewers who may not see the employee's card."""

    def read(root: Any, info: Info) -> Any:
        return getattr(root, column) if _sees(root, info) else None

    return strawberry.field(resolver=read)


@lens(
    rows.Employee,
    description="""The employee card: everything about one person in one place. Colleagues see only id, name, avatarUrl,
role, team, active, online and standing. Other fields are null or empty, without an error, unless the viewer is the
employee or stands above them.""",
)
class Employee(Scope):
    external_id: str | None = _private("external_id")
    email: str | None = _private("email")
    role: Role
    avatar_url: str | None
    active: bool

    @strawberry.field(description="Has an open live connection right now.")
    @staticmethod
    async def online(root: strawberry.Parent[rows.Employee], info: Info) -> bool:
        return await info.context.ask(people.online, root.id)

    @strawberry.field
    @staticmethod
    def team(root: strawberry.Parent[rows.Employee], info: Info) -> Team | None:
        return info.context.tree.teams.get(root.team_id or 0)  # type: ignore[return-value]

    @strawberry.field(
        description="The employee's manager: set by hand, else the team's manager, for that manager the nearest above."
    )
    @staticmethod
    def manager(root: strawberry.Parent[rows.Employee], info: Info) -> Employee | None:
        if not _sees(root, info):
            return None
        above = root.manager_id or info.context.tree.manager_of(root.id, root.team_id)
        return info.context.ask(people.seen, above) if above else None  # type: ignore[return-value]

    @strawberry.field(
        graphql_type=TheStanding | None,
        description="The employee's row on the company leaderboard; null when not ranked.",
    )
    @staticmethod
    async def standing(
        root: strawberry.Parent[rows.Employee],
        info: Info,
        metric: str = "deals_won_amount",
        period: PeriodInput | None = None,
        rank_by: RankBy = RankBy.VALUE,
    ) -> Any:
        question = Question(metric=metric, period=period_key(period), rank_by=rank_by)
        return await info.context.ask(places, Place(root.id, question))

    @strawberry.field(graphql_type=Connection[Activity], description="The employee's history, newest first.")
    @staticmethod
    async def activities(
        root: strawberry.Parent[rows.Employee],
        info: Info,
        kinds: list[ActivityKind] | None = None,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Any:
        query = await activity_queries.activity_list(info.context, scope_of(root), kinds)
        return await paged(info, query, ("-id",), Span(first, after, last, before))

    @strawberry.field(graphql_type=Connection[Task], description="Open tasks by due time, then completed ones.")
    @staticmethod
    async def tasks(
        root: strawberry.Parent[rows.Employee],
        info: Info,
        filter: TaskFilter | None = None,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Any:
        query = await queries.task_list(info.context, scope_of(root), given(filter))
        return await paged(info, query, ("place", "id"), Span(first, after, last, before))

    @strawberry.field(graphql_type=Connection[Call], description="Newest first.")
    @staticmethod
    async def calls(
        root: strawberry.Parent[rows.Employee],
        info: Info,
        period: PeriodInput | None = None,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Any:
        query = await queries.call_list(info.context, scope_of(root), given(period))
        return await paged(info, query, ("-started_at", "-id"), Span(first, after, last, before))

    @strawberry.field(graphql_type=Connection[Lead], description="Newest first.")
    @staticmethod
    async def leads(
        root: strawberry.Parent[rows.Employee],
        info: Info,
        filter: LeadFilter | None = None,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Any:
        query = await queries.lead_list(info.context, scope_of(root), given(filter))
        return await paged(info, query, ("-created_at", "-id"), Span(first, after, last, before))

    @strawberry.field(graphql_type=Connection[Client], description="Newest first.")
    @staticmethod
    async def clients(
        root: strawberry.Parent[rows.Employee],
        info: Info,
        search: str | None = None,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Any:
        query = await clients.listed(info.context, scope_of(root), search)
        return await paged(info, query, ("-created_at", "-id"), Span(first, after, last, before))

    @strawberry.field(
        graphql_type=WorkTime | None,
        description="In the current month by default; null unless the viewer is the employee or stands above them.",
    )
    @staticmethod
    async def work_time(root: strawberry.Parent[rows.Employee], info: Info, period: PeriodInput | None = None) -> Any:
        return await worktime.of(info.context, root, period_key(period))

    @strawberry.field(graphql_type=Connection[Deal], description="Newest first.")
    @staticmethod
    async def deals(
        root: strawberry.Parent[rows.Employee],
        info: Info,
        filter: DealFilter | None = None,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Any:
        query = await queries.deal_list(info.context, scope_of(root), given(filter))
        return await paged(info, query, ("-created_at", "-id"), Span(first, after, last, before))
