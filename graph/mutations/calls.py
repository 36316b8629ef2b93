"""Mutations of calls."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import strawberry
from strawberry import ID, UNSET

from graph.base.enums import CallDirection, CallOutcome
from graph.base.grouped_mutations import GroupedMutation
from graph.base.input_mapping import to_input
from graph.base.lazy_types import CallRef, GoalRef
from graph.base.mutations import payload, session_mutation
from graph.base.row_types import Info
from resolvers.crm import calls
from resolvers.crm.inputs import CallInput


@strawberry.input(description="`outcome` defaults to ANSWERED when `durationSeconds` is above 0, else to NO_ANSWER.")
class RecordCallInput:
    id: ID | None = UNSET
    employee: ID | None = UNSET
    direction: CallDirection
    outcome: CallOutcome | None = UNSET
    started_at: datetime | None = UNSET
    duration_seconds: int | None = UNSET
    client: ID | None = UNSET
    deal: ID | None = UNSET
    note: str | None = UNSET
    external_id: str | None = UNSET
    idempotency_key: str | None = UNSET


@payload("The call, and the goals that moved.")
class CallPayload:
    call: CallRef | None
    goals: list[GoalRef]


_RECORD_CALL: Final = GroupedMutation(CallPayload, "call", calls.upsert_calls)


@strawberry.type
class CallMutation:
    @session_mutation("Record a call, or change one.")
    async def record_call(self, info: Info, input: RecordCallInput) -> CallPayload:
        return await _RECORD_CALL.run(info, input, to_input(CallInput, input))
