"""Company settings, exchange rates and pipelines. Only administrators change them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from domain.errors.user_errors import Conflict, Forbidden, Invalid, NotFound, OutOfRange, Required
from domain.permissions import Action, Role
from domain.primitives.calendar import known_country, known_zone
from domain.primitives.global_ids import decoded
from models.crm.deals import Deal, StageVisit
from models.crm.pipelines import Pipeline, Stage
from models.ledger import scores
from models.organization import people
from models.organization.company import Company, ExchangeRate, the_company
from models.organization.people import Employee
from resolvers.alerts import rules
from resolvers.auth import passwords
from resolvers.request import validation
from resolvers.request.context import Context

Given = Mapping[str, Any]
_LARGEST_RATE = Decimal(10) ** 9
_MOST_STAGES = 50


async def set_up(
    *, name: str, currency: str, zone: str, country: str | None, admin: str, email: str, password: str, now: datetime
) -> tuple[Company, Employee]:
    """Create the company, its first pipeline, the first administrator and the default alert rules.

    Raises Conflict if the installation has a company already.
    """
    if await the_company() is not None:
        raise Conflict("This installation has its company already.", "company")
    company = Company(id=1, name=validation.name(name, "name"), created_at=now)
    company.currency = validation.currency(currency, "currency")
    company.time_zone = _zone(zone, "zone")
    company.holiday_country = _country(country, "country")
    await company.save(force_create=True)
    pipeline = await Pipeline.create(name="Sales")
    for position, stage in enumerate(("New", "Qualified", "Proposal", "Negotiation", "Closing")):
        await Stage.create(pipeline_id=pipeline.id, name=stage, position=position)
    first = Employee(email=validation.email(email, "email"), role=Role.ADMIN, created_at=now)
    first.renamed(validation.name(admin, "admin"))
    first.password_hash = await passwords.hashed(password, "password")
    await first.save()
    await people.moved(first, now)
    await rules.begin(now)
    return company, first


async def update(context: Context, given: Given) -> Company:
    """Change the company's settings. Amounts already counted do not change."""
    _require_admin(context)
    company = await the_company() or await context.company()
    if given.get("name") is not None:
        company.name = validation.name(given["name"], "input", "name")
    if given.get("currency") is not None:
        code = validation.currency(given["currency"], "input", "currency")
        if code != company.currency and not await scores.is_empty():
            raise Conflict("The currency can change only while nothing has been counted.", "input", "currency")
        company.currency = code
    if given.get("timeZone") is not None:
        company.time_zone = _zone(given["timeZone"], "input", "timeZone")
    if given.get("weekStart") is not None:
        company.week_start = int(given["weekStart"])
    if given.get("workingDays") is not None:
        days = sorted({int(day) for day in given["workingDays"]})
        if not days:
            raise Required("A week has at least one working day.", "input", "workingDays")
        company.working_days = days
    if "holidayCountry" in given:
        company.holiday_country = _country(given["holidayCountry"], "input", "holidayCountry")
    if "closeAfterWorkdays" in given:
        days_open = given["closeAfterWorkdays"]
        if days_open is not None and not 0 <= days_open <= 250:
            raise OutOfRange(
                "Give 0 to 250 working days, or null to leave periods open.", "input", "closeAfterWorkdays"
            )
        company.close_after_workdays = days_open
    await company.save()
    context.forget()
    context.announce("company", "*")
    return company


def _zone(value: str, *path: str) -> str:
    if not known_zone(value):
        raise Invalid('Give the time zone by its IANA name, e.g. "Europe/Moscow".', *path)
    return value


def _country(value: str | None, *path: str) -> str | None:
    if value is None or not value.strip():
        return None
    code = value.strip().upper()
    if not known_country(code):
        raise Invalid('Give the country by its ISO 3166 code, e.g. "DE", or null for none.', *path)
    return code


async def set_rate(context: Context, *, currency: str, rate: Decimal, since: date | None) -> Company:
    """Set the value of one unit of a currency in the company's currency, valid from a day (default: today)."""
    _require_admin(context)
    company = await context.company()
    code = validation.currency(currency, "input", "currency")
    if code == company.currency:
        raise Invalid("This is the company's own currency: its rate is 1.", "input", "currency")
    if not 0 < rate <= _LARGEST_RATE or rate != round(rate, 12):
        raise OutOfRange(
            "A rate is above zero, at most 1000000000, with at most 12 digits after the point.", "input", "rate"
        )
    day = validation.day(since, "input", "from") if since else await context.today()
    await ExchangeRate.update_or_create(defaults={"rate": rate}, currency=code, valid_from=day)
    context.forget()
    context.announce("company")
    return company


async def save_pipeline(context: Context, given: Given) -> Pipeline:
    """Create a pipeline, or rename, reorder, add and remove the stages of an existing one.

    Raises Conflict for the removal of a stage that deals are or have been in.
    """
    _require_admin(context)
    name = validation.name(given["name"], "input", "name")
    wanted: Sequence[Given] = given["stages"]
    if not 1 <= len(wanted) <= _MOST_STAGES:
        raise OutOfRange(f"A pipeline has 1 to {_MOST_STAGES} stages.", "input", "stages")
    names = [validation.name(stage["name"], "input", "stages", str(n), "name") for n, stage in enumerate(wanted)]
    if len(set(names)) < len(names):
        raise Invalid("Two stages have the same name.", "input", "stages")
    if given.get("id") is not None:
        pair = decoded(given["id"])
        pipeline = await Pipeline.get_or_none(id=pair[1]) if pair and pair[0] == "Pipeline" else None
        if pipeline is None:
            raise NotFound("There is no such pipeline.", "input", "id")
        pipeline.name = name
        await pipeline.save()
    else:
        pipeline = await Pipeline.create(name=name)
    old = {stage.id: stage for stage in await Stage.filter(pipeline_id=pipeline.id)}
    for position, (stage, stage_name) in enumerate(zip(wanted, names, strict=True)):
        row = _old_stage(old, stage.get("id"), position) or Stage(pipeline_id=pipeline.id)
        row.name, row.position = stage_name, position
        await row.save()
    for gone in old.values():
        if await Deal.exists(stage_id=gone.id) or await StageVisit.exists(stage_id=gone.id):
            raise Conflict(f"Deals have been in the stage “{gone.name}”: it has to stay.", "input", "stages")
        await gone.delete()
    context.announce("pipelines")
    return pipeline


def _old_stage(old: dict[int, Stage], id_: str | None, position: int) -> Stage | None:
    if id_ is None:
        return None
    pair = decoded(id_)
    if not pair or pair[0] != "Stage" or pair[1] not in old:
        raise NotFound("This pipeline has no such stage.", "input", "stages", str(position), "id")
    return old.pop(pair[1])


def _require_admin(context: Context) -> None:
    if not context.viewer.may_company(Action.ADMINISTER):
        raise Forbidden("Only an administrator can change the company and its pipelines.", "input")
