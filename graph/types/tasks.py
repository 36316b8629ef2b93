"""GraphQL types of tasks."""

from __future__ import annotations

from datetime import datetime

import strawberry

from graph.base.enums import TaskKind
from graph.base.field_declarations import NOTHING, declare
from graph.base.lazy_types import ClientRef, DealRef, EmployeeRef
from graph.base.row_types import Info, Node, employee_ref, row_type, to_one, visible_to_one
from models.crm import clients, deals, tasks
from models.organization import people


@row_type(tasks.Task, description="A task of an employee, usually with a due time.")
class Task(Node):
    external_id: str | None
    title: str
    kind: TaskKind
    assignee: EmployeeRef = to_one(people.load_by_ids, "assignee_id")
    created_by: EmployeeRef | None = employee_ref("created_by_id", "Null when an integration created it.")
    due_at: datetime | None
    completed_at: datetime | None
    deal: DealRef | None = visible_to_one(deals.Deal, "deal_id")
    client: ClientRef | None = visible_to_one(clients.Client, "client_id")

    @strawberry.field(description="Not completed, and its due time has come.", metadata=declare(NOTHING))
    @staticmethod
    def overdue(root: strawberry.Parent[tasks.Task], info: Info) -> bool:
        return root.is_overdue(info.context.now())


@strawberry.input(description="Selects tasks; an omitted field does not restrict them.")
class TaskFilter:
    kind: TaskKind | None = strawberry.UNSET
    completed: bool | None = strawberry.UNSET
    overdue: bool | None = strawberry.UNSET
