"""Quotas of employees: the day from which an input sets one, and whether one is carried on a day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from domain.errors.user_errors import Conflict, Required
from domain.primitives.unset import UNSET
from models.organization import quotas
from resolvers.organization import calendar
from resolvers.organization.inputs import EmployeeInput
from resolvers.request import validation
from resolvers.request.context import RequestContext


async def resolve_quota_day(context: RequestContext, input: EmployeeInput) -> date | None:
    """Return the day from which `carriesQuota` holds, by default today; None if the input does not have it.

    What is over stays: once anything has been counted, it is today or later.
    """
    if input.carries_quota is UNSET:
        if input.carries_quota_from is not None:
            raise Required("Say whether the employee carries a quota from this day on.", "input", "carriesQuota")
        return None
    today = await context.today()
    if input.carries_quota_from is None:
        return today
    day = validation.clean_day(input.carries_quota_from, "input", "carriesQuotaFrom")
    if day < today and await calendar.has_past():
        raise Conflict(calendar.DAY_IS_OVER, "input", "carriesQuotaFrom")
    return day


async def check_quotas(context: RequestContext, keys: Sequence[tuple[int, date | None]]) -> list[bool]:
    """Return for each pair of employee id and day (None: today) whether the employee carries a quota then."""
    today = await context.today()
    carries = {
        day: await quotas.carry_quotas({employee_id for employee_id, other in keys if other == day}, day or today)
        for day in {day for _, day in keys}
    }
    return [carries[day][employee_id] for employee_id, day in keys]
