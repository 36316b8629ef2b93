"""Time at work: for the employee himself and those above."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

import strawberry

from graph.base.row_types import Info
from graph.base.scopes import Period, days
from resolvers.analytics import worktime as rows

TheEmployee = Annotated["Employee", strawberry.lazy("graph.types.people")]  # type: ignore[name-defined]  # noqa: F821


@strawberry.type(description="One day of the company's calendar, also one without any work.")
class WorkDay:
    date: date
    hours: float = strawberry.field(description="Rounded to four places.")
    first_seen_at: datetime | None = strawberry.field(
        description="When work began: the first heartbeat, or midnight where it went on from the day before."
    )
    last_seen_at: datetime | None = strawberry.field(
        description="When it ended: the last heartbeat, or midnight where it went on into the next day."
    )


@strawberry.type(description="What somebody worked in a period, by the heartbeats of his clients.")
class WorkTime:
    employee: TheEmployee
    total_hours: float = strawberry.field(
        description="Heartbeats no further apart than the idle limit count as work; a longer silence does not."
    )
    days: list[WorkDay] = strawberry.field(description="Every day of the period, in order.")

    @strawberry.field(graphql_type=Period)
    @staticmethod
    async def period(root: strawberry.Parent[rows.WorkTime], info: Info) -> Any:
        return await days(info.context, root.period)
