"""Imports rows about the past of employees: when they left, and when they came to which team."""

from __future__ import annotations

from datetime import date

from domain.primitives.global_ids import decode_global_id
from imports.cell_parsing import CellError, DateOrTime, RowValues, find_day, require_fields
from imports.import_run import ImportRun
from imports.input_builder import InputBuilder
from resolvers.crm.import_outcomes import ImportOutcome
from resolvers.organization import membership_history


async def check_departure(run: ImportRun, values: RowValues, existing_id: str | None) -> None:
    """Raise an error for a row with an impossible last day, before anything of the row is recorded."""
    left_on = find_day(values, "left")
    if left_on is not None:
        joined_on = find_day(values, "joined")
        if joined_on is None and existing_id is not None:
            joined_on = run.lookup.employee(existing_id).joined_on
        await membership_history.check_departure(run.context, left_on, joined_on)


async def import_departure(
    run: ImportRun, values: RowValues, employee_id: str, outcome: ImportOutcome
) -> ImportOutcome:
    """Record the last day of the row's employee, if it has one; return the outcome of the whole row."""
    left_on = find_day(values, "left")
    if left_on is None:
        return outcome
    employee = await membership_history.record_departure(run.context, run.lookup.employee(employee_id).id, left_on)
    if employee is None:
        return outcome
    run.lookup.replace_employee(employee)
    return ImportOutcome.CHANGED if outcome is ImportOutcome.UNCHANGED else outcome


async def read_transfer(input_builder: InputBuilder, values: RowValues) -> tuple[str, str, date]:
    """Return the employee and the team of a row, and the day since which they belong together."""
    require_fields("transfers", values)
    day = find_day(values, "from")
    assert day is not None
    return await input_builder.resolve_owner(values), await input_builder.resolve_team(str(values["team"]), "team"), day


async def import_transfer(run: ImportRun, employee_id: str, team_id: str, day: date) -> ImportOutcome:
    """Record since which day an employee has been in a team. The same day changes nothing."""
    decoded_id = decode_global_id(team_id)
    assert decoded_id is not None
    employee = await membership_history.record_transfer(
        run.context, run.lookup.employee(employee_id).id, decoded_id[1], day
    )
    if employee is None:
        return ImportOutcome.UNCHANGED
    run.lookup.replace_employee(employee)
    return ImportOutcome.NEW


def check_stage_entry(values: RowValues, moment: DateOrTime, *, is_ahead: bool) -> None:
    """Raise CellError for a deal whose row says that it entered a stage before it was created, or after now."""
    created_on = find_day(values, "created")
    if created_on is not None and moment.day < created_on:
        raise CellError(
            "The deal entered a stage on {day}, before it was created on {created}.",
            "created",
            day=moment.day,
            created=created_on,
        )
    if is_ahead:
        raise CellError("The deal entered a stage on {day}, which lies ahead.", "stage", day=moment.day)
