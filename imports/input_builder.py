"""Builds the input of the mutation that records a row.

The inputs are those of the public schema. Names in a row (of an owner, a client, a stage) are resolved to ids here;
the map says what happens to unknown ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from domain.forecasting.categories import ForecastCategory
from domain.ledger.record_facts import CallDirection, CallOutcome, DealStatus, LeadStatus, SaleKind, TaskKind
from domain.permissions import Role
from domain.primitives.global_ids import encode_global_id
from domain.primitives.unset import UNSET, Unset
from imports.cell_parsing import CellError, DateOrTime, RowValues, require_fields
from imports.row_references import RowReferences, find_choice, find_moment, find_text
from models.organization.absences import AbsenceKind
from resolvers.crm.inputs import CallInput, ClientInput, ContactInput, DealInput, LeadInput, TaskInput
from resolvers.organization.inputs import AbsenceInput, EmployeeInput, TeamInput
from resolvers.request.inputs import Money

# Field in the path of an error → field of the map, where the names differ; to name the column in an error.
MAP_FIELD_NAMES: Final[Mapping[str, str]] = {
    "createdAt": "created", "closedAt": "closed", "expectedCloseOn": "expected", "lostReason": "reason",
    "saleKind": "sale", "forecastCategory": "category", "externalId": "id", "assignee": "owner", "employee": "owner", "startedAt": "started",
    "durationSeconds": "seconds", "dueAt": "due", "completedAt": "completed", "contactName": "contact",
    "initialAmount": "amount_created", "proRated": "pro_rated", "joinedOn": "joined", "leftOn": "left",
}  # fmt: skip


class InputBuilder(RowReferences):
    """Builds the inputs for the rows of one file."""

    # deals

    async def deal_input(
        self, values: RowValues, external_id: str, *, exists: bool, has_stage_history: bool
    ) -> DealInput:
        """Return the input for a deal.

        exists             the deal exists already; it keeps its stage when it is closed
        has_stage_history  its stage entries come from a file or columns of their own
        """
        owner = await self.resolve_owner(values)
        stage, status = self.stage_resolver.resolve(values, exists)
        product = self.resolve_product(values)
        created_at, closed_at, expected_close_on = self._deal_times(values, status)
        stage_entered_at: datetime | Unset | None = UNSET
        if stage is not None and (has_stage_history or (not exists and status is not DealStatus.OPEN)):
            stage_entered_at = None
        elif stage is not None and not exists and stage.position > 0 and created_at is not None:
            stage_entered_at = max(created_at, self.context.now())  # it has been in the stage since now at the latest
        return DealInput(
            external_id=external_id,
            title=find_text(values, "title"),
            problem=find_text(values, "problem"),
            lost_reason=find_text(values, "reason"),
            amount=self._deal_amount(values, status),
            initial_amount=self._initial_amount(values),
            cost=self.money(values, "cost"),
            product=product,
            created_at=created_at,
            closed_at=closed_at,
            expected_close_on=expected_close_on,
            owner=owner,
            status=status,
            stage=encode_global_id("Stage", stage.id) if stage else None,
            stage_entered_at=stage_entered_at,
            sale_kind=find_choice(SaleKind, values, "sale") or UNSET,
            forecast_category=(status is DealStatus.OPEN and find_choice(ForecastCategory, values, "category"))
            or UNSET,
            client=self.resolve_client(values, owner, created_at or closed_at) or UNSET,
        )

    def _deal_amount(self, values: RowValues, status: DealStatus) -> Money | Unset:
        """Return what a closed deal was closed with, else the present amount; of one not won, else that at creation.

        Raises CellError for an open deal with an amount at closing, unless the map accepts that it has a closing date.
        """
        if status is not DealStatus.OPEN and "amount_closed" in values:
            return self.money(values, "amount_closed")
        if status is DealStatus.OPEN and "amount_closed" in values and self.file_map.open_closing == "reject":
            raise CellError("An open deal has no amount at closing.", "amount_closed")
        if "amount" not in values and status is not DealStatus.WON:
            return self.money(values, "amount_created")
        return self.money(values, "amount")

    def _initial_amount(self, values: RowValues) -> Money | Unset:
        """Return the amount at creation; 0, for none, if the file has that amount of deals but not of this one."""
        if "amount_created" in self.file_map.columns and "amount_created" not in values:
            return Money(Decimal(0), None)
        return self.money(values, "amount_created")

    def _deal_times(
        self, values: RowValues, status: DealStatus
    ) -> tuple[datetime | None, datetime | None, date | Unset]:
        """Return the deal's creation, closing and expected dates. Raises CellError where they contradict its status.

        A deal with the same day for creation and closing, and no closing time, closes when it was created, not at the
        start of that day.
        """
        created, expected = values.get("created"), values.get("expected")
        closed = values.get(status.lower(), values.get("closed"))  # the `won` or `lost` field first
        expected_close_on = expected.day if isinstance(expected, DateOrTime) else UNSET
        closed_at = self.to_instant(closed) if isinstance(closed, DateOrTime) else None
        created_at = self.to_instant(created) if isinstance(created, DateOrTime) else self.as_of_instant()
        if status is DealStatus.OPEN:
            if isinstance(closed, DateOrTime) and self.file_map.open_closing == "expected":
                expected_close_on = closed.day
            elif isinstance(closed, DateOrTime) and self.file_map.open_closing == "reject":
                raise CellError("An open deal has no closing time.", "closed")
            return created_at, None, expected_close_on
        if closed_at is None or not isinstance(closed, DateOrTime):
            raise CellError("A closed deal needs its closing time.", "closed")
        if created_at and (not isinstance(created, DateOrTime)):
            created_at = min(created_at, closed_at)
        if created_at and isinstance(created, DateOrTime) and created.day == closed.day and closed.at is None:
            closed_at = max(created_at, closed_at)
        return created_at, closed_at, expected_close_on

    # other records

    async def client_input(self, values: RowValues, external_id: str) -> ClientInput:
        owner, created_at = await self.resolve_ownership(values)
        return ClientInput(
            external_id=external_id,
            name=find_text(values, "name"),
            email=find_text(values, "email"),
            phone=find_text(values, "phone"),
            owner=owner,
            created_at=created_at,
        )

    async def contact_input(self, values: RowValues, external_id: str) -> ContactInput:
        owner, created_at = await self.resolve_ownership(values)
        return ContactInput(
            external_id=external_id,
            name=find_text(values, "name"),
            email=find_text(values, "email"),
            phone=find_text(values, "phone"),
            owner=owner,
            created_at=created_at,
            client=self.resolve_client(values, owner, created_at) or UNSET,
        )

    async def lead_input(self, values: RowValues, external_id: str) -> LeadInput:
        owner, created_at = await self.resolve_ownership(values)
        return LeadInput(
            external_id=external_id,
            title=find_text(values, "title"),
            source=find_text(values, "source"),
            contact_name=find_text(values, "contact"),
            phone=find_text(values, "phone"),
            email=find_text(values, "email"),
            reason=find_text(values, "reason"),
            status=find_choice(LeadStatus, values, "status"),
            owner=owner,
            created_at=created_at,
            client=self.resolve_client(values, owner, created_at) or UNSET,
        )

    async def call_input(self, values: RowValues, external_id: str) -> CallInput:
        seconds, employee = values.get("seconds"), await self.resolve_owner(values)
        started_at = self.to_instant(find_moment(values, "started"))
        return CallInput(
            external_id=external_id,
            employee=employee,
            direction=CallDirection(str(values["direction"])),
            outcome=find_choice(CallOutcome, values, "outcome"),
            started_at=started_at,
            duration_seconds=seconds if isinstance(seconds, int) else None,
            note=find_text(values, "note"),
            client=self.resolve_client(values, employee, started_at) or UNSET,
            deal=self.deal_reference(values),
        )

    async def task_input(self, values: RowValues, external_id: str) -> TaskInput:
        assignee = await self.resolve_owner(values)
        completed_at = self.find_instant(values, "completed")
        created_at, as_of = self.find_instant(values, "created"), self.as_of_instant()
        if created_at is None and as_of:
            created_at = min(as_of, completed_at or as_of)
        return TaskInput(
            external_id=external_id,
            title=find_text(values, "title"),
            kind=find_choice(TaskKind, values, "kind"),
            assignee=assignee,
            created_at=created_at,
            due_at=self.find_instant(values, "due") or UNSET,
            completed_at=completed_at or UNSET,
            client=self.resolve_client(values, assignee, created_at) or UNSET,
            deal=self.deal_reference(values),
        )

    # people, teams, products

    async def employee_input(self, values: RowValues) -> EmployeeInput:
        parent = await self.resolve_team(str(values["team_parent"]), "team_parent") if "team_parent" in values else None
        team: str | Unset = parent or UNSET
        if "team" in values:
            team_manager: str | Unset = UNSET
            if "team_manager" in values:
                manager_details = EmployeeInput(role=Role.MANAGER, team=parent)
                team_manager = await self.resolve_employee(str(values["team_manager"]), "team_manager", manager_details)
            team = await self.resolve_team(
                str(values["team"]), "team", TeamInput(parent=parent or UNSET, manager=team_manager)
            )
        active = values.get("active")
        if active is True and "left" in values:
            raise CellError(
                "The row says that the employee is active, and when they left: it can say one only.", "left"
            )
        return EmployeeInput(
            name=find_text(values, "name") or None,
            email=find_text(values, "email") or None,
            active=active if isinstance(active, bool) else None,
            role=find_choice(Role, values, "role"),
            team=team,
            manager=await self.resolve_manager(values),
            joined_on=find_moment(values, "joined").day if "joined" in values else UNSET,
        )

    async def absence_input(self, values: RowValues, external_id: str) -> AbsenceInput:
        """Return the input of an absence. Raises CellError for a missing field."""
        require_fields("absences", values)
        return AbsenceInput(
            employee=await self.resolve_owner(values),
            first_day=find_moment(values, "from").day,
            last_day=find_moment(values, "to").day,
            kind=AbsenceKind(str(values["kind"]).upper()),
            external_id=external_id,
        )

    async def team_input(self, values: RowValues) -> TeamInput:
        return TeamInput(
            name=find_text(values, "name") or None,
            parent=await self.resolve_team(str(values["parent"]), "parent") if "parent" in values else UNSET,
            manager=await self.resolve_manager(values),
        )
