"""Builds alert candidates from events: the employee or team concerned, the amount, and the message data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from domain.alerts.rules import Case, Event, Subject, opened
from domain.ledger.record_facts import DealStatus
from domain.primitives.money import convert, from_minor, to_minor
from models.crm.deals import Deal
from models.organization import people
from models.organization.company import Company
from models.organization.people import Employee, Places
from resolvers.request.context import Context

_SAID = ("title", "amount", "currency", "reason", "problem", "days", "percent", "expected", "limit")


@dataclass(frozen=True)
class Staff:
    """Loaded employees and the teams that they have been in, by employee id."""

    rows: Mapping[int, Employee]
    places: Places

    def team(self, employee: int, moment: datetime) -> int:
        return self.places.team(self.rows[employee], moment)


async def staff(numbers: Iterable[int | None]) -> Staff:
    ids = {number for number in numbers if number}
    if not ids:
        return Staff({}, Places())
    found = await people.placed(ids)
    return Staff(found.rows, found.places)


async def cases_of(context: Context, events: Sequence[Event], known: Staff | None = None) -> list[Case]:
    """Return the candidates of the events that may raise an alert, in their order.

    lookup  the employees of the events, if they are loaded already
    """
    found = [event for event in events if opened(event)]
    if not found:
        return []
    known = known or await staff(event.employee for event in found)
    worth = await Worth.now(context)
    return [_case(context, event, known, worth) for event in found]


def _case(context: Context, event: Event, known: Staff, worth: Worth) -> Case:
    kind = opened(event)
    assert kind is not None
    data = {name: event.data[name] for name in _SAID if event.data.get(name) is not None}
    if event.data.get("due"):
        due = datetime.fromisoformat(event.data["due"]).astimezone(ZoneInfo(worth.company.time_zone))
        data["due"] = due.strftime("%Y-%m-%dT%H:%M")
    if event.employee is not None:
        team, data["who"] = known.team(event.employee, event.at), known.rows[event.employee].name
    else:
        team = event.team or 0
        data["who"] = context.tree.teams[team].name if team in context.tree.teams else worth.company.name
    return Case(kind, event.subject, event.at, event.employee, team, worth.of(event), data)


@dataclass(frozen=True)
class Worth:
    """Converts amounts to the company's currency at today's rates."""

    company: Company
    rate: Mapping[str, Decimal | None]

    @classmethod
    async def now(cls, context: Context) -> Worth:
        company, rates, today = await context.company(), await context.rates(), await context.today()
        return cls(company, _Latest(rates, today))

    def of(self, event: Event) -> int | None:
        """Return the event's amount in minor units of the company's currency; None without amount or exchange rate."""
        amount, currency = event.data.get("amount"), event.data.get("currency")
        if amount is None or currency is None:
            return None
        rate = self.rate[currency]
        if rate is None:
            return None
        return convert(to_minor(Decimal(amount), currency), currency, self.company.currency, rate)


class _Latest(dict[str, Decimal | None]):
    def __init__(self, rates: Any, today: Any) -> None:
        super().__init__()
        self.rates, self.today = rates, today

    def __missing__(self, currency: str) -> Decimal | None:
        self[currency] = self.rates.on(currency, self.today)
        return self[currency]


def stood(deal: Deal) -> dict[str, Any]:
    """Return the current state of a deal as the data of an activity."""
    data: dict[str, Any] = {"title": deal.title, "status": deal.status}
    if deal.amount is not None and deal.currency is not None:
        data |= {"amount": str(from_minor(deal.amount, deal.currency)), "currency": deal.currency}
    return data


def is_open(deal: Deal) -> bool:
    return deal.deleted_at is None and deal.status is DealStatus.OPEN


def latest(events: Iterable[tuple[Subject, datetime]]) -> dict[Subject, datetime]:
    """Return the latest time of each subject."""
    found: dict[Subject, datetime] = {}
    for subject, at in events:
        found[subject] = max(at, found.get(subject, at))
    return found
