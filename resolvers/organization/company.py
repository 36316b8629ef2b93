"""Company settings, exchange rates and pipelines. Only administrators change them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from domain.errors.user_errors import Conflict, Invalid, NotFound, OutOfRange
from domain.messages import gettext_noop
from domain.permissions import Role
from domain.primitives.global_ids import decode_global_id
from domain.primitives.unset import UNSET
from models.alerts import alerts
from models.crm import deals, pipelines
from models.crm.pipelines import Pipeline, Stage
from models.db import row_store
from models.ledger import scores
from models.organization import memberships
from models.organization.company import Company, find_company, save_exchange_rate
from models.organization.people import Employee
from resolvers.alerts import rules
from resolvers.auth import passwords
from resolvers.organization import calendar
from resolvers.organization.inputs import CompanyInput, PipelineInput
from resolvers.request import validation
from resolvers.request.context import RequestContext

_MAX_RATE = Decimal(10) ** 9
_MAX_STAGES = 50
_ADMIN_ONLY = gettext_noop("Only an administrator can change the company and its pipelines.")


async def set_up(
    *, name: str, currency: str, zone: str, country: str | None, admin: str, email: str, password: str, now: datetime
) -> tuple[Company, Employee]:
    """Create the company, its first pipeline, the first administrator and the default alert rules.

    Raises Conflict if the installation has a company already.
    """
    if await find_company() is not None:
        raise Conflict("This installation already has a company.", "company")
    company = Company(id=1, name=validation.clean_name(name, "name"), requires_target_reason=True, created_at=now)
    company.currency = validation.clean_currency(currency, "currency")
    company.time_zone = calendar.validate_time_zone(zone, "zone")
    company.holiday_country = calendar.validate_country(country, "country")
    await row_store.insert(company)
    pipeline = await row_store.insert(Pipeline(name="Sales"))
    for position, stage in enumerate(("New", "Qualified", "Proposal", "Negotiation", "Closing")):
        await row_store.insert(Stage(pipeline_id=pipeline.id, name=stage, position=position))
    administrator = Employee(email=validation.clean_optional_email(email, "email"), role=Role.ADMIN, created_at=now)
    administrator.set_name(validation.clean_name(admin, "admin"))
    names = (company.name, administrator.name, administrator.email)
    administrator.password_hash = await passwords.hash_password(password, "password", names=names)
    await row_store.save(administrator)
    await memberships.record_change(administrator, now, former_name=administrator.name, former_role=administrator.role)
    await rules.create_default_rules(now)
    return company, administrator


async def update_company(context: RequestContext, input: CompanyInput) -> Company:
    """Change the company's settings. Amounts already posted keep their values."""
    context.viewer.require_admin(_ADMIN_ONLY)
    company = await find_company() or await context.company()
    if input.name is not None:
        company.name = validation.clean_name(input.name, "input", "name")
    if input.currency is not None:
        code = validation.clean_currency(input.currency, "input", "currency")
        if code != company.currency and not await scores.is_empty():
            raise Conflict("The currency can change only while nothing has been counted.", "input", "currency")
        company.currency = code
    if input.close_after_workdays is not UNSET:
        days_open = input.close_after_workdays
        if days_open is not None and not 0 <= days_open <= 250:
            raise OutOfRange(
                "Give 0 to 250 working days, or null to leave periods open.", "input", "closeAfterWorkdays"
            )
        company.close_after_workdays = days_open
    if input.employees_set_absences is not None:
        company.employees_set_absences = input.employees_set_absences
    if input.requires_target_reason is not None:
        company.requires_target_reason = input.requires_target_reason
    await calendar.change_settings(context, company, input)
    await row_store.save(company)
    context.publish("company", "*")
    await calendar.follow_working_time(context)
    return await find_company() or company


async def set_exchange_rate(
    context: RequestContext, *, currency: str, rate: Decimal, valid_from: date | None
) -> Company:
    """Set the value of one unit of a currency in the company's currency, valid from a day (default: today)."""
    context.viewer.require_admin(_ADMIN_ONLY)
    company = await context.company()
    code = validation.clean_currency(currency, "input", "currency")
    if code == company.currency:
        raise Invalid("This is the company's own currency: its rate is 1.", "input", "currency")
    if not 0 < rate <= _MAX_RATE or rate != round(rate, 12):
        raise OutOfRange(
            "A rate is above zero, at most 1000000000, with at most 12 digits after the point.", "input", "rate"
        )
    day = validation.clean_day(valid_from, "input", "from") if valid_from else await context.today()
    await save_exchange_rate(code, day, rate)
    context.invalidate()
    context.publish("company")
    return company


async def save_pipeline(context: RequestContext, input: PipelineInput) -> Pipeline:
    """Create a pipeline, or rename, reorder, add and remove the stages of an existing one.

    Raises Conflict for the removal of a stage that deals are or have been in.
    """
    context.viewer.require_admin(_ADMIN_ONLY)
    name = validation.clean_name(input.name, "input", "name")
    stage_inputs = input.stages
    if not 1 <= len(stage_inputs) <= _MAX_STAGES:
        raise OutOfRange("A pipeline has 1 to {most} stages.", "input", "stages", most=_MAX_STAGES)
    names = [
        validation.clean_name(stage_input.name, "input", "stages", str(index), "name")
        for index, stage_input in enumerate(stage_inputs)
    ]
    if len(set(names)) < len(names):
        raise Invalid("Two stages have the same name.", "input", "stages")
    if input.id is not None:
        decoded_id = decode_global_id(input.id)
        pipeline = await row_store.find(Pipeline, decoded_id[1]) if decoded_id and decoded_id[0] == "Pipeline" else None
        if pipeline is None:
            raise NotFound("There is no such pipeline.", "input", "id")
        pipeline.name = name
        await row_store.save(pipeline)
    else:
        pipeline = await row_store.insert(Pipeline(name=name))
    [stages] = await pipelines.fetch_stages([pipeline.id])
    existing_stages = {stage.id: stage for stage in stages}
    for position, (stage_input, stage_name) in enumerate(zip(stage_inputs, names, strict=True)):
        row = _take_existing_stage(existing_stages, stage_input.id, position) or Stage(pipeline_id=pipeline.id)
        row.name, row.position = stage_name, position
        if stage_input.forecast_category is not UNSET:
            row.forecast_category = validation.clean_category(
                stage_input.forecast_category, "input", "stages", str(position), "forecastCategory"
            )
        await row_store.save(row)
    for removed_stage in existing_stages.values():
        await _check_nothing_depends_on(removed_stage)
        await row_store.delete(removed_stage)
    context.publish("pipelines")
    return pipeline


async def delete_unused_pipeline(context: RequestContext, pipeline_id: int) -> None:
    """Delete a pipeline with its stages. Raises Conflict if deals are or have been in one of them."""
    context.viewer.require_admin(_ADMIN_ONLY)
    [stages] = await pipelines.fetch_stages([pipeline_id])
    for stage in stages:
        await _check_nothing_depends_on(stage)
        await row_store.delete(stage)
    if pipeline := await row_store.find(Pipeline, pipeline_id):
        await row_store.delete(pipeline)
    context.publish("pipelines")


async def _check_nothing_depends_on(stage: Stage) -> None:
    """Raise Conflict if deals are or have been in the stage, or an alert rule is about it."""
    deal_count = await deals.count_in_stage(stage.id)
    if deal_count:
        raise Conflict(
            "The stage “{stage}” stays while deals are in it: {deals}.",
            "input",
            "stages",
            stage=stage.name,
            deals=deal_count,
        )
    if await deals.has_been_in_stage(stage.id):
        raise Conflict("Deals have been in the stage “{name}”: it has to stay.", "input", "stages", name=stage.name)
    if await alerts.has_rule_about_stage(stage.id):
        raise Conflict(
            "An alert rule is about the stage “{stage}”: delete or change the rule first.",
            "input",
            "stages",
            stage=stage.name,
        )


def _take_existing_stage(existing_stages: dict[int, Stage], global_id: str | None, position: int) -> Stage | None:
    if global_id is None:
        return None
    decoded_id = decode_global_id(global_id)
    if not decoded_id or decoded_id[0] != "Stage" or decoded_id[1] not in existing_stages:
        raise NotFound("This pipeline has no such stage.", "input", "stages", str(position), "id")
    return existing_stages.pop(decoded_id[1])
