"""Tasks and assignments (поручения): record, complete and reopen them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from domain.alerts.rules import AlertKind
from domain.errors.user_errors import Invalid
from domain.ledger.record_facts import TaskKind
from models.crm.activities import ActivityKind
from models.crm.tasks import Task
from models.goals.goals import Goal
from resolvers.activities.entries import Line
from resolvers.crm.record_type import Bench, Draft, Given, Keeper, edit, handed_over, record_many, referred
from resolvers.request import validation
from resolvers.request.context import Context


class Tasks(Keeper):
    kind = "Task"
    refers = {"assignee": "Employee", "client": "Client", "deal": "Deal"}

    def begin(self, bench: Bench, given: Given) -> Task:
        viewer = bench.context.viewer
        assignee = bench.refs.new_owner(given.get("assignee"), "input", "assignee")
        for_another = viewer.employee is not None and assignee.id != viewer.id
        return Task(
            assignee_id=assignee.id,
            created_by_id=viewer.id,
            kind=TaskKind.ASSIGNMENT if for_another else TaskKind.TASK,
            created_at=bench.now,
        )

    def apply(self, bench: Bench, draft: Draft, given: Given) -> None:
        task: Task = draft.row
        if "title" in given:
            task.title = validation.name(given["title"], "input", "title")
        task.kind = given.get("kind") or task.kind
        handed_over(bench, draft, given.get("assignee"), "assignee")
        if "dueAt" in given:
            task.due_at = validation.moment(given["dueAt"], "input", "dueAt") if given["dueAt"] else None
        referred(bench, draft, given, client="Client", deal="Deal")
        if "createdAt" in given:  # set by an import only
            task.created_at = validation.past(given["createdAt"], bench.now, "input", "createdAt")
        if "completedAt" in given:
            _complete(bench, draft, given["completedAt"], "input", "completedAt")

    def settle(self, bench: Bench, draft: Draft) -> None:
        """Set `place`, and update `overdue_at` when the due or completion time changes.

        A due time that passes without an edit is handled by the scheduler.
        """
        task: Task = draft.row
        task.replaced()
        if not any(draft.changed(name) for name in ("due_at", "completed_at")):
            return
        passed = task.due_at is not None and task.due_at <= (task.completed_at or bench.now)
        task.overdue_at = task.due_at if passed else None

    def reasons(self, bench: Bench, row: Task) -> frozenset[AlertKind]:
        overdue = row.overdue(bench.now)
        return frozenset({AlertKind.TASK_OVERDUE, AlertKind.ASSIGNMENT_OVERDUE}) if overdue else frozenset()

    def story(self, bench: Bench, draft: Draft) -> Sequence[Line]:
        task: Task = draft.row
        lines = []
        if draft.is_new:
            due = task.due_at.isoformat() if task.due_at else None
            lines.append(self.line(draft, ActivityKind.TASK_CREATED, task.created_at, kind=task.kind, due=due))
        was = draft.was.get("completed_at")
        if task.overdue_at is not None and draft.was.get("overdue_at") is None:
            again = bench.now if was is not None else task.created_at
            lines.append(overdue_line(task, max(task.overdue_at, again)))
        if task.completed_at is not None and was is None:
            lines.append(self.line(draft, ActivityKind.TASK_COMPLETED, task.completed_at, kind=task.kind))
        elif task.completed_at is None and was is not None:
            lines.append(self.line(draft, ActivityKind.TASK_REOPENED, bench.now, kind=task.kind))
        return lines


def _complete(bench: Bench, draft: Draft, at: datetime | None, *path: str) -> None:
    """Set or clear the completion; it is credited to the assignee, on its day."""
    task: Task = draft.row
    if at is None:
        task.completed_at = task.completed_on = task.credit_by = task.credit_team = None
        return
    when = validation.past(at, bench.now, *path)
    if when < task.created_at and not draft.is_new:
        raise Invalid("A task cannot be completed before it was created.", *path)
    assignee = bench.refs.row("Employee", task.assignee_id)
    task.completed_at, task.completed_on = when, bench.calendar.day_of(when)
    task.credit_by, task.credit_team = assignee.id, bench.places.team(assignee, when)


def overdue_line(task: Task, at: datetime) -> Line:
    """Return the activity entry for a task whose due time has passed."""
    due = task.due_at.isoformat() if task.due_at else None
    return Tasks().line(Draft(task, {}, None), ActivityKind.TASK_OVERDUE, at, kind=task.kind, due=due)


async def record(context: Context, givens: Sequence[Given], *, aloud: bool = True) -> tuple[list[Task], list[Goal]]:
    return await record_many(context, Tasks(), givens, aloud=aloud)


async def complete(context: Context, id_: str, at: datetime | None) -> tuple[Task, list[Goal]]:
    """Complete a task; a completed one stays unchanged unless a time is given."""

    def completed(bench: Bench, draft: Draft) -> None:
        if at is not None or draft.row.completed_at is None:
            _complete(bench, draft, at or bench.now, "at")

    return await edit(context, Tasks(), id_, {}, completed, path=("id",))


async def reopen(context: Context, id_: str) -> tuple[Task, list[Goal]]:
    return await edit(context, Tasks(), id_, {}, lambda bench, draft: _complete(bench, draft, None), path=("id",))
