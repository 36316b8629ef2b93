"""Seeds the database with the demo company and its generated history, through the same resolvers as the API.

The history is written in batches, each a unit of work with a clock of its own: half a day for recent events, up to two
weeks for old ones. So activities, ledger and leaderboards with `asOf` look as if the year had really passed. Events are
recorded by the company's old CRM (an integration device); directors and managers set goals and give assignments.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from demo import company_data
from demo.goals import DEALS_WON_AMOUNT, PlannedGoal, plan_goals
from demo.history_generator import CALENDAR, DEMOS, TRAININGS, CompanyHistory, EventInput, HistoryEvent
from domain.alerts.rules import AlertKind, Recipient
from domain.permissions import DeviceKind
from domain.primitives.global_ids import EXTERNAL_ID_PREFIX, decode_global_id, encode_global_id
from domain.primitives.periods import PeriodKind
from domain.primitives.units import Unit
from models.crm import pipelines
from models.db import row_store
from models.organization import people as people_rows
from models.organization.people import Employee
from resolvers.alerts import rules as alert_rules
from resolvers.alerts.inputs import RuleInput
from resolvers.auth import devices
from resolvers.crm import calls, clients, custom_metrics, deals, leads, products, stage_history, tasks
from resolvers.crm.inputs import (
    CallInput,
    ClientInput,
    ContactInput,
    DealInput,
    LeadInput,
    ProductInput,
    ResultInput,
    TaskInput,
)
from resolvers.forecasting import forecast_calls
from resolvers.forecasting.inputs import ForecastCallInput
from resolvers.goals import goals
from resolvers.goals.inputs import GoalInput
from resolvers.organization import company, people, teams
from resolvers.organization.inputs import CompanyInput, EmployeeInput, PipelineInput, PipelineStageInput, TeamInput
from resolvers.request.context import RequestContext
from resolvers.request.inputs import Money
from resolvers.request.periods import PeriodKey
from resolvers.request.viewer import Viewer

PASSWORD: Final = "quiet snowflake"  # of all employees; not a secret, since the demo prints it at start
CreateContext = Callable[[datetime, Viewer], RequestContext]
_CLOSE_AFTER_WORKDAYS: Final = 5  # of the next month
_LARGE_DEAL: Final = Decimal(15_000)  # from which on managers and directors hear of a deal
_SUBMITTERS: Final = 5  # of so many sellers one has not submitted a forecast
_CALL_FACTORS: Final = (Decimal("0.9"), Decimal(1), Decimal("0.8"), Decimal("1.1"))  # of the target, by turns
_ADJUSTMENT_FACTOR: Final = Decimal("0.95")  # of the target
_ADJUSTMENT_NOTE: Final = "Two large deals wait for the client's budget."
_BATCH_FRACTION: Final = 5  # a batch covers a fifth of the time between its start and now, within the limits below
_MIN_BATCH, _MAX_BATCH = timedelta(hours=12), timedelta(days=14)


@dataclass(frozen=True)
class DeviceTokens:
    """Tokens of the demo's devices, which are known only at creation."""

    wallboard: str
    integration: str


async def seed_demo(
    history: CompanyHistory, create_context: CreateContext, on_progress: Callable[[float], None] = lambda share: None
) -> DeviceTokens:
    """Write the history into the empty tables of the connected database and return the tokens of its devices.

    create_context  returns a context with a viewer, for which it is always this time
    on_progress     called after each batch with the finished share, 0 to 1
    """
    seeder = _DemoSeeder(history, create_context)
    tokens = await seeder.set_up_company()
    planned_goals = sorted(plan_goals(history), key=lambda goal: goal.set_at)
    batches = list(_split_into_batches(history))
    for number, (until, events) in enumerate(batches, 1):
        await seeder.record_events(until, events)
        due_goals = [goal for goal in planned_goals if goal.set_at <= until]
        planned_goals = planned_goals[len(due_goals) :]
        await seeder.set_goals(due_goals)
        on_progress(number / len(batches))
    await seeder.submit_forecasts(plan_goals(history))
    await seeder.enable_month_closing()
    return tokens


class _DemoSeeder:
    """Writes one history; keeps the rows and global ids that later inputs refer to, by key."""

    def __init__(self, history: CompanyHistory, create_context: CreateContext) -> None:
        self.history, self._create_context = history, create_context
        self.employees: dict[str, Employee] = {}
        self.global_ids: dict[str, str] = {"company": encode_global_id("Company", 1)}
        self.stage_global_ids: dict[tuple[int, int], str] = {}

    async def set_up_company(self) -> DeviceTokens:
        """Create the company, its people, teams, pipelines, products, exchange rates, metrics and devices."""
        start, first_person = self.history.start, self.history.people[0]
        _, admin = await company.set_up(
            name=company_data.COMPANY, currency=company_data.CURRENCY, zone=company_data.ZONE, country=company_data.COUNTRY,
            admin=first_person.name, email=first_person.email, password=PASSWORD, now=start,
        )  # fmt: skip
        self.employees[first_person.key] = admin
        context = await self._context_of(first_person.key, start)
        async with context.unit_of_work():
            await self._create_people(context, admin)
            await self._create_catalog(context)
            await self._create_alert_rules(context)
            _, wallboard = await devices.create_device(context, name="Hall", kind=DeviceKind.WALLBOARD)
            self.crm, integration = await devices.create_device(context, name="Old CRM", kind=DeviceKind.INTEGRATION)
        self.team_tree = await people_rows.load_team_tree()
        return DeviceTokens(wallboard, integration)

    async def _create_people(self, context: RequestContext, admin: Employee) -> None:
        for team in company_data.TEAMS:
            parent_id = self.global_ids[team.parent] if team.parent else None
            team_input = TeamInput(name=team.name, parent=parent_id, external_id=team.key)
            team_row = await teams.create_team(context, team_input)
            self.global_ids[team.key] = encode_global_id("Team", team_row.id)
        for person in self.history.people:
            if person.key not in self.employees:
                team_id = self.global_ids[person.team] if person.team else None
                employee_input = EmployeeInput(
                    name=person.name, email=person.email, role=person.role, external_id=person.key, team=team_id
                )
                self.employees[person.key] = await people.create_employee(context, employee_input)
            row = self.employees[person.key]
            row.language = person.language
            row.password_hash = admin.password_hash  # hashing is slow by design, so the one hash is shared
            await row_store.save(row, "language", "password_hash")
            self.global_ids[person.key] = encode_global_id("Employee", row.id)
        for team in company_data.TEAMS:
            await teams.update_team(
                context, TeamInput(id=self.global_ids[team.key], manager=self.global_ids[team.manager])
            )

    async def _create_catalog(self, context: RequestContext) -> None:
        [default_pipeline] = await pipelines.fetch_all()  # a new company has one default pipeline
        [default_stages] = await pipelines.fetch_stages([default_pipeline.id])
        default_stage_ids: list[str | None] = [encode_global_id("Stage", stage.id) for stage in default_stages]
        for number, pipeline in enumerate(company_data.PIPELINES):
            existing_ids = default_stage_ids if number == 0 else [None] * len(pipeline.stages)
            stages = [
                PipelineStageInput(name=stage.name, id=stage_id, forecast_category=stage.forecast_category)
                for stage, stage_id in zip(pipeline.stages, existing_ids, strict=True)
            ]
            pipeline_id = None if number else encode_global_id("Pipeline", default_pipeline.id)
            saved = await company.save_pipeline(
                context, PipelineInput(name=pipeline.name, id=pipeline_id, stages=stages)
            )
            [rows] = await pipelines.fetch_stages([saved.id])
            self.stage_global_ids.update({(number, row.position): encode_global_id("Stage", row.id) for row in rows})
        for product in company_data.PRODUCTS:
            price = Money(Decimal(product.price), company_data.CURRENCY)
            await products.save_product(context, ProductInput(name=product.name, price=price))
        for currency, rate in self.history.rates.items():
            await company.set_exchange_rate(context, currency=currency, rate=rate, valid_from=context.now().date())
        for key, name, unit in ((TRAININGS, "Training", Unit.HOURS), (DEMOS, "Product demonstrations", Unit.COUNT)):
            await custom_metrics.create_metric(context, key=key, name=name, description=None, unit=unit)

    async def _create_alert_rules(self, context: RequestContext) -> None:
        """Create the rules that a new company does not have: about large wins, and deals in the stage of the contract."""
        contract_id = self.stage_global_ids[0, len(company_data.PIPELINES[0].stages) - 1]
        for rule in (
            RuleInput(kind=AlertKind.DEAL_WON, recipients=[Recipient.DIRECTORS], min_amount=_LARGE_DEAL),
            RuleInput(
                kind=AlertKind.DEAL_ENTERED_STAGE,
                recipients=[Recipient.MANAGER],
                stage=contract_id,
                min_amount=_LARGE_DEAL,
            ),
        ):
            await alert_rules.create(context, rule)

    async def record_events(self, at: datetime, events: list[HistoryEvent]) -> None:
        """Record the events of a batch at `at`.

        The CRM has one unit of work for records, each manager one for the assignments they gave, and the CRM one for
        all other tasks.
        """
        crm_context = self._create_context(at, Viewer.for_device(self.crm, self.team_tree))
        assigners = sorted({event.assigned_by for event in events if event.assigned_by})
        await self._record_batch(crm_context, [event for event in events if not isinstance(event.input, TaskInput)])
        for key in assigners:
            await self._record_batch(
                await self._context_of(key, at), [event for event in events if event.assigned_by == key]
            )
        crm_tasks = [event for event in events if isinstance(event.input, TaskInput) and not event.assigned_by]
        await self._record_batch(crm_context, crm_tasks)

    async def _record_batch(self, context: RequestContext, events: list[HistoryEvent]) -> None:
        inputs = [self._event_input(event) for event in events]
        async with context.unit_of_work():
            # in this order: a kind may refer to the kinds before it
            await _upsert(context, inputs, ClientInput, clients.upsert_clients)
            await _upsert(context, inputs, ContactInput, clients.upsert_contacts)
            await _upsert(context, inputs, LeadInput, leads.upsert_leads)
            await _upsert(context, inputs, DealInput, deals.upsert_deals)
            await _upsert(context, inputs, CallInput, calls.upsert_calls)
            await _upsert(context, inputs, TaskInput, tasks.upsert_tasks)
            await _upsert(context, inputs, ResultInput, custom_metrics.upsert_results)
            stage_entries = [self._stage_entry(event, event.stage) for event in events if event.stage]
            await stage_history.import_stage_entries(context, stage_entries)

    def _event_input(self, event: HistoryEvent) -> EventInput:
        """Return the input of an event.

        For a deal with a stage the entry time is unknown (None): a batch may hold several moves of a deal, so all
        stage entries are imported separately.
        """
        if not isinstance(event.input, DealInput) or event.stage is None:
            return event.input
        return replace(event.input, stage=self.stage_global_ids[event.stage], stage_entered_at=None)

    def _stage_entry(self, event: HistoryEvent, stage: tuple[int, int]) -> stage_history.ImportedStageEntry:
        stage_id = decode_global_id(self.stage_global_ids[stage])
        assert stage_id is not None
        deal_id = f"{EXTERNAL_ID_PREFIX}{event.input.external_id}"
        return stage_history.ImportedStageEntry(deal_id, stage_id[1], event.at)

    async def set_goals(self, planned_goals: Iterable[PlannedGoal]) -> None:
        by_setter: dict[tuple[str, datetime], list[PlannedGoal]] = {}
        for goal in planned_goals:
            by_setter.setdefault((goal.setter, goal.set_at), []).append(goal)
        for (setter, at), setter_goals in by_setter.items():
            context = await self._context_of(setter, at)
            async with context.unit_of_work():
                for goal in setter_goals:
                    await goals.set_goal(context, self._goal_input(goal))

    def _goal_input(self, goal: PlannedGoal) -> GoalInput:
        is_custom = goal.kind is PeriodKind.CUSTOM
        first_day, last_day = goal.period.start, goal.period.end
        return GoalInput(
            metric=goal.metric,
            target=goal.target,
            name=goal.name,
            owner=self.global_ids[goal.owner],
            period=PeriodKey(goal.kind, start=first_day, end=last_day)
            if is_custom
            else PeriodKey(goal.kind, first_day),
            recurring=not is_custom,
        )

    async def submit_forecasts(self, goals_of_now: Iterable[PlannedGoal]) -> None:
        """Submit what sellers expect of the month, near their targets, and adjust the forecasts of the teams."""
        monthly = [goal for goal in goals_of_now if goal.metric == DEALS_WON_AMOUNT and goal.kind is PeriodKind.MONTH]
        managers = {team.key: team.manager for team in company_data.TEAMS if team.parent is not None}
        for index, goal in enumerate(goal for goal in monthly if goal.owner in self.employees):
            if index % _SUBMITTERS == 0:
                continue  # some have not said anything yet
            context = await self._context_of(goal.owner, self.history.now)
            amount = Money(round(goal.target * _CALL_FACTORS[index % len(_CALL_FACTORS)], -2), company_data.CURRENCY)
            async with context.unit_of_work():
                await forecast_calls.submit_forecast(context, ForecastCallInput(amount=amount))
        for goal in monthly:
            if goal.owner in managers:
                context = await self._context_of(managers[goal.owner], self.history.now)
                amount = Money(round(goal.target * _ADJUSTMENT_FACTOR, -2), company_data.CURRENCY)
                async with context.unit_of_work():
                    await forecast_calls.adjust_forecast(
                        context,
                        ForecastCallInput(scope=self.global_ids[goal.owner], amount=amount, note=_ADJUSTMENT_NOTE),
                    )

    async def enable_month_closing(self) -> None:
        """Enable the closing of months from now on; during the seeding it would make old entries late."""
        context = await self._context_of(self.history.people[0].key, self.history.now)
        async with context.unit_of_work():
            await company.update_company(context, CompanyInput(close_after_workdays=_CLOSE_AFTER_WORKDAYS))

    async def _context_of(self, key: str, at: datetime) -> RequestContext:
        """Return a context with the person as viewer and the clock at `at`."""
        tree = await people_rows.load_team_tree()
        return self._create_context(at, Viewer.for_employee(self.employees[key], tree, 0, at, has_direct_reports=False))


async def _upsert(
    context: RequestContext,
    inputs: Iterable[EventInput],
    input_type: type[EventInput],
    upsert: Callable[..., Awaitable[object]],
) -> None:
    """Record the inputs of one type, without notifications."""
    inputs_of_type = [input for input in inputs if isinstance(input, input_type)]
    if inputs_of_type:
        await upsert(context, inputs_of_type, notify=False)


def _split_into_batches(history: CompanyHistory) -> Iterator[tuple[datetime, list[HistoryEvent]]]:
    """Yield the events in batches with the time at which each is recorded; the batches get shorter towards now.

    None extends over the start of the present day, which is the moment that leaderboards compare ranks with.
    """
    remaining, until = history.events, history.start
    end_of_yesterday = CALENDAR.start_of(history.today) - timedelta(seconds=1)
    while until < history.now:
        length = min(max((history.now - until) / _BATCH_FRACTION, _MIN_BATCH), _MAX_BATCH)
        until = min(until + length, end_of_yesterday if until < end_of_yesterday else history.now)
        count = next((n for n, event in enumerate(remaining) if event.at > until), len(remaining))
        if count:
            yield until, remaining[:count]
        remaining = remaining[count:]
