"""The history: one line for each thing that happened."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import strawberry

from domain.i18n.activity_summaries import summary
from graph.base.enums import ActivityKind
from graph.base.row_types import Info, Node, lens, somebody
from graph.types.calls import Call
from graph.types.deals import Client, Contact, Deal
from graph.types.leads import Lead
from graph.types.results import Result
from graph.types.tasks import Task
from models.crm import activities as rows
from resolvers import node

TheEmployee = Annotated["Employee", strawberry.lazy("graph.types.people")]  # type: ignore[name-defined]  # noqa: F821
TheGoal = Annotated["Goal", strawberry.lazy("graph.types.goals")]  # type: ignore[name-defined]  # noqa: F821

ActivitySubject = Annotated[
    Deal | Call | Task | Lead | Contact | Client | TheGoal | Result,
    strawberry.union("ActivitySubject", description="What a line of the history or a posting is about."),
]


@lens(rows.Activity, description="One line of the history. Append-only.")
class Activity(Node):
    kind: ActivityKind
    employee: TheEmployee | None = somebody(
        "employee_id", "Whose work it is; null where it is about a team's or the company's goal."
    )
    actor: TheEmployee | None = somebody("actor_id", "Who recorded it; null for an integration.")
    at: datetime
    recorded_at: datetime

    @strawberry.field(graphql_type=ActivitySubject | None, description="Null when it is gone or out of sight.")
    @staticmethod
    async def subject(root: strawberry.Parent[rows.Activity], info: Info) -> Any:
        return await info.context.ask(node.subjects, (root.subject_kind, root.subject_id))

    @strawberry.field(description="For people, in the viewer's language (Accept-Language: en, ru).")
    @staticmethod
    def summary(root: strawberry.Parent[rows.Activity], info: Info) -> str:
        return summary(root.kind, root.subject_kind, root.data, info.context.language)
