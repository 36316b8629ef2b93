"""GraphQL types of the activity feed."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime
from typing import Annotated, Union

import strawberry

from domain.i18n.activity_summaries import summarize_activity
from domain.primitives.global_ids import encode_global_id
from graph.base.enums import ActivityKind
from graph.base.field_declarations import CARD, GOALS, KEY_ALONE, NOTHING, WHOLE_VIEWER, declare
from graph.base.lazy_types import EmployeeRef, GoalRef, PlanRef, RefundRef
from graph.base.row_types import Info, Node, employee_ref, event_cursor, row_type
from graph.types.calls import Call
from graph.types.deals import Client, Contact, Deal
from graph.types.leads import Lead
from graph.types.results import Result
from graph.types.tasks import Task
from models.crm import activities as rows
from models.crm import undo as undone_rows
from resolvers import node
from resolvers.crm import undo

ActivitySubject = Annotated[
    Union[Deal, Call, Task, Lead, Contact, Client, GoalRef, PlanRef, Result, RefundRef],  # noqa: UP007 - a reference lacks `__ror__`
    strawberry.union("ActivitySubject", description="The record, goal or plan that an activity or a posting is about."),
]


@row_type(rows.Activity, description="An entry of the activity feed. It never changes; `undo` removes it.")
class Activity(Node):
    kind: ActivityKind
    employee: EmployeeRef | None = employee_ref(
        "employee_id", "The employee it is credited to; null when it is about a goal of a team or the company."
    )
    actor: EmployeeRef | None = employee_ref("actor_id", "The employee that recorded it; null for an integration.")
    at: datetime
    recorded_at: datetime
    cursor: str = event_cursor()

    @strawberry.field(
        graphql_type=ActivitySubject | None,
        description="Null when deleted or not visible.",
        metadata=declare(CARD | GOALS),
    )
    @staticmethod
    def subject(root: strawberry.Parent[rows.Activity], info: Info) -> Awaitable[object]:
        return info.context.load_for_viewer(node.load_subjects, (root.subject_kind, root.subject_id))

    @strawberry.field(
        description="Until when the viewer may take this back with `undo`; null if they may not, or no longer.",
        metadata=declare(WHOLE_VIEWER),
    )
    @staticmethod
    async def undoable_until(root: strawberry.Parent[rows.Activity], info: Info) -> datetime | None:
        change = root.kind, root.subject_kind, root.subject_id, root.recorded_at
        return await info.context.load_for_viewer(undo.find_undo_deadlines, change)

    @strawberry.field(description="A sentence in the viewer's language.", metadata=declare(NOTHING, follows=KEY_ALONE))
    @staticmethod
    def summary(root: strawberry.Parent[rows.Activity], info: Info) -> str:
        return summarize_activity(root.kind, root.subject_kind, root.data, info.context.language)


@row_type(undone_rows.UndoneActivity, description="An activity that was taken back: it is no longer in the feed.")
class UndoneActivity:
    undone_at: datetime
    cursor: str = event_cursor()

    @strawberry.field(description="The id that it had.")
    @staticmethod
    def activity(root: strawberry.Parent[undone_rows.UndoneActivity]) -> strawberry.ID:
        return strawberry.ID(encode_global_id("Activity", root.activity_id))

    @strawberry.field(
        description="The ids of alerts that vanished with it from the viewer's inbox.",
        metadata=declare(WHOLE_VIEWER, length=1),
    )
    @staticmethod
    def alerts(root: strawberry.Parent[undone_rows.UndoneActivity], info: Info) -> list[strawberry.ID]:
        return [
            strawberry.ID(encode_global_id("Alert", alert_id))
            for alert_id, recipient_id in root.alerts
            if recipient_id == info.context.viewer.id
        ]
