"""Mutations of results of the company's own metrics."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import strawberry
from strawberry import ID, UNSET

from graph.base.input_mapping import to_input
from graph.base.lazy_types import GoalRef, ResultRef
from graph.base.mutations import mutation, payload
from graph.base.row_types import Info
from graph.mutations.records import unwrap_single
from resolvers.crm import custom_metrics
from resolvers.crm.inputs import ResultInput


@strawberry.input(description="`value` is in the metric's unit.")
class RecordResultInput:
    id: ID | None = UNSET
    metric: str
    value: Decimal
    employee: ID | None = UNSET
    at: datetime | None = UNSET
    note: str | None = UNSET
    external_id: str | None = UNSET
    idempotency_key: str | None = UNSET


@payload("The result, and the goals that moved.")
class ResultPayload:
    result: ResultRef | None
    goals: list[GoalRef]


@strawberry.type
class ResultMutation:
    @mutation("Record a measured value of one of the company's own metrics, or change one.", edits_records=True)
    async def record_result(self, info: Info, input: RecordResultInput) -> ResultPayload:
        result, goals = unwrap_single(await custom_metrics.upsert_results(info.context, [to_input(ResultInput, input)]))
        return ResultPayload(result=result, goals=goals)
