"""Mutations of tasks."""

from __future__ import annotations

from datetime import datetime

import strawberry
from strawberry import ID, UNSET

from graph.base.enums import TaskKind
from graph.base.input_mapping import to_input
from graph.base.lazy_types import GoalRef, TaskRef
from graph.base.mutations import mutation, payload
from graph.base.row_types import Info
from graph.mutations.records import unwrap_single
from resolvers.crm import tasks
from resolvers.crm.inputs import TaskInput


@strawberry.input(description="`kind` defaults to ASSIGNMENT when the assignee is not the viewer.")
class CreateTaskInput:
    id: ID | None = UNSET
    title: str
    kind: TaskKind | None = UNSET
    assignee: ID | None = UNSET
    due_at: datetime | None = UNSET
    deal: ID | None = UNSET
    client: ID | None = UNSET
    external_id: str | None = UNSET
    idempotency_key: str | None = UNSET


@payload("The task, and the goals that moved.")
class TaskPayload:
    task: TaskRef | None
    goals: list[GoalRef]


@strawberry.type
class TaskMutation:
    @mutation("Create a task or an assignment, or change one.", edits_records=True)
    async def create_task(self, info: Info, input: CreateTaskInput) -> TaskPayload:
        task, goals = unwrap_single(await tasks.upsert_tasks(info.context, [to_input(TaskInput, input)]))
        return TaskPayload(task=task, goals=goals)

    @mutation("Complete a task; it counts for its assignee, on the day of completion.")
    async def complete_task(self, info: Info, id: ID, at: datetime | None = None) -> TaskPayload:
        task, goals = await tasks.complete_task(info.context, id, at)
        return TaskPayload(task=task, goals=goals)

    @mutation("Reopen a completed task; its score is withdrawn.")
    async def reopen_task(self, info: Info, id: ID) -> TaskPayload:
        task, goals = await tasks.reopen_task(info.context, id)
        return TaskPayload(task=task, goals=goals)
