"""Generates the history of the demo company over the year up to now; equal seeds and times give equal histories.

A history is data: people with their talents, and events with a time and a mutation input (names as in the GraphQL
schema). Records are referred to by external ids (`ext:…`), a stage by a pair of pipeline index and position; `seeding`
resolves both. Nothing here reads the clock or uses a database.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, Final

from demo import company_data
from demo.company_data import Person
from domain.ledger.record_facts import CallDirection, CallOutcome, DealStatus, LeadStatus, TaskKind
from domain.permissions import Role
from domain.primitives.calendar import Calendar, Weekday

VERSION: Final = 2  # a demo database of another version is created again
CALENDAR: Final = Calendar(company_data.ZONE, Weekday.MONDAY, frozenset(list(Weekday)[:5]), company_data.COUNTRY)
TRAININGS, DEMOS = "training_hours", "product_demos"  # keys of the company's custom metrics

_MONTHS: Final = (0.85, 0.95, 1.2, 0.95, 0.95, 1.15, 0.8, 0.55, 1.15, 1.0, 1.1, 1.35)
_BEFORE: Final = 80  # days before the year during which deals are created that are still open at its start
_SALES: Final = 0.15  # deals without a lead that a seller creates on an ordinary working day
_QUIET: Final = 0.03  # leads arrive through the website on days off, too
_RATES: Final = {"USD": Decimal("0.92"), "RUB": Decimal("0.0104")}


@dataclass(frozen=True)
class Event:
    """A record created or changed at a time: its kind and the mutation input.

    `assigned_by` is the key of the manager who gave an assignment, None for everything the CRM records.
    """

    at: datetime
    kind: str
    given: Mapping[str, Any]
    by: str | None = None


def season(day: date) -> float:
    """Return how busy a day is, relative to an ordinary working day (1.0)."""
    if not CALENDAR.is_working(day):
        return _QUIET
    if (day.month, day.day) < (1, 10) or (day.month, day.day) > (12, 22):
        return 0.35
    quarter_ends = 1.25 if day.month % 3 == 0 and day.day >= 15 else 1.0
    return _MONTHS[day.month - 1] * quarter_ends


@dataclass
class Story:
    """The demo company's people and the events of `days` days until `now`, sorted by time."""

    seed: int
    now: datetime
    days: int = 365
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - a story, not a secret
        self._clients: dict[str, list[tuple[datetime, str]]] = {person.key: [] for person in self.sellers}
        self._names: dict[str, str] = {}
        self._contacts = self._deals = self._calls = self._leads = self._tasks = 0
        self._tell()
        self.events.sort(key=lambda event: event.at)

    @property
    def start(self) -> datetime:
        return CALENDAR.start_of(self.today - timedelta(days=self.days))

    @property
    def today(self) -> date:
        return CALENDAR.day_of(self.now)

    @cached_property
    def people(self) -> tuple[Person, ...]:
        luck = random.Random(self.seed)  # noqa: S311
        return tuple(_person(number, luck) for number in range(1, len(company_data.NAMES) + 1))

    @property
    def sellers(self) -> list[Person]:
        return [person for person in self.people if person.talent]

    @property
    def rates(self) -> Mapping[str, Decimal]:
        return _RATES

    # Generation of events

    def _tell(self) -> None:
        for person in self.sellers:
            for _ in range(3):  # clients of earlier years
                self._client(person, self.start - timedelta(days=self._random.uniform(_BEFORE + 1, 900)))
        for number in range(-_BEFORE, self.days + 1):
            day = self.today - timedelta(days=self.days - number)
            busy = season(day)
            for person in self.sellers:
                if number < 0:
                    self._earlier(person, day, busy)
                else:
                    self._day(person, day, busy)

    def _earlier(self, person: Person, day: date, busy: float) -> None:
        """Perhaps create a deal before the year; drop its events if it was closed before the year began."""
        if self._random.random() < _SALES * busy * (0.5 + person.talent / 2):
            before = len(self.events)
            self._sale(person, self._moment(day), fresh=0)
            last = self.events[-1].given
            if last.get("closedAt", self.now) < self.start:
                del self.events[before:]

    def _day(self, person: Person, day: date, busy: float) -> None:
        pace = busy * (0.5 + person.talent / 2)
        for chance, act in (
            (0.11, self._lead),
            (_SALES, self._sale),
            (0.36, self._call),
            (0.07, self._contact),
            (0.11, self._task),
            (0.05, self._result),
        ):
            if self._random.random() < chance * pace:
                act(person, self._moment(day))

    def _moment(self, day: date) -> datetime:
        """Return a random time within the office hours of `day`."""
        hour = min(max(self._random.gauss(13.2, 2.4), 8.1), 18.9)
        return CALENDAR.start_of(day) + timedelta(hours=hour)

    def _later(self, at: datetime, days: float) -> datetime:
        """Return a random time about `days` days after `at`, within the office hours of a working day."""
        day = CALENDAR.day_of(at + timedelta(days=days))
        if not CALENDAR.is_working(day):
            day = CALENDAR.add_workdays(day, self._random.randint(1, 4))
        return max(self._moment(day), at + timedelta(minutes=20))

    def _add(self, at: datetime, kind: str, by: str | None = None, /, **given: Any) -> None:
        if at <= self.now:  # records from before the year are imported at its start
            self.events.append(Event(max(at, self.start), kind, given, by))

    def _client(self, person: Person, at: datetime) -> str:
        pick, number = self._random, sum(map(len, self._clients.values())) + 1
        first = pick.choice(company_data.CLIENT_FIRST)
        last = pick.choice(company_data.CLIENT_LAST if first.isascii() else company_data.CLIENT_LAST_RUSSIAN)
        key = f"C-{number:04}"
        place = pick.choice(company_data.PLACES if first.isascii() else company_data.PLACES_RUSSIAN)
        name = f"{first} {last}, {place}" if first.isascii() else f"{last} «{first}», {place}"
        self._add(at, "client", None, externalId=key, name=name, owner=_ext(person.key), createdAt=at)
        self._clients[person.key].append((at, key))
        self._names[key] = name
        return key

    def _known(self, person: Person, at: datetime) -> str:
        """Return the key of a random client that the seller has at that time."""
        return self._random.choice([key for since, key in self._clients[person.key] if since < at])

    def _contact(self, person: Person, at: datetime, client: str | None = None) -> None:
        self._contacts += 1
        self._add(
            at, "contact", None, externalId=f"P-{self._contacts:04}", name=self._random.choice(company_data.CONTACTS),
            owner=_ext(person.key), client=_ext(client or self._known(person, at)), createdAt=at,
        )  # fmt: skip

    def _lead(self, person: Person, at: datetime) -> None:
        pick = self._random
        self._leads += 1
        key, product = f"L-{self._leads:04}", pick.choice(company_data.PRODUCTS)
        self._add(
            at, "lead", None, externalId=key, title=f"Request: {product.name}", owner=_ext(person.key),
            source=pick.choice(company_data.SOURCES), contactName=pick.choice(company_data.CONTACTS), createdAt=at,
        )  # fmt: skip
        answered = self._later(at, pick.lognormvariate(0.3, 0.8))
        fate = pick.random()
        if fate < 0.3 * person.talent:
            self._add(answered, "lead", None, externalId=key, status=LeadStatus.CONVERTED)
            self._sale(person, answered, fresh=0.6)
        elif fate < 0.88 or at < self.now - timedelta(days=45):
            self._add(answered, "lead", None, externalId=key, status=LeadStatus.REJECTED, reason="Not for us")
        elif fate < 0.97:
            self._add(answered, "lead", None, externalId=key, status=LeadStatus.IN_PROGRESS)

    def _sale(self, person: Person, at: datetime, fresh: float = 0.2) -> None:
        """Create a deal and move it through its stages until it is won or lost or the present is reached.

        new_client_probability  probability that the deal is with a new client
        """
        pick = self._random
        new = pick.random() < fresh
        client = self._client(person, at) if new else self._known(person, at)
        if new:
            self._contact(person, at + timedelta(minutes=9), client)
        self._deals += 1
        key, product = f"D-{self._deals:04}", pick.choice(company_data.PRODUCTS)
        pipeline = 0 if new or pick.random() < 0.5 else 1
        amount, currency = self._amount(product)
        self._add(
            at, "deal", None, externalId=key, title=f"{product.name} for {self._names[client]}", owner=_ext(person.key),
            client=_ext(client), stage=(pipeline, 0), product=product.name, createdAt=at,
            expectedCloseOn=CALENDAR.day_of(self._later(at, 35)), amount={"amount": amount, "currency": currency},
        )  # fmt: skip
        self._follow(person, key, pipeline, at, amount, currency)

    def _follow(self, person: Person, key: str, pipeline: int, at: datetime, amount: Decimal, currency: str) -> None:
        """Add the events of a deal after its creation: stages, a loss or win, perhaps a problem while it is open."""
        pick, stages = self._random, company_data.PIPELINES[pipeline].stages
        for position, stage in enumerate(stages):
            at = self._later(at, pick.lognormvariate(math.log(stage.days), 0.7) / haste(at))
            if at > self.now:
                if position >= 2 and pick.random() < 0.12:
                    self._add(self.now, "deal", None, externalId=key, problem=pick.choice(company_data.PROBLEMS))
                return
            if pick.random() > min(stage.on * (0.85 + 0.15 * person.talent), 0.97):
                reason = pick.choices(company_data.LOST, (5, 4, 3, 3, 2, 1))[0]
                self._add(at, "deal", None, externalId=key, status=DealStatus.LOST, closedAt=at, lostReason=reason)
                return
            if position + 1 < len(stages):
                self._add(at, "deal", None, externalId=key, stage=(pipeline, position + 1))
        cost = (amount * Decimal(pick.randint(52, 78)) / 100).quantize(Decimal(1))
        known = {"cost": {"amount": cost, "currency": currency}} if pick.random() < 0.85 else {}
        self._add(at, "deal", None, externalId=key, status=DealStatus.WON, closedAt=at, **known)

    def _amount(self, product: company_data.Product) -> tuple[Decimal, str]:
        euros = product.price * self._random.lognormvariate(0.25, 0.65)
        currency = self._random.choices(("EUR", "USD", "RUB"), (90, 6, 4))[0]
        foreign = euros / float(_RATES.get(currency, Decimal(1)))
        return Decimal(round(foreign, -1 if currency != "RUB" else -3)), currency

    def _call(self, person: Person, at: datetime) -> None:
        pick = self._random
        self._calls += 1
        outcome = pick.choices(
            (CallOutcome.ANSWERED, CallOutcome.NO_ANSWER, CallOutcome.BUSY, CallOutcome.VOICEMAIL), (68, 18, 6, 8)
        )[0]
        seconds = int(pick.lognormvariate(5.2, 0.9)) if outcome is CallOutcome.ANSWERED else 0
        self._add(
            at, "call", None, externalId=f"T-{self._calls:05}", employee=_ext(person.key), startedAt=at,
            direction=pick.choices((CallDirection.OUTBOUND, CallDirection.INBOUND), (7, 3))[0], outcome=outcome,
            durationSeconds=min(seconds, 5400), client=_ext(self._known(person, at)),
            note=pick.choice(company_data.NOTES),
        )  # fmt: skip

    def _task(self, person: Person, at: datetime) -> None:
        """Create a task and usually complete it; a fifth are assignments given by the manager of the team."""
        pick = self._random
        self._tasks += 1
        key, due = f"A-{self._tasks:04}", self._later(at, pick.uniform(1, 9))
        given = pick.random() < 0.2
        self._add(
            at, "task", _manager(person) if given else None, externalId=key, title=pick.choice(company_data.ERRANDS),
            kind=TaskKind.ASSIGNMENT if given else TaskKind.TASK, assignee=_ext(person.key), dueAt=due,
            client=_ext(self._known(person, at)), createdAt=at,
        )  # fmt: skip
        if pick.random() < 0.985:
            done = self._later(at, pick.lognormvariate(0.9, 0.7))
            self._add(done, "task", None, externalId=key, completedAt=done)

    def _result(self, person: Person, at: datetime) -> None:
        metric = self._random.choice((TRAININGS, DEMOS))
        value = Decimal(self._random.choice(("0.5", "1", "1.5", "2"))) if metric == TRAININGS else Decimal(1)
        self._add(at, "result", None, metric=metric, value=value, employee=_ext(person.key), at=at)


def haste(at: datetime) -> float:
    """Return the factor by which deals move faster at that time: slow in August, fast in December."""
    return max(season(CALENDAR.day_of(at)), 0.5)


def _person(number: int, luck: random.Random) -> Person:
    name, local, language = company_data.NAMES[number - 1]
    key = f"p{number:02}"
    managed = next((team.key for team in company_data.TEAMS if team.manager == key), None)
    talent = 0.0
    if number == 1:
        role, team = Role.ADMIN, None
    elif number <= 3:
        role, team = Role.DIRECTOR, managed
    elif managed:
        role, team = Role.MANAGER, managed
        talent = 0.5 if managed in company_data.SELLING else 0.0
    else:
        role, team = Role.EMPLOYEE, company_data.SELLING[number % len(company_data.SELLING)]
        talent = min(max(luck.gauss(1.0, 0.28), 0.45), 1.7)
    return Person(key, name, f"{local}@{company_data.MAIL}", role, team, language, talent)


def _manager(person: Person) -> str:
    """Return the key of the person's manager: the manager of the team, or of the parent team if they manage it."""
    teams = {team.key: team for team in company_data.TEAMS}
    team = teams[person.team or "sales"]
    return teams[team.parent].manager if team.manager == person.key and team.parent else team.manager


def _ext(key: str) -> str:
    return f"ext:{key}"
