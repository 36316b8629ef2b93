"""Imports rows about the past of employees: when they left, and when they came to which team."""

from __future__ import annotations

from datetime import date

from domain.primitives.global_ids import decode_global_id
from imports.cell_parsing import CellError, DateOrTime, RowValues
from imports.field_specs import REQUIRED_FIELDS
from imports.import_run import ImportRun
from imports.input_builder import InputBuilder
from resolvers.crm.record_type import ImportOutcome
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
    employee = run.lookup.employee(employee_id)
    has_changed = await membership_history.record_departure(run.context, employee, left_on)
    return ImportOutcome.CHANGED if has_changed and outcome is ImportOutcome.UNCHANGED else outcome


async def import_transfer(run: ImportRun, input_builder: InputBuilder, values: RowValues) -> ImportOutcome:
    """Record since which day an employee has been in a team. The same day changes nothing."""
    require_fields("transfers", values)
    day = find_day(values, "from")
    assert day is not None
    employee_id = await input_builder.resolve_owner(values)
    team = decode_global_id(await input_builder.resolve_team(str(values["team"])))
    assert team is not None
    is_new = await membership_history.record_transfer(run.context, run.lookup.employee(employee_id), team[1], day)
    return ImportOutcome.NEW if is_new else ImportOutcome.UNCHANGED


def check_stage_entry(values: RowValues, moment: DateOrTime, *, is_ahead: bool) -> None:
    """Raise CellError for a deal whose row says that it entered a stage before it was created, or after now."""
    created_on = find_day(values, "created")
    if created_on is not None and moment.day < created_on:
        raise CellError(f"The deal entered a stage on {moment.day}, before it was created on {created_on}.", "created")
    if is_ahead:
        raise CellError(f"The deal entered a stage on {moment.day}, which lies ahead.", "stage")


def require_fields(kind: str, values: RowValues) -> None:
    """Raise CellError for the first required field of the kind that the row lacks."""
    for name in REQUIRED_FIELDS[kind]:
        if name not in values:
            raise CellError(f"The row has no {name}.", name)


def find_day(values: RowValues, name: str) -> date | None:
    """Return the day of a field, or None if the row has none."""
    value = values.get(name)
    return value.day if isinstance(value, DateOrTime) else None
