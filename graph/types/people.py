"""GraphQL types Company, Team, Employee and ExchangeRate; Employee is the employee card."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import date, datetime
from decimal import Decimal

import strawberry

from domain.permissions import Action
from domain.primitives.global_ids import encode_global_id
from graph.base.answer_parts import leaderboard_parts
from graph.base.connections import paged_field
from graph.base.enums import AbsenceKind, ActivityKind, CompanyDayKind, RankBy, Role, Weekday
from graph.base.field_declarations import (
    CARD,
    KEY_ALONE,
    LEADERBOARD,
    NOTHING,
    PEOPLE,
    RECORDS,
    WHOLE_VIEWER,
    declare,
)
from graph.base.input_mapping import PeriodInput, period_key, to_optional_input
from graph.base.lazy_types import (
    ActivityRef,
    CallRef,
    ClientRef,
    DealRef,
    EmployeeRef,
    ForecastRef,
    FunnelRef,
    LeadRef,
    StandingRef,
    StatisticsRef,
    TaskRef,
    TeamRef,
    WorkTimeRef,
)
from graph.base.row_types import Info, by_own_id, employee_ref, row_field, row_type, to_one
from graph.base.scalars import LocalTime
from graph.base.scopes import (
    Scope,
    employee_funnel_field,
    required_forecast_field,
    required_funnel_field,
    required_statistics_field,
    to_scope,
)
from graph.types.activities import Activity
from graph.types.calls import Call
from graph.types.deals import Client, Deal, DealFilter
from graph.types.leads import Lead, LeadFilter
from graph.types.tasks import Task, TaskFilter
from models.db.row_query import RowQuery
from models.organization import absences as absence_rows
from models.organization import company as companies
from models.organization import people as rows
from resolvers.activities import queries as activity_queries
from resolvers.analytics import worktime
from resolvers.crm import clients, queries
from resolvers.crm.inputs import DealCriteria, LeadCriteria, TaskCriteria
from resolvers.leaderboards.leaderboards import LeaderboardQuery, StandingKey, load_standings
from resolvers.organization import absences, employee_quotas, people, teams


@strawberry.type(
    description="""The value of one unit of a currency in the company's currency, valid from a day. A win is converted
once, at the rate of its day."""
)
class ExchangeRate:
    currency: str
    rate: Decimal
    valid_from: date = strawberry.field(name="from")


@row_type(companies.CompanyDay, description="A day off or on of the company's own.")
class CompanyDay:
    day: date = strawberry.field(name="date")
    kind: CompanyDayKind
    name: str


@row_type(companies.Company, description="The whole company: one installation is one company.")
class Company(Scope):
    currency: str = strawberry.field(description="ISO 4217.")
    time_zone: str = strawberry.field(description="IANA name: every period begins and ends at this zone's midnight.")
    holiday_country: str | None = strawberry.field(
        description="ISO 3166 country whose public holidays are not working days; null for none."
    )
    holiday_region: str | None = strawberry.field(
        description="Region of that country whose public holidays are not working days either, e.g. BY; null for none."
    )
    workday_start: LocalTime = strawberry.field(description="Start of the working hours.")
    workday_end: LocalTime = strawberry.field(description="End of the working hours.")
    days: list[CompanyDay] = strawberry.field(
        description="The company's own days off and working days, by date; they count before weekdays and holidays.",
        metadata=declare(length=31),
    )
    employees_set_absences: bool = strawberry.field(
        description="Whether employees may set their own absences; else only those above them."
    )
    requires_target_reason: bool = strawberry.field(
        description="Whether a target that is changed after its period has begun needs a reason; so in new companies."
    )
    close_after_workdays: int | None = strawberry.field(
        description="""Working days after its end at which a month is closed: changes recorded for it later count on
the day they were recorded, marked late. Null leaves periods open forever."""
    )
    statistics: StatisticsRef = required_statistics_field()
    funnel: FunnelRef = required_funnel_field()
    forecast: ForecastRef = required_forecast_field()

    @strawberry.field
    @staticmethod
    def week_start(root: strawberry.Parent[companies.Company]) -> Weekday:
        return Weekday(root.week_start)

    @strawberry.field
    @staticmethod
    def working_days(root: strawberry.Parent[companies.Company]) -> list[Weekday]:
        return [Weekday(day) for day in root.working_days]

    @strawberry.field(
        graphql_type=list[ExchangeRate], description="By currency, newest first.", metadata=declare(length=10)
    )
    @staticmethod
    async def exchange_rates(root: strawberry.Parent[companies.Company]) -> list[companies.ExchangeRate]:
        return await companies.load_exchange_rates()


@row_type(rows.Team, description="A group of employees with a manager; teams nest to any depth.")
class Team(Scope):
    manager: EmployeeRef | None = employee_ref("manager_id")
    members: list[EmployeeRef] = by_own_id(
        rows.load_members, "The active members of this team, without subteams, in name order.", length=10
    )
    statistics: StatisticsRef = required_statistics_field()
    funnel: FunnelRef = required_funnel_field()
    forecast: ForecastRef = required_forecast_field()

    @strawberry.field(
        description="The parent team; null at the top, and where the viewer may not see it.",
        metadata=declare(WHOLE_VIEWER),
    )
    @staticmethod
    def parent(root: strawberry.Parent[rows.Team], info: Info) -> TeamRef | None:
        return next((team for team in teams.list_visible_teams(info.context) if team.id == root.parent_id), None)

    @strawberry.field(description="The direct subteams, in name order.", metadata=declare(WHOLE_VIEWER, length=5))
    @staticmethod
    def subteams(root: strawberry.Parent[rows.Team], info: Info) -> list[TeamRef]:
        tree = info.context.tree
        return [tree.teams[child] for child in tree.child_ids(root.id)]


@row_type(absence_rows.Absence, description="Days on which an employee does not work.")
class Absence:
    id: strawberry.ID = strawberry.field(resolver=lambda root: strawberry.ID(encode_global_id("Absence", root.id)))
    employee: EmployeeRef = to_one(rows.load_by_ids, "employee_id")
    first_day: date = strawberry.field(name="from", description="First day, included.")
    last_day: date = strawberry.field(name="to", description="Last day, included.")
    kind: AbsenceKind
    created_by: EmployeeRef | None = employee_ref("created_by_id")
    created_at: datetime


def _can_see_card(root: rows.Employee, info: Info) -> bool:
    return info.context.viewer.can(Action.VIEW_CARD, root)


def _card_only_field(column: str) -> str | None:
    """Return a field with the row's column as value, null for viewers that may not see the employee's card."""

    def resolve(root: rows.Employee, info: Info) -> str | None:
        return getattr(root, column) if _can_see_card(root, info) else None

    return row_field(resolve, None, CARD, follows=KEY_ALONE)


@row_type(
    rows.Employee,
    description="""The employee card: everything about one person in one place. Colleagues see only id, name, avatarUrl,
role, team, active, online and standing. Other fields are null or empty, without an error, unless the viewer is the
employee or stands above them.""",
)
class Employee(Scope):
    external_id: str | None = _card_only_field("external_id")
    email: str | None = _card_only_field("email")
    role: Role
    avatar_url: str | None
    active: bool
    funnel: FunnelRef | None = employee_funnel_field()

    @strawberry.field(
        description="""Whether leaderboards rank the employee on that day, by default today: as an administrator has set it,
else by role: of the roles that are not always ranked, those with a win or a goal of their own by that day.""",
        metadata=declare(WHOLE_VIEWER),
    )
    @staticmethod
    async def carries_quota(root: strawberry.Parent[rows.Employee], info: Info, on: date | None = None) -> bool | None:
        if not _can_see_card(root, info):
            return None
        return await info.context.load_for_viewer(employee_quotas.check_quotas, (root.id, on))

    @strawberry.field(description="Has an open live connection right now.", metadata=declare(NOTHING))
    @staticmethod
    async def online(root: strawberry.Parent[rows.Employee], info: Info) -> bool:
        return await info.context.load_for_viewer(people.check_online, root.id)

    @strawberry.field(metadata=declare(PEOPLE, follows=KEY_ALONE))
    @staticmethod
    def team(root: strawberry.Parent[rows.Employee], info: Info) -> TeamRef | None:
        return info.context.tree.teams.get(root.team_id or 0)

    @strawberry.field(
        graphql_type=EmployeeRef | None,
        description="The employee's manager: set by hand, else the team's manager, for that manager the nearest above.",
        metadata=declare(CARD, follows=KEY_ALONE),
    )
    @staticmethod
    def manager(root: strawberry.Parent[rows.Employee], info: Info) -> Awaitable[EmployeeRef | None] | None:
        if not _can_see_card(root, info):
            return None
        manager_id = root.manager_id or info.context.tree.find_manager_id(root.id, root.team_id)
        return info.context.load_for_viewer(people.load_visible_employees, manager_id) if manager_id else None

    @strawberry.field(
        description="The employee's row on the company leaderboard; null when not ranked or not visible.",
        metadata=declare(LEADERBOARD, metric_argument="metric"),
    )
    @staticmethod
    async def standing(
        root: strawberry.Parent[rows.Employee],
        info: Info,
        metric: str = "deals_won_amount",
        period: PeriodInput | None = None,
        rank_by: RankBy = RankBy.VALUE,
    ) -> StandingRef | None:
        query = LeaderboardQuery(metric, period_key(period), rank_by=rank_by, parts=leaderboard_parts(info))
        return await info.context.load_for_viewer(load_standings, StandingKey(root.id, query))

    @paged_field(Activity, "-id", description="The employee's history, newest first.", are_events=True, follows=RECORDS)
    @staticmethod
    async def activities(
        root: strawberry.Parent[rows.Employee],
        info: Info,
        kinds: list[ActivityKind] | None = None,
    ) -> RowQuery[ActivityRef]:
        return await activity_queries.select_activities(info.context, to_scope(root), kinds)

    @paged_field(Task, "place", "id", description="Open tasks by due time, then completed ones.")
    @staticmethod
    async def tasks(
        root: strawberry.Parent[rows.Employee],
        info: Info,
        filter: TaskFilter | None = None,
    ) -> RowQuery[TaskRef]:
        return await queries.select_tasks(info.context, to_scope(root), to_optional_input(TaskCriteria, filter))

    @paged_field(Call, "-started_at", "-id", description="Newest first.")
    @staticmethod
    async def calls(
        root: strawberry.Parent[rows.Employee],
        info: Info,
        period: PeriodInput | None = None,
    ) -> RowQuery[CallRef]:
        return await queries.select_calls(info.context, to_scope(root), period_key(period))

    @paged_field(Lead, "-created_at", "-id", description="Newest first.", follows=RECORDS)
    @staticmethod
    async def leads(
        root: strawberry.Parent[rows.Employee],
        info: Info,
        filter: LeadFilter | None = None,
    ) -> RowQuery[LeadRef]:
        return await queries.select_leads(info.context, to_scope(root), to_optional_input(LeadCriteria, filter))

    @paged_field(Client, "-created_at", "-id", description="Newest first.", follows=RECORDS)
    @staticmethod
    async def clients(
        root: strawberry.Parent[rows.Employee],
        info: Info,
        search: str | None = None,
    ) -> RowQuery[ClientRef]:
        return await clients.select_clients(info.context, to_scope(root), search)

    @strawberry.field(
        graphql_type=list[Absence],
        description="By first day; empty unless the viewer is the employee or stands above them.",
        metadata=declare(WHOLE_VIEWER, length=1),
    )
    @staticmethod
    def absences(root: strawberry.Parent[rows.Employee], info: Info) -> Awaitable[list[absence_rows.Absence]]:
        return info.context.load_for_viewer(absences.absences_of, root)

    @strawberry.field(
        description="First day of work, from which goals expect something; null: before anything that is recorded.",
        metadata=declare(WHOLE_VIEWER),
    )
    @staticmethod
    def joined_on(root: strawberry.Parent[rows.Employee], info: Info) -> date | None:
        return root.joined_on if info.context.viewer.can(Action.VIEW_WORK_TIME, root) else None

    @strawberry.field(
        description="In the current month by default; null unless the viewer is the employee or stands above them.",
        metadata=declare(WHOLE_VIEWER),
    )
    @staticmethod
    async def work_time(
        root: strawberry.Parent[rows.Employee], info: Info, period: PeriodInput | None = None
    ) -> WorkTimeRef | None:
        return await worktime.work_time_of(info.context, root, period_key(period))

    @paged_field(Deal, "-created_at", "-id", description="Newest first.")
    @staticmethod
    async def deals(
        root: strawberry.Parent[rows.Employee],
        info: Info,
        filter: DealFilter | None = None,
    ) -> RowQuery[DealRef]:
        return await queries.select_deals(info.context, to_scope(root), to_optional_input(DealCriteria, filter))
