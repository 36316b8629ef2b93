"""Company metrics: create them and record results for them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from domain.errors.user_errors import Conflict, Forbidden, Invalid, NotFound
from domain.ledger.metrics import METRICS, Metric
from domain.ledger.record_facts import ResultFacts
from domain.permissions import Action
from domain.primitives.units import Unit, format_decimal, from_smallest
from models.crm.activities import ActivityKind
from models.crm.custom_metrics import CompanyMetric, Result
from models.db import row_store
from models.goals.goals import Goal
from models.organization.people import Employee
from resolvers.activities.entries import ActivityEntry
from resolvers.crm.inputs import ResultInput
from resolvers.crm.pending_changes import EditContext, PendingChange
from resolvers.crm.record_fields import reassign_owner
from resolvers.crm.record_type import RecordType, upsert_records
from resolvers.request import validation
from resolvers.request.context import RequestContext
from resolvers.request.validation import clean_update

_KEY_PATTERN = re.compile(r"[a-z][a-z0-9_]{1,39}")


async def create_metric(context: RequestContext, *, key: str, name: str, description: str | None, unit: Unit) -> Metric:
    """Create a company metric, which counts the results recorded for it; return an existing one that is equal."""
    if not context.viewer.can_company_wide(Action.DEFINE_METRICS):
        raise Forbidden("Only directors and administrators can make metrics.", "input")
    if not _KEY_PATTERN.fullmatch(key):
        raise Invalid(
            "A key has 2 to 40 small Latin letters, digits and underscores, and begins with a letter.", "input", "key"
        )
    name = validation.clean_name(name, "input", "name")
    description = validation.clean_note(description, "input", "description") or ""
    existing = (await context.metrics()).get(key)
    if existing is not None:
        is_repetition = (existing.unit, existing.name, existing.description) == (unit, name, description)
        if is_repetition and existing.facts_type is ResultFacts:
            return existing
        raise Conflict("There is a metric with this key already.", "input", "key")
    await row_store.insert(
        CompanyMetric(key=key, name=name, description=description, unit=unit, created_at=context.now())
    )
    context.invalidate()
    context.publish("metrics")
    return (await context.metrics())[key]


class ResultType(RecordType[Result, ResultInput]):
    model = Result

    def __init__(self, metrics: dict[str, Metric]) -> None:
        self.metrics = metrics

    def new_row(self, edit: EditContext, input: ResultInput) -> Result:
        at = validation.clean_past_time(input.at, edit.now, "input", "at") if input.at else edit.now
        employee = edit.resolver.resolve_new_owner(input.employee, "input", "employee", at=at)
        result = Result(employee_id=employee.id)
        _set_time_and_credit(edit, result, employee, at)
        return result

    def apply_input(self, edit: EditContext, change: PendingChange[Result], input: ResultInput) -> None:
        result = change.row
        if input.metric is not None:
            result.metric = input.metric
        if input.value is not None:
            unit = self._require_company_metric(result.metric).unit
            result.amount = validation.clean_metric_value(input.value, unit, edit.company.currency, "input", "value")
        reassign_owner(edit, change, input.employee)
        at = validation.clean_past_time(input.at, edit.now, "input", "at") if input.at else result.at
        if at != result.at or change.has_changed("employee_id"):
            _set_time_and_credit(edit, result, edit.resolver.get_row(Employee, result.employee_id), at)
        result.note = clean_update(input.note, result.note, validation.clean_note, "input", "note")

    def _require_company_metric(self, key: str) -> Metric:
        if key in METRICS:
            raise Invalid(
                "This metric is counted automatically: record results for the company's own metrics.",
                "input",
                "metric",
            )
        if key not in self.metrics or self.metrics[key].facts_type is not ResultFacts:
            raise NotFound("There is no such metric; `metrics` lists them.", "input", "metric")
        return self.metrics[key]

    def activity_entries(self, edit: EditContext, change: PendingChange[Result]) -> Sequence[ActivityEntry]:
        result = change.row
        metric = self.metrics[result.metric]
        value = format_decimal(from_smallest(result.amount, metric.unit, edit.company.currency))
        return [self.make_entry(change, ActivityKind.RESULT_RECORDED, result.at, metric=metric.name, value=value)]


def _set_time_and_credit(edit: EditContext, result: Result, employee: Employee, at: datetime) -> None:
    result.at, result.achieved_on = at, edit.calendar.day_of(at)
    result.credit_by, result.credit_team = employee.id, edit.memberships.team_id_at(employee, at)


async def upsert_results(
    context: RequestContext, inputs: Sequence[ResultInput], *, notify: bool = True
) -> tuple[list[Result], list[Goal]]:
    return await upsert_records(context, ResultType(await context.metrics()), inputs, notify=notify)
