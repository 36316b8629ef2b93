"""Mutations that record one record, made together when they wait for each other (`resolvers.request.edit_groups`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from graph.base.mutations import identify_request, keep_visible_goals, read_key, run_in_unit_of_work
from graph.base.row_types import Info
from models.crm.records import CrmRecord
from models.db import connection
from models.db.errors import DatabaseUnavailable, StorageFull
from models.goals.goals import Goal
from resolvers.crm.inputs import RecordInput
from resolvers.goals.affected_goals import select_moved_by
from resolvers.request import idempotency
from resolvers.request.context import RequestContext
from resolvers.request.edit_groups import EditGroup, GroupDissolved, GroupedEdit
from resolvers.request.idempotency import IdempotentRequest

Input = TypeVar("Input", bound=RecordInput)
Row = TypeVar("Row", bound=CrmRecord)
Payload = TypeVar("Payload")

_FREELY_SHARED = frozenset({"Employee", "Stage"})  # types of rows that new records refer to without changing them


@dataclass(frozen=True, eq=False)
class _NewRecord(GroupedEdit, Generic[Input]):
    """The edit that records one input; `request` is its idempotency key, if it has one."""

    context: RequestContext
    input: Input
    request: IdempotentRequest | None


@dataclass(frozen=True)
class GroupedMutation(Generic[Input, Row, Payload]):
    """A mutation that records one record.

    payload_type, field  the payload, and its field of the record
    upsert               creates records, all or none; returns them and the goals that moved
    """

    payload_type: Callable[..., Payload]
    field: str
    upsert: Callable[[RequestContext, Sequence[Input]], Awaitable[tuple[Sequence[Row], list[Goal]]]]

    async def run(self, info: Info, input: object, record_input: Input) -> Payload:
        """Record a record, alone or with others that wait for the lock of the ledger at the same time.

        input, record_input  of the mutation, and the same as resolvers take it
        """
        context, edit = info.context, self._build_edit(info, input, record_input)
        if edit is not None:
            key = info.field_name, context.viewer.key
            group = context.services.state.edit_groups.find(key)
            try:
                if group is None or not group.accepts(edit):
                    return await self._lead_group(info, input, edit, key)
                return await keep_visible_goals(context, cast(Payload, await group.join(edit)))
            except GroupDissolved:
                pass
        return await self._record_alone(info, input, record_input)

    def _build_edit(self, info: Info, input: object, record_input: Input) -> _NewRecord[Input] | None:
        """Return the edit as one of a group; None if it changes a record, or is a part of a transaction."""
        if record_input.id is not None or not connection.is_outside_transaction():
            return None
        names = {kind: row_id for kind, row_id in record_input.references().items() if kind not in _FREELY_SHARED}
        names |= {"externalId": record_input.external_id, "idempotencyKey": read_key(input)}
        concerns = frozenset((kind, name) for kind, name in names.items() if name)
        request = identify_request(info.field_name, {"input": input})
        return _NewRecord(info.context.viewer, concerns, info.context, record_input, request)

    async def _record_alone(self, info: Info, input: object, record_input: Input) -> Payload:
        return await self._run_in_unit_of_work(info, input, lambda: self._record_one(info.context, record_input))

    async def _record_one(self, context: RequestContext, record_input: Input) -> Payload:
        [row], goals = await self.upsert(context, [record_input])
        return self._make_payload(row, goals)

    async def _lead_group(self, info: Info, input: object, edit: _NewRecord[Input], key: Hashable) -> Payload:
        """Wait for the lock as the first of a group, and make the edits of all that have joined it by then."""
        groups = info.context.services.state.edit_groups
        group = groups.open(key, edit)
        payloads: list[Payload] = []

        async def execute() -> Payload:
            groups.close(key, group)
            payloads.extend(await self._record_group(group))
            return payloads[0]

        async def record_all() -> list[Payload]:
            async with groups.turn(key, group):
                first = await self._run_in_unit_of_work(info, input, execute)
            for member in group.edits[1:]:
                member.context.adopt_edit(info.context)
            return [first, *payloads[1:]]

        return cast(Payload, await group.run(record_all()))

    async def _record_group(self, group: EditGroup[_NewRecord[Input]]) -> list[Payload]:
        """Record the records of a group; return their payloads, each with the goals that moved with its record."""
        context, inputs = group.edits[0].context, [edit.input for edit in group.edits]
        if not group.is_shared:
            return [await self._record_one(context, inputs[0])]
        context.open_unit_of_work.is_group = True
        # the key of the first is looked for by the read of the edits
        requests = {index: edit.request for index, edit in enumerate(group.edits) if index and edit.request}
        try:
            await idempotency.ensure_unused(context, list(requests.values()))
            rows, goals = await self.upsert(context, inputs)
        except (DatabaseUnavailable, StorageFull):
            raise
        except Exception as error:  # each is made alone then, so that it fails with its own error, and no other with it
            raise GroupDissolved from error
        payloads = [self._make_payload(row, _select_goals(context, row, rows, goals)) for row in rows]
        await idempotency.save_responses(
            context, {request: dict(vars(payloads[index])) for index, request in requests.items()}
        )
        return payloads

    def _make_payload(self, row: Row, goals: list[Goal]) -> Payload:
        return self.payload_type(**{self.field: row, "goals": goals})

    async def _run_in_unit_of_work(
        self, info: Info, input: object, execute: Callable[[], Awaitable[Payload]]
    ) -> Payload:
        return await run_in_unit_of_work(info, self.payload_type, {"input": input}, execute, edits_records=True)


def _select_goals(context: RequestContext, row: Row, rows: Sequence[Row], goals: Sequence[Goal]) -> list[Goal]:
    """Return the goals that moved with the record, or with other records that changed with one of the group."""
    others = {(type(other).__name__, other.pk) for other in rows if other is not row}
    scores_by_record = context.open_unit_of_work.scores_by_record
    return select_moved_by(
        context, goals, [score for key, scores in scores_by_record.items() if key not in others for score in scores]
    )
