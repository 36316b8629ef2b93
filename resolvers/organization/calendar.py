"""The company's calendar: working days and hours, public holidays of its country and region, and its own days.

What is over stays as it was. Once anything has been counted, a change of settings holds from the current day on, and
days that are over can no longer be set.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Final

from domain.errors.user_errors import Conflict, Invalid, NotFound, OutOfRange, Required
from domain.messages import gettext_noop
from domain.primitives.calendar import MINUTES_PER_QUARTER, is_known_zone
from domain.primitives.public_holidays import is_known_country, list_regions
from domain.primitives.unset import UNSET
from models.db import row_store
from models.goals import goals
from models.ledger import scores
from models.organization import company as company_rows
from models.organization.company import Company, CompanyDay, EarlierCalendar, find_company
from resolvers.alerts import inactivity as inactivity_alerts
from resolvers.goals import pace_check, pro_rating
from resolvers.organization.inputs import CompanyDaySetting, CompanyInput
from resolvers.request import validation
from resolvers.request.context import RequestContext

_MINUTES_PER_DAY = 24 * 60
_MAX_DAYS_AT_ONCE = 400
_MAX_LISTED_REGIONS = 60
DAY_IS_OVER: Final = gettext_noop("This day is over, and what is over stays as it was: give today or a later day.")
_ADMIN_ONLY = gettext_noop("Only an administrator can change the company and its pipelines.")


async def change_settings(context: RequestContext, company: Company, input: CompanyInput) -> None:
    """Change the settings of the company's row by the input, and store those that held before the current day."""
    before, today = company.settings(), await context.today()
    apply_settings(company, input)
    if company.settings() == before or not await has_past():
        return
    row = await company_rows.find_earlier_calendar(today)
    if row is None:
        await row_store.insert(EarlierCalendar(until=today, changed_at=context.now(), **before))
    else:  # what held before today; the day is one day whatever zones held on it
        row.changed_at = context.now()
        await row_store.save(row, "changed_at")


async def has_past() -> bool:
    """Return whether anything has been counted or planned, so that a change of settings must leave it as it was."""
    return not await scores.is_empty() or await goals.has_any()


def apply_settings(company: Company, input: CompanyInput) -> None:
    """Set the calendar settings that the input has. Raises a user error for an invalid one."""
    if input.time_zone is not None:
        company.time_zone = validate_time_zone(input.time_zone, "input", "timeZone")
    if input.week_start is not None:
        company.week_start = int(input.week_start)
    if input.working_days is not None:
        working_days = sorted({int(day) for day in input.working_days})
        if not working_days:
            raise Required("A week has at least one working day.", "input", "workingDays")
        company.working_days = working_days
    if input.holiday_country is not UNSET:
        country = validate_country(input.holiday_country, "input", "holidayCountry")
        if country != company.holiday_country:
            company.holiday_country, company.holiday_region = country, None
    if input.holiday_region is not UNSET:
        company.holiday_region = _validate_region(
            input.holiday_region, company.holiday_country, "input", "holidayRegion"
        )
    _set_working_hours(company, input)


def validate_time_zone(value: str, *path: str) -> str:
    if not is_known_zone(value):
        raise Invalid('Give the time zone by its IANA name, e.g. "Europe/Moscow".', *path)
    return value


def validate_country(value: str | None, *path: str) -> str | None:
    if value is None or not value.strip():
        return None
    code = value.strip().upper()
    if not is_known_country(code):
        raise Invalid('Give the country by its ISO 3166 code, e.g. "DE", or null for none.', *path)
    return code


def _validate_region(value: str | None, country: str | None, *path: str) -> str | None:
    """Return the code of a region of the country; "BY" and "DE-BY" are the same."""
    if value is None or not value.strip():
        return None
    if country is None:
        raise Invalid("A region needs its country: give `holidayCountry`, too.", *path)
    regions = {code.upper(): code for code in list_regions(country)}
    if not regions:
        raise Invalid(
            "No region of {country} has public holidays of its own: leave `holidayRegion` null.", *path, country=country
        )
    code = regions.get(value.strip().upper().removeprefix(f"{country}-"))
    if code is None:
        examples = ", ".join(list_regions(country)[:_MAX_LISTED_REGIONS])
        raise Invalid(
            "Give a region of {country} by its code, such as {codes}.", *path, country=country, codes=examples
        )
    return code


def _set_working_hours(company: Company, input: CompanyInput) -> None:
    if input.workday_start is not None:
        company.workday_start = _clean_quarter(input.workday_start, "input", "workdayStart")
    if input.workday_end is not None:
        company.workday_end = _clean_quarter(input.workday_end, "input", "workdayEnd")
    if not 0 <= company.workday_start < company.workday_end <= _MINUTES_PER_DAY:
        field = "workdayStart" if input.workday_end is None else "workdayEnd"
        raise OutOfRange(
            "The working day ends after it begins, at 24:00 at the latest: it cannot last over midnight.",
            "input",
            field,
        )


def _clean_quarter(minute: int, *path: str) -> int:
    if minute % MINUTES_PER_QUARTER:
        raise OutOfRange("Working hours begin and end at a quarter of an hour, e.g. 09:00 or 09:15.", *path)
    return minute


async def set_company_days(context: RequestContext, inputs: Sequence[CompanyDaySetting]) -> Company:
    """Set the company's own days off and on, replacing those of the same dates. Raises Conflict for a day that is over."""
    context.viewer.require_admin(_ADMIN_ONLY)
    if not 1 <= len(inputs) <= _MAX_DAYS_AT_ONCE:
        raise OutOfRange("Give {least} to {most} days.", "days", least=1, most=_MAX_DAYS_AT_ONCE)
    first_open_day = await _first_open_day(context)
    rows: dict[date, CompanyDay] = {}
    for index, input in enumerate(inputs):
        path = ("days", str(index))
        day = validation.clean_day(input.day, *path, "date")
        _check_open(day, first_open_day, *path, "date")
        if day in rows:
            raise Invalid("This date occurs twice: give each day once.", *path, "date")
        name = validation.clean_name(input.name, *path, "name")
        rows[day] = CompanyDay(day=day, kind=input.kind, name=name)
    existing = {row.day: (row.kind, row.name) for row in await company_rows.fetch_days(rows)}
    changed = [row for row in rows.values() if existing.get(row.day) != (row.kind, row.name)]
    if not changed:
        return await context.company()
    await company_rows.remove_days([row.day for row in changed])
    await row_store.insert_all(changed)
    return await _publish_days(context)


async def remove_company_days(context: RequestContext, dates: Sequence[date]) -> Company:
    """Remove the company's own days of these dates; NotFound if there is none, Conflict for a day that is over."""
    context.viewer.require_admin(_ADMIN_ONLY)
    if not 1 <= len(dates) <= _MAX_DAYS_AT_ONCE:
        raise OutOfRange("Give {least} to {most} days.", "dates", least=1, most=_MAX_DAYS_AT_ONCE)
    first_open_day = await _first_open_day(context)
    existing = {row.day for row in await company_rows.fetch_days(dates)}
    for index, day in enumerate(dates):
        if day not in existing:
            raise NotFound("The company has no day of its own on this date.", "dates", str(index))
        _check_open(day, first_open_day, "dates", str(index))
    await company_rows.remove_days(dates)
    return await _publish_days(context)


async def _first_open_day(context: RequestContext) -> date:
    """Return the first day that can still be set: any day while nothing has been counted, then the current one."""
    return await context.today() if await has_past() else date.min


def _check_open(day: date, first_open_day: date, *path: str) -> None:
    if day < first_open_day:
        raise Conflict(DAY_IS_OVER, *path)


async def _publish_days(context: RequestContext) -> Company:
    context.publish("company")
    await follow_working_time(context)
    company = await find_company()
    assert company is not None
    return company


async def follow_working_time(context: RequestContext, employee_ids: Collection[int] | None = None) -> None:
    """Bring up to date what depends on the working time of employees (None: of all), which has just changed.

    These are the pro-rated targets, and the alerts without a reason any more.
    """
    context.invalidate()
    await pro_rating.refresh_targets(context, employee_ids)
    await inactivity_alerts.resolve_unfounded_alerts(context)
    await pace_check.resolve_unfounded_alerts(context)
