"""Builds alert candidates from events: the employee or group concerned, the amount, and the message data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from domain.alerts.rules import (
    ALERT_DEFINITIONS,
    AlertCandidate,
    AlertKind,
    Event,
    Subject,
    alert_kinds_of,
    occurrence_of,
)
from domain.ledger.record_facts import DealStatus
from domain.primitives.json_values import JsonObject
from domain.primitives.money import convert, from_minor, to_minor
from models.crm.deals import Deal
from models.crm.pipelines import Stage
from models.db import row_store
from models.edits.edit_rows import AlertsBefore
from models.organization import people
from models.organization.company import Company, ExchangeRateTable
from models.organization.people import Employee, TeamMembershipHistory
from models.organization.scopes import ScopeKey, ScopeRow, scope_key
from resolvers.request.context import RequestContext
from resolvers.request.scopes import load_scope_rows

_MESSAGE_FIELDS = (
    "title",
    "amount",
    "currency",
    "reason",
    "problem",
    "days",
    "percent",
    "expected",
    "limit",
    "hours",
    "tier",
)


@dataclass(frozen=True)
class EmployeeLookup:
    """Loaded employees and the teams that they have been in, by employee id."""

    employees: Mapping[int, Employee]
    team_history: TeamMembershipHistory

    def team_at(self, employee_id: int, moment: datetime) -> int:
        return self.team_history.team_id_at(self.employees[employee_id], moment)


async def load_employees(
    employee_ids: Iterable[int | None], alerts_before: AlertsBefore | None = None
) -> EmployeeLookup:
    """Return employees with their teams, from what an edit has read (None: from the database)."""
    ids = {id_ for id_ in employee_ids if id_}
    if not ids:
        return EmployeeLookup({}, TeamMembershipHistory())
    if alerts_before is not None and alerts_before.employees.keys() >= ids:
        employees = {id_: alerts_before.employees[id_] for id_ in ids}
        return EmployeeLookup(employees, alerts_before.memberships)
    placed = await people.load_with_teams(ids)
    return EmployeeLookup(placed.employees, placed.team_history)


async def build_candidates(
    context: RequestContext, events: Sequence[Event], lookup: EmployeeLookup | None = None
) -> list[AlertCandidate]:
    """Return the candidates of the events that may raise alerts, in their order: one of each kind of alert.

    lookup  the employees of the events, if they are loaded already
    """
    alert_events = [(event, kind) for event in events for kind in alert_kinds_of(event)]
    return await build_candidates_of_kinds(context, alert_events, lookup)


async def build_candidates_of_kinds(
    context: RequestContext, alert_events: Sequence[tuple[Event, AlertKind]], lookup: EmployeeLookup | None = None
) -> list[AlertCandidate]:
    """Do the same for events with one kind of alert each."""
    if not alert_events:
        return []
    lookup = lookup or await load_employees(event.employee_id for event, _ in alert_events)
    converter = await CurrencyConverter.load(context)
    group_keys = {_group_of(event) for event, _ in alert_events if event.employee_id is None}
    groups = await load_scope_rows(context, group_keys)
    candidates = [_build_candidate(context, event, kind, lookup, groups, converter) for event, kind in alert_events]
    return await _add_stage_names(candidates)


def _group_of(event: Event) -> ScopeKey:
    """Return the key of the group that owns the goal of an event."""
    assert event.goal_owner is not None, "only an event of a goal has no employee"
    return scope_key(*event.goal_owner)


async def _add_stage_names(candidates: list[AlertCandidate]) -> list[AlertCandidate]:
    stage_ids = {candidate.stage_id for candidate in candidates if candidate.stage_id}
    if not stage_ids:
        return candidates
    names = {row.id: row.name for row in await row_store.fetch(Stage, stage_ids)}
    return [
        replace(candidate, data={**candidate.data, "stage": names.get(candidate.stage_id, "")})
        if candidate.stage_id
        else candidate
        for candidate in candidates
    ]


def _build_candidate(
    context: RequestContext,
    event: Event,
    kind: AlertKind,
    lookup: EmployeeLookup,
    groups: Mapping[ScopeKey, ScopeRow],
    converter: CurrencyConverter,
) -> AlertCandidate:
    data = {name: event.data[name] for name in _MESSAGE_FIELDS if event.data.get(name) is not None}
    if event.data.get("due"):
        due = datetime.fromisoformat(event.data["due"]).astimezone(ZoneInfo(converter.company.time_zone))
        data["due"] = due.strftime("%Y-%m-%dT%H:%M")
    managed_by: Sequence[Sequence[int]] = ()
    if event.employee_id is not None:
        team_ids = frozenset({lookup.team_at(event.employee_id, event.at)})
        data["who"] = lookup.employees[event.employee_id].name
    else:
        group = _group_of(event)
        team_ids, data["who"] = group.team_ids(context.tree) or frozenset(), groups[group].name
        managed_by = [context.tree.path_to_root(team_id) for team_id in group.top_team_ids(context.tree)]
    return AlertCandidate(
        kind,
        event.subject,
        event.at,
        event.employee_id,
        team_ids,
        converter.amount_of(event),
        data,
        occurrence_of(kind, event),
        event.data.get("to") if ALERT_DEFINITIONS[kind].about_stage else None,
        event.data.get("assigner"),
        managed_by,
    )


@dataclass(frozen=True)
class CurrencyConverter:
    """Converts amounts to the company's currency at today's rates."""

    company: Company
    latest_rates: Mapping[str, Decimal | None]

    @classmethod
    async def load(cls, context: RequestContext) -> CurrencyConverter:
        company, rates, today = await context.company(), await context.rates(), await context.today()
        return cls(company, _LatestRates(rates, today))

    def amount_of(self, event: Event) -> int | None:
        """Return the event's amount in minor units of the company's currency; None without amount or exchange rate."""
        amount, currency = event.data.get("amount"), event.data.get("currency")
        if amount is None or currency is None:
            return None
        rate = self.latest_rates[currency]
        if rate is None:
            return None
        return convert(to_minor(Decimal(amount), currency), currency, self.company.currency, rate)


class _LatestRates(dict[str, Decimal | None]):
    def __init__(self, rates: ExchangeRateTable, today: date) -> None:
        super().__init__()
        self.rates, self.today = rates, today

    def __missing__(self, currency: str) -> Decimal | None:
        self[currency] = self.rates.latest_rate(currency, self.today)
        return self[currency]


def deal_activity_data(deal: Deal) -> JsonObject:
    """Return the current state of a deal as the data of an activity."""
    data: JsonObject = {"title": deal.title, "status": deal.status}
    if deal.amount is not None and deal.currency is not None:
        data |= {"amount": str(from_minor(deal.amount, deal.currency)), "currency": deal.currency}
    return data


def is_existing_open_deal(deal: Deal) -> bool:
    return deal.deleted_at is None and deal.status is DealStatus.OPEN


def latest_by_subject(events: Iterable[tuple[Subject, datetime]]) -> dict[Subject, datetime]:
    """Return the latest time of each subject."""
    latest_at: dict[Subject, datetime] = {}
    for subject, at in events:
        latest_at[subject] = max(at, latest_at.get(subject, at))
    return latest_at
