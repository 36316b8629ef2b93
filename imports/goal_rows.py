"""Imports rows with goals: the owner and the metric by name, and the period as exports write it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from domain.i18n.languages import LANGUAGES
from domain.i18n.metric_names import metric_name
from domain.ledger.metrics import Metric
from domain.primitives.global_ids import decode_global_id, encode_global_id
from domain.primitives.periods import Period, PeriodKind
from domain.primitives.tables import unescape_formula
from domain.primitives.text import search_key
from domain.primitives.units import Unit
from imports.cell_parsing import CellError, RowValues, errors_in_column, find_day, require_fields
from imports.goal_periods import parse_period, period_of_days, period_starting
from imports.import_run import ImportRun
from imports.vocabulary import COMPANY_NAMES
from models.organization import membership_history
from models.organization.company import Company
from models.organization.people import Employee, Team
from models.organization.scope_queries import find_by_name
from models.organization.scopes import SCOPE_KINDS, ScopeRow
from resolvers.crm.import_outcomes import ImportOutcome
from resolvers.goals import imported_goals
from resolvers.goals.inputs import GoalInput
from resolvers.request.context import RequestContext
from resolvers.request.periods import PeriodKey


@dataclass(frozen=True)
class GoalRow:
    """The goal of a row.

    key                   identifies it by its owner, metric and days
    recurring, pro_rated  None if the row does not say it
    """

    key: str
    input: GoalInput
    recurring: bool | None
    pro_rated: bool | None

    async def record(self, context: RequestContext) -> ImportOutcome:
        """Set the goal, or change the one for the same owner, metric and days."""
        _, outcome = await imported_goals.save_goal(
            context, self.input, recurring=self.recurring, pro_rated=self.pro_rated
        )
        return ImportOutcome(outcome)


async def read_goal(run: ImportRun, values: RowValues, prefix: str, parse_day: Callable[[str], date]) -> GoalRow:
    """Return the goal of a row. Raises CellError.

    prefix     of ids in the file
    parse_day  parses a day in the formats of the map
    """
    require_fields("goals", values)
    metric = await _find_metric(run, str(values["metric"]))
    await _check_currency(run, values, metric)
    period = await _find_period(run, values, parse_day)
    owner = await _find_owner(run, values, prefix)
    await _check_employed(run, owner, period)
    target, recurring, pro_rated = values["target"], values.get("recurring"), values.get("pro_rated")
    assert isinstance(target, Decimal)
    input = GoalInput(
        owner=owner,
        metric=metric.key,
        target=target,
        period=PeriodKey(PeriodKind.CUSTOM, start=period.start, end=period.end)
        if period.kind is PeriodKind.CUSTOM
        else PeriodKey(period.kind, on=period.start),
        name=unescape_formula(str(values["name"])) if "name" in values else None,
        recurring=recurring is True,
        pro_rated=pro_rated is True,
    )
    return GoalRow(
        f"{owner} {metric.key} {period.start} {period.end}",
        input,
        recurring if isinstance(recurring, bool) else None,
        pro_rated if isinstance(pro_rated, bool) else None,
    )


async def _find_metric(run: ImportRun, text: str) -> Metric:
    """Return the metric with this key, or with this name in one of the languages. Raises CellError."""
    metrics = await run.context.metrics()
    if text in metrics:
        return metrics[text]
    key = search_key(text)
    matching = {
        metric.key: metric
        for metric in metrics.values()
        for language in LANGUAGES
        if key in (search_key(metric.key), search_key(metric_name(metric, language)))
    }
    if len(matching) > 1:
        raise CellError(
            "Several metrics are called “{text}”: give one of the keys {keys}.",
            "metric",
            text=text[:60],
            keys=", ".join(matching),
        )
    if not matching:
        raise CellError(
            "There is no metric “{text}”: give the name or the key of one, such as {keys}, or define it in the map under "
            "values.metric.",
            "metric",
            text=text[:60],
            keys=", ".join(list(metrics)[:5]),
        )
    return next(iter(matching.values()))


async def _check_currency(run: ImportRun, values: RowValues, metric: Metric) -> None:
    """Raise CellError for a target in another currency than the company's, in which goals are set."""
    currency = str(values.get("currency", run.import_map.currency or "")).upper()
    company_currency = (await run.context.company()).currency
    if currency and metric.unit is Unit.MONEY and currency != company_currency:
        raise CellError(
            "Goals are in {company_currency}, the currency of the company, not in {currency}.",
            "currency",
            company_currency=company_currency,
            currency=currency,
        )


async def _find_period(run: ImportRun, values: RowValues, parse_day: Callable[[str], date]) -> Period:
    """Return the period of a row: by its name, or by its days. Raises CellError."""
    calendar = await run.context.calendar()
    kind = PeriodKind(str(values["period_kind"])) if "period_kind" in values else None
    first, last = find_day(values, "from"), find_day(values, "to")
    if "period" in values:
        period = parse_period(str(values["period"]), calendar, parse_day, kind)
        if (first or period.start) != period.start or (last or period.end) != period.end:
            raise CellError(
                "The period is {start} to {end}, its days in the row are others.",
                "period",
                start=period.start,
                end=period.end,
            )
        return period
    if first is None:
        raise CellError("The row has no period: it needs `period`, or `from` and `to`.", "period")
    if last is not None:
        period = period_of_days(first, last, calendar)
        if kind not in (None, period.kind):
            raise CellError(
                "{start} to {end} is no period of the kind {kind}.", "to", start=first, end=last, kind=str(kind)
            )
        return period
    if kind is None:
        raise CellError("The row has no last day: it needs `to`, or `period_kind`.", "to")
    return period_starting(first, kind, calendar)


async def _find_owner(run: ImportRun, values: RowValues, prefix: str) -> str:
    """Return the id of the employee, team or company that a row names; none is created. Raises CellError."""
    text, kind = unescape_formula(str(values["owner"])), values.get("owner_kind")
    owners: dict[str, str | None] = {}
    with errors_in_column("owner"):
        for scope_kind in reversed(SCOPE_KINDS):
            if kind in (None, scope_kind.kind):
                owners[scope_kind.kind] = await _find_owner_of_kind(run, scope_kind.row_class, text, prefix)
    matching = {name: owner for name, owner in owners.items() if owner is not None}
    if len(matching) > 1:
        names = ", ".join(name.lower() for name in matching)
        raise CellError(
            "“{text}” is the name of several, {kinds}: give `owner_kind`, one of these.",
            "owner",
            text=text,
            kinds=names,
        )
    if not matching:
        raise CellError("There is no employee, team or company called “{text}”.", "owner", text=text[:60])
    return next(iter(matching.values()))


async def _find_owner_of_kind(run: ImportRun, row_class: type[ScopeRow], text: str, prefix: str) -> str | None:
    """Return the id of the scope with the name in a row, or of the employee or team with that id in another system."""
    if row_class is Employee:
        return run.lookup.find_employee(text, prefix)
    if row_class is Team:
        return run.lookup.teams.find(text, "teams", prefix)
    if row_class is Company:
        company = await run.context.company()
        is_named = search_key(text) in {search_key(company.name), *COMPANY_NAMES}
        return encode_global_id(Company.__name__, company.id) if is_named else None
    row = await find_by_name(row_class, text)
    return encode_global_id(row_class.__name__, row.id) if row else None


async def _check_employed(run: ImportRun, owner: str, period: Period) -> None:
    """Raise CellError for a goal of an employee who had left before the period began."""
    decoded = decode_global_id(owner)
    if decoded is None or decoded[0] != "Employee" or run.lookup.employee(owner).active:
        return
    start = (await run.context.calendar()).start_of(period.start)
    if not await membership_history.was_active(decoded[1], start):
        raise CellError("{name} had left by {day}.", "owner", name=run.lookup.employee(owner).name, day=period.start)
