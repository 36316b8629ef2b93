"""GraphQL types of leaderboards and of announced wins, visible to all employees."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import strawberry

from domain.primitives.global_ids import encode_global_id
from graph.base.enums import RankBy
from graph.base.field_declarations import KEY_ALONE, LEADERBOARD, NEVER, NOTHING, declare
from graph.base.lazy_types import EmployeeRef, StandingRef
from graph.base.row_types import Info, event_cursor, to_one
from graph.base.scopes import CalendarPeriod, Period, Scope
from graph.types.deals import Money, to_money
from graph.types.metrics import Metric
from models.crm import activities
from models.organization import people
from resolvers.leaderboards import leaderboards as rows
from resolvers.leaderboards.leaderboards import LeaderboardQuery, StandingKey, load_standings


@strawberry.type(description="One row of a leaderboard, in the metric's unit.")
class Standing:
    rank: int
    previous_rank: int | None = strawberry.field(
        description="""Rank on the leaderboard as it stood at the start of the day; null if the employee had no value
then, and so for all on the first day of the period."""
    )
    employee: EmployeeRef = to_one(people.load_by_ids, "employee_id")
    value: Decimal = strawberry.field(description="What was credited to the leaderboard's scope.")
    target: Decimal | None = strawberry.field(description="The employee's own goal for this metric and period, if any.")
    attainment_percent: float | None = strawberry.field(
        description="""Percent of the target, by all that was credited to the employee: the same on every leaderboard, also
on that of a team to which only a part was credited."""
    )
    gap_to_next: Decimal | None = strawberry.field(
        description="Amount needed to reach the next rank up; null at the top."
    )


@strawberry.type(
    description="""Employees of a scope ranked by a metric over a period. A board of hours_worked consists of the
employees whose work time the viewer may see, ranked among themselves; without any it reads as absent."""
)
class Leaderboard:
    metric: Metric
    rank_by: RankBy
    standings: list[Standing] = strawberry.field(
        description="Best first. Equal values share a rank (1, 2, 2, 4) and are in name order.",
        metadata=declare(has_page_rows=True),
    )
    total_count: int = strawberry.field(description="Number of ranked employees, shown or not.")
    total: Decimal = strawberry.field(description="Sum of all values, including those of employees no longer ranked.")
    version: int = strawberry.field(
        description="Grows when the leaderboard changes, and never decreases; a client drops a lower one."
    )
    as_of: datetime = strawberry.field(metadata=declare(follows=NEVER))

    @strawberry.field(graphql_type=Period, metadata=declare(NOTHING, follows=KEY_ALONE))
    @staticmethod
    def period(root: strawberry.Parent[rows.Leaderboard], info: Info) -> CalendarPeriod:
        return CalendarPeriod(root.period, root.calendar, root.today, info.context.language)

    @strawberry.field(graphql_type=Scope)
    @staticmethod
    def scope(root: strawberry.Parent[rows.Leaderboard]) -> object:
        return root.scope.row


@strawberry.type(description="A won deal as all employees may see it.")
class DealWon:
    revoked: bool = strawberry.field(description="True if the win was revoked, within a day of its announcement.")
    employee: EmployeeRef = to_one(people.load_by_ids, "employee_id")
    title: str
    at: datetime
    cursor: str = event_cursor()

    @strawberry.field(description="The same for a win and its revocation.")
    @staticmethod
    def id(root: strawberry.Parent[activities.AnnouncedWin]) -> strawberry.ID:
        return strawberry.ID(encode_global_id("DealWon", root.win_id or root.id))

    @strawberry.field
    @staticmethod
    def amount(root: strawberry.Parent[activities.AnnouncedWin]) -> Money:
        win_amount = to_money(root.amount, root.currency)
        assert win_amount is not None  # a win has an amount
        return win_amount

    @strawberry.field(
        description="The winner's row on the month's leaderboard after this win.",
        metadata=declare(LEADERBOARD),
    )
    @staticmethod
    async def standing(root: strawberry.Parent[activities.AnnouncedWin], info: Info) -> StandingRef | None:
        return await info.context.load_for_viewer(load_standings, StandingKey(root.employee_id, LeaderboardQuery()))
