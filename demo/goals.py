"""Goals of the demo company: for every metric and every owner, over the current week, month, quarter and year.

target = total of the year * owner's share of the talent * activity of the period / activity of the year * ambition.
An ambition below 1 gives a goal that is reached early, one above 1 a goal that stays behind.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import cycle
from typing import Final

from demo import company_data
from demo.company_data import DemoPerson
from demo.history_generator import CALENDAR, DEMOS, TRAININGS, CompanyHistory, HistoryEvent, activity_level
from domain.ledger.record_facts import CallDirection, CallOutcome, DealStatus, LeadStatus
from domain.primitives.periods import Period, PeriodKind, period_containing
from resolvers.crm.inputs import CallInput, ClientInput, ContactInput, DealInput, LeadInput, ResultInput, TaskInput
from resolvers.request.inputs import Money

DEALS_WON_AMOUNT: Final = "deals_won_amount"
FIRST_DEALS_WON: Final = "first_deals_won"
REPEAT_DEALS_WON: Final = "repeat_deals_won"
_AMBITION_FACTORS: Final = (0.6, 0.8, 1.0, 1.0, 1.15, 1.4)
_CAMPAIGN_LEAD: Final = timedelta(weeks=4)  # before today; half as long after today
_MORNING_OFFSET: Final = timedelta(hours=7)
_COMPANY_METRICS: Final = {
    PeriodKind.YEAR: (DEALS_WON_AMOUNT, "deals_won_profit"),
    PeriodKind.QUARTER: (DEALS_WON_AMOUNT, f"{FIRST_DEALS_WON}_amount", f"{REPEAT_DEALS_WON}_amount", "clients_added"),
    PeriodKind.MONTH: (DEALS_WON_AMOUNT, "leads_created", "deals_created"),
}
_TEAM_METRICS: Final = (
    "leads_created", "leads_converted", "contacts_added", FIRST_DEALS_WON, REPEAT_DEALS_WON, "calls_answered", "deals_won_profit",
)  # fmt: skip
_SELLER_METRICS: Final = (
    "calls_made", "leads_created", "contacts_added", "tasks_completed", "call_hours", "deals_won", DEMOS, FIRST_DEALS_WON,
    "leads_converted", REPEAT_DEALS_WON, "calls_answered", "calls_outbound", TRAININGS, "clients_added", "deals_created",
)  # fmt: skip


@dataclass(frozen=True)
class PlannedGoal:
    """A goal that `setter` (key of a person) sets at `set_at`.

    `owner` is "company" or the key of a team or person.
    """

    set_at: datetime
    setter: str
    owner: str
    metric: str
    period: Period
    target: Decimal
    name: str | None = None

    @property
    def kind(self) -> PeriodKind:
        return self.period.kind


def plan_goals(history: CompanyHistory) -> list[PlannedGoal]:
    """Return the goals of the company, its teams and its sellers for periods that include today."""
    return list(_GoalPlanner(history))


class _GoalPlanner:
    """Iterates over the goals; the random numbers depend on the history's seed alone."""

    def __init__(self, history: CompanyHistory) -> None:
        self.history = history
        self.rng = random.Random(history.seed + 1)  # noqa: S311 - a story, not a secret
        self.yearly_totals = total_by_metric(history.events, history)
        self.yearly_activity = _total_activity(Period(CALENDAR.day_of(history.start), history.today, PeriodKind.CUSTOM))
        self.total_talent = sum(person.talent for person in history.sellers)

    def __iter__(self) -> Iterator[PlannedGoal]:
        director = next(team.manager for team in company_data.TEAMS if team.parent is None)
        for kind, metrics in _COMPANY_METRICS.items():
            for metric in metrics:
                yield self._plan_goal(director, "company", self.history.sellers, metric, kind)
        yield self._plan_campaign_goal(director)
        next_metrics = cycle(_TEAM_METRICS)
        for team in company_data.TEAMS:
            members = [person for person in self.history.sellers if person.team in teams_below(team.key)]
            yield self._plan_goal(director, team.key, members, DEALS_WON_AMOUNT, PeriodKind.MONTH)
            yield self._plan_goal(director, team.key, members, DEALS_WON_AMOUNT, PeriodKind.QUARTER)
            yield self._plan_goal(director, team.key, members, next(next_metrics), PeriodKind.MONTH)
            yield self._plan_goal(director, team.key, members, "calls_made", PeriodKind.WEEK)
        next_metrics = cycle(_SELLER_METRICS)
        for person in self.history.sellers:
            manager = next(team.manager for team in company_data.TEAMS if team.key == person.team)
            setter = director if manager == person.key else manager
            yield self._plan_goal(setter, person.key, [person], DEALS_WON_AMOUNT, PeriodKind.MONTH)
            yield self._plan_goal(setter, person.key, [person], DEALS_WON_AMOUNT, PeriodKind.QUARTER)
            yield self._plan_goal(setter, person.key, [person], next(next_metrics), PeriodKind.MONTH)

    def _plan_goal(
        self, setter: str, owner: str, members: list[DemoPerson], metric: str, kind: PeriodKind
    ) -> PlannedGoal:
        ambition = self.rng.choice(_AMBITION_FACTORS) if len(members) == 1 else self.rng.uniform(0.8, 1.2)
        return self._plan_for_period(
            period_containing(kind, self.history.today, CALENDAR), setter, owner, members, metric, ambition
        )

    def _plan_campaign_goal(self, setter: str) -> PlannedGoal:
        """Return the one goal with a CUSTOM period, which does not recur."""
        first_day = self.history.today - min(_CAMPAIGN_LEAD, timedelta(days=self.history.days))
        period = Period(first_day, self.history.today + _CAMPAIGN_LEAD / 2, PeriodKind.CUSTOM)
        return replace(
            self._plan_for_period(period, setter, "company", self.history.sellers, FIRST_DEALS_WON, 1.1),
            name="New clients in six weeks",
        )

    def _plan_for_period(
        self, period: Period, setter: str, owner: str, members: list[DemoPerson], metric: str, ambition: float
    ) -> PlannedGoal:
        share = sum(person.talent for person in members) / self.total_talent
        expected = self.yearly_totals[metric] * Decimal(
            share * _total_activity(period) / self.yearly_activity * ambition
        )
        set_at = max(CALENDAR.start_of(period.start) + _MORNING_OFFSET, self.history.start + 2 * _MORNING_OFFSET)
        return PlannedGoal(min(set_at, self.history.now), setter, owner, metric, period, _round_target(expected))


def teams_below(team: str) -> set[str]:
    """Return the keys of the team and of all teams below it."""
    return {team}.union(*(teams_below(child.key) for child in company_data.TEAMS if child.parent == team))


def total_by_metric(events: list[HistoryEvent], history: CompanyHistory) -> defaultdict[str, Decimal]:
    """Return the total of the year by metric, in the metric's unit; records created before it do not count."""
    totals: defaultdict[str, Decimal] = defaultdict(Decimal)
    created_deals: dict[str | None, DealInput] = {}
    clients_with_wins: set[str] = set()
    for event in events:
        input = event.input
        created_at = None if isinstance(input, CallInput | ResultInput) else input.created_at
        if isinstance(input, DealInput) and created_at:
            created_deals[input.external_id] = input
        if (created_at or event.at) < history.start:
            continue
        match input:
            case LeadInput() | DealInput() if created_at:
                totals["leads_created" if isinstance(input, LeadInput) else "deals_created"] += 1
            case ClientInput() | ContactInput() if created_at:
                totals["clients_added" if isinstance(input, ClientInput) else "contacts_added"] += 1
            case LeadInput(status=LeadStatus.CONVERTED):
                totals["leads_converted"] += 1
            case DealInput(status=DealStatus.WON, cost=cost):
                deal = created_deals[input.external_id]
                assert isinstance(deal.client, str)
                assert isinstance(deal.amount, Money)
                kind = REPEAT_DEALS_WON if deal.client in clients_with_wins else FIRST_DEALS_WON
                clients_with_wins.add(deal.client)
                rate = history.rates.get(deal.amount.currency or "", Decimal(1))
                value = deal.amount.amount * rate
                for metric in ("deals_won", kind):
                    totals[metric] += 1
                    totals[f"{metric}_amount"] += value
                if cost:
                    totals["deals_won_profit"] += value - cost.amount * rate
            case CallInput():
                totals["calls_made"] += 1
                totals["calls_outbound"] += input.direction is CallDirection.OUTBOUND
                if input.outcome is CallOutcome.ANSWERED:
                    totals["calls_answered"] += 1
                    totals["call_hours"] += Decimal(input.duration_seconds or 0) / 3600
            case TaskInput() if input.completed_at:
                totals["tasks_completed"] += 1
            case ResultInput(metric=str(metric), value=Decimal() as value):
                totals[metric] += value
    return totals


def _total_activity(period: Period) -> float:
    """Return the sum of the activity levels of the period's days."""
    return sum(activity_level(period.start + timedelta(days=day_offset)) for day_offset in range(period.days))


def _round_target(value: Decimal) -> Decimal:
    """Round a target as a manager would: two significant digits (whole numbers below 10), at least 1."""
    if value < 10:
        return max(value.quantize(Decimal(1), ROUND_HALF_UP), Decimal(1))
    step = Decimal(10) ** (value.adjusted() - 1)
    return (value / step).quantize(Decimal(1), ROUND_HALF_UP) * step
