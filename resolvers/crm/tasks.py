"""Tasks and assignments: record, complete and reopen them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from domain.alerts.rules import AlertKind
from domain.alerts.states import AlertState
from domain.errors.user_errors import Invalid
from domain.ledger.record_facts import TaskFacts, TaskKind
from domain.primitives.unset import UNSET
from models.crm.activities import ActivityKind
from models.crm.clients import Client
from models.crm.deals import Deal
from models.crm.tasks import Task
from models.goals.goals import Goal
from models.organization.people import Employee
from resolvers.activities.entries import ActivityEntry
from resolvers.crm.inputs import TaskInput
from resolvers.crm.pending_changes import EditContext, PendingChange
from resolvers.crm.record_fields import reassign_owner, resolve_reference
from resolvers.crm.record_type import RecordType, edit_record, upsert_records
from resolvers.request import validation
from resolvers.request.context import RequestContext
from resolvers.request.validation import clean_update


class TaskType(RecordType[Task, TaskInput]):
    model = Task
    facts_type = TaskFacts

    def new_row(self, edit: EditContext, input: TaskInput) -> Task:
        viewer = edit.context.viewer
        assignee = edit.resolver.resolve_new_owner(input.assignee, "input", "assignee")
        is_for_another = viewer.employee is not None and assignee.id != viewer.id
        return Task(
            assignee_id=assignee.id,
            created_by_id=viewer.id,
            kind=TaskKind.ASSIGNMENT if is_for_another else TaskKind.TASK,
            created_at=edit.now,
        )

    def apply_input(self, edit: EditContext, change: PendingChange[Task], input: TaskInput) -> None:
        task = change.row
        task.title = clean_update(input.title, task.title, validation.clean_name, "input", "title")
        task.kind = input.kind or task.kind
        reassign_owner(edit, change, input.assignee)
        if input.due_at is not UNSET:
            task.due_at = validation.clean_time(input.due_at, "input", "dueAt") if input.due_at else None
        task.client_id = resolve_reference(edit, Client, input.client, task.client_id, "input", "client")
        task.deal_id = resolve_reference(edit, Deal, input.deal, task.deal_id, "input", "deal")
        if input.created_at:
            task.created_at = validation.clean_past_time(input.created_at, edit.now, "input", "createdAt")
        if input.completed_at is not UNSET:
            _set_completion(edit, change, input.completed_at, "input", "completedAt")

    def derive_fields(self, edit: EditContext, change: PendingChange[Task]) -> None:
        """Set `place`, and update `overdue_at` when the due or completion time changes or the task is restored.

        A due time that passes without an edit is handled by the scheduler.
        """
        task = change.row
        task.update_place()
        if not (change.was_deleted or change.has_changed("due_at") or change.has_changed("completed_at")):
            return
        is_past_due = task.due_at is not None and task.due_at <= (task.completed_at or edit.now)
        task.overdue_at = task.due_at if is_past_due else None

    def alert_state(self, edit: EditContext, row: Task) -> AlertState:
        kinds, due = (
            (AlertKind.TASK_OVERDUE, AlertKind.ASSIGNMENT_OVERDUE),
            row.due_at.isoformat() if row.due_at else "",
        )
        return AlertState(dict.fromkeys(kinds, row.is_overdue(edit.now)), dict.fromkeys(kinds, due))

    def activity_entries(self, edit: EditContext, change: PendingChange[Task]) -> Sequence[ActivityEntry]:
        task = change.row
        entries = []
        if change.is_new:
            due = task.due_at.isoformat() if task.due_at else None
            entries.append(self.make_entry(change, ActivityKind.TASK_CREATED, task.created_at, kind=task.kind, due=due))
        previous_completed_at = change.previous.completed_at if change.previous else None
        # a due time that is moved behind the completion makes no task overdue that was none while it was open
        stays_completed = task.completed_at is not None and previous_completed_at is not None
        if task.overdue_at is not None and change.has_changed("overdue_at") and not stays_completed:
            open_since = edit.now if previous_completed_at is not None else task.created_at
            entries.append(make_overdue_entry(task, max(task.overdue_at, open_since)))
        if task.completed_at is not None and previous_completed_at is None:
            entries.append(self.make_entry(change, ActivityKind.TASK_COMPLETED, task.completed_at, kind=task.kind))
        elif task.completed_at is None and previous_completed_at is not None:
            entries.append(self.make_entry(change, ActivityKind.TASK_REOPENED, edit.now, kind=task.kind))
        return entries


def _set_completion(edit: EditContext, change: PendingChange[Task], at: datetime | None, *path: str) -> None:
    """Set or clear the completion; it is credited to the assignee, on its day."""
    task = change.row
    if at is None:
        task.completed_at = task.completed_on = task.credit_by = task.credit_team = None
        return
    completed_at = validation.clean_past_time(at, edit.now, *path)
    if completed_at < task.created_at and not change.is_new:
        raise Invalid("A task cannot be completed before it was created.", *path)
    assignee = edit.resolver.get_row(Employee, task.assignee_id)
    task.completed_at, task.completed_on = completed_at, edit.calendar.day_of(completed_at)
    task.credit_by, task.credit_team = assignee.id, edit.memberships.team_id_at(assignee, completed_at)


def make_overdue_entry(task: Task, at: datetime) -> ActivityEntry:
    """Return the activity entry for a task that is past its due time."""
    due = task.due_at.isoformat() if task.due_at else None
    return TaskType().make_entry(
        PendingChange(task, None, None),
        ActivityKind.TASK_OVERDUE,
        at,
        kind=task.kind,
        due=due,
        assigner=task.created_by_id,
    )


async def upsert_tasks(
    context: RequestContext, inputs: Sequence[TaskInput], *, notify: bool = True
) -> tuple[list[Task], list[Goal]]:
    return await upsert_records(context, TaskType(), inputs, notify=notify)


async def complete_task(context: RequestContext, global_id: str, at: datetime | None) -> tuple[Task, list[Goal]]:
    """Complete a task; a completed one stays unchanged unless a time is given."""

    def apply_completion(edit: EditContext, change: PendingChange[Task]) -> None:
        if at is not None or change.row.completed_at is None:
            _set_completion(edit, change, at or edit.now, "at")

    return await edit_record(context, TaskType(), global_id, TaskInput(), apply_completion, path=("id",))


async def reopen_task(context: RequestContext, global_id: str) -> tuple[Task, list[Goal]]:
    return await edit_record(
        context,
        TaskType(),
        global_id,
        TaskInput(),
        lambda edit, change: _set_completion(edit, change, None),
        path=("id",),
    )
