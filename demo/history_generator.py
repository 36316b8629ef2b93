"""Generates the history of the demo company over the year up to now; equal seeds and times give equal histories.

A history is data: people with their talents, and events with a time and the input that records them.
Records are referred to by external ids (`ext:…`), a stage by a pair of pipeline index and position, which `seeding`
resolves. Nothing here reads the clock or uses a database.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Final

from demo import company_data
from demo.company_data import DemoPerson
from domain.ledger.record_facts import CallDirection, CallOutcome, DealStatus, LeadStatus, TaskKind
from domain.permissions import Role
from domain.primitives.calendar import Calendar, Weekday
from domain.primitives.unset import UNSET
from resolvers.crm.inputs import CallInput, ClientInput, ContactInput, DealInput, LeadInput, ResultInput, TaskInput
from resolvers.request.inputs import Money

VERSION: Final = 3  # a demo database of another version is created again
CALENDAR: Final = Calendar(company_data.ZONE, Weekday.MONDAY, frozenset(list(Weekday)[:5]), company_data.COUNTRY)
TRAININGS, DEMOS = "training_hours", "product_demos"  # keys of the company's custom metrics

_MONTH_LEVELS: Final = (0.95, 1.0, 1.05, 1.0, 1.0, 1.05, 0.9, 0.75, 1.1, 1.05, 1.05, 1.0)
_QUARTER_SPEEDS: Final = (0.9, 0.97, 1.15)  # of deals, by the month of the quarter: sellers close before it ends
_AUGUST_SPEED: Final = 0.7  # in August, clients are on holiday
_DAYS_BEFORE_START: Final = 200  # days before the year during which deals are created that are still open at its start
_DEALS_PER_DAY: Final = 0.22  # deals without a lead that a seller creates on an ordinary working day
_DAY_OFF_LEVEL: Final = 0.03  # leads arrive through the website on days off, too
_PLANNED_SHARE: Final = 1.2  # of the median time that a deal takes: when sellers expect to close it
_EXCHANGE_RATES: Final = {"USD": Decimal("0.92"), "RUB": Decimal("0.0104")}


EventInput = ClientInput | ContactInput | LeadInput | DealInput | CallInput | TaskInput | ResultInput


@dataclass(frozen=True)
class HistoryEvent:
    """A record created or changed at a time, and the input that records it.

    stage        the number of the pipeline and the position of the stage that a deal enters
    assigned_by  the key of the manager that gave an assignment, None for everything the CRM records
    """

    at: datetime
    input: EventInput
    stage: tuple[int, int] | None = None
    assigned_by: str | None = None


def activity_level(day: date) -> float:
    """Return how busy a day is, relative to an ordinary working day (1.0)."""
    if not CALENDAR.is_workday(day):
        return _DAY_OFF_LEVEL
    if (day.month, day.day) < (1, 10) or (day.month, day.day) > (12, 22):
        return 0.35
    quarter_ends = 1.25 if day.month % 3 == 0 and day.day >= 15 else 1.0
    return _MONTH_LEVELS[day.month - 1] * quarter_ends


@dataclass
class CompanyHistory:
    """The demo company's people and the events of `days` days until `now`, sorted by time."""

    seed: int
    now: datetime
    days: int = 365
    events: list[HistoryEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._rng = random.Random(self.seed)  # noqa: S311 - a story, not a secret
        self._clients_of_seller: dict[str, list[tuple[datetime, str]]] = {person.key: [] for person in self.sellers}
        self._client_names: dict[str, str] = {}
        self._contact_count = self._deal_count = self._call_count = self._lead_count = self._task_count = 0
        self._generate()
        self.events.sort(key=lambda event: event.at)

    @property
    def start(self) -> datetime:
        return CALENDAR.start_of(self.today - timedelta(days=self.days))

    @property
    def today(self) -> date:
        return CALENDAR.day_of(self.now)

    @cached_property
    def people(self) -> tuple[DemoPerson, ...]:
        rng = random.Random(self.seed)  # noqa: S311
        return tuple(_create_person(number, rng) for number in range(1, len(company_data.NAMES) + 1))

    @property
    def sellers(self) -> list[DemoPerson]:
        return [person for person in self.people if person.talent]

    @property
    def rates(self) -> Mapping[str, Decimal]:
        return _EXCHANGE_RATES

    # Generation of events

    def _generate(self) -> None:
        for person in self.sellers:
            for _ in range(3):  # clients of earlier years
                self._add_client(person, self.start - timedelta(days=self._rng.uniform(_DAYS_BEFORE_START + 1, 900)))
        for day_number in range(-_DAYS_BEFORE_START, self.days + 1):
            day = self.today - timedelta(days=self.days - day_number)
            level = activity_level(day)
            for person in self.sellers:
                if day_number < 0:
                    self._start_earlier_deal(person, day, level)
                else:
                    self._generate_day(person, day, level)

    def _start_earlier_deal(self, person: DemoPerson, day: date, level: float) -> None:
        """Perhaps create a deal before the year; drop its events if it was closed before the year began."""
        if self._rng.random() < _DEALS_PER_DAY * level * (0.5 + person.talent / 2):
            event_count = len(self.events)
            self._add_deal(person, self._random_time(day), new_client_probability=0)
            last_input = self.events[-1].input
            if isinstance(last_input, DealInput) and (last_input.closed_at or self.now) < self.start:
                del self.events[event_count:]

    def _generate_day(self, person: DemoPerson, day: date, level: float) -> None:
        pace = level * (0.5 + person.talent / 2)
        for probability, add_event in (
            (0.11, self._add_lead),
            (_DEALS_PER_DAY, self._add_deal),
            (0.36, self._add_call),
            (0.07, self._add_contact),
            (0.11, self._add_task),
            (0.05, self._add_result),
        ):
            if self._rng.random() < probability * pace:
                add_event(person, self._random_time(day))

    def _random_time(self, day: date) -> datetime:
        """Return a random time within the office hours of `day`."""
        hour = min(max(self._rng.gauss(13.2, 2.4), 8.1), 18.9)
        return CALENDAR.start_of(day) + timedelta(hours=hour)

    def _later_time(self, at: datetime, days: float) -> datetime:
        """Return a random time about `days` days after `at`, within the office hours of a working day."""
        day = CALENDAR.day_of(at + timedelta(days=days))
        if not CALENDAR.is_workday(day):
            day = CALENDAR.add_workdays(day, self._rng.randint(1, 4))
        return max(self._random_time(day), at + timedelta(minutes=20))

    def _add_event(
        self,
        at: datetime,
        input: EventInput,
        *,
        stage: tuple[int, int] | None = None,
        assigned_by: str | None = None,
    ) -> None:
        if at <= self.now:  # records from before the year are imported at its start
            self.events.append(HistoryEvent(max(at, self.start), input, stage, assigned_by))

    def _add_client(self, person: DemoPerson, at: datetime) -> str:
        rng, number = self._rng, sum(map(len, self._clients_of_seller.values())) + 1
        key = f"C-{number:04}"
        first_word, names = rng.choice(company_data.CLIENT_FIRST_WORDS)
        last_word, city = rng.choice(names.last_words), rng.choice(names.cities)
        name = names.client.format(first=first_word, last=last_word, city=city)
        self._add_event(
            at, ClientInput(external_id=key, name=name, owner=_external_reference(person.key), created_at=at)
        )
        self._clients_of_seller[person.key].append((at, key))
        self._client_names[key] = name
        return key

    def _pick_client(self, person: DemoPerson, at: datetime) -> str:
        """Return the key of a random client that the seller has at that time."""
        return self._rng.choice([key for since, key in self._clients_of_seller[person.key] if since < at])

    def _add_contact(self, person: DemoPerson, at: datetime, client: str | None = None) -> None:
        self._contact_count += 1
        self._add_event(
            at,
            ContactInput(
                external_id=f"P-{self._contact_count:04}",
                name=self._rng.choice(company_data.CONTACT_NAMES),
                owner=_external_reference(person.key),
                client=_external_reference(client or self._pick_client(person, at)),
                created_at=at,
            ),
        )

    def _add_lead(self, person: DemoPerson, at: datetime) -> None:
        rng = self._rng
        self._lead_count += 1
        key, product = f"L-{self._lead_count:04}", rng.choice(company_data.PRODUCTS)
        self._add_event(
            at,
            LeadInput(
                external_id=key,
                title=f"Request: {product.name}",
                owner=_external_reference(person.key),
                source=rng.choice(company_data.LEAD_SOURCES),
                contact_name=rng.choice(company_data.CONTACT_NAMES),
                created_at=at,
            ),
        )
        answered_at = self._later_time(at, rng.lognormvariate(0.3, 0.8))
        outcome = rng.random()
        if outcome < 0.3 * person.talent:
            self._add_event(answered_at, LeadInput(external_id=key, status=LeadStatus.CONVERTED))
            self._add_deal(person, answered_at, new_client_probability=0.6)
        elif outcome < 0.88 or at < self.now - timedelta(days=45):
            self._add_event(answered_at, LeadInput(external_id=key, status=LeadStatus.REJECTED, reason="Not for us"))
        elif outcome < 0.97:
            self._add_event(answered_at, LeadInput(external_id=key, status=LeadStatus.IN_PROGRESS))

    def _add_deal(self, person: DemoPerson, at: datetime, new_client_probability: float = 0.2) -> None:
        """Create a deal and move it through its stages until it is won or lost or the present is reached.

        new_client_probability  probability that the deal is with a new client
        """
        rng = self._rng
        is_new_client = rng.random() < new_client_probability
        client = self._add_client(person, at) if is_new_client else self._pick_client(person, at)
        if is_new_client:
            self._add_contact(person, at + timedelta(minutes=9), client)
        self._deal_count += 1
        key, product = f"D-{self._deal_count:04}", rng.choice(company_data.PRODUCTS)
        pipeline = 0 if is_new_client or rng.random() < 0.5 else 1
        amount, currency = self._random_amount(product)
        self._add_event(
            at,
            DealInput(
                external_id=key,
                title=f"{product.name} for {self._client_names[client]}",
                owner=_external_reference(person.key),
                client=_external_reference(client),
                product=product.name,
                created_at=at,
                expected_close_on=CALENDAR.day_of(self._later_time(at, _PLANNED_SHARE * _median_days(pipeline))),
                amount=Money(amount, currency),
            ),
            stage=(pipeline, 0),
        )
        self._follow_stages(person, key, pipeline, at, amount, currency)

    def _follow_stages(
        self, person: DemoPerson, key: str, pipeline: int, at: datetime, amount: Decimal, currency: str
    ) -> None:
        """Add the events of a deal after its creation: stages, a loss or win, perhaps a problem while it is open."""
        rng, stages = self._rng, company_data.PIPELINES[pipeline].stages
        for position, stage in enumerate(stages):
            at = self._later_time(at, rng.lognormvariate(math.log(stage.median_days), 0.7) / deal_speed(at))
            if at > self.now:
                if position >= 2 and rng.random() < 0.12:
                    self._add_event(
                        self.now, DealInput(external_id=key, problem=rng.choice(company_data.DEAL_PROBLEMS))
                    )
                return
            if rng.random() > min(stage.advance_probability * (0.85 + 0.15 * person.talent), 0.97):
                reason = rng.choices(company_data.LOST_REASONS, (5, 4, 3, 3, 2, 1))[0]
                self._add_event(
                    at, DealInput(external_id=key, status=DealStatus.LOST, closed_at=at, lost_reason=reason)
                )
                return
            if position + 1 < len(stages):
                self._add_event(at, DealInput(external_id=key), stage=(pipeline, position + 1))
        cost = (amount * Decimal(rng.randint(52, 78)) / 100).quantize(Decimal(1))
        known_cost = Money(cost, currency) if rng.random() < 0.85 else UNSET
        self._add_event(at, DealInput(external_id=key, status=DealStatus.WON, closed_at=at, cost=known_cost))

    def _random_amount(self, product: company_data.DemoProduct) -> tuple[Decimal, str]:
        euros = product.price * self._rng.lognormvariate(0.1, 0.35)
        currency = self._rng.choices(("EUR", "USD", "RUB"), (90, 6, 4))[0]
        amount = euros / float(_EXCHANGE_RATES.get(currency, Decimal(1)))
        return Decimal(round(amount, -1 if currency != "RUB" else -3)), currency

    def _add_call(self, person: DemoPerson, at: datetime) -> None:
        rng = self._rng
        self._call_count += 1
        outcome = rng.choices(
            (CallOutcome.ANSWERED, CallOutcome.NO_ANSWER, CallOutcome.BUSY, CallOutcome.VOICEMAIL), (68, 18, 6, 8)
        )[0]
        seconds = int(rng.lognormvariate(5.2, 0.9)) if outcome is CallOutcome.ANSWERED else 0
        self._add_event(
            at,
            CallInput(
                external_id=f"T-{self._call_count:05}",
                employee=_external_reference(person.key),
                started_at=at,
                direction=rng.choices((CallDirection.OUTBOUND, CallDirection.INBOUND), (7, 3))[0],
                outcome=outcome,
                duration_seconds=min(seconds, 5400),
                client=_external_reference(self._pick_client(person, at)),
                note=rng.choice(company_data.CALL_NOTES),
            ),
        )

    def _add_task(self, person: DemoPerson, at: datetime) -> None:
        """Create a task and usually complete it; a fifth are assignments given by the manager of the team."""
        rng = self._rng
        self._task_count += 1
        key, due = f"A-{self._task_count:04}", self._later_time(at, rng.uniform(1, 9))
        is_assignment = rng.random() < 0.2
        self._add_event(
            at,
            TaskInput(
                external_id=key,
                title=rng.choice(company_data.TASK_TITLES),
                kind=TaskKind.ASSIGNMENT if is_assignment else TaskKind.TASK,
                assignee=_external_reference(person.key),
                due_at=due,
                client=_external_reference(self._pick_client(person, at)),
                created_at=at,
            ),
            assigned_by=_manager_of(person) if is_assignment else None,
        )
        if rng.random() < 0.985:
            completed_at = self._later_time(at, rng.lognormvariate(0.9, 0.7))
            self._add_event(completed_at, TaskInput(external_id=key, completed_at=completed_at))

    def _add_result(self, person: DemoPerson, at: datetime) -> None:
        metric = self._rng.choice((TRAININGS, DEMOS))
        value = Decimal(self._rng.choice(("0.5", "1", "1.5", "2"))) if metric == TRAININGS else Decimal(1)
        self._add_event(at, ResultInput(metric=metric, value=value, employee=_external_reference(person.key), at=at))


def deal_speed(at: datetime) -> float:
    """Return the factor by which deals move faster at that time: fast before a quarter ends, slow in August."""
    return _QUARTER_SPEEDS[(at.month - 1) % 3] * (_AUGUST_SPEED if at.month == 8 else 1.0)


def _median_days(pipeline: int) -> float:
    return sum(stage.median_days for stage in company_data.PIPELINES[pipeline].stages)


def _create_person(number: int, rng: random.Random) -> DemoPerson:
    name, email_name, language = company_data.NAMES[number - 1]
    key = f"p{number:02}"
    managed_team = next((team.key for team in company_data.TEAMS if team.manager == key), None)
    talent = 0.0
    if number == 1:
        role, team = Role.ADMIN, None
    elif number <= 3:
        role, team = Role.DIRECTOR, managed_team
    elif managed_team:
        role, team = Role.MANAGER, managed_team
        talent = 0.5 if managed_team in company_data.SELLING_TEAMS else 0.0
    else:
        role, team = Role.EMPLOYEE, company_data.SELLING_TEAMS[number % len(company_data.SELLING_TEAMS)]
        talent = min(max(rng.gauss(1.0, 0.28), 0.45), 1.7)
    return DemoPerson(key, name, f"{email_name}@{company_data.EMAIL_DOMAIN}", role, team, language, talent)


def _manager_of(person: DemoPerson) -> str:
    """Return the key of the person's manager: the manager of the team, or of the parent team if they manage it."""
    teams = {team.key: team for team in company_data.TEAMS}
    team = teams[person.team or "sales"]
    return teams[team.parent].manager if team.manager == person.key and team.parent else team.manager


def _external_reference(key: str) -> str:
    return f"ext:{key}"
