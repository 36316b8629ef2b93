"""Looks up people, teams, clients, products and stages by id or name, and creates missing ones.

A text in a file is looked up as an id of the other system first, then as a name. A name that several rows share is an
error, never a guess.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from domain.permissions import Role
from domain.primitives.global_ids import EXTERNAL, encoded
from domain.primitives.text import search_key
from imports.cell_parsing import Unreadable
from models.crm.clients import standing as clients_standing
from models.crm.pipelines import Pipeline, Product, Stage
from models.organization.people import Employee, Team, Tree
from resolvers.crm.record_type import Outcome
from resolvers.organization import company, people
from resolvers.request.context import Context

_LONGEST: Final = 100  # characters of an externalId


def derived(text: str) -> str:
    """Return the text as an external id; a long one is cut and made unique again by a hash."""
    if len(text) <= _LONGEST:
        return text
    return f"{text[:60]}#{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:32]}"


class Names:
    """An index of one kind of row: ids by external id and by name."""

    def __init__(self, rows: Iterable[tuple[str, str | None, str]] = ()) -> None:
        self._external: dict[str, str] = {}
        self._named: dict[str, set[str]] = {}
        for id_, external, name in rows:
            self.add(id_, external, name)

    def add(self, id_: str, external: str | None, name: str) -> None:
        if external:
            self._external[external] = id_
        self._named.setdefault(search_key(name), set()).add(id_)

    def find(self, text: str, what: str, prefix: str = "") -> str | None:
        """Return the id for an external id or name, or None. Raises CellError if several rows have the name.

        kind    plural noun for the error
        prefix  put before the text to make it an external id
        """
        known = self._external.get(f"{prefix}{text}")
        if known is not None:
            return known
        named = self._named.get(search_key(text), set())
        if len(named) > 1:
            raise Unreadable(f"{len(named)} {what} are called “{text}”: give an id instead.")
        return next(iter(named), None)


class Directory:
    """Existing people, teams, clients, products and stages: read once, then extended by what the files add."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.people, self.teams, self.clients, self.products = Names(), Names(), Names(), Names()
        self.stages: dict[str, list[Stage]] = {}  # by the pipeline's name
        self._pipelines: dict[str, int] = {}
        self._emails: dict[str, str] = {}
        self._rows: dict[str, Any] = {}  # employees and teams by id
        self.made: dict[str, list[str]] = {}  # by kind: names created because a row referred to them

    async def read(self) -> None:
        """Read the existing rows."""
        for employee in await Employee.all():
            self._met(employee)
        for team in await Team.all():
            self._stands(team)
        found = await clients_standing().values_list("id", "external_id", "name")
        self.clients = Names((encoded("Client", id_), external, name) for id_, external, name in found)
        self.products = Names((str(id_), None, name) for id_, name in await Product.all().values_list("id", "name"))
        await self._read_stages()

    async def _read_stages(self) -> None:
        stages = await Stage.all().order_by("position", "id")
        for pipeline in await Pipeline.all().order_by("id"):
            number = self._pipelines.setdefault(pipeline.name, pipeline.id)
            self.stages[pipeline.name] = [stage for stage in stages if stage.pipeline_id == number]

    def note(self, kind: str, *names: str) -> None:
        self.made.setdefault(kind, []).extend(names)

    def _met(self, employee: Employee) -> str:
        id_ = encoded("Employee", employee.id)
        self.people.add(id_, employee.external_id, employee.name)
        self._rows[id_] = employee
        if employee.email:
            self._emails[employee.email] = id_
        return id_

    def _stands(self, team: Team) -> str:
        id_ = encoded("Team", team.id)
        self.teams.add(id_, team.external_id, team.name)
        self._rows[id_] = team
        return id_

    def _moved(self, team: Team) -> str:
        """Add a team that is new or has moved, and rebuild the viewer's team tree, so that the import sees it."""
        id_ = self._stands(team)
        tree = Tree(row for row in self._rows.values() if isinstance(row, Team))
        self.context.who = replace(self.context.viewer, tree=tree)
        return id_

    # people

    def person(self, text: str, prefix: str = "") -> str | None:
        """Return the employee's id for an e-mail address, external id or name, or None."""
        return self._emails.get(text.lower()) or self.people.find(text, "employees", prefix)

    async def hired(self, name: str, prefix: str = "", **given: Any) -> str:
        """Create an employee without a password, so that they cannot sign in until an administrator sets one."""
        role = given.pop("role", Role.EMPLOYEE)
        input_ = {"name": name, "email": None, "role": role, "externalId": derived(f"{prefix}{name}"), **given}
        id_ = self._met(await people.create_employee(self.context, input_))
        self.note("employees", name)
        return id_

    async def keep_person(self, id_: str | None, given: dict[str, Any]) -> Outcome:
        """Create an employee, or update the one with that id."""
        if id_ is None:
            self._met(await people.create_employee(self.context, {"email": None, **given}))
            return Outcome.NEW
        before = self._standing(id_)
        given = {name: value for name, value in given.items() if name != "externalId"}
        self._rows[id_] = employee = await people.update_employee(self.context, {**given, "id": id_})
        self._met(employee)
        return Outcome.UNCHANGED if self._standing(id_) == before else Outcome.CHANGED

    def _standing(self, id_: str) -> dict[str, Any]:
        row = self._rows[id_]
        return {name: getattr(row, name) for name in row._meta.fields_db_projection}

    # teams

    async def keep_team(self, id_: str | None, given: dict[str, Any]) -> tuple[str, Outcome]:
        """Create a team, or update the one with that id; return its id and the outcome."""
        if id_ is None:
            return self._moved(await people.create_team(self.context, given)), Outcome.NEW
        team: Team = self._rows[id_]
        now = {
            "name": team.name,
            "parent": encoded("Team", team.parent_id) if team.parent_id else None,
            "manager": encoded("Employee", team.manager_id) if team.manager_id else None,
        }
        if all(now[name] == given[name] for name in now.keys() & given.keys()):
            return id_, Outcome.UNCHANGED
        changes = {name: value for name, value in given.items() if name != "externalId"}
        return self._moved(await people.update_team(self.context, {**changes, "id": id_})), Outcome.CHANGED

    # stages

    async def pipeline(self, name: str, stages: Iterable[str] = ()) -> list[Stage]:
        """Return the stages of a pipeline, after creating it and any missing stages."""
        there = self.stages.get(name, [])
        known = {search_key(stage.name) for stage in there}
        missing = [stage for stage in stages if search_key(stage) not in known]
        if missing:
            wanted = [{"id": encoded("Stage", stage.id), "name": stage.name} for stage in there]
            given: dict[str, Any] = {"name": name, "stages": [*wanted, *({"name": stage} for stage in missing)]}
            if name in self._pipelines:
                given["id"] = encoded("Pipeline", self._pipelines[name])
            await company.save_pipeline(self.context, given)
            self.note("stages", *(f"{stage} ({name})" for stage in missing))
            await self._read_stages()
        return self.stages.get(name, [])

    def first_pipeline(self) -> str | None:
        return next(iter(self._pipelines), None)


def ext(external: str) -> str:
    """Return an id for mutation inputs that refers to a record by its external id."""
    return f"{EXTERNAL}{external}"
