"""Looks up people, teams, clients, products and stages by id or name, and creates missing ones.

A text in a file is looked up as an id of the other system first, then as a name. A name that several rows share is an
error, never a guess.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any, Final

from domain.primitives.global_ids import EXTERNAL_ID_PREFIX, encode_global_id
from domain.primitives.text import search_key
from domain.primitives.unset import UNSET
from imports.cell_parsing import CellError
from models.crm import clients, pipelines
from models.crm.pipelines import Stage
from models.db import row_store
from models.db.spill_index import SpillMultiMap
from models.organization import people as people_rows
from models.organization.people import Employee, Team
from resolvers.crm.record_type import ImportOutcome
from resolvers.organization import company, people, teams
from resolvers.organization.inputs import EmployeeInput, PipelineInput, PipelineStageInput, TeamInput
from resolvers.request.context import RequestContext

MAX_LISTED_NAMES: Final = 20  # names per kind in the summary
_MAX_EXTERNAL_ID_LENGTH: Final = 100  # characters of an externalId
_CLIENTS_PER_STATEMENT: Final = 5_000


def derive_external_id(text: str) -> str:
    """Return the text as an external id; a long one is cut and made unique again by a hash."""
    if len(text) <= _MAX_EXTERNAL_ID_LENGTH:
        return text
    return f"{text[:60]}#{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:32]}"


class NameIndex:
    """An index of one kind of row: ids by external id and by name."""

    def __init__(self, rows: Iterable[tuple[str, str | None, str]] = ()) -> None:
        self._ids_by_external_id: dict[str, str] = {}
        self._ids_by_name: dict[str, set[str]] = {}
        for target_id, external_id, name in rows:
            self.add(target_id, external_id, name)

    def add(self, target_id: str, external_id: str | None, name: str) -> None:
        if external_id:
            self._ids_by_external_id[external_id] = target_id
        self._ids_by_name.setdefault(search_key(name), set()).add(target_id)

    def find(self, text: str, kind: str, prefix: str = "") -> str | None:
        """Return the id for an external id or name, or None. Raises CellError if several rows have the name.

        kind    plural noun for the error
        prefix  put before the text to make it an external id
        """
        target_id = self._ids_by_external_id.get(f"{prefix}{text}")
        if target_id is not None:
            return target_id
        same_name_ids = self._ids_by_name.get(search_key(text), set())
        if len(same_name_ids) > 1:
            raise CellError(f"{len(same_name_ids)} {kind} are called “{text}”: give an id instead.")
        return next(iter(same_name_ids), None)


class SpillNameIndex:
    """A name index of any number of rows, whose memory does not grow with them."""

    def __init__(self) -> None:
        self._ids_by_external_id, self._ids_by_name = SpillMultiMap(), SpillMultiMap()

    def add_all(self, rows: Collection[tuple[str, str | None, str]]) -> None:
        """Add rows: id, external id and name."""
        self._ids_by_external_id.add((external_id, target_id) for target_id, external_id, _ in rows if external_id)
        self._ids_by_name.add((search_key(name), target_id) for target_id, _, name in rows)

    def find(self, text: str, kind: str, prefix: str = "") -> str | None:
        """Return the id for an external id or name, or None. Raises CellError if several rows have the name."""
        _, target_id = self._ids_by_external_id.find(f"{prefix}{text}")
        if target_id is not None:
            return target_id
        count, target_id = self._ids_by_name.find(search_key(text))
        if count > 1:
            raise CellError(f"{count} {kind} are called “{text}”: give an id instead.")
        return target_id


class NameLookup:
    """Existing people, teams, clients, products and stages: read once, then extended by what the files add."""

    def __init__(self, context: RequestContext) -> None:
        self.context = context
        self.people, self.teams, self.products = NameIndex(), NameIndex(), NameIndex()
        self.clients = SpillNameIndex()
        self.stages_by_pipeline: dict[str, list[Stage]] = {}  # by the pipeline's name
        self._pipeline_ids: dict[str, int] = {}
        self._ids_by_email: dict[str, str] = {}
        self._rows: dict[str, Any] = {}  # employees and teams by id
        self.created_names: dict[str, list[str]] = {}  # by kind: the first names created because a row named them
        self.created_counts = Counter[str]()  # by kind

    async def load(self) -> None:
        """Read the existing rows."""
        for employee in await people_rows.fetch_all():
            self._add_employee(employee)
        for team in await people_rows.fetch_all_teams():
            self._add_team(team)
        last_id = 0
        while rows := await clients.fetch_names(after_id=last_id, limit=_CLIENTS_PER_STATEMENT):
            self.clients.add_all(
                [(encode_global_id("Client", client_id), external_id, name) for client_id, external_id, name in rows]
            )
            last_id = rows[-1][0]
        self.products = NameIndex((str(product.id), None, product.name) for product in await pipelines.fetch_products())
        await self._read_stages()

    async def _read_stages(self) -> None:
        stages = await pipelines.fetch_all_stages()
        for pipeline in await pipelines.fetch_all():
            pipeline_id = self._pipeline_ids.setdefault(pipeline.name, pipeline.id)
            self.stages_by_pipeline[pipeline.name] = [stage for stage in stages if stage.pipeline_id == pipeline_id]

    def note_created(self, kind: str, *names: str) -> None:
        self.created_counts[kind] += len(names)
        listed_names = self.created_names.setdefault(kind, [])
        listed_names.extend(names[: MAX_LISTED_NAMES - len(listed_names)])

    def _add_employee(self, employee: Employee) -> str:
        global_id = encode_global_id("Employee", employee.id)
        self.people.add(global_id, employee.external_id, employee.name)
        self._rows[global_id] = employee
        if employee.email:
            self._ids_by_email[employee.email] = global_id
        return global_id

    def _add_team(self, team: Team) -> str:
        global_id = encode_global_id("Team", team.id)
        self.teams.add(global_id, team.external_id, team.name)
        self._rows[global_id] = team
        return global_id

    def _add_moved_team(self, team: Team) -> str:
        """Add a team that is new or has moved, and rebuild the viewer's team tree, so that the import sees it."""
        global_id = self._add_team(team)
        tree = self.context.tree.with_teams(row for row in self._rows.values() if isinstance(row, Team))
        self.context.current_viewer = replace(self.context.viewer, tree=tree)
        return global_id

    # people

    def find_employee(self, text: str, prefix: str = "") -> str | None:
        """Return the employee's id for an e-mail address, external id or name, or None."""
        return self._ids_by_email.get(text.lower()) or self.people.find(text, "employees", prefix)

    async def create_employee(self, name: str, prefix: str, details: EmployeeInput) -> str:
        """Create an employee without a password, so that they cannot sign in until an administrator sets one."""
        external_id = derive_external_id(f"{prefix}{name}")
        joined_on = None  # the day of the import says nothing
        input = replace(details, name=name, external_id=external_id, joined_on=joined_on)
        global_id = self._add_employee(await people.create_employee(self.context, input))
        self.note_created("employees", name)
        return global_id

    async def upsert_employee(self, global_id: str | None, input: EmployeeInput) -> ImportOutcome:
        """Create an employee, or update the one with that id."""
        if global_id is None:
            input = replace(input, joined_on=input.joined_on or None)
            self._add_employee(await people.create_employee(self.context, input))
            return ImportOutcome.NEW
        old_values = self._column_values(global_id)
        update = replace(input, id=global_id, external_id=None)
        self._rows[global_id] = employee = await people.update_employee(self.context, update)
        self._add_employee(employee)
        return ImportOutcome.UNCHANGED if self._column_values(global_id) == old_values else ImportOutcome.CHANGED

    def _column_values(self, global_id: str) -> dict[str, object]:
        return row_store.column_values(self._rows[global_id])

    # teams

    async def upsert_team(self, global_id: str | None, input: TeamInput) -> tuple[str, ImportOutcome]:
        """Create a team, or update the one with that id; return its id and the outcome."""
        if global_id is None:
            return self._add_moved_team(await teams.create_team(self.context, input)), ImportOutcome.NEW
        team: Team = self._rows[global_id]
        parent = encode_global_id("Team", team.parent_id) if team.parent_id else None
        manager = encode_global_id("Employee", team.manager_id) if team.manager_id else None
        if input.name in (None, team.name) and input.parent in (UNSET, parent) and input.manager in (UNSET, manager):
            return global_id, ImportOutcome.UNCHANGED
        update = replace(input, id=global_id, external_id=None)
        return self._add_moved_team(await teams.update_team(self.context, update)), ImportOutcome.CHANGED

    # stages

    async def ensure_pipeline(self, name: str, stage_names: Iterable[str] = ()) -> list[Stage]:
        """Return the stages of a pipeline, after creating it and any missing stages."""
        existing_stages = self.stages_by_pipeline.get(name, [])
        existing_keys = {search_key(stage.name) for stage in existing_stages}
        missing_names = [stage_name for stage_name in stage_names if search_key(stage_name) not in existing_keys]
        if missing_names:
            stages = [
                PipelineStageInput(id=encode_global_id("Stage", stage.id), name=stage.name) for stage in existing_stages
            ]
            stages += [PipelineStageInput(name=stage_name) for stage_name in missing_names]
            pipeline_id = encode_global_id("Pipeline", self._pipeline_ids[name]) if name in self._pipeline_ids else None
            await company.save_pipeline(self.context, PipelineInput(name=name, stages=stages, id=pipeline_id))
            self.note_created("stages", *(f"{stage_name} ({name})" for stage_name in missing_names))
            await self._read_stages()
        return self.stages_by_pipeline.get(name, [])

    def first_pipeline_name(self) -> str | None:
        return next(iter(self._pipeline_ids), None)


def external_reference(external_id: str) -> str:
    """Return an id for mutation inputs that refers to a record by its external id."""
    return f"{EXTERNAL_ID_PREFIX}{external_id}"
