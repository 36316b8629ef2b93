"""Says what to read for the edits of records, from their inputs alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final, TypeVar

from domain.ledger.metrics import list_metric_keys
from domain.ledger.record_facts import RecordFacts
from domain.primitives.global_ids import normalize_external_id
from models.crm.records import CrmRecord
from models.edits.edit_rows import NO_KEY, EditRequest, RecordTable
from models.edits.goal_values import NO_KNOWN_VALUES
from resolvers.crm.inputs import RecordInput
from resolvers.request.context import RequestContext
from resolvers.request.edit_groups import MAX_GROUP_SIZE
from resolvers.request.id_resolution import OWNER_FIELDS, REFERRED_MODELS, split_ids

Record = TypeVar("Record", bound=CrmRecord)

_MAX_AGE: Final = timedelta(days=366)  # older records are rare: their goals are read when scores are posted


async def build_edit_request(
    context: RequestContext,
    model: type[Record],
    credit_column: str | None,
    facts_type: type[RecordFacts] | None,
    inputs: Sequence[RecordInput],
) -> EditRequest:
    """Return what to read for the edits of some inputs of one type of record.

    credit_column, facts_type  of the type of record, see `RecordType`
    """
    kind, references = model.__name__, [input.references() for input in inputs]
    reference_kinds = tuple(references[0]) if references else ()
    ids, external_ids = dict[str, set[int]](), dict[str, set[str]]()
    for name in reference_kinds:
        ids[name], external_ids[name] = split_ids(name, ((row_ids[name] or None) for row_ids in references))
    ids[kind], external_ids[kind] = split_ids(kind, (input.id for input in inputs))
    external_ids[kind] |= {
        external_id for input in inputs if (external_id := normalize_external_id(input.external_id or ""))
    }
    viewer_ids = {context.viewer.id} if context.viewer.id else set()
    employee_ids = ids.get("Employee", set())
    ids["Employee"] = employee_ids | viewer_ids
    unit_of_work = context.open_unit_of_work
    key, unit_of_work.unread_key = unit_of_work.unread_key or NO_KEY, None
    credited_ids = employee_ids or viewer_ids
    is_small = len(inputs) <= MAX_GROUP_SIZE  # the goals of more would be too many to read before scores are posted
    return EditRequest(
        RecordTable(model, (_owner_column(kind), *filter(None, [credit_column]))),
        {
            name: RecordTable(REFERRED_MODELS[name], (_owner_column(name),) if name in OWNER_FIELDS else ())
            for name in reference_kinds
            if name not in ("Employee", kind)
        },
        ids,
        external_ids,
        credited_ids,
        await _list_days(context, inputs) if is_small else (),
        list_metric_keys(facts_type) if is_small and facts_type else (),
        0 if ids[kind] else len(inputs),
        key,
        context.services.state.goal_values.find_of_employees(credited_ids)
        if is_small and unit_of_work.reads_committed
        else NO_KNOWN_VALUES,
    )


def _owner_column(kind: str) -> str:
    return f"{OWNER_FIELDS[kind]}_id"


async def _list_days(context: RequestContext, inputs: Sequence[RecordInput]) -> set[date]:
    """Return the days on which the records of inputs may count: today, and those of their times."""
    now, calendar = context.now(), await context.calendar()
    values = (value for input in inputs for value in vars(input).values())
    times = (value for value in values if isinstance(value, datetime) and value.tzinfo is not None)
    return {calendar.day_of(now), *(calendar.day_of(time) for time in times if now - _MAX_AGE < time <= now)}
