"""Leaderboards and wins: what the whole office may see."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import strawberry

from domain.primitives.global_ids import encoded
from graph.base.enums import RankBy
from graph.base.row_types import Info, one
from graph.base.scopes import Days, Period, Scope
from graph.types.deals import Money, money
from graph.types.metrics import Metric
from graph.types.people import Employee
from models.crm import activities
from models.organization import people
from resolvers.leaderboards import leaderboards as board
from resolvers.leaderboards.leaderboards import Place, Question, places


@strawberry.type(description="One row of a board, in the metric's unit.")
class Standing:
    rank: int
    previous_rank: int | None = strawberry.field(
        description="Rank on the board as it stood at the start of the day; null for who was not ranked."
    )
    employee: Employee = one(people.by_ids, "employee_id")
    value: Decimal
    target: Decimal | None = strawberry.field(description="His own goal for this metric and period, if he has one.")
    attainment_percent: float | None
    gap_to_next: Decimal | None = strawberry.field(
        description="How much more is needed to reach the next rank up; null at the top."
    )


@strawberry.type(description="Who is ahead, in what, over which days.")
class Leaderboard:
    metric: Metric
    rank_by: RankBy
    standings: list[Standing] = strawberry.field(
        description="Best first. Equal values share a rank (1, 2, 2, 4); equal ones are in name order."
    )
    total_count: int = strawberry.field(description="How many employees are ranked, shown or not.")
    total: Decimal = strawberry.field(description="Of everybody's values, also of those no longer ranked.")
    version: int = strawberry.field(
        description="Grows when the board moves, and never goes back; a client that sees a lower one drops it."
    )
    as_of: datetime

    @strawberry.field(graphql_type=Period)
    @staticmethod
    def period(root: strawberry.Parent[board.Board], info: Info) -> Any:
        return Days(root.period, root.calendar, root.today, info.context.language)

    @strawberry.field(graphql_type=Scope)
    @staticmethod
    def scope(root: strawberry.Parent[board.Board]) -> Any:
        return root.scope.row


@strawberry.type(description="A win as the whole office may see it.")
class DealWon:
    revoked: bool = strawberry.field(description="The win was taken back within a day: stop celebrating.")
    employee: Employee = one(people.by_ids, "employee_id")
    title: str
    at: datetime

    @strawberry.field(description="The same for a win and its taking back.")
    @staticmethod
    def id(root: strawberry.Parent[activities.Bell]) -> strawberry.ID:
        return strawberry.ID(encoded("DealWon", root.win_id or root.id))

    @strawberry.field
    @staticmethod
    def amount(root: strawberry.Parent[activities.Bell]) -> Money:
        shown = money(root.amount, root.currency)
        assert shown is not None  # a win has an amount
        return shown

    @strawberry.field(
        graphql_type=Standing | None, description="The winner's place on the month's board after this win."
    )
    @staticmethod
    async def standing(root: strawberry.Parent[activities.Bell], info: Info) -> Any:
        return await info.context.ask(places, Place(root.employee_id, Question()))
