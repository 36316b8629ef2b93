"""GraphQL types of tasks."""

from __future__ import annotations

from datetime import datetime

import strawberry

from graph.base.enums import TaskKind
from graph.base.lazy_types import TheEmployee
from graph.base.row_types import Info, Node, lens, one, somebody, within_sight
from graph.types.deals import Client, Deal
from models.crm import tasks
from models.organization import people


@lens(tasks.Task, description="A task of an employee, usually with a due time.")
class Task(Node):
    external_id: str | None
    title: str
    kind: TaskKind
    assignee: TheEmployee = one(people.by_ids, "assignee_id")
    created_by: TheEmployee | None = somebody("created_by_id", "Null when an integration created it.")
    due_at: datetime | None
    completed_at: datetime | None
    deal: Deal | None = within_sight("Deal", "deal_id")
    client: Client | None = within_sight("Client", "client_id")

    @strawberry.field(description="Not completed, and its due time has come.")
    @staticmethod
    def overdue(root: strawberry.Parent[tasks.Task], info: Info) -> bool:
        return root.overdue(info.context.now())


@strawberry.input(description="Selects tasks; an omitted field does not restrict them.")
class TaskFilter:
    kind: TaskKind | None = strawberry.UNSET
    completed: bool | None = strawberry.UNSET
    overdue: bool | None = strawberry.UNSET
