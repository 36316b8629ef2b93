"""The deletion of any record, and helpers shared by record mutations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import strawberry
from strawberry import ID

from graph.base.lazy_types import GoalRef
from graph.base.mutations import mutation, payload
from graph.base.row_types import Info
from models.crm.records import CrmRecord
from models.goals.goals import Goal as GoalRow
from resolvers.crm import queries

Row = TypeVar("Row", bound=CrmRecord)


@payload("The id of the deleted record, and the goals that moved.")
class DeletePayload:
    deleted_id: ID | None
    goals: list[GoalRef]


def unwrap_single(rows_and_goals: tuple[Sequence[Row], list[GoalRow]]) -> tuple[Row, list[GoalRow]]:
    rows, goals = rows_and_goals
    return rows[0], goals


@strawberry.type
class RecordMutation:
    @mutation(
        "Delete a call, lead, client, contact, task or result: its scores are withdrawn; the activity feed keeps it."
    )
    async def delete_record(self, info: Info, id: ID) -> DeletePayload:
        row, goals = await queries.delete_record(
            info.context, id, "Call", "Lead", "Client", "Contact", "Task", "Result"
        )
        return DeletePayload(deleted_id=ID(queries.global_id_of(row)), goals=goals)
