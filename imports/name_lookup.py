"""Looks up people, teams, clients, products and stages by id or name, and creates missing ones.

A text in a file is looked up as an id of the other system first, then as a name. A name that several rows share is an
error, never a guess.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Final

from domain.primitives.global_ids import encode_global_id
from domain.primitives.text import search_key
from domain.primitives.unset import UNSET
from imports.name_index import NameIndex, SpillNameIndex, UndoJournal, derive_external_id, only_one, set_item
from models.crm import clients, deals, pipelines
from models.crm.pipelines import Stage
from models.db import row_store
from models.organization import people as people_rows
from models.organization.people import Employee, Team
from resolvers.crm.import_outcomes import ImportOutcome
from resolvers.organization import company, people, teams
from resolvers.organization.inputs import EmployeeInput, PipelineInput, PipelineStageInput, TeamInput
from resolvers.request.context import RequestContext

_MAX_LISTED_NAMES: Final = 20  # names per kind in the summary
_CLIENTS_PER_STATEMENT: Final = 5_000


class NameLookup:
    """Existing people, teams, clients, products and stages: read once, then extended by what the files add.

    current_row     the row that is being processed, any value that identifies it
    writing_rows    the rows of this piece that have created or changed something that they refer to
    created_names   by kind: the first names created because a row referred to them
    created_counts  by kind: how many there are
    """

    def __init__(self, context: RequestContext) -> None:
        self.context, self.journal = context, UndoJournal()
        self.people, self.teams = NameIndex(self.journal), NameIndex(self.journal)
        self.products, self.clients = NameIndex(self.journal), SpillNameIndex(self.journal)
        self.stages_by_pipeline: dict[str, list[Stage]] = {}  # by the pipeline's name
        self._pipeline_ids: dict[str, int] = {}
        self._ids_by_email: dict[str, str] = {}
        self._employees: dict[str, Employee] = {}  # by id
        self._teams: dict[str, Team] = {}
        self.created_names: dict[str, list[str]] = {}
        self.created_counts = Counter[str]()
        self.current_row: object = None
        self.writing_rows: set[object] = set()
        self._stages_of_rows: dict[str, set[str]] = {}  # by pipeline: search keys of the stages created for rows

    def begin_piece(self) -> None:
        """Begin a piece, which `undo_piece` takes back."""
        self.journal.clear()
        self.writing_rows.clear()
        viewer = self.context.current_viewer
        self.journal.add(partial(setattr, self.context, "current_viewer", viewer))

    def undo_piece(self) -> None:
        """Forget what the piece has added and read; its transaction was rolled back."""
        self.journal.undo()
        self.context.loaded_employees.clear()
        self.context.goal_values.clear()

    def note_write(self) -> None:
        """Note that the current row has created or changed something that it refers to."""
        self.writing_rows.add(self.current_row)

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
            self.journal.clear()
            last_id = rows[-1][0]
        for product in await pipelines.fetch_products():
            self.products.add(str(product.id), None, product.name)
        self.journal.clear()
        await self._read_stages()

    async def _read_stages(self) -> None:
        stages = await pipelines.fetch_all_stages()
        for pipeline in await pipelines.fetch_all():
            pipeline_id = self._pipeline_ids.setdefault(pipeline.name, pipeline.id)
            self.stages_by_pipeline[pipeline.name] = [stage for stage in stages if stage.pipeline_id == pipeline_id]

    def note_created(self, kind: str, *names: str) -> None:
        listed_names = self.created_names.setdefault(kind, [])
        self.journal.add(partial(_truncate, listed_names, len(listed_names)))
        self.journal.add(partial(self.created_counts.__setitem__, kind, self.created_counts[kind]))
        listed_names.extend(names[: max(0, _MAX_LISTED_NAMES - len(listed_names))])
        self.created_counts[kind] += len(names)

    def _add_employee(self, employee: Employee) -> str:
        global_id = encode_global_id("Employee", employee.id)
        self.people.add(global_id, employee.external_id, employee.name)
        set_item(self.journal, self._employees, global_id, employee)
        if employee.email:
            set_item(self.journal, self._ids_by_email, employee.email, global_id)
        return global_id

    def _add_team(self, team: Team) -> str:
        global_id = encode_global_id("Team", team.id)
        self.teams.add(global_id, team.external_id, team.name)
        set_item(self.journal, self._teams, global_id, team)
        return global_id

    def _add_moved_team(self, team: Team) -> str:
        """Add a team that is new or has moved, and rebuild the viewer's team tree, so that the import sees it."""
        global_id = self._add_team(team)
        tree = self.context.tree.with_teams(self._teams.values())
        self.context.current_viewer = replace(self.context.viewer, tree=tree)
        return global_id

    # people

    def employee_names(self) -> list[str]:
        return [employee.name for employee in self._employees.values()]

    def employee_keys(self) -> frozenset[str]:
        """Return the names of all employees as search keys."""
        return frozenset(search_key(name) for name in self.employee_names())

    def find_employee(self, text: str, prefix: str = "") -> str | None:
        """Return the employee's id for an e-mail address, external id or name, or None."""
        return self._ids_by_email.get(text.lower()) or self.people.find(text, "employees", prefix)

    def find_person(self, name: str, row_id: str | None, email: str | None, prefix: str) -> str | None:
        """Return the employee of a row of people, or None for a new one. Raises CellError for one of several.

        A name is enough only where it contradicts nothing: another id or e-mail address is another person.
        """
        known_id = self._ids_by_email.get(email.lower()) if email else None
        if known_id is None and row_id is not None:
            known_id = self.people.find_by_id(row_id, prefix)
        if known_id is not None:
            return known_id
        ids = self.people.same_name_ids(name, prefix, without_external_id=row_id is not None)
        return only_one([key for key in ids if not (email and self._employees[key].email)], "employees", name)

    def find_team(self, name: str, row_id: str | None, prefix: str) -> str | None:
        """Return the team of a row of teams, or None for a new one. Raises CellError for one of several."""
        known_id = None if row_id is None else self.teams.find_by_id(row_id, prefix)
        ids = self.teams.same_name_ids(name, prefix, without_external_id=row_id is not None)
        return known_id or only_one(ids, "teams", name)

    async def create_employee(self, name: str, prefix: str, details: EmployeeInput) -> str:
        """Create an employee without a password, so that they cannot sign in until an administrator sets one."""
        external_id = derive_external_id(f"{prefix}{name}")
        joined_on = None  # the day of the import says nothing
        input = replace(details, name=name, external_id=external_id, joined_on=joined_on)
        self.note_write()
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
        self._add_employee(await people.update_employee(self.context, update))
        return ImportOutcome.UNCHANGED if self._column_values(global_id) == old_values else ImportOutcome.CHANGED

    def employee(self, global_id: str) -> Employee:
        """Return the employee that an id of this lookup stands for."""
        return self._employees[global_id]

    def replace_employee(self, employee: Employee) -> None:
        """Take a row of an employee that has changed."""
        self._add_employee(employee)

    def _column_values(self, global_id: str) -> dict[str, object]:
        return row_store.column_values(self._employees[global_id])

    # teams

    async def upsert_team(self, global_id: str | None, input: TeamInput) -> tuple[str, ImportOutcome]:
        """Create a team, or update the one with that id; return its id and the outcome."""
        self.note_write()
        if global_id is None:
            return self._add_moved_team(await teams.create_team(self.context, input)), ImportOutcome.NEW
        team = self._teams[global_id]
        parent = encode_global_id("Team", team.parent_id) if team.parent_id else None
        manager = encode_global_id("Employee", team.manager_id) if team.manager_id else None
        if input.name in (None, team.name) and input.parent in (UNSET, parent) and input.manager in (UNSET, manager):
            return global_id, ImportOutcome.UNCHANGED
        update = replace(input, id=global_id, external_id=None)
        return self._add_moved_team(await teams.update_team(self.context, update)), ImportOutcome.CHANGED

    # stages

    async def ensure_pipeline(
        self, name: str, stage_names: Iterable[str] = (), *, named_by_rows: Collection[str] = ()
    ) -> list[Stage]:
        """Return the stages of a pipeline, after creating it and any missing stages.

        named_by_rows  those that only rows ask for: `discard_unused_stages` deletes them if the rows are rejected
        """
        existing_stages = self.stages_by_pipeline.get(name, [])
        existing_keys = {search_key(stage.name) for stage in existing_stages}
        missing_names = [stage_name for stage_name in stage_names if search_key(stage_name) not in existing_keys]
        if missing_names:
            stages = [
                PipelineStageInput(id=encode_global_id("Stage", stage.id), name=stage.name) for stage in existing_stages
            ]
            stages += [PipelineStageInput(name=stage_name) for stage_name in missing_names]
            pipeline_id = encode_global_id("Pipeline", self._pipeline_ids[name]) if name in self._pipeline_ids else None
            created_for_rows = self._stages_of_rows.setdefault(name, set())
            created_for_rows.update(
                search_key(stage_name) for stage_name in missing_names if stage_name in named_by_rows
            )
            await company.save_pipeline(self.context, PipelineInput(name=name, stages=stages, id=pipeline_id))
            self.note_created("stages", *(f"{stage_name} ({name})" for stage_name in missing_names))
            await self._read_stages()
        return self.stages_by_pipeline.get(name, [])

    async def discard_unused_stages(self) -> None:
        """Delete the stages that this run has created for rows that were all rejected, and pipelines left without any."""
        for name, keys in self._stages_of_rows.items():
            stages = self.stages_by_pipeline[name]
            unused_stages = [
                stage
                for stage in stages
                if search_key(stage.name) in keys and not await deals.has_been_in_stage(stage.id)
            ]
            remaining_stages = [
                PipelineStageInput(id=encode_global_id("Stage", stage.id), name=stage.name)
                for stage in stages
                if stage not in unused_stages
            ]
            if unused_stages and remaining_stages:
                pipeline_id = encode_global_id("Pipeline", self._pipeline_ids[name])
                await company.save_pipeline(
                    self.context, PipelineInput(name=name, stages=remaining_stages, id=pipeline_id)
                )
            elif unused_stages:
                await company.delete_unused_pipeline(self.context, self._pipeline_ids.pop(name))
            for stage in unused_stages:
                self.created_counts["stages"] -= 1
                with suppress(ValueError):  # only the first names are listed
                    self.created_names["stages"].remove(f"{stage.name} ({name})")
        self._stages_of_rows.clear()
        await self._read_stages()

    def first_pipeline_name(self) -> str | None:
        return next(iter(self._pipeline_ids), None)


def _truncate(names: list[str], length: int) -> None:
    del names[length:]
