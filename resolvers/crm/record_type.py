"""Create, update and delete CRM records, one or in batches: the base class `RecordType` and the upsert pipeline.

A subclass of `RecordType` defines what is specific to deals, calls or leads; the steps are
the same for all: resolve the ids of the input, create or find the row, apply the input to
it, save the columns that changed, and hand the change to `apply_change_effects`. An identical
repeat changes no column and therefore has no effect.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any, ClassVar

from tortoise.models import Model

from domain.alerts.rules import AlertKind
from domain.errors.user_errors import Refusal
from domain.ledger.record_facts import Facts
from domain.primitives.calendar import Calendar
from models.crm.activities import ActivityKind
from models.db import connection
from models.goals.goals import Goal
from models.organization.company import Company, Rates
from models.organization.people import Employee, Places
from resolvers.activities.entries import Changed, Line
from resolvers.crm.change_effects import record
from resolvers.request import validation
from resolvers.request.context import Context
from resolvers.request.id_resolution import OWNER, RECORDS, References, owner_of

Given = Mapping[str, Any]  # by GraphQL field name; a field that is absent stays unchanged


@dataclass
class Bench:
    """Data that the edits of one call need, loaded once for one record or five hundred."""

    context: Context
    company: Company
    calendar: Calendar
    rates: Rates
    refs: References
    places: Places
    now: datetime
    first_stage: int | None = None  # the default stage of a new record, for record types with stages


@dataclass
class Draft:
    """A record being edited: the row with the new values, its original columns and its facts before the edit."""

    row: Any
    was: dict[str, Any]
    before: Facts | None
    is_new: bool = False
    move_credit: bool = False
    at: datetime | None = None  # when it happened; None means now
    untold: bool = False  # of an imported deal: the time it entered its stage is unknown

    @property
    def differences(self) -> dict[str, Any]:
        """Return the columns that changed, with their old values."""
        return {name: old for name, old in self.was.items() if getattr(self.row, name) != old}

    def changed(self, name: str) -> bool:
        return self.is_new or self.was.get(name) != getattr(self.row, name)


class Keeper:
    """Base class of record types: the hooks of the upsert pipeline, in the order in which they are called."""

    kind: ClassVar[str]
    refers: ClassVar[Mapping[str, str]] = {}  # input fields that hold ids, and the type they refer to
    added: ClassVar[ActivityKind | None] = None
    staged: ClassVar[bool] = False  # whether its records go through pipeline stages

    def concerned(self, refs: References) -> Collection[int | None]:
        """Return the ids of employees to load in addition to those in the inputs and the owners."""
        return ()

    def begin(self, bench: Bench, given: Given) -> Any:
        """Return a new row with its mandatory columns set."""
        raise NotImplementedError

    def apply(self, bench: Bench, draft: Draft, given: Given) -> None:
        """Apply the input to the row."""
        raise NotImplementedError

    def settle(self, bench: Bench, draft: Draft) -> None:
        """Set the columns that follow from the others and are decided once: days, credit, frozen rates."""

    def story(self, bench: Bench, draft: Draft) -> Sequence[Line]:
        """Return the entries of the activity feed for the change."""
        return [self.line(draft, self.added, bench.now)] if self.added and draft.is_new else []

    def reasons(self, bench: Bench, row: Any) -> frozenset[AlertKind]:
        """Return the kinds of alert whose condition holds for the record in its current state."""
        return frozenset()

    async def written(self, bench: Bench, drafts: Sequence[Draft]) -> list[Changed]:
        """Update dependent rows after the records are saved and before anything is posted; return their changes."""
        return []

    async def recorded(self, bench: Bench, drafts: Sequence[Draft]) -> None:
        """Run what follows after posting, in the same transaction; not called for an import."""

    def line(self, draft: Draft, kind: ActivityKind, at: datetime, /, **data: Any) -> Line:
        row = draft.row
        title = getattr(row, "title", None) or getattr(row, "name", None)
        deal = getattr(row, "deal_id", None)
        shown = {**({"title": title} if title else {}), **({"deal": deal} if deal else {}), **data}
        client = row.id if self.kind == "Client" else getattr(row, "client_id", None)
        return Line(kind, self.kind, row.id, owner_of(row), at, shown, client)


async def record_many(
    context: Context, keeper: Keeper, givens: Sequence[Given], *, aloud: bool = True, path: Sequence[str] = ("input",)
) -> tuple[list[Any], list[Goal]]:
    """Create records, and update those that an `id` or an existing `externalId` refers to: all or none.

    notify   False for an import: no alerts, no announcements
    path     path of the inputs in error paths; for ("inputs",) the index is appended
    returns  the rows in the order of the inputs, and the goals that moved
    """
    bench = await _bench(context, keeper, givens)
    drafts: dict[int, Draft] = {}  # by id(row), as new rows have no key yet: the same externalId twice is one record
    order: list[Any] = []
    for index, given in enumerate(givens):
        try:
            draft = _begin(bench, keeper, given, drafts)
            keeper.apply(bench, draft, given)
            keeper.settle(bench, draft)
        except Refusal as refusal:
            raise refusal.under(*path, *([str(index)] if path == ("inputs",) else [])) from None
        drafts[id(draft.row)] = draft
        order.append(draft.row)
    return order, await _save(bench, keeper, list(drafts.values()), aloud=aloud)


class Outcome(Enum):
    """Result of importing one record of another system."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


async def bring_in(context: Context, keeper: Keeper, givens: Sequence[Given]) -> list[Outcome | Refusal]:
    """Create or update records of another system without notifications; an error in one input does not stop the others.

    inputs   each with a different externalId
    returns  the outcome or the error of each input, in their order
    """
    bench = await _bench(context, keeper, givens)
    drafts: dict[int, Draft] = {}
    found: list[Draft | Refusal] = []
    for given in givens:
        try:
            draft = _begin(bench, keeper, given, {})
            keeper.apply(bench, draft, given)
            keeper.settle(bench, draft)
        except Refusal as refusal:
            found.append(refusal)
            continue
        drafts[id(draft.row)] = draft
        found.append(draft)
    await _save(bench, keeper, list(drafts.values()), aloud=False)
    return [each if isinstance(each, Refusal) else _outcome(each) for each in found]


def _outcome(draft: Draft) -> Outcome:
    if draft.is_new:
        return Outcome.NEW
    return Outcome.CHANGED if draft.differences else Outcome.UNCHANGED


async def edit(
    context: Context,
    keeper: Keeper,
    id_: str,
    given: Given,
    change: Callable[[Bench, Draft], None] | None = None,
    *,
    path: Sequence[str] = ("input", "id"),
) -> tuple[Any, list[Goal]]:
    """Update one record: apply the input, then `modify`. Return the row and the goals that moved."""
    bench = await _bench(context, keeper, [{**given, "id": id_}])
    draft = _draft(bench.refs.to_change(keeper.kind, id_, *path))
    keeper.apply(bench, draft, given)
    if change:
        change(bench, draft)
    keeper.settle(bench, draft)
    return draft.row, await _save(bench, keeper, [draft], aloud=True)


async def delete(context: Context, keeper: Keeper, id_: str, *path: str) -> tuple[Any, list[Goal]]:
    """Mark a record as deleted, which withdraws all its scores; the activity feed keeps it."""
    bench = await _bench(context, keeper, [{"id": id_}])
    draft = _draft(bench.refs.to_delete(keeper.kind, id_, *path))
    draft.row.deleted_at = bench.now
    return draft.row, await _save(bench, keeper, [draft], aloud=True)


async def _bench(context: Context, keeper: Keeper, givens: Sequence[Given]) -> Bench:
    refs = References(context)
    for name, kind in keeper.refers.items():
        await refs.want(kind, (given.get(name) for given in givens))
    await refs.want(keeper.kind, (given.get("id") for given in givens))
    await refs.want_external(keeper.kind, (given.get("externalId") for given in givens))
    await refs.want_numbers("Employee", [*keeper.concerned(refs), context.viewer.id])
    company = await context.company()
    stage = await context.first_stage() if keeper.staged else None
    return Bench(
        context,
        company,
        company.calendar,
        await context.rates(),
        refs,
        refs.places,
        context.now(),
        stage.id if stage else None,
    )


def _draft(row: Any) -> Draft:
    return Draft(row, {name: getattr(row, name) for name in _columns(type(row))}, row.facts())


def _columns(model: type[Model]) -> Sequence[str]:
    return tuple(model._meta.fields_db_projection)


def _begin(bench: Bench, keeper: Keeper, given: Given, drafts: Mapping[int, Draft]) -> Draft:
    external = validation.external_id(given.get("externalId"), "input", "externalId")
    # A row that this call has edited already goes on with its pending change, so that a batch that repeats an
    # externalId or id saves and posts one difference.
    found = bench.refs.existing(keeper.kind, given.get("id"), external)
    if found is None:
        row = keeper.begin(bench, given)
        row.external_id = external
        if external:
            bench.refs.remember(keeper.kind, external, row)
        return Draft(row, {}, None, is_new=True)
    if id(found) in drafts:
        return drafts[id(found)]
    draft = _draft(found)
    found.deleted_at = None  # recording a deleted record again restores it
    return draft


async def _save(bench: Bench, keeper: Keeper, drafts: Sequence[Draft], *, aloud: bool) -> list[Goal]:
    model = RECORDS[keeper.kind]
    fresh = [draft for draft in drafts if draft.is_new]
    edited = [draft for draft in drafts if not draft.is_new and draft.differences]
    if len(fresh) == 1:
        await connection.save_new(fresh[0].row)
    elif fresh:
        # bulk_create returns no ids, but activities and postings need them: a range of ids is reserved first.
        for draft, id_ in zip(fresh, await connection.reserve(model, len(fresh)), strict=True):
            draft.row.id, draft.row._custom_generated_pk = id_, True
        await model.bulk_create([draft.row for draft in fresh], batch_size=200)
        for draft in fresh:
            draft.row._saved_in_db = True
    for draft in edited:
        await draft.row.save(update_fields=list(draft.differences))
    touched = [*fresh, *edited]
    if not touched:
        return []
    elsewhere = await keeper.written(bench, touched)
    changes = [_changed(bench, keeper, draft) for draft in touched]
    goals = await record(bench.context, [*changes, *elsewhere], aloud=aloud)
    if aloud:
        await keeper.recorded(bench, touched)
    return goals


def _changed(bench: Bench, keeper: Keeper, draft: Draft) -> Changed:
    row = draft.row
    if row.deleted_at is not None:
        kind = ActivityKind.DEAL_DELETED if keeper.kind == "Deal" else ActivityKind.RECORD_DELETED
        lines: Sequence[Line] = [keeper.line(draft, kind, bench.now, record=keeper.kind)]
        reasons: frozenset[AlertKind] = frozenset()
    else:
        lines, reasons = keeper.story(bench, draft), keeper.reasons(bench, row)
    return Changed(keeper.kind, row.id, draft.before, row.facts(), tuple(lines), draft.was, reasons)


# Helpers shared by record types


def created(bench: Bench, given: Given) -> datetime:
    """Return the creation time of a new record: `createdAt` of the input, else now."""
    at = given.get("createdAt")
    return validation.past(at, bench.now, "input", "createdAt") if at else bench.now


def opened(bench: Bench, row: Any, owner: Employee, at: datetime) -> None:
    """Credit the creation of a new record to its owner, in the team the owner was in at that time."""
    row.owner_id, row.created_at = owner.id, at
    row.created_on = bench.calendar.day_of(at)
    row.opened_by, row.opened_team = owner.id, bench.places.team(owner, at)


def recreated(bench: Bench, draft: Draft, given: Given) -> None:
    """Apply `createdAt` to an existing record: correct the creation time and the day it counts on."""
    if given.get("createdAt") and not draft.is_new:
        draft.row.created_at = created(bench, given)
        if draft.changed("created_at"):
            draft.row.created_on = bench.calendar.day_of(draft.row.created_at)


def handed_over(bench: Bench, draft: Draft, id_: str | None, field_: str) -> None:
    """Assign an existing record to a new owner."""
    if id_ is not None and not draft.is_new:
        heir = bench.refs.heir(draft.row, id_, "input", field_)
        setattr(draft.row, f"{OWNER[type(draft.row).__name__]}_id", heir.id)


def referred(bench: Bench, draft: Draft, given: Given, **kinds: str) -> None:
    """Set references to other records, such as client or deal; null clears one.

    kinds  record type of each input field
    """
    for field_, kind in kinds.items():
        if field_ in given:
            id_ = given[field_]
            row = None if id_ is None else bench.refs.record(kind, id_, "input", field_)
            setattr(draft.row, f"{field_}_id", row.id if row else None)


def lines_of(draft: Draft, given: Given, **fields: str) -> None:
    """Set optional one-line texts.

    fields  column of each input field
    """
    for field_, column in fields.items():
        if field_ in given:
            fit = validation.email if field_ == "email" else validation.line
            setattr(draft.row, column, fit(given[field_], "input", field_))


def text(value: Any) -> str | None:
    """Return a column's value as stored in activity data: a string, dates in ISO format."""
    return None if value is None else value.isoformat() if isinstance(value, date) else str(value)
