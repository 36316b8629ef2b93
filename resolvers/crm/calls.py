"""Phone calls: recorded by employees or by a telephony integration."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from domain.errors.user_errors import OutOfRange
from domain.ledger.record_facts import CallOutcome
from models.crm.activities import ActivityKind
from models.crm.calls import Call
from models.goals.goals import Goal
from models.organization.people import Employee
from resolvers.activities.entries import Line
from resolvers.crm.record_type import Bench, Draft, Given, Keeper, handed_over, record_many, referred
from resolvers.request import validation
from resolvers.request.context import Context

LONGEST = 86_400


class Calls(Keeper):
    kind = "Call"
    refers = {"employee": "Employee", "client": "Client", "deal": "Deal"}

    def begin(self, bench: Bench, given: Given) -> Call:
        employee = bench.refs.new_owner(given.get("employee"), "input", "employee")
        call = Call(employee_id=employee.id, duration_seconds=0)
        _made(bench, call, employee, _started(bench, given) or bench.now)
        seconds = given.get("durationSeconds") or 0
        call.outcome = CallOutcome.ANSWERED if seconds > 0 else CallOutcome.NO_ANSWER
        return call

    def apply(self, bench: Bench, draft: Draft, given: Given) -> None:
        call: Call = draft.row
        if not draft.is_new:
            handed_over(bench, draft, given.get("employee"), "employee")
            started = _started(bench, given) or call.started_at
            if started != call.started_at or draft.changed("employee_id"):
                _made(bench, call, bench.refs.row("Employee", call.employee_id), started)
        call.direction = given.get("direction") or call.direction
        call.outcome = given.get("outcome") or call.outcome
        seconds = given.get("durationSeconds")
        if seconds is not None:
            if not 0 <= seconds <= LONGEST:
                raise OutOfRange("A call lasts from 0 to 86400 seconds.", "input", "durationSeconds")
            call.duration_seconds = seconds
        referred(bench, draft, given, client="Client", deal="Deal")
        if "note" in given:
            call.note = validation.note(given["note"], "input", "note")

    def story(self, bench: Bench, draft: Draft) -> Sequence[Line]:
        call: Call = draft.row
        if not draft.is_new:
            return []
        data = {"direction": call.direction, "outcome": call.outcome, "seconds": call.duration_seconds}
        return [self.line(draft, ActivityKind.CALL_MADE, call.started_at, **data)]


def _started(bench: Bench, given: Given) -> datetime | None:
    at = given.get("startedAt")
    return validation.past(at, bench.now, "input", "startedAt") if at else None


def _made(bench: Bench, call: Call, employee: Employee, at: datetime) -> None:
    call.started_at, call.made_on = at, bench.calendar.day_of(at)
    call.credit_by, call.credit_team = employee.id, bench.places.team(employee, at)


async def record(context: Context, givens: Sequence[Given], *, aloud: bool = True) -> tuple[list[Call], list[Goal]]:
    return await record_many(context, Calls(), givens, aloud=aloud)
