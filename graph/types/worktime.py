"""GraphQL types of work time."""

from __future__ import annotations

from datetime import date, datetime

import strawberry

from graph.base.field_declarations import NOTHING, declare
from graph.base.lazy_types import EmployeeRef
from graph.base.row_types import Info
from graph.base.scopes import CalendarPeriod, Period, to_calendar_period
from resolvers.analytics import worktime as rows


@strawberry.type(description="Work time on one day of the company's calendar, possibly zero.")
class WorkDay:
    date: date
    hours: float = strawberry.field(description="Rounded to four places.")
    first_seen_at: datetime | None = strawberry.field(
        description="Start of work: the first heartbeat, or midnight if work continued from the day before."
    )
    last_seen_at: datetime | None = strawberry.field(
        description="End of work: the last heartbeat, or midnight if work continued into the next day."
    )


@strawberry.type(description="Work time of an employee in a period, from the heartbeats of their clients.")
class WorkTime:
    employee: EmployeeRef
    total_hours: float = strawberry.field(
        description="Gaps between heartbeats count as work up to the idle limit; longer gaps do not."
    )
    days: list[WorkDay] = strawberry.field(
        description="Every day of the period, in order.", metadata=declare(length=31)
    )

    @strawberry.field(graphql_type=Period, metadata=declare(NOTHING))
    @staticmethod
    async def period(root: strawberry.Parent[rows.WorkTime], info: Info) -> CalendarPeriod:
        return await to_calendar_period(info.context, root.period)
