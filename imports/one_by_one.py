"""Imports rows of people, transfers, teams, products, absences and goals, each by itself: they refer to each other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Final, Protocol

from domain.primitives.unset import UNSET
from imports import goal_rows, history_rows
from imports.cell_parsing import CellError, RowReader, RowValues
from imports.import_run import ImportRun
from imports.input_builder import InputBuilder
from imports.map_file import FileMap
from imports.name_index import derive_external_id
from imports.parsed_row import ParsedRow
from resolvers.crm import products
from resolvers.crm.import_outcomes import ImportOutcome
from resolvers.crm.inputs import ProductInput
from resolvers.organization import absences


class RowImport(Protocol):
    """The import of the file that a row is of."""

    run: ImportRun
    file_map: FileMap
    reader: RowReader
    input_builder: InputBuilder

    def is_copy(self, external_id: str, parsed: ParsedRow) -> bool:
        """Return whether the row is an exact copy of an earlier one. Raises CellError for another with the same id."""


async def _import_person(batch: RowImport, values: RowValues, parsed: ParsedRow) -> ImportOutcome:
    lookup, name, prefix = batch.run.lookup, str(values["name"]), batch.file_map.prefix
    row_id, email = _optional_text(values, "id"), _optional_text(values, "email")
    external_id = f"{prefix}{row_id or email or name}"
    if batch.is_copy(external_id, parsed):
        return ImportOutcome.UNCHANGED
    existing_id = lookup.find_person(name, row_id, email, prefix)
    await history_rows.check_departure(batch.run, values, existing_id)
    input = await batch.input_builder.employee_input(values)
    outcome = await lookup.upsert_employee(existing_id, replace(input, external_id=derive_external_id(external_id)))
    return await history_rows.import_departure(
        batch.run, values, existing_id or lookup.find_employee(external_id) or "", outcome
    )


async def _import_transfer(batch: RowImport, values: RowValues, parsed: ParsedRow) -> ImportOutcome:
    employee_id, team_id, day = await history_rows.read_transfer(batch.input_builder, values)
    if batch.is_copy(f"{employee_id} {day}", parsed):
        return ImportOutcome.UNCHANGED
    return await history_rows.import_transfer(batch.run, employee_id, team_id, day)


async def _import_absence(batch: RowImport, values: RowValues, parsed: ParsedRow) -> ImportOutcome:
    external_id, has_ids = parsed.external_id, "id" in batch.file_map.columns
    input = await batch.input_builder.absence_input(values, external_id)
    if batch.is_copy(external_id if has_ids else f"{input.employee} {input.first_day}", parsed):
        return ImportOutcome.UNCHANGED
    _, outcome = await absences.save_absence(batch.run.context, input, matches_first_day=not has_ids)
    return ImportOutcome(outcome)


async def _import_goal(batch: RowImport, values: RowValues, parsed: ParsedRow) -> ImportOutcome:
    goal = await goal_rows.read_goal(
        batch.run, values, batch.file_map.prefix, lambda text: batch.reader.parse_time(text).day
    )
    return ImportOutcome.UNCHANGED if batch.is_copy(goal.key, parsed) else await goal.record(batch.run.context)


async def _import_team(batch: RowImport, values: RowValues, parsed: ParsedRow) -> ImportOutcome:
    lookup, name = batch.run.lookup, str(values["name"])
    external_id = f"{batch.file_map.prefix}{values.get('id', name)}"
    if batch.is_copy(external_id, parsed):
        return ImportOutcome.UNCHANGED
    existing_id = lookup.find_team(name, _optional_text(values, "id"), batch.file_map.prefix)
    input = await batch.input_builder.team_input(values)
    return (await lookup.upsert_team(existing_id, replace(input, external_id=derive_external_id(external_id))))[1]


async def _import_product(batch: RowImport, values: RowValues, parsed: ParsedRow) -> ImportOutcome:
    if batch.is_copy(str(values["name"]), parsed):
        return ImportOutcome.UNCHANGED
    price = batch.input_builder.money(values, "price")
    if price is UNSET:
        raise CellError("The row has no price.", "price")
    product = ProductInput(name=str(values["name"]), price=price)
    outcome = await products.save_product(batch.run.context, product)
    if outcome is ImportOutcome.NEW:
        batch.run.lookup.products.add(str(values["name"]), None, str(values["name"]))
    return outcome


def _optional_text(values: RowValues, name: str) -> str | None:
    return str(values[name]) if name in values else None


ONE_BY_ONE_IMPORTERS: Final[Mapping[str, Callable[[RowImport, RowValues, ParsedRow], Awaitable[ImportOutcome]]]] = {
    "people": _import_person,
    "transfers": _import_transfer,
    "teams": _import_team,
    "products": _import_product,
    "absences": _import_absence,
    "goals": _import_goal,
}
