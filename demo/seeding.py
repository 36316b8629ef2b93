"""Seeds the database with the demo company and its generated history, through the same resolvers as the API.

The history is written in batches, each a unit of work with a clock of its own: half a day for recent events, up to two
weeks for old ones. So activities, ledger and leaderboards with `asOf` look as if the year had really passed. Events are
recorded by the company's old CRM (an integration device); directors and managers set goals and give assignments.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from strawberry.dataloader import DataLoader

from demo import company_data
from demo.goals import Aim, aims
from demo.history_generator import DEMOS, TRAININGS, Event, Story
from domain.permissions import DeviceKind
from domain.primitives.global_ids import EXTERNAL, decoded, encoded
from domain.primitives.periods import PeriodKind
from domain.primitives.units import Unit
from models.crm import pipelines
from models.organization import people as people_rows
from models.organization.people import Employee
from resolvers.auth import devices
from resolvers.crm import calls, clients, custom_metrics, deals, leads, products, stage_history, tasks
from resolvers.goals import goals
from resolvers.organization import company, people
from resolvers.request.client_info import Caller
from resolvers.request.context import Context
from resolvers.request.services import Services
from resolvers.request.viewer import Viewer

PASSWORD: Final = "snowflake"  # of all employees; not a secret, since the demo prints it at start
_CLOSE_AFTER: Final = 5  # of the next month
_FRACTION: Final = 5  # a batch covers a fifth of the time between its start and now, within the limits below
_SHORTEST, _LONGEST = timedelta(hours=12), timedelta(days=14)
_KINDS: Final[Mapping[str, Callable[..., Awaitable[Any]]]] = {  # in this order: a kind may refer to the kinds before it
    "client": clients.record,
    "contact": clients.record_contacts,
    "lead": leads.record,
    "deal": deals.record,
    "call": calls.record,
    "task": tasks.record,
    "result": custom_metrics.record,
}


@dataclass(frozen=True)
class Made:
    """Tokens of the demo's devices, which are known only at creation."""

    wallboard: str
    integration: str


async def make(story: Story, services: Services, told: Callable[[float], None] = lambda share: None) -> Made:
    """Write the history into the empty tables of the connected database and return the tokens of its devices.

    on_progress  called after each batch with the finished share, 0 to 1
    """
    maker = _Maker(story, services)
    made = await maker.office()
    targets = sorted(aims(story), key=lambda aim: aim.at)
    batches = list(_batches(story))
    for number, (until, events) in enumerate(batches, 1):
        await maker.record(until, events)
        due = [aim for aim in targets if aim.at <= until]
        targets = targets[len(due) :]
        await maker.set_goals(due)
        told(number / len(batches))
    await maker.close_the_books()
    return made


class _Maker:
    """Writes one history; keeps the rows and global ids that later inputs refer to, by key."""

    def __init__(self, story: Story, services: Services) -> None:
        self.story, self.services = story, services
        self.staff: dict[str, Employee] = {}
        self.owners: dict[str, str] = {"company": encoded("Company", 1)}
        self.stages: dict[tuple[int, int], str] = {}

    async def office(self) -> Made:
        """Create the company, its people, teams, pipelines, products, exchange rates, metrics and devices."""
        start, first = self.story.start, self.story.people[0]
        _, admin = await company.set_up(
            name=company_data.COMPANY, currency=company_data.CURRENCY, zone=company_data.ZONE, country=company_data.COUNTRY,
            admin=first.name, email=first.email, password=PASSWORD, now=start,
        )  # fmt: skip
        self.staff[first.key] = admin
        context = await self._by(first.key, start)
        async with context.unit():
            await self._people(context, admin)
            await self._catalogue(context)
            _, wallboard = await devices.create(context, {"name": "Hall", "kind": DeviceKind.WALLBOARD})
            self.crm, integration = await devices.create(context, {"name": "Old CRM", "kind": DeviceKind.INTEGRATION})
        self.tree = await people_rows.tree()
        return Made(wallboard, integration)

    async def _people(self, context: Context, admin: Employee) -> None:
        for team in company_data.TEAMS:
            above = self.owners[team.parent] if team.parent else None
            made = await people.create_team(context, {"name": team.name, "parent": above, "externalId": team.key})
            self.owners[team.key] = encoded("Team", made.id)
        for person in self.story.people:
            if person.key not in self.staff:
                given = {"name": person.name, "email": person.email, "role": person.role, "externalId": person.key}
                place = self.owners[person.team] if person.team else None
                self.staff[person.key] = await people.create_employee(context, {**given, "team": place})
            row = self.staff[person.key]
            row.language = person.language
            row.password_hash = admin.password_hash  # hashing is slow by design, so the one hash is shared
            await row.save(update_fields=["language", "password_hash"])
            self.owners[person.key] = encoded("Employee", row.id)
        for team in company_data.TEAMS:
            await people.update_team(context, {"id": self.owners[team.key], "manager": self.owners[team.manager]})

    async def _catalogue(self, context: Context) -> None:
        [first] = await pipelines.pipelines()  # a new company has one default pipeline
        [old] = await pipelines.stages_of([first.id])
        ids: list[str | None] = [encoded("Stage", stage.id) for stage in old]
        for number, pipeline in enumerate(company_data.PIPELINES):
            names = [stage.name for stage in pipeline.stages]
            known = ids if number == 0 else [None] * len(names)
            stages = [{"name": name, "id": id_} for name, id_ in zip(names, known, strict=True)]
            given = {"name": pipeline.name, "id": None if number else encoded("Pipeline", first.id), "stages": stages}
            saved = await company.save_pipeline(context, given)
            [rows] = await pipelines.stages_of([saved.id])
            self.stages.update({(number, row.position): encoded("Stage", row.id) for row in rows})
        for product in company_data.PRODUCTS:
            price = {"amount": Decimal(product.price), "currency": company_data.CURRENCY}
            await products.save(context, {"name": product.name, "price": price})
        for currency, rate in self.story.rates.items():
            await company.set_rate(context, currency=currency, rate=rate, since=context.now().date())
        for key, name, unit in ((TRAININGS, "Training", Unit.HOURS), (DEMOS, "Product demonstrations", Unit.COUNT)):
            await custom_metrics.create(context, key=key, name=name, description=None, unit=unit)

    async def record(self, at: datetime, events: list[Event]) -> None:
        """Record the events of a batch at `at`.

        The CRM has one unit of work for records, each manager one for the assignments they gave, and the CRM one for
        all other tasks.
        """
        systems = self._context(at, Viewer.of_device(self.crm, self.tree))
        given = sorted({event.by for event in events if event.by})
        await self._record(systems, [event for event in events if event.kind != "task"])
        for key in given:
            await self._record(await self._by(key, at), [event for event in events if event.by == key])
        await self._record(systems, [event for event in events if event.kind == "task" and not event.by])

    async def _record(self, context: Context, events: list[Event]) -> None:
        async with context.unit():
            for kind, kept in _KINDS.items():
                givens = [self._given(event) for event in events if event.kind == kind]
                if givens:
                    await kept(context, givens, aloud=False)
            await stage_history.bring_in(context, [self._visit(event) for event in events if "stage" in event.given])

    def _given(self, event: Event) -> Mapping[str, Any]:
        """Return the input of an event.

        For a deal with a stage the entry time is left out (`entered` is None): a batch may hold several moves of a
        deal, so all stage entries are imported separately.
        """
        stage = event.given.get("stage")
        return event.given if stage is None else {**event.given, "stage": self.stages[stage], "entered": None}

    def _visit(self, event: Event) -> stage_history.Visit:
        stage = decoded(self.stages[event.given["stage"]])
        assert stage is not None
        return stage_history.Visit(f"{EXTERNAL}{event.given['externalId']}", stage[1], event.at)

    async def set_goals(self, targets: Iterable[Aim]) -> None:
        by_setter: dict[tuple[str, datetime], list[Aim]] = {}
        for aim in targets:
            by_setter.setdefault((aim.by, aim.at), []).append(aim)
        for (by, at), together in by_setter.items():
            context = await self._by(by, at)
            async with context.unit():
                for aim in together:
                    await goals.set_goal(context, self._goal(aim))

    def _goal(self, aim: Aim) -> Mapping[str, Any]:
        named = {"metric": aim.metric, "target": aim.target, "name": aim.name, "owner": self.owners[aim.owner]}
        if aim.kind is PeriodKind.CUSTOM:
            return {**named, "period": {"kind": aim.kind, "start": aim.period.start, "end": aim.period.end}}
        return {**named, "period": {"kind": aim.kind, "on": aim.period.start}, "recurring": True}

    async def close_the_books(self) -> None:
        """Enable the closing of months from now on; during the seeding it would make old entries late."""
        context = await self._by(self.story.people[0].key, self.story.now)
        async with context.unit():
            await company.update(context, {"closeAfterWorkdays": _CLOSE_AFTER})

    async def _by(self, key: str, at: datetime) -> Context:
        """Return a context with the person as viewer and the clock at `at`."""
        tree = await people_rows.tree()
        return self._context(at, Viewer.of_employee(self.staff[key], tree, 0, at, leads=False))

    def _context(self, at: datetime, viewer: Viewer) -> Context:
        return Context(
            Caller(), self.services, lambda: at, lambda by_keys: DataLoader(load_fn=by_keys, cache=False), viewer
        )


def _batches(story: Story) -> Iterator[tuple[datetime, list[Event]]]:
    """Yield the events in batches with the time at which each is recorded; the batches get shorter towards now."""
    left, until = story.events, story.start
    while until < story.now:
        ago = story.now - until
        until = min(until + min(max(ago / _FRACTION, _SHORTEST), _LONGEST), story.now)
        count = next((n for n, event in enumerate(left) if event.at > until), len(left))
        if count:
            yield until, left[:count]
        left = left[count:]
