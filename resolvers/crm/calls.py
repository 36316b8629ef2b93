"""Phone calls: recorded by employees or by a telephony integration."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from domain.errors.user_errors import OutOfRange
from domain.ledger.record_facts import CallFacts, CallOutcome
from models.crm.activities import ActivityKind
from models.crm.calls import Call
from models.crm.clients import Client
from models.crm.deals import Deal
from models.db import row_store
from models.goals.goals import Goal
from models.organization.people import Employee
from resolvers.activities.entries import ActivityEntry
from resolvers.crm.inputs import CallInput
from resolvers.crm.pending_changes import EditContext, PendingChange
from resolvers.crm.record_fields import reassign_owner, resolve_reference
from resolvers.crm.record_type import RecordType, upsert_records
from resolvers.request import validation
from resolvers.request.context import RequestContext
from resolvers.request.validation import clean_update

MAX_CALL_SECONDS = 86_400


class CallType(RecordType[Call, CallInput]):
    model = Call
    facts_type = CallFacts

    def new_row(self, edit: EditContext, input: CallInput) -> Call:
        started_at = _read_started_at(edit, input) or edit.now
        employee = edit.resolver.resolve_new_owner(input.employee, "input", "employee", at=started_at)
        call = row_store.new(Call, employee_id=employee.id, duration_seconds=0)
        _set_start_and_credit(edit, call, employee, started_at)
        call.outcome = CallOutcome.ANSWERED if (input.duration_seconds or 0) > 0 else CallOutcome.NO_ANSWER
        return call

    def apply_input(self, edit: EditContext, change: PendingChange[Call], input: CallInput) -> None:
        call = change.row
        if not change.is_new:
            reassign_owner(edit, change, input.employee)
            started_at = _read_started_at(edit, input) or call.started_at
            if started_at != call.started_at or change.has_changed("employee_id"):
                _set_start_and_credit(edit, call, edit.resolver.get_row(Employee, call.employee_id), started_at)
        call.direction = input.direction or call.direction
        call.outcome = input.outcome or call.outcome
        seconds = input.duration_seconds
        if seconds is not None:
            if not 0 <= seconds <= MAX_CALL_SECONDS:
                raise OutOfRange("A call lasts from 0 to 86400 seconds.", "input", "durationSeconds")
            call.duration_seconds = seconds
        call.client_id = resolve_reference(edit, Client, input.client, call.client_id, "input", "client")
        call.deal_id = resolve_reference(edit, Deal, input.deal, call.deal_id, "input", "deal")
        call.note = clean_update(input.note, call.note, validation.clean_note, "input", "note")

    def activity_entries(self, edit: EditContext, change: PendingChange[Call]) -> Sequence[ActivityEntry]:
        call = change.row
        if not change.is_new:
            return []
        data = {"direction": call.direction, "outcome": call.outcome, "seconds": call.duration_seconds}
        return [self.make_entry(change, ActivityKind.CALL_MADE, call.started_at, **data)]


def _read_started_at(edit: EditContext, input: CallInput) -> datetime | None:
    return validation.clean_past_time(input.started_at, edit.now, "input", "startedAt") if input.started_at else None


def _set_start_and_credit(edit: EditContext, call: Call, employee: Employee, started_at: datetime) -> None:
    call.started_at, call.made_on = started_at, edit.calendar.day_of(started_at)
    call.credit_by, call.credit_team = employee.id, edit.memberships.team_id_at(employee, started_at)


async def upsert_calls(
    context: RequestContext, inputs: Sequence[CallInput], *, notify: bool = True
) -> tuple[list[Call], list[Goal]]:
    return await upsert_records(context, CallType(), inputs, notify=notify)
