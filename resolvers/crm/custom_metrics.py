"""Company metrics: create them, look up metrics, and record results."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from domain.errors.user_errors import Conflict, Forbidden, Invalid, NotFound
from domain.ledger.metrics import METRICS, Metric
from domain.ledger.record_facts import ResultFacts
from domain.permissions import Action
from domain.primitives.units import Unit, canonical, shown
from models.crm.activities import ActivityKind
from models.crm.custom_metrics import CompanyMetric, Result
from models.goals.goals import Goal
from models.organization.people import Employee
from resolvers.activities.entries import Line
from resolvers.crm.record_type import Bench, Draft, Given, Keeper, handed_over, record_many
from resolvers.request import validation
from resolvers.request.context import Context

_KEY = re.compile(r"[a-z][a-z0-9_]{1,39}")


async def create(context: Context, *, key: str, name: str, description: str | None, unit: Unit) -> Metric:
    """Create a company metric, which counts the results recorded for it."""
    if not context.viewer.may_company(Action.DEFINE_METRICS):
        raise Forbidden("Only directors and administrators can make metrics.", "input")
    if not _KEY.fullmatch(key):
        raise Invalid(
            "A key has 2 to 40 small Latin letters, digits and underscores, and begins with a letter.", "input", "key"
        )
    if key in await context.metrics():
        raise Conflict("There is a metric with this key already.", "input", "key")
    row = await CompanyMetric.create(
        key=key,
        name=validation.name(name, "input", "name"),
        description=validation.note(description, "input", "description") or "",
        unit=unit,
        created_at=context.now(),
    )
    context.forget()
    context.announce("metrics")
    return (await context.metrics())[row.key]


class Results(Keeper):
    kind = "Result"
    refers = {"employee": "Employee"}

    def __init__(self, metrics: dict[str, Metric]) -> None:
        self.metrics = metrics

    def begin(self, bench: Bench, given: Given) -> Result:
        employee = bench.refs.new_owner(given.get("employee"), "input", "employee")
        result = Result(employee_id=employee.id)
        _achieved(bench, result, employee, bench.now)
        return result

    def apply(self, bench: Bench, draft: Draft, given: Given) -> None:
        result: Result = draft.row
        if "metric" in given:
            result.metric = given["metric"]
        if "value" in given:
            unit = self._metric(result.metric).unit
            result.amount = validation.measured(given["value"], unit, bench.company.currency, "input", "value")
        handed_over(bench, draft, given.get("employee"), "employee")
        at = validation.past(given["at"], bench.now, "input", "at") if given.get("at") else result.at
        if at != result.at or draft.changed("employee_id"):
            _achieved(bench, result, bench.refs.row("Employee", result.employee_id), at)
        if "note" in given:
            result.note = validation.note(given["note"], "input", "note")

    def _metric(self, key: str) -> Metric:
        if key in METRICS:
            raise Invalid(
                "This metric is counted automatically: record results for the company's own metrics.",
                "input",
                "metric",
            )
        if key not in self.metrics or self.metrics[key].of is not ResultFacts:
            raise NotFound("There is no such metric; `metrics` lists them.", "input", "metric")
        return self.metrics[key]

    def story(self, bench: Bench, draft: Draft) -> Sequence[Line]:
        result: Result = draft.row
        metric = self.metrics[result.metric]
        value = canonical(shown(result.amount, metric.unit, bench.company.currency))
        return [self.line(draft, ActivityKind.RESULT_RECORDED, result.at, metric=metric.name, value=value)]


def _achieved(bench: Bench, result: Result, employee: Employee, at: Any) -> None:
    result.at, result.achieved_on = at, bench.calendar.day_of(at)
    result.credit_by, result.credit_team = employee.id, bench.places.team(employee, at)


async def record(context: Context, givens: Sequence[Given], *, aloud: bool = True) -> tuple[list[Result], list[Goal]]:
    return await record_many(context, Results(await context.metrics()), givens, aloud=aloud)
