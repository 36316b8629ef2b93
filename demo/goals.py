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
from demo.company_data import Person
from demo.history_generator import CALENDAR, DEMOS, TRAININGS, Event, Story, season
from domain.ledger.record_facts import CallOutcome, DealStatus, LeadStatus
from domain.primitives.periods import Period, PeriodKind, period_of

AMOUNT: Final = "deals_won_amount"
FIRST: Final = "first_deals_won"
REPEAT: Final = "repeat_deals_won"
_AMBITIONS: Final = (0.6, 0.8, 1.0, 1.0, 1.15, 1.4)
_DRIVE: Final = timedelta(weeks=4)  # before today; half as long after today
_MORNING: Final = timedelta(hours=7)
_OF_COMPANY: Final = {
    PeriodKind.YEAR: (AMOUNT, "deals_won_profit"),
    PeriodKind.QUARTER: (AMOUNT, f"{FIRST}_amount", f"{REPEAT}_amount", "clients_added"),
    PeriodKind.MONTH: (AMOUNT, "leads_created", "deals_created"),
}
_OF_TEAMS: Final = (
    "leads_created", "leads_converted", "contacts_added", FIRST, REPEAT, "calls_answered", "deals_won_profit",
)  # fmt: skip
_OF_SELLERS: Final = (
    "calls_made", "leads_created", "contacts_added", "tasks_completed", "call_hours", "deals_won", DEMOS, FIRST,
    "leads_converted", REPEAT, "calls_answered", TRAININGS, "clients_added", "deals_created",
)  # fmt: skip


@dataclass(frozen=True)
class Aim:
    """A goal that `setter` (key of a person) sets at `set_at`.

    `owner` is "company" or the key of a team or person.
    """

    at: datetime
    by: str
    owner: str
    metric: str
    period: Period
    target: Decimal
    name: str | None = None

    @property
    def kind(self) -> PeriodKind:
        return self.period.kind


def aims(story: Story) -> list[Aim]:
    """Return the goals of the company, its teams and its sellers whose period includes today."""
    return list(_Aims(story))


class _Aims:
    """Iterates over the goals; the random numbers depend on the history's seed alone."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.luck = random.Random(story.seed + 1)  # noqa: S311 - a story, not a secret
        self.year = yearly(story.events, story)
        self.busy = _busy(Period(CALENDAR.day_of(story.start), story.today, PeriodKind.CUSTOM))
        self.talent = sum(person.talent for person in story.sellers)

    def __iter__(self) -> Iterator[Aim]:
        director = next(team.manager for team in company_data.TEAMS if team.parent is None)
        for kind, metrics in _OF_COMPANY.items():
            for metric in metrics:
                yield self._aim(director, "company", self.story.sellers, metric, kind)
        yield self._drive(director)
        turn = cycle(_OF_TEAMS)
        for team in company_data.TEAMS:
            members = [person for person in self.story.sellers if person.team in below(team.key)]
            yield self._aim(director, team.key, members, AMOUNT, PeriodKind.MONTH)
            yield self._aim(director, team.key, members, AMOUNT, PeriodKind.QUARTER)
            yield self._aim(director, team.key, members, next(turn), PeriodKind.MONTH)
            yield self._aim(director, team.key, members, "calls_made", PeriodKind.WEEK)
        turn = cycle(_OF_SELLERS)
        for person in self.story.sellers:
            manager = next(team.manager for team in company_data.TEAMS if team.key == person.team)
            by = director if manager == person.key else manager
            yield self._aim(by, person.key, [person], AMOUNT, PeriodKind.MONTH)
            yield self._aim(by, person.key, [person], AMOUNT, PeriodKind.QUARTER)
            yield self._aim(by, person.key, [person], next(turn), PeriodKind.MONTH)

    def _aim(self, by: str, owner: str, members: list[Person], metric: str, kind: PeriodKind) -> Aim:
        ambition = self.luck.choice(_AMBITIONS) if len(members) == 1 else self.luck.uniform(0.8, 1.2)
        return self._over(period_of(kind, self.story.today, CALENDAR), by, owner, members, metric, ambition)

    def _drive(self, by: str) -> Aim:
        """Return the one goal with a CUSTOM period, which does not recur."""
        first = self.story.today - min(_DRIVE, timedelta(days=self.story.days))
        days = Period(first, self.story.today + _DRIVE / 2, PeriodKind.CUSTOM)
        return replace(self._over(days, by, "company", self.story.sellers, FIRST, 1.1), name="New clients in six weeks")

    def _over(self, period: Period, by: str, owner: str, members: list[Person], metric: str, ambition: float) -> Aim:
        share = sum(person.talent for person in members) / self.talent
        expected = self.year[metric] * Decimal(share * _busy(period) / self.busy * ambition)
        at = max(CALENDAR.start_of(period.start) + _MORNING, self.story.start + 2 * _MORNING)
        return Aim(min(at, self.story.now), by, owner, metric, period, _round(expected))


def below(team: str) -> set[str]:
    """Return the keys of the team and of all teams below it."""
    return {team}.union(*(below(child.key) for child in company_data.TEAMS if child.parent == team))


def yearly(events: list[Event], story: Story) -> defaultdict[str, Decimal]:
    """Return the total of the year by metric, in the metric's unit; records created before it do not count."""
    found: defaultdict[str, Decimal] = defaultdict(Decimal)
    deals = [event.given for event in events if event.kind == "deal"]
    created = {given["externalId"]: given for given in deals if "title" in given}
    bought: set[str] = set()
    for event in events:
        given, status = event.given, event.given.get("status")
        if given.get("createdAt", event.at) < story.start:
            continue
        if event.kind in ("lead", "deal", "client", "contact") and "createdAt" in given:
            found[{"lead": "leads_created", "deal": "deals_created"}.get(event.kind, f"{event.kind}s_added")] += 1
        elif status is LeadStatus.CONVERTED:
            found["leads_converted"] += 1
        elif status is DealStatus.WON:
            deal = created[given["externalId"]]
            kind = REPEAT if deal["client"] in bought else FIRST
            bought.add(deal["client"])
            rate = story.rates.get(deal["amount"]["currency"], Decimal(1))
            value = deal["amount"]["amount"] * rate
            for metric in ("deals_won", kind):
                found[metric] += 1
                found[f"{metric}_amount"] += value
            if "cost" in given:
                found["deals_won_profit"] += value - given["cost"]["amount"] * rate
        elif event.kind == "call":
            found["calls_made"] += 1
            if given["outcome"] is CallOutcome.ANSWERED:
                found["calls_answered"] += 1
                found["call_hours"] += Decimal(given["durationSeconds"]) / 3600
        elif "completedAt" in given:
            found["tasks_completed"] += 1
        elif event.kind == "result":
            found[given["metric"]] += given["value"]
    return found


def _busy(period: Period) -> float:
    """Return the sum of the activity levels of the period's days."""
    return sum(season(period.start + timedelta(days=number)) for number in range(period.days))


def _round(value: Decimal) -> Decimal:
    """Round a target as a manager would: two significant digits (whole numbers below 10), at least 1."""
    if value < 10:
        return max(value.quantize(Decimal(1), ROUND_HALF_UP), Decimal(1))
    step = Decimal(10) ** (value.adjusted() - 1)
    return (value / step).quantize(Decimal(1), ROUND_HALF_UP) * step
